"""Photos and rows of data sets without a pair, counted by reason."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from omniedit.browsing.run_files import ShardFiles
from omniedit.errors import UserError
from omniedit.exchange.outcome import ImportOutcome
from omniedit.pairs import Shard
from omniedit.plain_text import clean_line

MAX_REASONS = 15
"""Maximum number of reasons that the text shows."""


def count_rejections(shards: Iterable[ShardFiles]) -> list[dict[str, Any]]:
    """Return number, reason and the first photo or row of each kind of rejection, the most frequent first.

    Unreadable files are skipped; the index names them.
    """
    outcome = ImportOutcome()
    for files in shards:
        try:
            with Shard(files.candidates) as shard:
                for rejection in shard.rejections:
                    outcome.reject(rejection)
        except UserError:
            continue
    rows = ((count, outcome.examples[kind]) for kind, count in outcome.reasons.most_common())
    return [{"rows": count, "reason": first.reason, "first": first.source_id} for count, first in rows]


def format_rejections(rejections: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the counts as lines of text."""
    if not rejections:
        return []
    lines = ["", f"photos and rows without a pair: {sum(each['rows'] for each in rejections):,}"]
    lines += [
        f"  {each['rows']:,} x {clean_line(each['reason'], 300)} (first: {clean_line(each['first'], 100)})"
        for each in rejections[:MAX_REASONS]
    ]
    return lines + ([f"  and {len(rejections) - MAX_REASONS:,} more reasons"] if len(rejections) > MAX_REASONS else [])
