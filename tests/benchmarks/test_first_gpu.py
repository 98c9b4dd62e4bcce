"""Tests of benchmarks/first_gpu.sh: its commands parse, and it resumes, keeps to its minutes and reports failures."""

import argparse
import importlib
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.ablation.settings import SETTINGS

REPOSITORY = Path(__file__).parents[2]
SCRIPT = "benchmarks/first_gpu.sh"


def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", SCRIPT, *words]
    return subprocess.run(command, cwd=REPOSITORY, env=os.environ | variables, capture_output=True, text=True)


def commands() -> dict[str, list[str]]:
    """Return the words of each step's command after the interpreter."""
    steps = (line.split(": ", 1) for line in run("--list").stdout.splitlines())
    return {name: shlex.split(command)[1:] for name, command in steps}


class Parsed(Exception):
    """Raised in place of what follows the parsing of a command's words."""


def test_every_command_parses(monkeypatch: pytest.MonkeyPatch) -> None:
    parse = argparse.ArgumentParser.parse_args

    def parse_only(self: argparse.ArgumentParser) -> None:
        parse(self)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_only)
    monkeypatch.syspath_prepend(str(REPOSITORY / "benchmarks"))  # as for a script by its path
    found = commands()
    snakemake = found.pop("architectures")
    assert len(found) == 11
    for name, words in found.items():
        module = words[1] if words[0] == "-m" else Path(words[0]).stem
        monkeypatch.setattr(sys, "argv", [name, *words[2 if words[0] == "-m" else 1 :]])
        with pytest.raises(Parsed):
            importlib.import_module(module).main()
    assert (REPOSITORY / snakemake[snakemake.index("--snakefile") + 1]).is_file()
    assert snakemake[-1].removeprefix("setting=") in SETTINGS


def stub(folder: Path, text: str) -> str:
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_failed_steps_are_run_again_and_finished_ones_are_not(tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = run("--out", str(out), PYTHON=stub(tmp_path, 'case "$*" in *judge*) exit 1 ;; esac; echo "$*"'))
    assert first.returncode == 1 and f"failed (1): {out}/judge.txt" in first.stdout
    assert (out / "sampling.txt").read_text() == "benchmarks/sampling_speed.py --full\n"
    second = run("--out", str(out), PYTHON=stub(tmp_path, 'echo "again $*"'))
    assert second.returncode == 0 and second.stdout.count("\n") == 1
    assert (out / "judge.txt").read_text() == "again benchmarks/judge_speed.py --full\n"


def test_no_step_starts_after_the_time_limit(tmp_path: Path) -> None:
    late = run("--out", str(tmp_path / "out"), "--minutes", "0", PYTHON=stub(tmp_path, "echo"))
    assert late.returncode == 3 and "resumes at training_editnet" in late.stdout
    assert run("--minutes", "soon").returncode == 2
