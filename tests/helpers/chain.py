"""Small chain for tests: its config, photos, folder and commands."""

import hashlib
import os
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import yaml

from helpers.preloaded import run_snakemake
from helpers.preloaded_jobs import jobs_environment
from omniedit.models.registry import ModelEntry
from omniedit.tasks import OMNIEDIT_TASKS

SHOWN = "shown"
"""Name of test properties whose text is printed at the end of pytest's output."""
REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "omniedit/sources/sample"
SMALL = {
    "run": "small",
    "sources": {"kind": "folder", "path": "photos", "min_pixels": 60_000, "shards": 1},
    "tasks": {task.name: {"pairs_per_shard": 2, "specialist": "embedded"} for task in OMNIEDIT_TASKS},
    "scoring": {"judge": "reference", "student": {"steps": 2, "batch_size": 4}},
    "filter": {"min_score": 5},
    "buckets": {"base_size": 256},
    "train": {
        "resolution": 64,
        "steps": 4,
        "batch_size": 4,
        "checkpoint_every": 2,
        "base": {"model": None, "layers": 2, "steps": 2},
    },
    "bench": {"photos": 2, "pairs_per_task": 1, "steps": 2},
}


def checkout(root: Path, config: dict) -> Path:
    """Set up a working folder with the repository's code and its own results."""
    for name in ("Snakefile", "workflow", "scripts", "config", "profiles", "envs"):
        (root / name).symlink_to(REPOSITORY / name)
    (root / "small.yaml").write_text(yaml.safe_dump(config))
    return root


def copy_results(run: Path, root: Path, config: dict, *stages: str) -> Path:
    """Set up a folder with another config, the photos of `run` and the results of some of its stages.

    Args:
        stages: result folders to copy, such as 'sources' or 'candidates/style_transfer'.
    """
    checkout(root, config)
    shutil.copytree(run / "photos", root / "photos")
    for stage in stages:
        shutil.copytree(run / "results/small" / stage, root / "results/small" / stage)
    return root


def make_holdable(root: Path) -> None:
    """Make the jobs of a folder wait at their start while `hold_jobs` holds them."""
    (root / "scripts").unlink()
    (root / "scripts").mkdir()
    wait = f"""while grep --quiet --no-messages --line-regexp -e all -e "$1" '{root}/hold'; do sleep 0.2; done"""
    (root / "scripts/run.sh").write_text(f"""#!/bin/sh\n{wait}\nexec sh '{REPOSITORY}/scripts/run.sh' "$@"\n""")


def fetched_record(model: ModelEntry, folder: Path) -> dict:
    """Return the record of a model that was fetched to a folder."""
    files = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    return {
        "repository": model.repository,
        "revision": model.revision,
        "folder": str(folder),
        "files": {name: {"bytes": size} for name, size in files.items()},
    }


@contextmanager
def hold_jobs(root: Path, program: str = "all") -> Iterator[Callable[[], None]]:
    """Hold jobs of a folder that start from now on, and yield a function that releases them.

    Args:
        program: name of the script whose jobs are held.
    """
    hold = root / "hold"
    hold.write_text(f"{program}\n")
    try:
        yield lambda: hold.unlink(missing_ok=True)
    finally:
        hold.unlink(missing_ok=True)


def make_photos(folder: Path) -> None:
    shrink_sample(folder)
    add_odd_files(folder)


def shrink_sample(folder: Path) -> None:
    """Write the nine sample photos at a quarter of their width, with their captions and boxes."""
    folder.mkdir()
    for path in SAMPLE.glob("*.jpg"):
        photo = cv2.imread(str(path))
        cv2.imwrite(str(folder / path.name), cv2.resize(photo, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA))
    (folder / "sample.jsonl").write_bytes((SAMPLE / "sample.jsonl").read_bytes())


def write_set(root: Path) -> None:
    """Write a benchmark set of two of the photos, and a folder with outputs of another editor for one of them."""
    names = sorted(path.name for path in SAMPLE.glob("*.jpg"))[:2]
    rows = [f"{number},photos/{name},make it night" for number, name in enumerate(names)]
    (root / "items.csv").write_text("\n".join(["id,source,instruction", *rows]) + "\n")
    (root / "outputs").mkdir()
    shutil.copy(root / "photos" / names[0], root / "outputs/0.jpg")


def add_odd_files(folder: Path) -> None:
    """Add images of unusual modes, which must be read, and files that must be skipped."""
    sides = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    photo = PIL.Image.fromarray(sides).resize((320, 320), PIL.Image.Resampling.BICUBIC)
    photo.convert("CMYK").save(folder / "print.jpg")
    photo.rotate(90).convert("RGBA").save(folder / "cut out.png")
    PIL.Image.fromarray(np.asarray(photo.rotate(180).convert("L")).astype(np.uint16) * 257).save(folder / "deep.tif")
    photo.resize((16, 16)).save(folder / "tiny.png")
    (folder / "again").mkdir()
    photo.convert("CMYK").save(folder / "again/print.jpg")
    (folder / "half.jpg").write_bytes((SAMPLE / "two_dogs.jpg").read_bytes()[:20_000])
    (folder / "words.png").write_text("no picture")
    (folder / "empty.webp").touch()
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    (folder / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(b"")))


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def options(*arguments: str) -> list[str]:
    return ["--configfile", "small.yaml", "--cores", "2", *arguments]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "snakemake", *options(*arguments)]


def environment() -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}


def try_snakemake(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Snakemake in a folder of `checkout`; it may fail."""
    return run_snakemake(options(*arguments), root, environment() | jobs_environment())


def snakemake(root: Path, *arguments: str) -> str:
    done = try_snakemake(root, *arguments)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout + done.stderr


def rules_to_run(root: Path, *arguments: str) -> set[str]:
    """Return the rules that would run, by a dry run."""
    output = snakemake(root, "--dry-run", *arguments, "--quiet", "rules")
    rows = [line.split() for line in output.splitlines()]
    return {row[0] for row in rows if len(row) == 2 and row[1].isdigit()} - {"total", "all"}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
