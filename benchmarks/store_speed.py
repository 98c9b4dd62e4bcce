"""Measure the speed of building a store: planning pairs from metadata, sealing, and opening candidate shards.

    python benchmarks/store_speed.py plan --pairs 5000000
    python benchmarks/store_speed.py plan --grow
    python benchmarks/store_speed.py seal results/mini/buckets
    python benchmarks/store_speed.py open --rows 192 3750

`plan` runs scripts/plan_buckets.py on made-up decisions and prints its time and peak memory; with `--grow`, those of
adding the last 2 % of the pairs. `seal` seals the parts again, in a temporary folder, and compares the time with one
SHA-256 of their files. `open` prints the time to find a pair's candidate shard, once if each pair opens the shard, and
once if `CandidateShards` keeps it open.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

from omniedit.aspect import RATIOS
from omniedit.buckets.placement import read_plan
from omniedit.buckets.seal import list_files, read_parts, seal_bucket, write_sealed
from omniedit.buckets.write import CandidateShards
from omniedit.pairs import EditPair, Shard, write_shard
from omniedit.run.program import run_program
from omniedit.scoring.filter import GATHERED_SCHEMA
from omniedit.storage.manifest import checksum
from omniedit.storage.parquet import write_table
from omniedit.tasks import OMNIEDIT_TASKS, Task

BLOCKS = 50
ROUNDS = 5


def write_decisions(path: Path, block: int, pairs: int) -> None:
    rng, tasks = np.random.default_rng(block), [str(task) for task in OMNIEDIT_TASKS]
    columns = {
        "pair_id": [f"{tasks[n % 7]}-photo_{block:05d}_{n:07d}-00-{rng.integers(2**32):08x}" for n in range(pairs)],
        "kept": [True] * pairs,
        "reason": ["kept"] * pairs,
        "o_score": rng.random(pairs) * 10,
        "row": np.arange(pairs) % 192,
        "ratio": rng.choice(list(RATIOS), pairs),
        "task": [tasks[n % 7] for n in range(pairs)],
        "folder": [tasks[n % 7] for n in range(pairs)],
        "shard": [f"{block * 16 + n % 16:05d}" for n in range(pairs)],
    }
    write_table(path, pa.table(columns, schema=GATHERED_SCHEMA))


def measure_plan(pairs: int, folder: Path, grows: bool) -> None:
    for block in range(BLOCKS):
        write_decisions(folder / f"{block:05d}.parquet", block, pairs // BLOCKS)
    options = "--base-size 1024 --pairs-per-zarr-shard 256 --parts 64 --held-out 0.001 --seed 0"
    command = [sys.executable, "scripts/plan_buckets.py", "--decisions", str(folder / "{block}.parquet")]
    command += [*options.split(), "--out", str(folder / "plan.parquet")]
    runs = [[str(BLOCKS - 1)], [str(BLOCKS), "--grow"]] if grows else [[str(BLOCKS)]]
    for blocks in runs:
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([*command, "--blocks", *blocks], check=True)
        used, taken = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter() - start
        spent = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
        print(f"{taken:.1f} s, {spent:.1f} s of processor, {used.ru_maxrss / 1e6:.2f} GB")


def measure_seal(buckets: Path, folder: Path) -> None:
    plan, parts = read_plan(buckets / "plan.parquet"), sorted((buckets / "parts").iterdir())
    files = [file.path for _, file in list_files(plan, parts)]
    sealing, hashing = [], []
    for number in range(ROUNDS):
        start, out = time.process_time(), folder / str(number)
        found = read_parts(plan, parts)
        entries = {ratio: seal_bucket(plan, parts, found, ratio, out) for ratio in RATIOS}
        write_sealed(out / "manifest.json", plan, entries, found)
        sealing.append(time.process_time() - start)
        start = time.process_time()
        for file in files:
            checksum(file)
        hashing.append(time.process_time() - start)
    size = sum(file.stat().st_size for file in files) / 1e9
    ratio = median(a / b for a, b in zip(sealing, hashing, strict=True))
    print(f"{size:.2f} GB: {median(sealing):.2f} s of processor, {ratio:.2f} times one SHA-256 of all files")


def measure_open(rows: int, folder: Path) -> None:
    image, task = np.zeros((8, 8, 3), np.uint8), Task.STYLE_TRANSFER
    pairs = [
        EditPair(f"pair-{n:08d}", task, ("Do it.",), image, image, None, {"source_id": "photo"}) for n in range(rows)
    ]
    write_shard(folder / task / "00000.h5", task, "embedded", 0, pairs)
    planned = [{"folder": task, "shard": "00000", "candidate_row": n, "pair_id": f"pair-{n:08d}"} for n in range(rows)]
    each, kept = [], []
    with CandidateShards(folder) as shards:
        shards.find(planned[0])
        for row in planned[:: rows // 20]:
            start = time.process_time()
            with Shard(folder / task / "00000.h5"):
                each.append(time.process_time() - start)
            start = time.process_time()
            shards.find(row)
            kept.append(time.process_time() - start)
    print(f"{rows} rows: {median(each) * 1000:.1f} ms to open, {median(kept) * 1000:.3f} ms if it is open")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    plan = commands.add_parser("plan")
    plan.add_argument("--pairs", type=int, default=5_000_000)
    plan.add_argument("--grow", action="store_true")
    commands.add_parser("seal").add_argument("buckets", type=Path)
    commands.add_parser("open").add_argument("--rows", type=int, nargs="+", default=[192, 3750])
    args = parser.parse_args()
    with TemporaryDirectory(prefix="store-") as name:
        if args.command == "plan":
            measure_plan(args.pairs, Path(name), args.grow)
        elif args.command == "seal":
            measure_seal(args.buckets, Path(name))
        else:
            for rows in args.rows:
                measure_open(rows, Path(name) / str(rows))


if __name__ == "__main__":
    run_program(main)
