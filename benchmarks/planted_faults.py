"""Plant faults in real edit pairs and measure recall and precision of the quality gates.

    python -m benchmarks.planted_pairs FOLDER --photos PHOTOS      make the pairs first
    python -m benchmarks.planted_faults FOLDER [--pairs 1000] [--seed 1]

Some pairs are changed in place: identical, shifted, scaled, swapped and mislabelled ones. Copies of clean pairs are
added until there are `--pairs`: exact, re-encoded, resized, cropped, brightened and mirrored. Altered copies of some
sources are hidden in a benchmark set among images of the sample. Recall is given for each kind of fault, precision for
each gate, both with 95 % Wilson intervals.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from omniedit.cli.arguments import run_seed
from omniedit.evaluation.reward_benches.result import wilson
from omniedit.imaging.images import Image, decode_image
from omniedit.pairs import EditPair, Shard
from omniedit.quality.benchmark_leaks import BenchmarkSet
from omniedit.quality.gates import SWAPPED, Gate, GateFinding, find_faults
from omniedit.quality.hashes import HASH_BYTES, hash_image
from omniedit.quality.signature import SIGNATURES_SCHEMA, sign_pair
from omniedit.storage.parquet import write_rows
from omniedit.tasks import OMNIEDIT_TASKS, Task

SAMPLE = Path("omniedit/sources/sample")
IN_PLACE = {
    "identical, exact": 0.02,
    "identical, JPEG 85": 0.02,
    "identical, resized and back": 0.02,
    "shifted 1 px": 0.03,
    "shifted 2 px": 0.03,
    "shifted 4 to 12 px": 0.05,
    "scaled 1 %": 0.03,
    "scaled 2 or 3 %": 0.05,
    "swapped": 0.12,
    "mislabelled": 0.1,
}
"""Share of the pairs that get each fault."""
Change = Callable[[Image, np.random.Generator], Image]


def encode_jpeg(image: Image, quality: int) -> Image:
    """Encode an RGB image as JPEG and decode it."""
    encoded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return decode_image(encoded.tobytes())


def resize(image: Image, scale: float) -> Image:
    """Resize an image by a factor."""
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def brighten(image: Image) -> Image:
    """Brighten an image by 8 % and 4 levels."""
    return np.asarray(cv2.convertScaleAbs(image, alpha=1.08, beta=4), np.uint8)


def crop(image: Image, share: float, rng: np.random.Generator) -> Image:
    """Crop this share of the height and the width, on random sides."""
    height, width = image.shape[:2]
    down, across = round(height * share), round(width * share)
    top, left = int(rng.integers(down + 1)), int(rng.integers(across + 1))
    return np.ascontiguousarray(image[top : height - down + top, left : width - across + left])


def warp(image: Image, dx: float, dy: float, scale: float) -> Image:
    """Shift an image by pixels and scale it about its centre; the border is reflected."""
    height, width = image.shape[:2]
    x, y = (width - 1) / 2, (height - 1) / 2
    matrix = np.array([[scale, 0, x - scale * x + dx], [0, scale, y - scale * y + dy]])
    size = (width, height)
    moved = cv2.warpAffine(image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, np.uint8)


COPIES: dict[str, Change] = {
    "copy, exact": lambda image, _: image,
    "copy, other instruction": lambda image, _: image,
    "copy, JPEG 75": lambda image, _: encode_jpeg(image, 75),
    "copy, JPEG 50": lambda image, _: encode_jpeg(image, 50),
    "copy, half size": lambda image, _: resize(image, 0.5),
    "copy, 80 % and JPEG 85": lambda image, _: encode_jpeg(resize(image, 0.8), 85),
    "copy, cropped 1 %": lambda image, rng: crop(image, 0.01, rng),
    "copy, cropped 2 %": lambda image, rng: crop(image, 0.02, rng),
    "copy, brighter": lambda image, _: brighten(image),
    "copy, mirrored": lambda image, _: np.ascontiguousarray(image[:, ::-1]),
}
"""Change of both images, by kind of copy."""
LEAKS: dict[str, Change] = {
    "leak, 70 % and JPEG 75": lambda image, _: encode_jpeg(resize(image, 0.7), 75),
    "leak, cropped 2 %": lambda image, rng: crop(image, 0.02, rng),
    "leak, mirrored": lambda image, _: np.ascontiguousarray(image[:, ::-1]),
}
DUPLICATES = (Gate.DUPLICATE, Gate.NEAR_DUPLICATE, Gate.MIRRORED_DUPLICATE)
"""Gates that may find a copy."""
LEAK_SHARE = 0.12
"""Share of the photos' views that a benchmark set has."""


