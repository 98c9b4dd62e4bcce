"""Edits of photos with EXIF data by `omniedit edit`."""

from pathlib import Path

from omniedit.cli.edit import Settings, edit_files

MAKER, ORIENTATION, TAKEN, NOTES = 0x010F, 0x0112, 0x9003, 0x927C
SETTINGS = Settings("Add fog.", negative_prompt="", steps=1, guidance_scale=1, image_guidance_scale=1, seed=0)


def edit(inputs: list[Path], editor: Path, out: Path | None = None, overwrite: bool = False) -> None:
    edit_files(inputs, out, overwrite, editor, "cpu", SETTINGS)
