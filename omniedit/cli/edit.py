"""Edit image files from an instruction: `omniedit edit`."""

import argparse
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import PIL.Image

from omniedit.cli.arguments import add_editor_arguments, path, sampling_steps, scale, whole, words
from omniedit.cli.edit_metadata import save
from omniedit.cli.edit_paths import output_paths
from omniedit.cli.references import check_conditions, read_reference
from omniedit.errors import UserError
from omniedit.imaging.decode import UnreadableImage
from omniedit.plain_text import clean_line
from omniedit.sources.photo_file import EncodedPhoto
from omniedit.storage.atomic import check_writable, replace_file

if TYPE_CHECKING:
    from omniedit.models.pipeline import EditPipeline
    from omniedit.models.pipeline_callbacks import Callback

MAX_SEED = 2**64 - 1
"""Maximum seed that torch accepts."""
LARGE_PIXELS = 16_000_000
"""Number of pixels above which each stage is reported: reading, editing, resizing the edit to full size, writing."""


@dataclass(frozen=True)
class Settings:
    """Settings of an edit.

    Args:
        steps, guidance_scale, image_guidance_scale, negative_prompt: as in `EditPipeline`; None is its default.
        seed: seed of the noise, the same for each image, so that an edit does not depend on the other images.
        task: name of the task, for an editor that takes tasks; None lets the editor decide.
        scheduler: a key of `omniedit.models.schedulers.SCHEDULERS`; None is the editor's own.
        captions: captions of the reference images, for an editor that takes them; () for none.
    """

    instruction: str
    negative_prompt: str
    steps: int | None
    guidance_scale: float | None
    image_guidance_scale: float | None
    seed: int
    task: str | None = None
    scheduler: str | None = None
    captions: tuple[str, ...] = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("inputs", nargs="+", type=path, metavar="IMAGE", help="image files, or folders of images")
    parser.add_argument("instruction", type=words, help='what to change, such as "make it snow"')
    parser.add_argument(
        "-o", "--out", type=path, help="output file or folder (default: photo.edited.jpg next to photo.jpg)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    parser.add_argument("--negative", type=words, default="", metavar="TEXT", help="what the edit should avoid")
    parser.add_argument("--steps", type=sampling_steps, help="number of sampling steps (default: the editor's own)")
    parser.add_argument(
        "--scheduler",
        choices=["euler", "heun", "lcm", "dpm", "unipc"],
        help="sampling scheduler, for example one that needs fewer steps (default: the editor's own)",
    )
    parser.add_argument("--guidance", type=scale, help="guidance scale of the instruction (default: the editor's own)")
    parser.add_argument(
        "--image-guidance", type=scale, help="guidance scale of the source image (default: the editor's own)"
    )
    parser.add_argument("--seed", type=seed, default=0, help="seed of the noise, 0 to 2^64 - 1 (default: %(default)s)")
    parser.add_argument(
        "--reference",
        type=path,
        action="append",
        default=[],
        metavar="IMAGE",
        help="reference image that the instruction points to; repeat the option for several",
    )
    parser.add_argument(
        "--reference-caption",
        action="append",
        default=[],
        type=words,
        metavar="TEXT",
        help="what the reference image shows, for an editor that takes captions; once per --reference, in their order",
    )
    parser.add_argument("--task", type=words, help="task of the edit (default: the editor decides)")
    add_editor_arguments(parser)


def seed(text: str) -> int:
    return whole(text, 0, MAX_SEED, "0 to 2^64 - 1")


def run(args: argparse.Namespace) -> None:
    scales = args.guidance, args.image_guidance
    sampling = args.instruction, args.negative, args.steps, *scales, args.seed
    settings = Settings(*sampling, args.task, args.scheduler, tuple(args.reference_caption))
    edit_files(args.inputs, args.out, args.overwrite, args.model, args.device, settings, args.reference)


def edit_files(
    inputs: Sequence[Path],
    out: Path | None,
    overwrite: bool,
    model: Path | None,
    device: str,
    settings: Settings,
    references: Sequence[Path] = (),
) -> None:
    """Edit images and write each edit next to its source or below `out`.

    An image that cannot be edited is reported, and the others are still edited.

    Args:
        model: folder of the editor; None for the shipped one.
        references: files of reference images, for an editor that takes them.

    Raises:
        UserError: there is nothing to edit, the instruction is empty, a target exists or its folder cannot be written,
            the model cannot be loaded or does not take the references or the task, a reference cannot be read, or some
            images were not edited.
    """
    from omniedit.models.loading import load_editor

    check_instruction(settings.instruction)
    targets = output_paths(inputs, out)
    _check_targets([*targets.values()], overwrite)
    reference_images = [read_reference(path) for path in references]
    pipeline = load_editor(model, device)
    check_conditions(pipeline, reference_images, settings.task, settings.captions)
    if settings.scheduler:
        from omniedit.models.schedulers import make_scheduler

        pipeline.scheduler = make_scheduler(settings.scheduler, pipeline.scheduler)
    for reference in references:
        if any(reference.samefile(source) for source in targets):
            print(f"--reference {clean_line(str(reference))}: also the image to edit; give other images of the subject")
    edited = [
        _edit_and_report(pipeline, source, target, settings, reference_images) for source, target in targets.items()
    ]
    if failed := edited.count(False):
        raise UserError(f"{failed} of {len(targets)} images were not edited; the lines above give the reasons")


def _check_targets(targets: Sequence[Path], overwrite: bool) -> None:
    """Check that the edits can be written.

    Raises:
        UserError: a target exists, unless `overwrite`, or a folder cannot be written.
    """
    if not overwrite and (existing := [target for target in targets if target.exists()]):
        raise UserError(
            f"{existing[0]}: already exists ({len(existing)} in all); use --overwrite, or -o to write elsewhere"
        )
    for target in {target.parent: target for target in targets}.values():  # one target of each folder
        check_writable(target)


def _edit_and_report(
    pipeline: "EditPipeline", source: Path, target: Path, settings: Settings, references: Sequence[PIL.Image.Image]
) -> bool:
    """Edit one image file, print the outcome, and return whether the image was edited."""
    shown_source, shown_target = clean_line(str(source)), clean_line(str(target))
    pipeline.set_progress_bar_config(desc=clean_line(source.name), leave=False)
    try:
        with collect_doubts() as doubts:
            dropped = edit_file(pipeline, source, target, settings, references)
    except (OSError, MemoryError, RuntimeError, ValueError, UnreadableImage) as error:  # RuntimeError: torch's OOM
        print(f"{shown_source}: not edited: {clean_line(str(error))}", flush=True)
        return False
    for doubt in dict.fromkeys(doubts):
        print(f"{shown_source}: {doubt}", flush=True)
    without = f" (without its {'; '.join(dropped)})" if dropped else ""
    print(f"{shown_source} -> {shown_target}{without}", flush=True)
    return True


@contextmanager
def collect_doubts() -> Iterator[list[str]]:
    """Collect the block's warnings about instructions that the editor may not have understood."""
    from omniedit.models.instruction_warnings import InstructionWarning

    doubts: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InstructionWarning)
        try:
            yield doubts
        finally:
            doubts += [str(one.message) for one in caught if issubclass(one.category, InstructionWarning)]
    for other in caught:
        if not issubclass(other.category, InstructionWarning):
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)


