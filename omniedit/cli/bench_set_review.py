"""Instructions for your own benchmark set: `omniedit bench-set propose` and `omniedit bench-set review`."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from omniedit.browsing.reviewing.server import ReviewServer
from omniedit.cli.arguments import add_endpoint_arguments, at_least_one, endpoint_options, path, port, run_seed
from omniedit.cli.score_judges import check_agreed
from omniedit.config.loading import check_section
from omniedit.config.schema import ProposalsConfig
from omniedit.config.typed_text import merge
from omniedit.config.yaml_files import read_yaml
from omniedit.errors import UserError
from omniedit.evaluation.bench.sets.proposal_review import Review
from omniedit.evaluation.bench.sets.set_proposals import (
    BenchProposal,
    count_proposals,
    list_photos,
    propose_by_model,
    propose_by_templates,
    read_proposals,
    write_proposals,
)
from omniedit.storage.atomic import check_writable
from omniedit.storage.progress import Progress
from omniedit.tasks import OMNIEDIT_TASKS, Task
from omniedit.vlm import Client
from omniedit.vlm.messages import Usage


def add_actions(actions: "argparse._SubParsersAction[Any]") -> None:
    """Add the two actions to the command's own."""
    propose = actions.add_parser("propose", help="propose instructions for each photo of a folder and each task")
    propose.add_argument("photos", type=path, metavar="PHOTOS", help="folder of photos")
    propose.add_argument("-o", "--output", type=path, required=True, metavar="FILE.jsonl", help="file to write")
    propose.add_argument(
        "--per-task", type=at_least_one, default=3, metavar="N", help="proposals per task (default: 3)"
    )
    propose.add_argument(
        "--tasks", type=_task, nargs="+", default=OMNIEDIT_TASKS, metavar="TASK", help="tasks (default: all)"
    )
    propose.add_argument("--seed", type=run_seed, default=0, help="seed of templates (default: %(default)s)")
    add_endpoint_arguments(propose, "proposals")
    review = actions.add_parser("review", help="serve a local page to accept, edit or reject proposed instructions")
    review.add_argument("proposals", type=path, metavar="FILE.jsonl", help="file of `omniedit bench-set propose`")
    review.add_argument("--photos", type=path, required=True, help="folder of photos")
    review.add_argument("-o", "--output", type=path, required=True, metavar="FILE.csv", help="table for `build`")
    review.add_argument("--port", type=port, default=7872, help="port on this machine (default: %(default)s)")


def _task(text: str) -> Task:
    if text not in OMNIEDIT_TASKS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a task; give some of {', '.join(OMNIEDIT_TASKS)}")
    return Task(text)


def propose(args: argparse.Namespace) -> list[str]:
    """Write a proposals file by templates or by a vision-language model.

    Raises:
        UserError: no photos, an invalid config, or a model that cannot be used.
    """
    names = list_photos(args.photos)
    check_writable(args.output)
    config = _proposals_config(args)
    if config:
        made = list(_ask_model(args.photos, names, config, args.tasks, args.yes))
    else:
        with Progress("photos", total=len(names)) as progress:
            made = list(propose_by_templates(args.photos, progress.over(names), args.tasks, args.per_task, args.seed))
    write_proposals(args.output, made)
    return [
        *count_proposals(made),
        f"next: omniedit bench-set review {args.output} --photos {args.photos} -o TABLE.csv",
    ]


def _proposals_config(args: argparse.Namespace) -> ProposalsConfig | None:
    """Return the settings of a model; None for templates.

    Raises:
        UserError: as in `check_section`, or the config names recorded replies, which belong to a run.
    """
    options = endpoint_options(args)
    if not options and not args.config:
        return None
    values: Any = read_yaml(args.config).get("proposals", {}) if args.config else {}
    if options and isinstance(values, dict):
        values = merge(values, {"source": "api", "api": options})
    if isinstance(values, dict):
        values = values | {"per_photo": args.per_task}
    config = check_section(ProposalsConfig, values, [args.config] if args.config else [])
    if config.source == "replies":
        raise UserError(f"{args.config}: proposals.source: recorded replies belong to a run; give --url and --model")
    return config


def _ask_model(
    photos: Path, names: Sequence[str], config: ProposalsConfig, tasks: Sequence[Task], agreed: bool
) -> Iterator[BenchProposal]:
    from omniedit.instructions.edit_proposals.proposer import Proposer
    from omniedit.instructions.language_model import open_model

    if config.source == "api":
        check_agreed([config.api], agreed, "proposals")
    with open_model(config) as model:
        proposer = Proposer(model, config, tasks)
        if isinstance(model, Client):
            limit = sum(map(model.estimate, proposer.prompts_per_photo() * len(names)), Usage())
            print(f"estimate: {model.budget.describe(limit)}; cached replies are free", flush=True)
        yield from propose_by_model(photos, names, proposer, config.at_once)


def review(args: argparse.Namespace) -> list[str]:
    """Serve the review page until an interrupt or SIGTERM; return lines about the table.

    Raises:
        UserError: a file cannot be read, or the port is taken.
    """
    review = Review(read_proposals(args.proposals), args.photos, args.output)
    server = ReviewServer(review, args.port)
    state = review.describe()
    server.serve(f"{state['done']:,} of {state['total']:,} are reviewed; Ctrl-C ends it")
    server.server_close()
    accepted = review.describe()["accepted"]
    build = f"omniedit bench-set build {args.output} --photos {args.photos} -o FOLDER --version 1"
    return [f"{args.output}: {accepted:,} instructions; next: {build}"]
