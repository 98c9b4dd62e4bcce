"""Photos of counterfactual scenes for a run's sources: `omniedit imagine`."""

import argparse
from pathlib import Path

from omniedit.cli.arguments import at_least_one, path, run_seed
from omniedit.config.loading import load
from omniedit.errors import UserError
from omniedit.instructions.counterfactual_scenes import propose_scenes


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", type=path, metavar="ARCHIVE.tar", help="archive to write, for sources.kind webdataset")
    parser.add_argument(
        "--config", type=path, required=True, help="config file with `proposals` (api or local) and `learned`"
    )
    parser.add_argument("--scenes", type=at_least_one, default=1000, help="number of scenes (default: %(default)s)")
    parser.add_argument(
        "--seed", type=run_seed, default=0, help="seed of combinations and noise; give each archive a different one"
    )
    parser.add_argument("--concepts", type=path, help="text file with a concept on each line (default: a shipped list)")
    parser.add_argument("--places", type=path, help="text file with a place on each line (default: a shipped list)")


def run(args: argparse.Namespace) -> None:
    """Propose scenes, generate their images, and write the archive; do nothing if it exists.

    Raises:
        UserError: the config uses recorded replies, a list cannot be read, or a model cannot be used.
    """
    from omniedit.instructions.language_model import open_model
    from omniedit.specialists.learned.counterfactual_images import write_scenes
    from omniedit.specialists.registry import open_toolbox

    if args.out.is_file():
        print(f"{args.out}: already exists; delete it to make it again")
        return
    config = load(args.config)
    if config.proposals.source == "replies":
        raise UserError(f"{args.config}: proposals.source: recorded replies cannot propose scenes; give api or local")
    lists = {name: _read_names(path) for name, path in (("concepts", args.concepts), ("places", args.places)) if path}
    with open_model(config.proposals) as model:
        scenes, reasons = propose_scenes(model, args.scenes, args.seed, config.proposals.tries, **lists)
    for reason in reasons:
        print(f"rejected a scene: {reason}", flush=True)
    if not scenes:
        raise UserError("no scene can be used; the reasons are above")
    write_scenes(args.out, open_toolbox(config.learned), scenes, args.seed)
    print(f"{args.out}: {len(scenes)} of {args.scenes} scenes")


def _read_names(file: Path) -> tuple[str, ...]:
    """Read a name from each line that is not empty.

    Raises:
        UserError: the file cannot be read, or has fewer than two names.
    """
    try:
        names = tuple(line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read: {error}") from None
    if len(names) < 2:
        raise UserError(f"{file}: has fewer than two lines; give a name on each line")
    return names
