"""Fixtures and hooks shared by tests of several folders."""

import gc
import logging
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from helpers.chain import SHOWN, SMALL, checkout, make_photos, snakemake
from helpers.debian import CannotInstall, install
from helpers.local_page import open_browser

FOLDER = Path(__file__).parent
# Set before torch loads: the workers share the cores, and idle threads would use up most of them.
os.environ.setdefault("OMP_NUM_THREADS", "1")


LONGEST = (
    *("slurm/test_on_slurm.py", "workflow/test_chain.py", "training/test_two_ranks.py", "training/test_trainer.py"),
    *("workflow/test_learned.py", "workflow/test_comparisons.py", "workflow/test_imports.py"),
    *("training/inpainting/test_inpainting.py", "training/test_blocks.py", "models/test_torchvision.py"),
    *("workflow/test_instruction_encoder.py", "workflow/test_subjects.py"),
    *("workflow/test_internvl_judge.py", "benchmarks/test_student.py", "benchmarks/test_speed.py"),
    *("scoring/vlm_judges/test_internvl.py", "workflow/test_fetched_base.py", "workflow/test_sources.py"),
    *("workflow/test_archives.py", "workflow/test_proposals.py", "workflow/test_api_judge.py"),
    *("scoring/student/test_finetune.py", "models/test_cost.py", "run/test_plan.py", "cli/test_demo.py"),
    "cli/test_browse.py",
    *("exchange/test_round_trip.py", "exchange/test_exporting.py", "exchange/test_importing.py"),
)
"""Test modules that take more than half a minute, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort modules longest first. One worker runs a whole module, so a long one must not start when others finish."""
    places = {FOLDER / module: place for place, module in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage while test modules are imported, and never look for it among the imported modules."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for found in terminalreporter.stats.values() for report in found]
    shown = [text for report in reports for name, text in getattr(report, "user_properties", []) if name == SHOWN]
    if shown:
        terminalreporter.section("what cases on Slurm and faults of endpoints cost, and what the user saw")
        terminalreporter.line("\n".join(dict.fromkeys(shown)))


@pytest.fixture(autouse=True)
def _logging_stays_enabled() -> Iterator[None]:
    """Fail a test that leaves logging disabled: `caplog` of later tests in this process would capture nothing."""
    yield
    level = logging.root.manager.disable
    logging.disable(logging.NOTSET)
    assert level == logging.NOTSET, f"logging is disabled up to level {level} after the test"


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a finished run of the small chain, which tests must not change.

    The first worker of pytest-xdist makes the run, and each worker gets a copy.
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
    """Join a process group of one rank and yield its environment variables.

    There is one group per session, because DeepSpeed keeps the first.
    """
    from omniedit.training.ranks import join_ranks, leave_ranks

    before = set(os.environ)
    join_ranks()
    yield {name: os.environ.pop(name) for name in set(os.environ) - before}
    leave_ranks()


@pytest.fixture(scope="module")
def alone(group: dict[str, str]) -> Iterator[None]:
    """Make this process the only rank."""
    os.environ |= group
    yield
    for name in group:
        del os.environ[name]


def make_run(root: Path) -> None:
    root.mkdir()
    checkout(root, SMALL)
    make_photos(root / "photos")
    snakemake(root, "all")


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    with open_browser(chromium) as browser:
        yield browser


@pytest.fixture(scope="session")
def chromium() -> str:
    """Install a browser if needed and return its path."""
    try:
        install({"chromium": "chromium"})
    except CannotInstall as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no browser here: {reason}")
    path = shutil.which("chromium")
    assert path
    return path