@dataclass(frozen=True)
class Planted:
    """Data set with faults.

    Args:
        rows: signatures of all pairs.
        faults: pair id -> kinds of fault.
        benchmark: the set that some sources leaked from.
    """

    rows: list[dict]
    faults: dict[str, list[str]]
    benchmark: BenchmarkSet


def gates_for(kind: str) -> tuple[Gate, ...]:
    """Return the gates that may find a kind of fault. All gates of duplicates share their copies."""
    if kind in COPIES:
        return DUPLICATES
    begins = {"identical": Gate.IDENTICAL, "sh": Gate.MISALIGNED, "sc": Gate.MISALIGNED, "leak": Gate.LEAK}
    begins |= {"swapped": Gate.SWAPPED, "mislabelled": Gate.MISLABELLED}
    return (next(gate for begin, gate in begins.items() if kind.startswith(begin)),)


def spoil(pair: EditPair, kind: str, rng: np.random.Generator) -> EditPair:
    """Return the pair with a fault added."""
    source, edited = pair.source, pair.edited
    angle = rng.uniform(0, 2 * np.pi)
    match kind:
        case "identical, exact":
            return replace(pair, edited=source)
        case "identical, JPEG 85":
            return replace(pair, edited=encode_jpeg(source, 85))
        case "identical, resized and back":
            back = cv2.resize(resize(source, 0.7), source.shape[1::-1], interpolation=cv2.INTER_CUBIC)
            return replace(pair, edited=np.asarray(back, np.uint8))
        case "shifted 1 px" | "shifted 2 px" | "shifted 4 to 12 px":
            length = rng.uniform(4, 12) if "to" in kind else float(kind[8])
            return replace(pair, edited=warp(edited, length * np.cos(angle), length * np.sin(angle), 1.0))
        case "scaled 1 %" | "scaled 2 or 3 %":
            scale = 1.01 if "1" in kind else rng.choice([1.02, 1.03])
            return replace(pair, edited=warp(edited, 0.0, 0.0, scale))
        case "swapped":
            return replace(pair, source=edited, edited=source)
        case "mislabelled":
            others = [task for task in OMNIEDIT_TASKS if task is not pair.task]
            return replace(pair, task=others[rng.integers(len(others))])
    raise ValueError(kind)


def copy(pair: EditPair, kind: str, rng: np.random.Generator) -> EditPair:
    """Return a copy of a pair, with both images changed in the same way."""
    seed = int(rng.integers(2**32))
    source, edited = (COPIES[kind](image, np.random.default_rng(seed)) for image in (pair.source, pair.edited))
    instructions = pair.instructions[1:] if "instruction" in kind else pair.instructions
    return replace(pair, source=source, edited=edited, mask=None, instructions=instructions)


