"""Tests of models whose image processors need torchvision (SAM 2, Qwen2.5-VL), which are skipped without it."""

import os
import re
import subprocess
import sys
from pathlib import Path

from workflow.test_envs import pins

from helpers.chain import REPOSITORY
from helpers.package_index import index_needed

TESTS = ["tests/grounding/test_detector.py", "tests/vlm/test_local.py"]


def test_torchvision_tests_pass_with_torchvision_installed(tmp_path: Path) -> None:
    """Run in a separate process: with torchvision installed, transformers prepares the images of all models with it."""
    install = ["uv", "pip", "install", "--target", str(tmp_path), "--no-deps"]
    install.append(f"torchvision=={pins('score')['torchvision']}")
    with index_needed():
        subprocess.run([sys.executable, "-m", *install], check=True, capture_output=True, text=True)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{REPOSITORY / 'tests'}"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "helpers.torchvision_operators",
        "-p",
        "no:xdist",
        "-k",
        "sam_2 or Qwen",
    ]
    done = subprocess.run([*command, *TESTS], cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    passed = re.search(r"^(\d+) passed, \d+ deselected", done.stdout, re.MULTILINE)
    assert passed and int(passed[1]) >= 5, done.stdout[-4000:]