def check_instruction(instruction: str) -> None:
    """Check an instruction.

    Raises:
        UserError: it is empty, or the name of a file.
    """
    if not clean_line(instruction):
        raise UserError("instruction: empty; say what to change")
    if os.path.isfile(instruction):  # noqa: PTH113 (Path.is_file raises if a name is too long)
        raise UserError(f"instruction: {instruction} is a file; the instruction comes after all images")


def edit_file(
    pipeline: "EditPipeline", source: Path, target: Path, settings: Settings, references: Sequence[PIL.Image.Image] = ()
) -> list[str]:
    """Edit one image file.

    Returns:
        Names of lost parts: transparency or other parts of the source, and EXIF data too large for the format.

    Raises:
        UnreadableImage: the image cannot be read.
        OSError: its edit cannot be written.
    """
    with EncodedPhoto(source) as photo:
        report = _stage_reporter(source, *photo.size)
        report("reading")
        lost, image, exif = photo.left_out, PIL.Image.fromarray(photo.decode()), photo.upright_exif
    report("editing")

    def after_step(pipeline: "EditPipeline", step: int, *_: object) -> None:
        if step + 1 == pipeline.num_timesteps:
            report("resizing the edit to full size")

    edit = edit_image(pipeline, image, settings, after_step, references)
    report("writing")
    with replace_file(target) as temporary:
        dropped = save(edit, temporary, target.suffix.lower(), exif)
    return lost + ([f"EXIF data {', '.join(dropped)}, too large for this format"] if dropped else [])


def _stage_reporter(source: Path, width: int, height: int) -> Callable[[str], None]:
    """Return a function that prints each stage of a large image's edit, and prints nothing for other images."""
    size = f"{width} x {height} ({width * height / 1e6:.0f} megapixels)"

    def report(stage: str) -> None:
        if width * height > LARGE_PIXELS:
            print(f"{clean_line(str(source))}: {size}: {stage}", flush=True)

    return report


def edit_image(
    pipeline: "EditPipeline",
    image: PIL.Image.Image,
    settings: Settings,
    after_step: "Callback | None" = None,
    references: Sequence[PIL.Image.Image] = (),
) -> PIL.Image.Image:
    import torch

    return pipeline(
        image,
        settings.instruction,
        num_inference_steps=settings.steps,
        guidance_scale=settings.guidance_scale,
        image_guidance_scale=settings.image_guidance_scale,
        negative_prompt=settings.negative_prompt,
        generator=torch.Generator().manual_seed(settings.seed),
        callback_on_step_end=after_step,
        references=list(references) or None,
        reference_captions=list(settings.captions) or None,
        task=settings.task,
    ).images[0]
