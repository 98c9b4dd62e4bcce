"""Get proposals for a shard of photos from a vision-language model or a recording: `proposals/{shard}.parquet`."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from omniedit.config.arguments import add_section
from omniedit.config.schema import Config, ProposalsConfig
from omniedit.instructions.edit_proposals.proposer import ProposalDraft, Proposer, shuffle_indices
from omniedit.instructions.edit_proposals.quotas import apply_quotas
from omniedit.instructions.edit_proposals.recorded_replies import match_replies, read_recorded_replies
from omniedit.instructions.edit_proposals.table import ProposalRow, write_proposals
from omniedit.instructions.language_model import open_model
from omniedit.run.program import run_program
from omniedit.sources.photo_shard import PhotoShard
from omniedit.storage.progress import Progress
from omniedit.tasks import Task
from omniedit.vlm import Client
from omniedit.vlm.messages import Usage


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, help="shard of photos, sources/{shard}.tar")
    add_section(parser, "--config", Config, required=True)
    parser.add_argument(
        "--counts", type=json.loads, required=True, help="JSON: task -> number of usable proposals to collect"
    )
    parser.add_argument("--spent", type=Path, help="folder where the run's jobs record their spending")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()

    config: Config = args.config
    counts = {Task(task): count for task, count in args.counts.items()}
    with PhotoShard(args.photos) as photos:
        if config.proposals.source == "replies":
            assert config.learned.replies  # as Config has checked
            rows = match_replies(photos.names, read_recorded_replies(config.learned.replies))
        else:
            rows = ask_for_proposals(photos, config.proposals, counts, args.spent)
    for row in rows:
        if row["refused"]:
            print(f"rejected {row['task'] or 'a proposal'} for {row['source_id']}: {row['refused']}", flush=True)
    write_proposals(args.out, rows)
    print(f"{sum(row['refused'] is None for row in rows)} usable proposals")


def ask_for_proposals(
    photos: PhotoShard, config: ProposalsConfig, counts: dict[Task, int], spent: Path | None
) -> list[ProposalRow]:
    drafts: list[ProposalDraft] = []
    rows: list[ProposalRow] = []
    with open_model(config, spent) as model, Progress("photos", total=len(photos)) as progress:
        proposer = Proposer(model, config, tuple(counts))
        if isinstance(model, Client):
            usage = sum(map(model.estimate, proposer.prompts_per_photo() * len(photos)), Usage())
            print(f"estimate for one pass over all photos: {model.budget.describe(usage)}; cached replies are free")
        for outcome in outcomes(photos, proposer, config.at_once, progress):
            drafts += outcome[0]
            rows += outcome[1]
            if proposer.has_enough_drafts(drafts, counts):
                print(f"enough proposals for every task from {progress.done} of {len(photos)} photos", flush=True)
                break
    return [*apply_quotas(drafts, config.quotas, counts), *rows]


def outcomes(
    photos: PhotoShard, proposer: Proposer, at_once: int, progress: Progress
) -> Iterator[tuple[list[ProposalDraft], list[ProposalRow]]]:
    """Yield the drafts and the rejected proposals of each photo, in the order of `shuffle_indices`.

    The number of photos that are processed at once changes no result.
    """
    order = shuffle_indices(photos.names)
    for first in range(0, len(order), at_once):
        with progress.waiting():
            batch = [photos[place] for place in order[first : first + at_once]]
        for outcome in proposer.propose(batch):
            progress.advance()
            yield outcome


if __name__ == "__main__":
    run_program(main)
