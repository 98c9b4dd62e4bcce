"""Write the Zarr shards of one part of the plan: complete shards only, with one encoded image in memory at a time."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from omniedit.aspect import bucket_size
from omniedit.buckets.codecs import CODECS
from omniedit.buckets.placement import BucketSettings, Plan
from omniedit.buckets.references import REFERENCES, describe_references, encode_references, extend_schema, pack_files
from omniedit.buckets.store_layout import ARRAYS, FORMAT, PAIRS_SCHEMA, bucket_name, codec_name, shard_file
from omniedit.buckets.zarr_shard import ZarrShardWriter
from omniedit.errors import UserError
from omniedit.imaging.images import resize_cover, resize_cover_mask
from omniedit.pairs import EditPair, Shard
from omniedit.storage.atomic import link_file
from omniedit.storage.manifest import MANIFEST, checksum, checksums, files_below, write_manifest
from omniedit.storage.parquet import write_rows

DecisionRow = dict[str, Any]
"""Row of `placement.PLAN_SCHEMA`."""
Written = Generator[str, None, dict[str, dict[str, Any]]]
CONTENTS = "contents.json"
"""File of a part with, for each Zarr shard such as "3x2/5", the checksums of its files and a digest of its pairs."""
OPEN_ROWS, OPEN_SHARDS = 250_000, 256
"""Limits on the candidate shards that stay open: total rows, each of about a kilobyte, and number of files."""


def write_part(plan: Plan, part: str, candidates: Path, out: Path, earlier: Path | None = None) -> Iterator[str]:
    """Write a part's Zarr shards, its rows of pairs.parquet and its manifest to `out`; yield each pair's id.

    Args:
        candidates: folder of {task}/{shard}.h5.
        out: the part's folder, which is created.
        earlier: folder of the part from an earlier run, if any. Its Zarr shards of equal pairs are linked, not written.

    Raises:
        UserError: a candidate file is missing, damaged, or not the planned one.
    """
    out.mkdir(parents=True)
    rows = plan.table.filter(pc.equal(plan.table["part"], part)).to_pylist()
    with CandidateShards(candidates) as shards:
        writer = PartWriter(plan, shards, out, earlier or out)
        for ratio, in_bucket in groupby(rows, key=lambda row: row["ratio"]):
            yield from writer.write_bucket(ratio, in_bucket)
    (out / CONTENTS).write_text(json.dumps(writer.contents, indent=1, sort_keys=True) + "\n")
    written = {file: known for shard in writer.contents.values() for file, known in shard["files"].items()}
    files = written | checksums(out, (file for file in files_below(out) if file not in written))
    write_manifest(out / MANIFEST, {"part": part, "plan": plan.sha256, "pairs": len(rows), "files": files})


class CandidateShards(ExitStack):
    """Context manager that keeps the most recently used candidate shards open.

    Args:
        folder: folder of {folder}/{shard}.h5.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self._open: OrderedDict[Path, Shard] = OrderedDict()
        self.callback(self._close_all)

    def find(self, row: DecisionRow) -> Shard:
        """Return the shard that holds the pair of a row of the plan.

        Raises:
            UserError: the shard is missing, damaged, or has another pair in this row.
        """
        path = self.folder / row["folder"] / f"{row['shard']}.h5"
        if path not in self._open:
            self._open[path] = Shard(path, keeps_last=False)
            while len(self._open) > 1 and (
                len(self._open) > OPEN_SHARDS or sum(map(len, self._open.values())) > OPEN_ROWS
            ):
                self._close_oldest()
        self._open.move_to_end(path)
        ids = self._open[path].pair_ids
        if row["candidate_row"] >= len(ids) or ids[row["candidate_row"]] != row["pair_id"]:
            remedy = "run snakemake --forcerun plan_buckets"
            raise UserError(f"{path}: row {row['candidate_row']} is not {row['pair_id']} as planned; {remedy}")
        return self._open[path]

    def _close_all(self) -> None:
        while self._open:
            self._close_oldest()

    def _close_oldest(self) -> None:
        _, shard = self._open.popitem(last=False)
        shard.__exit__()


