"""What tests of several folders share."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from helpers.chain import SHOWN, SMALL, checkout, make_photos, snakemake

FOLDER = Path(__file__).parent
# Before torch is loaded: the workers share the cores, and threads that wait for each other take most of them.
os.environ.setdefault("OMP_NUM_THREADS", "1")


LONGEST = (
    *("slurm/test_on_slurm.py", "workflow/test_chain.py", "training/test_engine.py", "workflow/test_learned.py"),
    *("workflow/test_internvl_judge.py", "benchmarks/test_student.py", "benchmarks/test_speed.py"),
    *("scoring/vlm_judges/test_internvl.py", "workflow/test_fetched_base.py", "workflow/test_sources.py"),
    *("workflow/test_archives.py", "workflow/test_proposals.py", "workflow/test_api_judge.py"),
    *("scoring/student/test_finetune.py", "models/test_cost.py", "run/test_plan.py", "cli/test_demo.py"),
)
"""Modules of more than half a minute, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Longest first: a module's tests go to one worker, and no worker shall begin a long one while others end."""
    places = {FOLDER / module: place for place, module in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for found in terminalreporter.stats.values() for report in found]
    shown = [text for report in reports for name, text in getattr(report, "user_properties", []) if name == SHOWN]
    if shown:
        terminalreporter.section("what cases on Slurm and faults of endpoints cost, and what the user saw")
        terminalreporter.line("\n".join(dict.fromkeys(shown)))


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the small chain went through on this machine; its tests leave it as they found it.

    Workers of pytest-xdist each get a copy of the first one's.
    """
    base = tmp_path_factory.getbasetemp()
    first = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "chain"
    with FileLock(first.with_suffix(".lock")):
        if not (first / "whole").exists():
            make_run(first)
            (first / "whole").touch()
    return shutil.copytree(first, tmp_path_factory.mktemp("run") / "chain", symlinks=True)


@pytest.fixture(scope="session")
def group() -> Iterator[dict[str, str]]:
    """A process group of one rank, and what of the environment tells of it.

    One for a whole session: DeepSpeed keeps the first that it sees.
    """
    from omniedit.training.ranks import join_ranks, leave_ranks

    before = set(os.environ)
    join_ranks()
    yield {name: os.environ.pop(name) for name in set(os.environ) - before}
    leave_ranks()


@pytest.fixture(scope="module")
def alone(group: dict[str, str]) -> Iterator[None]:
    """This process is the only rank."""
    os.environ |= group
    yield
    for name in group:
        del os.environ[name]


def make_run(root: Path) -> None:
    root.mkdir()
    checkout(root, SMALL)
    make_photos(root / "photos")
    snakemake(root, "all")
