"""Paper config: its values match the documents, and a dry run plans every stage."""

import re
import subprocess
from functools import reduce
from operator import getitem
from pathlib import Path

import pytest
import yaml

from helpers.chain import REPOSITORY, checkout, environment
from helpers.config_comments import comments_by_key
from helpers.preloaded import run_snakemake
from omniedit.config.loading import load
from omniedit.tasks import OMNIEDIT_TASKS, Task

PAPER = REPOSITORY / "config/paper.yaml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return checkout(tmp_path, yaml.safe_load(PAPER.read_text()) | {"sources": {"shards": 2}})


def snakemake(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    options = ["--configfile", str(PAPER), "small.yaml", "--cores", "2", *arguments]
    return run_snakemake(options, root, environment())


CANDIDATES = {  # slides, "Data Statistics", "Pre-Filtering Number"
    Task.OBJECT_SWAP: 1_500_000,
    Task.OBJECT_REMOVAL: 1_000_000,
    Task.OBJECT_ADDITION: 1_000_000,
    Task.BACKGROUND_SWAP: 500_000,
    Task.ENVIRONMENT_CHANGE: 500_000,
    Task.STYLE_TRANSFER: 250_000,
    Task.ATTRIBUTE_MODIFICATION: 300_000,
}
FIGURES: dict[str, object] = {
    "sources.min_pixels": 1_000_000,  # paper, section 5: "a minimum resolution of 1 megapixel"
    **{f"tasks.{task}.specialist": "learned" for task in OMNIEDIT_TASKS},  # paper, section 3.2
    "learned.inpainting": "own",  # paper, 3.2: "We trained an image-inpainting model"; slides: "our own version"
    "scoring.judge": "student",  # paper, 3.3: "we apply the fine-tuned InternVL2 model to filter data"
    "scoring.teacher": "api",  # paper, 3.3: "knowledge distillation from GPT-4o"
    "scoring.teacher_pairs": 50_000,  # paper, 3.3: "For each task, we sample 50K data points"; slides: 200K in all
    "scoring.teacher_defects": 0,  # paper, 3.3: pairs as they are
    "filter.min_score": 9,  # paper, 3.3, and slides: "LMM(...) >= 9"
    "train.model": "editnet",  # paper, 4
    "train.base.model": "base",  # paper, 5: "built upon Stable diffusion 3 Medium"
    "train.epochs": 2,  # paper, 5: "for 2 epochs"
    "train.importance": "equal",  # paper, 3.3, and slides: the weight is 1 or 0
    "bench.judge": "api",  # paper, 5: GPT-4o and Gemini
    "bench.photos": 62,  # paper, 5, and slides: "62 images"
    "bench.pairs_per_task": 62,  # paper, 5: "a total of 434 edits", 7 per image
}
"""Values of config/paper.yaml in the documents: the paper (arXiv 2411.07199) and the authors' slides."""
OF_THE_USER = {"run", "seed", "sources.path", "models.roles"}
"""Keys that the user sets and that are not part of the method."""


def test_paper_config_makes_the_published_number_of_candidates() -> None:
    config = load(PAPER)
    made = {task: config.tasks[task].pairs_per_shard * config.sources.shards for task in OMNIEDIT_TASKS}
    assert made == CANDIDATES and sum(made.values()) == 5_050_000
    assert config.bench.pairs_per_task * len(config.tasks.enabled) == 434


def test_paper_config_has_the_published_values() -> None:
    config = load(PAPER).model_dump()
    values = {key: reduce(getitem, key.split("."), config) for key in FIGURES}
    assert values == FIGURES


def test_every_key_of_the_paper_config_cites_its_source() -> None:
    comments = comments_by_key(PAPER.read_text())
    documented = FIGURES.keys() | {f"tasks.{task}.pairs_per_shard" for task in OMNIEDIT_TASKS}
    assert documented <= comments.keys()
    for key, comment in comments.items():
        if key in documented:
            assert re.search(r"\b(paper|slides)\b", comment), f"{key} names no document"
        elif key not in OF_THE_USER:
            assert "our choice" in comment.lower(), f"{key} is in no document and not marked as our choice"


def test_documented_command_fetches_every_model_of_the_paper_config(tmp_path: Path) -> None:
    guide = (REPOSITORY / "docs/slurm.md").read_text()
    (line,) = [line.strip() for line in guide.splitlines() if line.startswith("    snakemake fetch_models")]
    root = checkout(tmp_path, {})
    done = subprocess.run(
        f"{line} --dry-run --quiet rules", shell=True, cwd=root, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    roles = yaml.safe_load(PAPER.read_text())["models"]["roles"]
    assert re.search(rf"^fetch_model +{len(roles)}$", done.stdout, re.MULTILINE), done.stdout


def test_dry_run_plans_every_stage(root: Path) -> None:
    done = snakemake(root, "--dry-run", "--quiet", "rules")
    assert done.returncode == 0, done.stderr[-2000:]
    jobs = dict(line.split() for line in done.stdout.splitlines() if len(line.split()) == 2)
    assert (jobs["stream_sources"], jobs["synthesize_shard"], jobs["write_buckets"]) == ("1", "14", "64")