@dataclass
class PartWriter:
    """Writer of a part's share of the buckets.

    `contents` becomes the file `CONTENTS`.
    """

    plan: Plan
    shards: CandidateShards
    out: Path
    earlier: Path
    contents: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._earlier_entries: dict[str, dict[str, Any]] = {}
        if (self.earlier / CONTENTS).is_file():
            self._earlier_entries = json.loads((self.earlier / CONTENTS).read_text())

    def write_bucket(self, ratio: str, rows: Iterator[DecisionRow]) -> Iterator[str]:
        """Write the part's Zarr shards of a bucket and their rows; yield each pair's id."""
        layout, described = self.plan.layout, []
        for number, in_shard in groupby(rows, key=lambda row: row["row"] // layout.pairs_per_zarr_shard):
            # Pairs of one candidate shard are read, and stored, one after the other.
            planned = sorted(in_shard, key=lambda row: (row["folder"], row["shard"], row["candidate_row"]))
            name, pairs = f"{ratio}/{number}", ZarrShardPairs()
            if name in self._earlier_entries:
                for row in planned:
                    pairs.add(row, self.shards.find(row))
            if pairs.rows and self._is_unchanged(name, pairs.digest(layout)):
                self.contents[name] = self._link(name)
                yield from (row["pair_id"] for row in planned)
            else:
                pairs = ZarrShardPairs()
                files = yield from self._write_shard(ratio, number, planned, pairs)
                self.contents[name] = {"files": files, "pairs": pairs.digest(layout)}
            described += [pairs.rows[row] for row in sorted(pairs.rows)]
        schema = extend_schema(PAIRS_SCHEMA, described)
        write_rows(self.out / bucket_name(ratio) / "pairs.parquet", described, schema)

    def _write_shard(self, ratio: str, number: int, planned: Sequence[DecisionRow], pairs: "ZarrShardPairs") -> Written:
        """Write a Zarr shard of each array, add each pair to `pairs` and yield its id; return the files' checksums."""
        layout = self.plan.layout
        with ExitStack() as stack:
            files: dict[str, ZarrShardWriter] = {}
            for row in planned:
                shard = self.shards.find(row)
                pairs.add(row, shard)
                for name, chunk in bucket_chunks(shard[row["candidate_row"]], ratio, layout).items():
                    if name not in files:
                        path = self.out / shard_file(ratio, name, number)
                        files[name] = stack.enter_context(ZarrShardWriter(path, layout.pairs_per_zarr_shard))
                    files[name].add(row["row"] % layout.pairs_per_zarr_shard, chunk)
                yield row["pair_id"]
        return {shard_file(ratio, name, number): file.checksum for name, file in files.items()}

    def _is_unchanged(self, name: str, digest: str) -> bool:
        """Return whether the earlier part has this Zarr shard with the same pairs and with undamaged files."""
        entry = self._earlier_entries[name]
        return entry["pairs"] == digest and all(
            (self.earlier / file).is_file() and checksum(self.earlier / file) == known
            for file, known in entry["files"].items()
        )

    def _link(self, name: str) -> dict[str, Any]:
        """Link the files of an earlier Zarr shard and return its entry of `contents`."""
        for file in self._earlier_entries[name]["files"]:
            link_file(self.earlier / file, self.out / file)
        return self._earlier_entries[name]


def bucket_chunks(pair: EditPair, ratio: str, layout: BucketSettings) -> dict[str, bytes]:
    """Return a pair's encoded images by array name; `REFERENCES` only if the pair has references."""
    images = bucket_images(pair, ratio, layout.base_size)
    chunks = {name: CODECS[codec_name(name, layout.codec)].encode(image) for name, image in images.items()}
    if pair.references:
        chunks[REFERENCES] = pack_files(encode_references(pair, layout.base_size, layout.codec))
    return chunks


def bucket_images(pair: EditPair, ratio: str, base_size: int) -> dict[str, np.ndarray]:
    """Return a pair's images at its bucket's size, by array name. The mask is 0 or 255; all 255 for a global edit."""
    width, height = bucket_size(ratio, base_size)
    mask = np.ones(pair.source.shape[:2], bool) if pair.mask is None else pair.mask
    return {
        "source": resize_cover(pair.source, width, height),
        "edited": resize_cover(pair.edited, width, height),
        "mask": resize_cover_mask(mask, width, height).astype(np.uint8) * 255,
    }


@dataclass
class ZarrShardPairs:
    """Pairs of a Zarr shard: `rows` of pairs.parquet and the recorded checksums of their images, by row."""

    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    checksums: dict[int, list[str]] = field(default_factory=dict)

    def add(self, row: DecisionRow, shard: Shard) -> None:
        index, number = row["candidate_row"], row["row"]
        described = {key: row[key] for key in ("row", "pair_id", "task", "o_score", "split")}
        about = {"instructions": list(shard.instructions(index)), "source_id": shard.provenance(index)["source_id"]}
        self.checksums[number] = [shard.sha256(name, index) for name in ARRAYS]
        if roles := shard.reference_roles(index):
            about |= describe_references(roles, shard.reference_captions(index))
            self.checksums[number].append(shard.sha256(REFERENCES, index))
        self.rows[number] = described | about

    def digest(self, layout: BucketSettings) -> str:
        """Return a digest of all inputs that decide the bytes of the Zarr shard."""
        size = [FORMAT, layout.base_size, layout.pairs_per_zarr_shard, layout.codec]
        return hashlib.sha256(json.dumps([size, sorted(self.checksums.items())]).encode()).hexdigest()
