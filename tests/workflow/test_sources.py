"""Folder of photos as sources: only a change of content triggers jobs."""

import shutil
from pathlib import Path

from helpers.chain import SMALL, checkout, rules_to_run, shrink_sample, snakemake

TARGET = "results/small/sources/00000.tar"


def test_photos_are_reread_only_if_their_content_changes(tmp_path: Path) -> None:
    root = checkout(tmp_path, SMALL)
    shrink_sample(root / "photos")
    snakemake(root, TARGET)
    shutil.copytree(root / "photos", root / "copied", copy_function=shutil.copyfile)
    assert rules_to_run(root, TARGET, "--config", "sources={'path': 'copied'}") == set()
    for path in (root / "photos").iterdir():
        path.touch()
    assert rules_to_run(root, TARGET) == set()
    photo = next((root / "photos").glob("*.jpg"))
    photo.write_bytes(photo.read_bytes() + b"\0")
    assert rules_to_run(root, TARGET) == {"index_sources", "pack_sources"}