def plant(pairs: Sequence[Callable[[], EditPair]], views: Sequence[str], total: int, seed: int) -> Planted:
    """Plant faults in pairs, which are read one at a time.

    Args:
        views: the photo's view behind each pair.
        total: number of pairs, copies included.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(pairs)).tolist()
    kinds = [kind for kind, share in IN_PLACE.items() for _ in range(round(share * len(pairs)))]
    spoiled = dict(zip(order, kinds, strict=False))
    clean = order[len(kinds) :]
    jobs = [(index, spoiled.get(index, "")) for index in range(len(pairs))]
    jobs += [(int(rng.choice(clean)), list(COPIES)[number % len(COPIES)]) for number in range(total - len(pairs))]
    unique = sorted(set(views))
    leaked = {view: list(LEAKS)[n % len(LEAKS)] for n, view in enumerate(rng.permutation(unique).tolist())}
    leaked = dict(list(leaked.items())[: round(LEAK_SHARE * len(unique))])
    rows, faults = [], defaultdict[str, list[str]](list)
    hidden: dict[str, Image] = {}
    for number, (index, kind) in enumerate(jobs):
        pair = pairs[index]()
        view = views[index]
        if view in leaked:
            faults[f"{number:05d}"].append(leaked[view])
            if (not kind or kind in COPIES) and pair.task is not Task.OBJECT_ADDITION:
                hidden.setdefault(view, LEAKS[leaked[view]](pair.source, rng))
        if kind:
            pair = copy(pair, kind, rng) if kind in COPIES else spoil(pair, kind, rng)
            faults[f"{number:05d}"].append(kind)
        rows.append(sign_pair(replace(pair, pair_id=f"{number:05d}")))
    return Planted(rows, faults, make_benchmark(hidden.values()))


def make_benchmark(hidden: Iterable[Image]) -> BenchmarkSet:
    """Return the leaked images among crops of the sample photos."""
    others = [decode_image(file.read_bytes()) for file in sorted(SAMPLE.glob("*.jpg"))]
    tiles = [
        image[y : y + 400, x : x + 400] for image in others for y in range(0, 800, 400) for x in range(0, 800, 400)
    ]
    images = [*hidden, *tiles]
    bits = np.frombuffer(b"".join(map(hash_image, images)), np.uint8).reshape(-1, HASH_BYTES)
    return BenchmarkSet("planted", tuple(f"{number:03d}" for number in range(len(images))), bits)


def read_pairs(folder: Path) -> tuple[list[Callable[[], EditPair]], list[str]]:
    """Return a reader of each pair of a folder, and the view behind it."""
    readers: list[Callable[[], EditPair]] = []
    views: list[str] = []
    for file in sorted(folder.glob("*.h5")):
        shard = Shard(file, keeps_last=False)
        readers += [partial(shard.__getitem__, row) for row in range(len(shard))]
        views += [shard.provenance(row)["source_id"] for row in range(len(shard))]
    return readers, views


def format_share(hits: int, total: int) -> str:
    """Return a share with its 95 % Wilson interval."""
    if not total:
        return "-"
    low, high = wilson(hits, total)
    return f"{hits / total:.2f} ({low:.2f} to {high:.2f})"


def report(planted: Planted, findings: Sequence[GateFinding]) -> Iterator[str]:
    """Yield the lines of the two tables: recall by kind of fault, precision by gate."""
    found = {gate: {finding.pair_id for finding in findings if finding.gate is gate} for gate in Gate}
    yield "| fault | planted | recall |\n|---|---|---|"
    for kind in [*IN_PLACE, *COPIES, *LEAKS]:
        ids = {pair_id for pair_id, kinds in planted.faults.items() if kind in kinds}
        hits = len(ids & set().union(*(found[gate] for gate in gates_for(kind))))
        yield f"| {kind} | {len(ids)} | {format_share(hits, len(ids))} |"
    moved = {i for i, kinds in planted.faults.items() if any(kind.startswith(("sh", "sc")) for kind in kinds)}
    styled = {row["pair_id"] for row in planted.rows if row["task"] == Task.STYLE_TRANSFER}
    for name, ids in (("style transfers", moved & styled), ("all other tasks", moved - styled)):
        recall = format_share(len(ids & found[Gate.MISALIGNED]), len(ids))
        yield f"| shifted or scaled, {name} | {len(ids)} | {recall} |"
    yield "\n| gate | findings | precision |\n|---|---|---|"
    for gate in Gate:
        right = {i for i, kinds in planted.faults.items() if any(gate in gates_for(kind) for kind in kinds)}
        right |= found[gate] if gate is Gate.DUPLICATE else set()  # equal pixels are always a duplicate, planted or not
        yield f"| {gate} | {len(found[gate])} | {format_share(len(found[gate] & right), len(found[gate]))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--seed", type=run_seed, default=1)
    parser.add_argument("--wrong", action="store_true", help="print each wrong finding and each fault that was missed")
    args = parser.parse_args()
    start, clock = time.time(), time.process_time()
    planted = plant(*read_pairs(args.folder), args.pairs, args.seed)
    read, spent = time.time() - start, time.process_time() - clock
    with TemporaryDirectory() as folder:
        file = Path(folder) / "00000.parquet"
        write_rows(file, planted.rows, SIGNATURES_SCHEMA)
        start = time.time()
        findings = list(find_faults([file], [planted.benchmark]))
    print("\n".join(report(planted, findings)))
    alone = [row for row in planted.rows if row["swapped"] >= SWAPPED]
    right = sum("swapped" in planted.faults.get(row["pair_id"], ()) for row in alone)
    total = sum("swapped" in kinds for kinds in planted.faults.values())
    recall, precision = format_share(right, total), format_share(right, len(alone))
    print(f"\nswapped, by the pair alone: recall {recall}, precision {precision}")
    print(
        f"{len(planted.rows)} pairs: signatures {read:.0f} s ({spent:.0f} s of processor time, with making the faults)"
    )
    print(f"gates over all pairs: {time.time() - start:.1f} s")
    if args.wrong:
        print_wrong(planted, findings)


def print_wrong(planted: Planted, findings: Sequence[GateFinding]) -> None:
    """Print wrong findings and faults that were missed."""
    tasks = {row["pair_id"]: row["task"] for row in planted.rows}
    found = {(finding.pair_id, finding.gate) for finding in findings}
    for finding in findings:
        kinds = planted.faults.get(finding.pair_id, [])
        if not any(finding.gate in gates_for(kind) for kind in kinds):
            print("wrong", tasks[finding.pair_id], finding, kinds)
    for pair_id, kinds in planted.faults.items():
        for kind in kinds:
            if not any((pair_id, gate) in found for gate in gates_for(kind)):
                print("missed", pair_id, tasks[pair_id], kind)


if __name__ == "__main__":
    main()
