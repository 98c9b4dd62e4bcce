"""Fetch a role's model, or pin its newest revision: config/models.yaml -> Hugging Face cache and models/{role}.json.

With `--editors --pin`, pin an editor of `omniedit bench` in config/editors.yaml.
"""

import argparse
import json
from pathlib import Path

from omniedit.evaluation.bench.editors.entries import EDITORS
from omniedit.models.hub import fetch, pin
from omniedit.models.registry import MODELS, RECORDS, get_model
from omniedit.run.program import run_program
from omniedit.storage.atomic import write_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("role", help="a role in config/models.yaml, or with --editors the name of an editor")
    parser.add_argument("--models", type=Path, default=MODELS, help="file that lists the models")
    parser.add_argument("--pin", action="store_true", help="only write the newest revision into that file")
    parser.add_argument(
        "--editors", type=Path, nargs="?", const=EDITORS, metavar="FILE", help=f"file of editors (default: {EDITORS})"
    )
    parser.add_argument("--out", type=Path, help="record of the fetched files (default: models/{role}.json)")
    args = parser.parse_args()

    if args.editors:
        if not args.pin:
            parser.error("--editors: is for --pin; omniedit bench fetches the editor itself")
        from omniedit.evaluation.bench.editors.revisions import pin_editor  # jobs that fetch models lack its packages

        print(f"{args.editors}: {args.role}: revision {pin_editor(args.role, args.editors)}")
        return
    if args.pin:
        print(f"{args.models}: {args.role}: revision {pin(args.role, args.models)}")
        return
    record = fetch(args.role, get_model(args.role, args.models))
    write_text(args.out or RECORDS / f"{args.role}.json", json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    run_program(main)
