"""Run an editor over a set: the same instructions, seeds and sizes for all editors, resumable item by item."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from omniedit.errors import UserError
from omniedit.evaluation.bench.edit_records import EDITED, EditFolder, EditRecord, SetShare, check_id
from omniedit.evaluation.bench.editors.editor import BenchEditor, EditFailure, ItemRequest, item_seed
from omniedit.evaluation.bench.editors.native_size import RESTORERS
from omniedit.evaluation.bench.item import BenchItem, BenchSet
from omniedit.imaging.images import Image, decode_image, resize
from omniedit.storage.progress import Progress


@dataclass(frozen=True)
class RunOptions:
    """Options of a run that are the same for all editors.

    Args:
        restore: key of `RESTORERS`, the policy by which an output is resized to the source's size.
    """

    seed: int = 0
    restore: str = "resize"
    shard: SetShare = field(default_factory=SetShare)


@dataclass(frozen=True, eq=False)
class _Job:
    """Item to edit with its source image as a file."""

    item: BenchItem
    source: bytes
    request: str


def edit_set(bench: BenchSet, editor: BenchEditor, edits: EditFolder, options: RunOptions) -> None:
    """Edit the items of a shard that have no edit yet; failures are recorded and tried again by the next run.

    Turns of a chained set are edited one after the other, each on the output of the previous turn.
    """
    items = share_items(bench, options.shard)
    run = _EditRun(bench, editor, edits, options)
    with Progress("edits", total=len(items)) as progress:
        for turn in split_turns(bench, items):
            todo = list(run.find_jobs(turn))
            progress.advance(len(turn) - len(todo))
            for first in range(0, len(todo), editor.batch_size):
                batch = todo[first : first + editor.batch_size]
                run.edit_batch(batch)
                progress.advance(len(batch))


def share_items(bench: BenchSet, shard: SetShare) -> list[BenchItem]:
    """Return the items of a shard; turns of a session stay together in a chained set.

    Raises:
        UserError: an id occurs twice or cannot be a path.
    """
    ids = [check_id(item.item_id) for item in bench.items]
    if len(set(ids)) < len(ids):
        twice = next(name for name in ids if ids.count(name) > 1)
        raise UserError(f"{bench.name}: two items have the id {twice[:100]!a}")
    keys = [item.session if bench.chained and item.session else item.item_id for item in bench.items]
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    part = shard.index - 1
    return [item for item, key in zip(bench.items, keys, strict=True) if places[key] % shard.count == part]


def split_turns(bench: BenchSet, items: Sequence[BenchItem]) -> Iterator[list[BenchItem]]:
    """Yield groups of items that can be edited together: all items or, for a chained set, those of each turn."""
    turns: dict[int, list[BenchItem]] = defaultdict(list)
    for item in items:
        turns[(item.turn or 1) if bench.chained else 1].append(item)
    for _, group in sorted(turns.items()):
        yield group


def find_source(bench: BenchSet, item: BenchItem, edits: EditFolder) -> bytes | EditFailure:
    """Return the image file that an item's edit starts from: the set's own, or the output of the previous turn."""
    previous = _previous_turn(bench, item)
    if previous is None:
        return item.source()
    record = edits.records.get(previous.item_id)
    if record is None or record.status != EDITED:
        return EditFailure(f"turn {previous.turn} of the session has no edit")
    return edits.read_bytes(previous.item_id)


def _previous_turn(bench: BenchSet, item: BenchItem) -> BenchItem | None:
    if not bench.chained or item.session is None or (item.turn or 1) == 1:
        return None
    session = [other for other in bench.items if other.session == item.session]
    earlier = [other for other in session if (other.turn or 1) < (item.turn or 1)]
    return max(earlier, key=lambda other: other.turn or 1, default=None)


def digest_request(item: BenchItem, source: bytes, editor: BenchEditor, options: RunOptions) -> str:
    """Return the digest, 16 hex digits, of all inputs that decide an item's output."""
    inputs = {
        "editor": [editor.version, editor.item_version(item.item_id), editor.sizes.model_dump()],
        "texts": [item.instruction, item.captions.source, item.captions.edited],
        "source": hashlib.sha256(source).hexdigest(),
        "references": [[role, hashlib.sha256(read()).hexdigest()] for role, read in item.references],
        "seed": item_seed(options.seed, item.item_id),
        "restore": options.restore,
    }
    if captions := item.extra.get("reference_captions"):
        inputs["reference_captions"] = captions
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class _EditRun:
    """Run of one editor over a set. It finds the items to edit, and records each outcome."""

    bench: BenchSet
    editor: BenchEditor
    edits: EditFolder
    options: RunOptions

    def find_jobs(self, items: Sequence[BenchItem]) -> Iterator[_Job]:
        """Yield the items that are not done. A later turn whose source is missing is recorded as a failure."""
        for item in items:
            source = find_source(self.bench, item, self.edits)
            if isinstance(source, EditFailure):
                self._record_failure(item, source)
                continue
            request = digest_request(item, source, self.editor, self.options)
            if not self.edits.is_done(item.item_id, request):
                yield _Job(item, source, request)

    def edit_batch(self, jobs: Sequence[_Job]) -> None:
        """Edit a batch and record each outcome; a failed item does not affect the others."""
        loaded: list[tuple[_Job, ItemRequest, Image]] = []
        for job in jobs:
            if job.item.references and not self.editor.takes_references:
                failure = EditFailure("the editor takes no reference images, but the item needs them")
                self._record_failure(job.item, failure, job.request)
                continue
            try:
                source = decode_image(job.source, f"{job.item.item_id}: source")
                loaded.append((job, self._to_request(job.item, source), source))
            except UserError as error:
                self._record_failure(job.item, EditFailure(str(error)), job.request)
        results = self.editor.edit([request for _, request, _ in loaded]) if loaded else []
        for (job, request, source), result in zip(loaded, results, strict=True):
            if isinstance(result, EditFailure):
                self._record_failure(job.item, result, job.request)
            else:
                self._record_edit(job, request, source, result)

    def _to_request(self, item: BenchItem, source: Image) -> ItemRequest:
        native = self.editor.sizes.native(source.shape[1], source.shape[0])
        references = tuple(decode_image(read(), f"{item.item_id}: {role}") for role, read in item.references)
        return ItemRequest(item, resize(source, *native), item_seed(self.options.seed, item.item_id), references)

    def _record_failure(self, item: BenchItem, failure: EditFailure, request: str = "") -> None:
        record = EditRecord(item.item_id, failure.kind, request, self.editor.version, self.options.seed, failure.reason)
        self.edits.write(record, None)

    def _record_edit(self, job: _Job, request: ItemRequest, source: Image, output: Image) -> None:
        height, width = source.shape[:2]
        record = EditRecord(
            job.item.item_id,
            EDITED,
            job.request,
            self.editor.version,
            self.options.seed,
            native=(request.source.shape[1], request.source.shape[0]),
            output=(output.shape[1], output.shape[0]),
            size=(width, height),
            restore=self.options.restore,
            source_sha256=hashlib.sha256(job.source).hexdigest(),
        )
        self.edits.write(record, RESTORERS[self.options.restore](output, width, height))
