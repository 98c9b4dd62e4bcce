"""Assignment of photos to shards: some are held out for the benchmark, the rest are dealt round robin."""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from omniedit.errors import UserError
from omniedit.sources.near_duplicates import find_near_duplicate
from omniedit.sources.photo_index import BENCH, IndexRow


def deal(rows: Sequence[IndexRow], shards: int, bench_photos: int, seed: int) -> list[IndexRow]:
    """Return the same rows, with `shard` set for accepted ones: 'bench' or five digits.

    Raises:
        UserError: there are too few photos for the benchmark and the shards.
    """
    accepted = _in_order(rows, seed)
    chosen = choose_bench_photos(accepted, min(bench_photos, len(accepted)))
    rows = reject_near_duplicates(rows, chosen)
    accepted = _in_order(rows, seed)
    if len(accepted) < bench_photos + shards:
        requirement = f"bench.photos {bench_photos} and one for each of sources.shards {shards}"
        counted = "1 photo is usable" if len(accepted) == 1 else f"{len(accepted)} photos are usable"
        raise UserError(f"only {counted}, too few for {requirement}; add photos or lower these keys")
    shard_of = dict.fromkeys(chosen, BENCH)
    rest = [row["source_id"] for row in accepted if row["source_id"] not in shard_of]
    shard_of |= {source_id: f"{turn % shards:05d}" for turn, source_id in enumerate(rest)}
    return [row | {"shard": shard_of[row["source_id"]]} if row["status"] == "kept" else row for row in rows]


def reject_near_duplicates(rows: Sequence[IndexRow], chosen: Collection[str]) -> list[IndexRow]:
    """Return the same rows, but with near-duplicates of the photos `chosen` (source ids) rejected."""
    hashes = {row["phash"]: row["file"] for row in rows if row.get("source_id") in chosen and row.get("phash")}
    return [_check_row(row, hashes) if row.get("source_id") not in chosen else row for row in rows]


def _check_row(row: IndexRow, hashes: Mapping[str, str]) -> IndexRow:
    original = find_near_duplicate(row["phash"], hashes) if row["status"] == "kept" and row.get("phash") else None
    if original is None:
        return row
    reason = f"a resized or re-encoded copy of {hashes[original]}, which is held out for the benchmark"
    return row | {"status": "refused", "reason": reason, "source_id": None, "shard": None}


def choose_bench_photos(accepted: Sequence[IndexRow], count: int) -> list[str]:
    """Return the source ids of the benchmark's photos.

    Photos whose ratio has further photos come first, then photos with named objects, then the others in the order of
    `accepted`.
    """
    available = Counter(row["ratio"] for row in accepted)
    is_named = {row["source_id"]: any(obj["box"] for obj in json.loads(row["objects"])) for row in accepted}
    waiting, chosen = list(accepted), []
    for _ in range(count):
        best = min(waiting, key=lambda row: (available[row["ratio"]] < 2, not is_named[row["source_id"]]))
        waiting.remove(best)
        available[best["ratio"]] -= 1
        chosen.append(best["source_id"])
    return chosen


def hold_out(rows: Sequence[IndexRow], count: int, seed: int) -> list[IndexRow]:
    """Return the same rows of one archive, with `count` of the accepted ones moved to the shard 'bench'.

    Raises:
        UserError: no photo would be left for the archive's own shard.
    """
    accepted = _in_order(rows, seed)
    chosen = choose_bench_photos(accepted, min(count, len(accepted)))
    rows = reject_near_duplicates(rows, chosen)
    accepted = _in_order(rows, seed)
    if len(accepted) <= count:
        counted = "1 photo" if len(accepted) == 1 else f"{len(accepted)} photos"
        first = next((f"; first: {row['file']}: {row['reason']}" for row in rows if row["status"] == "refused"), "")
        raise UserError(
            f"only {counted} of {len(rows)} in the first archive can be used, too few for bench.photos {count} and one "
            f"for its shard{first}; lower bench.photos, or put another archive first in sources.path"
        )
    return [row | {"shard": BENCH} if row.get("source_id") in chosen else row for row in rows]


def _in_order(rows: Sequence[IndexRow], seed: int) -> list[IndexRow]:
    """Return the accepted rows in the order in which they are dealt.

    The order of photos depends only on their pixels and the seed.
    """
    kept = (row for row in rows if row["status"] == "kept")
    return sorted(kept, key=lambda row: hashlib.sha256(f"{seed}|{row['sha256']}".encode()).hexdigest())
