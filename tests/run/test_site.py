"""Tests of the site file: errors are one line with file and key, valid values reach Snakemake unchanged."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
import yte

from helpers.chain import REPOSITORY
from omniedit.errors import UserError
from omniedit.run.site import read_site

PROFILE = REPOSITORY / "profiles/slurm"
SITE = yaml.safe_load((PROFILE / "site.yaml").read_text())


def site_with(folder: Path, **changes: Any) -> Path:
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(SITE | changes))
    return path


def profile(site: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the profile as Snakemake reads it."""
    monkeypatch.setenv("OMNIEDIT_SITE", str(site))
    return yte.process_yaml((PROFILE / "config.yaml").read_text())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gpus_per_node": 0}, "site.yaml: gpus_per_node: 0: Input should be greater than 0"),
        ({"train_nodes": "two"}, 'site.yaml: train_nodes: "two": Input should be a valid integer'),
        ({"train_nodes": True}, "site.yaml: train_nodes: true: Input should be a valid integer"),
        ({"acount": "lab"}, "site.yaml: acount: no such key; available: account, qos"),
        ({"nodes": {"train_editor": 2}}, "site.yaml: nodes.train_editor"),
        ({"software": "conda-forge"}, "site.yaml: software: \"conda-forge\": Input should be 'conda'"),
    ],
)
def test_invalid_site_value_is_reported_by_file_and_key(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        read_site(site_with(tmp_path, **changes))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_missing_site_key_raises_error_with_remedy(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in SITE.items() if key != "jobs"}))
    with pytest.raises(UserError, match=r"site\.yaml: jobs: missing; copy its line from profiles/slurm/site\.yaml"):
        read_site(path)


def test_invalid_site_file_stops_the_profile_with_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match=r"error: .*site\.yaml: gpus_per_node: 0"):
        profile(site_with(tmp_path, gpus_per_node=0), monkeypatch)


def test_site_values_that_look_like_expressions_stay_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resources = profile(site_with(tmp_path, account="12-34", gpu_model="1e3"), monkeypatch)
    assert eval(resources["default-resources"]["slurm_account"]) == "12-34"
    assert eval(resources["set-resources"]["score_shard"]["gpu_model"]) == "1e3"


@pytest.mark.parametrize("text", ["4.10", "0123", "123_456", "2026-11-28", "1e3", "no", '"null"'])
def test_site_text_is_not_converted_to_numbers_or_dates(text: str, tmp_path: Path) -> None:
    lines = (PROFILE / "site.yaml").read_text().splitlines()
    named = [f"account: {text}" if line.startswith("account:") else line for line in lines]
    (tmp_path / "site.yaml").write_text("\n".join(named))
    site = read_site(tmp_path / "site.yaml")
    assert (site.account, site.qos, site.gpus_per_node) == (text.strip('"'), None, 8)


@pytest.mark.parametrize("arguments", [["--profile", "{}"], ["--profile={}/"], ["--workflow-profile", "{}", "-n"], []])
def test_site_file_is_found_next_to_the_profile(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = shutil.copytree(PROFILE, tmp_path / "cluster")
    site_with(profile, account="lab")
    monkeypatch.delenv("OMNIEDIT_SITE", raising=False)
    monkeypatch.setattr(sys, "argv", ["snakemake", *(argument.format(profile) for argument in arguments)])
    if not arguments:
        monkeypatch.setenv("SNAKEMAKE_PROFILE", str(profile))
    monkeypatch.chdir(tmp_path)
    read = yte.process_yaml((profile / "config.yaml").read_text())
    assert read["default-resources"]["slurm_account"] == "'lab'"
    assert Path(read["slurm-partition-config"]) == profile / "partitions.yaml"


def test_trainings_get_their_own_number_of_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = site_with(tmp_path, train_nodes=4, nodes={"train_inpainting": 2}, gpus_per_node=8)
    resources = profile(site, monkeypatch)["set-resources"]
    trainings = ("train_editor", "train_inpainting", "finetune_student")
    assert [resources[rule]["nodes"] for rule in trainings] == [4, 2, 1]
    assert [resources[rule].get("gres", resources[rule].get("gpu")) for rule in trainings] == ["gpu:8", "gpu:8", 8]


def test_second_attempt_doubles_memory_and_time_except_for_trainings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources = profile(site_with(tmp_path), monkeypatch)["set-resources"]
    for name in ("mem_mb", "runtime"):
        first, second = (eval(resources["score_shard"][name], {"attempt": attempt}) for attempt in (1, 2))
        assert second == 2 * first
        assert isinstance(resources["train_editor"][name], int)


def test_profile_sets_disk_mb_to_a_constant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Snakemake's default sums up the sizes of all inputs for each job."""
    resources = profile(site_with(tmp_path), monkeypatch)
    assert isinstance(resources["default-resources"]["disk_mb"], int)
