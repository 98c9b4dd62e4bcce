"""Prepare the unfiltered run: its config with as many pairs as the filtered run has, and the stages that both share.

python -m benchmarks.filtering.prepare SETTINGS.yaml results/FILTERED results/UNFILTERED --out CONFIG.yaml
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import yaml

from omniedit.config.typed_text import merge
from omniedit.errors import UserError
from omniedit.run.program import run_program
from omniedit.storage.atomic import write_text

SHARED = ("sources", "objects", "candidates", "scores")
"""Stages before the filter. Their files do not depend on its threshold."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("settings", type=Path, help="config of the filtered run")
    parser.add_argument("filtered", type=Path, help="folder of the filtered run")
    parser.add_argument("unfiltered", type=Path, help="folder of the unfiltered run")
    parser.add_argument("--out", type=Path, required=True, help="config of the unfiltered run")
    args = parser.parse_args()
    config = build_config(args.settings, args.filtered, args.unfiltered.name)
    copy_stages(args.filtered, args.unfiltered)
    write_text(args.out, yaml.safe_dump(config))


def build_config(settings: Path, filtered: Path, name: str) -> dict[str, Any]:
    """Return the config of a run without a threshold on O, and with the number of stored pairs of the filtered one.

    Which pairs are held out follows from their photos, so the numbers of training pairs may differ a little.

    Raises:
        UserError: the filtered run has no pairs in its buckets.
    """
    manifest = json.loads((filtered / "buckets/manifest.json").read_text(encoding="utf-8"))
    pairs = sum(bucket["pairs"] for bucket in manifest["buckets"].values())
    if not pairs:
        raise UserError(f"{filtered}: has no pairs in its buckets; lower filter.min_score or make more pairs")
    config: dict[str, Any] = yaml.safe_load(settings.read_text(encoding="utf-8")) or {}
    return merge(config, {"run": name, "filter": {"min_score": 0}, "buckets": {"max_pairs": pairs}})


def copy_stages(first: Path, second: Path) -> None:
    """Copy the stages before the filter, with their times, so that the second run does not repeat synthesis and
    scoring."""
    for stage in SHARED:
        if (first / stage).is_dir() and not (second / stage).exists():
            shutil.copytree(first / stage, second / stage)


if __name__ == "__main__":
    run_program(main)
