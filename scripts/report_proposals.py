"""Report the proposals for the photos: proposals/{shard}.parquet of all shards, and bench -> report/proposals.html."""

from pathlib import Path

from omniedit.cli.arguments import at_least_one, page_parser
from omniedit.reporting.proposals import ProposalTally, proposals_page
from omniedit.run.program import run_program
from omniedit.storage.atomic import write_text


def main() -> None:
    parser = page_parser(__doc__)
    parser.add_argument("folder", type=Path, help="proposals/")
    parser.add_argument("--shards", type=at_least_one, required=True, help="number of shards besides the benchmark's")
    args = parser.parse_args()

    names = [*(f"{shard:05d}" for shard in range(args.shards)), "bench"]
    page = proposals_page(args.run, ProposalTally.of(args.folder / f"{name}.parquet" for name in names))
    write_text(args.out, page)


if __name__ == "__main__":
    run_program(main)
