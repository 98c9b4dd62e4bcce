"""Subjects with known truth: each is a cut-out with a name, "photographed" in several scenes of this machine."""

from collections.abc import Iterator, Sequence

from omniedit.aspect import RATIOS
from omniedit.config.subjects import SubjectsConfig
from omniedit.errors import UserError
from omniedit.imaging.images import encode_png
from omniedit.instructions.grammar import with_article
from omniedit.storage.seeded_random import make_rng
from omniedit.subjects.cut_outs import NamedCutOut, ScenePhoto, collect_cut_outs, collect_scenes
from omniedit.subjects.rendering import crop_scene, draw_place, render, to_cut_out
from omniedit.subjects.subject import Demonstration, RejectedCluster, Subject

HEIGHTS, CENTRES = (0.4, 0.7), (0.25, 0.75)
"""Ranges of a subject's height and horizontal position in its demonstrations, as shares of the image."""


def photograph_subjects(
    options: SubjectsConfig, shard: int, shards: int, seed: int
) -> Iterator[Subject | RejectedCluster]:
    """Yield the subjects of a shard. Each cut-out is a subject of only one shard.

    Raises:
        UserError: this machine has too few cut-outs for the shard, or too few scenes for a subject.
    """
    cut_outs, scenes = collect_cut_outs(), collect_scenes()
    own = cut_outs[shard::shards]
    if len(own) < options.per_shard:
        raise UserError(
            f"subjects.per_shard {options.per_shard}: this machine has {len(cut_outs)} cut-outs for {shards} shards;"
            " lower it, or install them: apt install tuxpaint-stamps-default"
        )
    if len(scenes) < options.max_demonstrations:
        raise UserError(
            f"subjects.max_demonstrations {options.max_demonstrations}: this machine has {len(scenes)} scenes, one for"
            " each demonstration; lower it, or install more: apt install mate-backgrounds plasma-workspace-wallpapers"
        )
    for each in own[: options.per_shard]:
        yield photograph(each, scenes, options, seed)


def photograph(named: NamedCutOut, scenes: Sequence[ScenePhoto], options: SubjectsConfig, seed: int) -> Subject:
    """Return the subject of a cut-out: 3 to 5 images in different scenes, all seen from the same side."""
    subject_id = named.origin.rpartition(".")[0].replace("/", "_") + "-" + named.name.replace(" ", "_")
    rng = make_rng(seed, subject_id, "demonstrations")
    count = int(rng.integers(options.min_demonstrations, options.max_demonstrations + 1))
    piece, demonstrations = to_cut_out(named.rgba), []
    for number in rng.choice(len(scenes), count, replace=False):
        ratio = list(RATIOS)[rng.integers(len(RATIOS))]
        image = crop_scene(scenes[number], ratio, options.resolution, rng)
        rendered = render(image, piece, draw_place(rng, HEIGHTS, CENTRES))
        caption = describe(named.name, scenes[number].place)
        demonstrations.append(Demonstration(encode_png(rendered.image), caption, rendered.box))
    about = {"group": named.origin, "licence": named.licence, "author": "", "origin": named.origin}
    return Subject(subject_id, named.name, tuple(demonstrations), encode_png(named.rgba), about)


def describe(name: str, place: str) -> str:
    """Return the caption of a demonstration: 'a brown hen, with a forest stream in the background'."""
    return f"{with_article(name)}, with {place} in the background" if place else f"a photo of {with_article(name)}"
