"""Use of the workflow from any folder: it brings its scripts and config, results go to the working folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.chain import REPOSITORY, environment
from helpers.preloaded import run_snakemake

TARGET = "results/mini/sources/index.parquet"
MODULE = """
module omniedit:
    snakefile:
        {snakefile}
    config:
        {{"tasks": {{"style_transfer": {{"pairs_per_shard": 4}}}}}}


use rule * from omniedit{prefix}
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a shared checkout: omniedit/ is not next to its Snakefile, and runs must not write to it."""
    folder = tmp_path_factory.mktemp("shared") / "omni edit"
    folder.mkdir()
    shutil.copy(REPOSITORY / "Snakefile", folder)
    for name in ("workflow", "scripts", "config", "profiles", "envs"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def snakemake(folder: Path, *arguments: object) -> str:
    """Create `folder`, run Snakemake in it, and return the output."""
    folder.mkdir(exist_ok=True)
    done = run_snakemake(list(map(str, arguments)), folder, environment())
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


def test_results_go_to_the_working_folder_and_the_source_stays_unchanged(source: Path, tmp_path: Path) -> None:
    before = sorted(source.rglob("*"))
    snakemake(tmp_path / "far", TARGET, "--cores", 1, "--snakefile", source / "Snakefile")
    assert (tmp_path / "far" / TARGET).is_file()
    assert sorted(source.rglob("*")) == before


def test_config_of_the_working_folder_overrides_the_sources(source: Path, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text("run: mine")
    planned = snakemake(
        source, "--dry-run", "--directory", tmp_path, "--cores", 1, "-p", "results/mine/sources/bench.tar"
    )
    assert "--out results/mine/sources/bench.tar" in planned
    assert "--min-pixels 1000000" in planned, "from the source's config"


@pytest.mark.parametrize("prefix", ["", " as omni_*"])
def test_workflow_can_be_used_as_a_module(prefix: str, source: Path, tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(
        MODULE.format(snakefile=repr(str(source / "workflow/Snakefile")), prefix=prefix)
    )
    planned = snakemake(tmp_path, "--dry-run", "--quiet", "rules", "--cores", 1)
    rules = {line.split()[0] for line in planned.splitlines() if len(line.split()) == 2}
    assert {f"{prefix.strip(' as*')}{rule}" for rule in ("train_editor", "score_canary", "pack_sources")} <= rules


@pytest.mark.parametrize(
    "use", ["use rule index_sources, pack_sources from", "use rule * from omniedit exclude train_editor"]
)
def test_workflow_module_can_use_selected_rules(use: str, source: Path, tmp_path: Path) -> None:
    module = MODULE.format(snakefile=repr(str(source / "workflow/Snakefile")), prefix="")
    whole = use if use.startswith("use rule *") else f"{use} omniedit as own_*"
    (tmp_path / "Snakefile").write_text(module.replace("use rule * from omniedit", whole))
    planned = snakemake(tmp_path, "--dry-run", "--cores", 1, "results/mini/sources/00000.tar")
    assert "Pack the photos of 00000" in planned


@pytest.mark.parametrize("moved", ['prefix: "x"', 'replace_prefix: {"results/": "x/"}'])
def test_module_prefix_is_rejected_in_one_line(moved: str, source: Path, tmp_path: Path) -> None:
    module = MODULE.format(snakefile=repr(str(source / "workflow/Snakefile")), prefix="")
    (tmp_path / "Snakefile").write_text(module.replace("    config:", f"    {moved}\n    config:"))
    done = run_snakemake(["--dry-run", "--cores", "1"], tmp_path, environment())
    (line,) = [line for line in done.stderr.splitlines() if line]
    assert done.returncode == 1 and line.startswith("error: module: its prefix moves results/mini to x/")


def test_module_from_a_git_repository_brings_its_scripts_and_config(source: Path, tmp_path: Path) -> None:
    """Mimic github(...) without the internet."""
    repository = shutil.copytree(source, tmp_path / "repository")
    author = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "a"], ["tag", "v1"]):
        subprocess.run(["git", *command], cwd=repository, check=True)
    user = tmp_path / "user"
    user.mkdir()
    snakefile = f'gitfile("{repository}", path="workflow/Snakefile", tag="v1")'
    (user / "Snakefile").write_text(MODULE.format(snakefile=snakefile, prefix=""))
    snakemake(user, TARGET, "--cores", 1)
    assert (user / TARGET).is_file()


def test_job_uses_only_its_threads(tmp_path: Path) -> None:
    (tmp_path / "threads.py").write_text("import cv2; print(cv2.getNumThreads())")
    shutil.copy(REPOSITORY / "scripts/run.sh", tmp_path)
    for variables in ({"OMP_NUM_THREADS": "1"}, {"OMP_NUM_THREADS": "2", "OPENCV_FOR_THREADS_NUM": "1"}):
        run = ["sh", str(tmp_path / "run.sh"), "threads.py"]
        done = subprocess.run(run, env=os.environ | variables, capture_output=True, text=True, check=True)
        assert done.stdout == "1\n"


def test_jobs_import_the_omniedit_that_planned_them(tmp_path: Path) -> None:
    """Run in an environment without omniedit, like the environments of envs/."""
    script = tmp_path / "scripts/where.py"
    script.parent.mkdir()
    script.write_text("import omniedit, os; print(omniedit.__file__, os.environ['HF_HUB_OFFLINE'])")
    shutil.copy(REPOSITORY / "scripts/run.sh", script.parent)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(Path(sys.executable).resolve())  # without the virtual environment's packages
    variables = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "OMNIEDIT_CHECKOUT": str(REPOSITORY)}
    run = ["sh", str(tmp_path / "scripts/run.sh"), "where.py"]
    done = subprocess.run(run, env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(REPOSITORY / "omniedit/__init__.py"), "1"]


def test_garbage_collection_is_paused_only_during_imports(tmp_path: Path) -> None:
    """Check a job, and a process that it starts."""
    check = "import gc, omniedit; print(gc.isenabled(), gc.get_freeze_count() > 0)"
    lines = [
        "import subprocess, sys",
        "from omniedit.run.program import run_program",
        check,
        "def main():",
        f"    {check}",
        f"    subprocess.run([sys.executable, '-c', {check!r}], check=True)",
        "run_program(main)",
    ]
    (tmp_path / "collect.py").write_text("\n".join(lines))
    shutil.copy(REPOSITORY / "scripts/run.sh", tmp_path)
    variables = os.environ | {"OMNIEDIT_CHECKOUT": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}
    run = ["sh", str(tmp_path / "run.sh"), "collect.py"]
    done = subprocess.run(run, env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["False False", "True True", "True False"]
