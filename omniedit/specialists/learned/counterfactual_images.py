"""Images of counterfactual scenes by the text-to-image model, in an archive that a run reads like an archive of
photos."""

import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from omniedit.aspect import RATIOS, bucket_size
from omniedit.imaging.images import Image, encode_png
from omniedit.instructions.counterfactual_scenes import Scene
from omniedit.models.adaptive_batches import OomAdaptiveBatcher, map_by_size
from omniedit.models.roles import GENERATION
from omniedit.sources.photo import GENERATED
from omniedit.specialists.learned.paired_sampling import PairSamplingOptions, generate
from omniedit.specialists.learned.shared_models import Toolbox
from omniedit.storage.atomic import replace_file

Numbered = tuple[int, Scene]


def draw_scenes(toolbox: Toolbox, scenes: Sequence[Scene], seed: int) -> list[Image]:
    """Generate an image of each scene, in order, cycling through the seven aspect ratios.

    Args:
        seed: seed of the noise, together with the scene's number.
    """
    steps = toolbox.config.steps
    options = PairSamplingOptions() if steps is None else PairSamplingOptions(steps=steps)
    ratios = list(RATIOS)

    def size(one: Numbered) -> tuple[int, int]:
        width, height = bucket_size(ratios[one[0] % len(ratios)], toolbox.config.resolution)
        return height, width

    def draw(some: Sequence[Numbered]) -> list[Image]:
        prompts = [scene.caption for _, scene in some]
        return generate(toolbox.generator, prompts, [seed + number for number, _ in some], size(some[0]), options)

    batches = OomAdaptiveBatcher(toolbox.config.batch_size)
    return map_by_size(partial(batches.map, draw), list(enumerate(scenes)), size)


def write_scenes(path: Path, toolbox: Toolbox, scenes: Sequence[Scene], seed: int) -> None:
    """Write images and captions of scenes as a WebDataset archive, which appears only once it is complete."""
    ((repository, revision),) = toolbox.revisions(GENERATION).items()
    rights = {
        "licence": toolbox.licence(GENERATION),
        "author": "",
        "origin": f"{GENERATED}{repository}@{revision}, seed {seed}",
    }
    images = draw_scenes(toolbox, scenes, seed)
    with replace_file(path) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in _members(path.stem, scenes, images, rights):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def _members(
    stem: str, scenes: Sequence[Scene], images: Sequence[Image], rights: dict[str, str]
) -> Iterator[tuple[str, bytes]]:
    """Yield the files of an archive: a description and an image for each scene."""
    for number, (scene, image) in enumerate(zip(scenes, images, strict=True)):
        key = f"scene-{stem}-{number:06d}"
        about = {"key": key, "caption": scene.caption, "objects": [{"name": name} for name in scene.concepts], **rights}
        yield f"{key}.json", json.dumps(about, sort_keys=True).encode()
        yield f"{key}.png", encode_png(image)
