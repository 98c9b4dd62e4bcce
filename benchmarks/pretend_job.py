"""Stand-in for every workflow script in `benchmarks/cluster_month.py`: sleeps, then writes its outputs or fails."""

import os
import random
import shlex
import sys
import time
from pathlib import Path

from omniedit.aspect import RATIOS

FAILS = float(os.environ["PRETEND_FAILS"])
SECONDS = float(os.environ["PRETEND_SECONDS"])
FAILURES = Path("failures.txt")
MAKES_FOLDER = ("pretrain_base", "train", "train_student", "finetune_student", "write_buckets")


def main() -> None:
    script, options = Path(sys.argv[0]).stem, values_of_options(sys.argv[1:])
    time.sleep(random.uniform(0, 2 * SECONDS))
    fails = random.random() < FAILS
    for output in list_outputs(script, options):
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text("half" if fails else '{"files": {}}\n')
        if fails:
            with FAILURES.open("a") as file:
                file.write(f"{script} {shlex.join(sys.argv[1:])}\n")
            sys.exit("failed, as a random share of jobs does")


def values_of_options(arguments: list[str]) -> dict[str, list[str]]:
    """Return the values of each option. Arguments before the first option are under ''."""
    options: dict[str, list[str]] = {"": []}
    last = ""
    for argument in arguments:
        if argument.startswith("--"):
            last = argument
        options.setdefault(last, []).extend([argument] if argument != last else [])
    return options


def list_outputs(script: str, options: dict[str, list[str]]) -> list[Path]:
    if script == "write_card":  # --metrics is an input here
        return [Path(options["--out"][0])]
    named = [Path(options[name][0]) for name in ("--metrics", "--markdown", "--manifest") if name in options]
    if "--out" in options:
        out = Path(options["--out"][0])
        named.append(out / "manifest.json" if script in MAKES_FOLDER else out)
    folder = Path(options.get("--out-dir", [""])[0])
    if script == "index_sources":
        named.append(Path(options["--bench"][0]))
    if script == "seal_buckets":
        named += [folder / f"{ratio}.zarr" / file for ratio in RATIOS for file in ("zarr.json", "pairs.parquet")]
    if script in ("bench_edit", "bench_score"):
        suffix = ".h5" if script == "bench_edit" else ".parquet"
        named += [folder / Path(path).with_suffix(suffix).name for path in options[""]]
    return named


if __name__ == "__main__":
    main()
