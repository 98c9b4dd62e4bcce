"""Make edit pairs of one task from one shard of photos: `candidates/{task}/{shard}.h5`."""

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from omniedit.cli.arguments import at_least_zero, run_seed
from omniedit.config.arguments import add_section
from omniedit.config.schema import LearnedConfig
from omniedit.grounding.objects import ObjectIndex
from omniedit.instructions.edit_proposals.table import proposers
from omniedit.models.registry import get_model
from omniedit.models.roles import roles_to_fetch
from omniedit.pairs import EditPair, Shard, ShardWriter
from omniedit.run.program import run_program
from omniedit.sources.file_identity import digest_or_reason
from omniedit.sources.photo_shard import PhotoShard, PhotoShards
from omniedit.specialists.journal import Journal
from omniedit.specialists.prefetch import prefetch
from omniedit.specialists.registry import EMBEDDED, LEARNED, build, build_learned, open_toolbox
from omniedit.specialists.synthesize import synthesize, versions
from omniedit.storage.atomic import replace_file
from omniedit.storage.manifest import MANIFEST, checksum
from omniedit.storage.progress import Progress
from omniedit.tasks import Task


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="shard of photos, sources/{shard}.tar")
    parser.add_argument("--donors", type=Path, nargs="*", default=[], help="more shards to borrow cut-outs from")
    parser.add_argument("--objects", type=Path, nargs="*", default=[], help="objects of the shards, from ground.py")
    parser.add_argument("--removals", type=Path, help="embedded removals of the same photos, whose fills are reused")
    parser.add_argument("--task", type=Task, choices=list({**EMBEDDED, **LEARNED}), required=True)
    parser.add_argument("--specialist", choices=("embedded", "learned"), required=True)
    add_section(parser, "--learned", LearnedConfig)
    parser.add_argument("--proposals", type=Path, help="output of propose.py, for a learned specialist")
    parser.add_argument("--inpainting", type=Path, help="folder of the run's own inpainting specialist, if it is used")
    parser.add_argument("--pairs", type=at_least_zero, required=True, help="candidate pairs to make")
    parser.add_argument("--seed", type=run_seed, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    if args.specialist == "learned" and not (args.learned and args.proposals):
        parser.error("--specialist learned needs --learned and --proposals")
    if args.task not in (EMBEDDED if args.specialist == "embedded" else LEARNED):
        parser.error(f"{args.task} has no {args.specialist} specialist")
    return args


def main() -> None:
    args = parse_arguments()
    with ExitStack() as stack:
        photos = stack.enter_context(PhotoShard(args.photos))
        donors = PhotoShards([photos, *(stack.enter_context(PhotoShard(path)) for path in args.donors)])
        wanted = (args.specialist, photos, args.pairs, args.seed)
        if args.specialist == "learned":
            toolbox = open_toolbox(args.learned, args.inpainting)
            journal = Journal(args.out, args.task, args.specialist, args.seed, fingerprint_inputs(args))
            specialist = build_learned(args.task, toolbox, args.proposals)
            outcomes = prefetch(synthesize(specialist, *wanted, journal), specialist.batch_size)
        else:
            removals = stack.enter_context(Shard(args.removals)) if args.removals else None
            outcomes = synthesize(build(args.task, donors, ObjectIndex(args.objects), removals), *wanted)
        temporary = stack.enter_context(replace_file(args.out))
        about = (args.task, args.specialist, args.seed, all_versions(args))
        writer = stack.enter_context(ShardWriter(temporary, *about))
        progress = stack.enter_context(Progress("pairs", total=args.pairs))
        for outcome in outcomes:
            if isinstance(outcome, EditPair):
                writer.add(outcome)
                progress.advance()
            else:
                print(f"skipped {outcome.source_id}: {outcome.reason}", flush=True)
                writer.reject(outcome)
    if args.specialist == "learned":
        journal.close()
        print(toolbox.clock)


def fingerprint_inputs(args: argparse.Namespace) -> dict[str, Any]:
    """Return everything that must be unchanged for a resumed job to reuse the finished batches of a killed one."""
    return {
        "learned": args.learned.model_dump(),
        "pairs": args.pairs,
        "seed": args.seed,
        "photos": digest_or_reason(args.photos),
        "proposals": checksum(args.proposals),
        "models": {role: get_model(role).model_dump() for role in roles_to_fetch(args.task, args.learned)},
        "inpainting": checksum(args.inpainting / MANIFEST) if args.inpainting else None,
        "versions": all_versions(args),
    }


def all_versions(args: argparse.Namespace) -> dict[str, str]:
    """Return the versions of everything that made the pairs, and for learned pairs also the models that proposed the
    edits.
    """
    if args.specialist != "learned":
        return versions()
    return versions(learned=True) | proposers(args.proposals, args.task)


if __name__ == "__main__":
    run_program(main)
