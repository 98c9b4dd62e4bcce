"""Revisions of editors: which are not pinned, and the command that pins one."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from helpers.chain import REPOSITORY
from omniedit.errors import UserError
from omniedit.evaluation.bench.editors.entries import EDITORS, read_entries, read_file
from omniedit.evaluation.bench.editors.registry import choose_editors
from omniedit.evaluation.bench.editors.revisions import list_unpinned, pin_editor

HEAD = "0123456789abcdef0123456789abcdef01234567"


class FakeHub:
    """Hub whose repositories are all at one commit."""

    def model_info(self, repository: str) -> SimpleNamespace:
        return SimpleNamespace(sha=HEAD)


def test_unpinned_editors_are_named_with_the_command_that_pins_them(tmp_path: Path) -> None:
    mine = tmp_path / "my editors.yaml"
    mine.write_text("mine: {kind: diffusers, class: X, licence: MIT, repository: lab/mine}\n")
    given = ["no_edit", "sdedit_sd3", "flux_kontext", "mine"]
    first, second = list_unpinned(choose_editors(given, [mine]), [mine])
    assert first.startswith("flux_kontext: black-forest-labs/FLUX.1-Kontext-dev is not pinned, so its newest commit")
    assert first.endswith("scripts/fetch_models.py flux_kontext --editors --pin")
    assert second.endswith(f"scripts/fetch_models.py mine --editors '{mine}' --pin")


def test_editors_file_lists_the_command_for_each_unpinned_editor() -> None:
    lines = (REPOSITORY / EDITORS).read_text().splitlines()
    unpinned = [line.partition(":")[0] for line in list_unpinned(read_entries())]
    commands = [line.partition("#")[2].strip() for line in lines if line.startswith("  revision: null")]
    assert commands == [f"python scripts/fetch_models.py {name} --editors --pin" for name in unpinned] != []


def test_pinning_changes_only_the_revision_of_one_editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.HfApi", FakeHub)
    file = Path(shutil.copy(REPOSITORY / EDITORS, tmp_path))
    before = file.read_text().splitlines()
    assert pin_editor("sdedit", file) == HEAD
    changed = [new for old, new in zip(before, file.read_text().splitlines(), strict=True) if old != new]
    assert changed == [f"  revision: {HEAD} # python scripts/fetch_models.py sdedit --editors --pin"]
    entries = read_file(file)
    assert not list(list_unpinned({"sdedit": entries["sdedit"]}))


@pytest.mark.parametrize("name", ["hive", "absent"])
def test_an_editor_without_a_repository_cannot_be_pinned(name: str) -> None:
    with pytest.raises(UserError, match=r"config/editors.yaml: no editor .* with a repository; available: diffedit, "):
        pin_editor(name)
