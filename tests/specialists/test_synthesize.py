from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Semaphore

import numpy as np
import pytest

from omniedit.pairs import EditPair, Rejection
from omniedit.reporting.gallery import credits_line
from omniedit.sources.photo import NamedObject, Photo
from omniedit.specialists.base import EditRequest, EditResult, NotApplicable
from omniedit.specialists.journal import Journal
from omniedit.specialists.synthesize import synthesize
from omniedit.tasks import Task

GREY = np.full((16, 16, 3), 128, np.uint8)


def photos(*names: str) -> list[Photo]:
    return [Photo(source_id=name, image=GREY, ratio="1x1") for name in names]


@dataclass
class Painter:
    """Specialist that paints a photo in a random level of grey.

    `levels` is the number of levels, `refuses` lists the photos to decline, and `proposed` lists photos in the order of
    the calls of `propose`.
    """

    levels: int = 2**31
    refuses: Sequence[str] = ()
    proposed: list[str] = field(default_factory=list)
    fails: Callable[[int], bool] = field(default=lambda level: False)
    task: Task = Task.STYLE_TRANSFER
    generated_under: str | None = None

    def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
        self.proposed.append(photo.source_id)
        if photo.source_id in self.refuses:
            raise NotApplicable("nothing to paint")
        level = int(rng.integers(self.levels))
        return EditRequest(photo, self.task, (f"Paint it {level}.",), {"level": level})

    def edit(self, requests: Sequence[EditRequest]) -> list[EditResult | NotApplicable]:
        return [self._edit(request) for request in requests]

    def _edit(self, request: EditRequest) -> EditResult | NotApplicable:
        level = request.truth["level"]
        if self.fails(level):
            return NotApplicable("the paint ran")
        return EditResult(
            np.full_like(request.photo.image, level % 256), None, {}, generated_under=self.generated_under
        )


def run(painter: Painter, names: Sequence[str], pairs: int, seed: int = 0) -> tuple[list[EditPair], list[Rejection]]:
    outcomes = list(synthesize(painter, "painter", photos(*names), pairs, seed))
    made = [outcome for outcome in outcomes if isinstance(outcome, EditPair)]
    return made, [outcome for outcome in outcomes if isinstance(outcome, Rejection)]


def test_pairs_spread_evenly_over_photos() -> None:
    made, _ = run(Painter(), "abc", pairs=9)
    sources = [pair.provenance["source_id"] for pair in made]
    assert sorted(sources) == sorted("abc" * 3)


def test_generated_source_drops_the_rights_of_its_photo() -> None:
    photo = Photo("a", GREY, "1x1", licence="CC0", author="Ann", origin="shelf")
    mine, generated = (
        next(iter(synthesize(painter, "painter", [photo], 1, seed=0)))
        for painter in (Painter(), Painter(generated_under="OpenRAIL"))
    )
    rights = ("licence", "author", "origin", "generated")
    assert [mine.provenance.get(name) for name in rights] == ["CC0", "Ann", "shelf", None]
    assert [generated.provenance.get(name) for name in rights] == ["OpenRAIL", "", "", True]
    assert credits_line(generated).startswith("Source generated for photo a, OpenRAIL; edit by")


def test_shard_without_photos_gives_no_pairs() -> None:
    assert list(synthesize(Painter(), "painter", [], 3, seed=0)) == []


def test_unsuitable_photo_is_tried_once_and_replaced_by_others() -> None:
    painter = Painter(refuses="b")
    made, refused = run(painter, "ab", pairs=4)
    assert len(made) == 4
    assert painter.proposed.count("b") == 1
    assert refused == [Rejection("b", "nothing to paint")]


def test_same_edit_is_never_made_twice() -> None:
    made, refused = run(Painter(levels=2), "a", pairs=10)
    assert sorted(pair.provenance["truth"]["level"] for pair in made) == [0, 1]
    assert refused == [Rejection("a", "no further edit to propose")]


def test_failed_edit_is_recorded_and_the_rest_continues() -> None:
    made, refused = run(Painter(fails=lambda level: level % 4 < 2), "ab", pairs=4)
    assert all(pair.provenance["truth"]["level"] % 4 >= 2 for pair in made)
    assert [rejection.reason for rejection in refused] == ["the paint ran"] * len(refused) != []


def test_failed_candidates_of_one_edit_count_as_one_failure() -> None:
    class Repeating(Painter):
        """Painter that proposes twelve candidates of an edit that fails, then one that succeeds."""

        def propose(self, photo: Photo, rng: np.random.Generator) -> EditRequest:
            level = len(self.proposed)
            return replace(super().propose(photo, rng), truth={"level": level}, is_retry=0 < level < 12)

    made, refused = run(Repeating(fails=lambda level: level < 12), "a", pairs=1)
    assert [pair.provenance["truth"]["level"] for pair in made] == [12]
    assert refused == [Rejection("a", "the paint ran")]


def test_random_choices_of_a_photo_do_not_depend_on_other_photos() -> None:
    alone, _ = run(Painter(), "a", pairs=3)
    together, _ = run(Painter(), "abcd", pairs=12)
    levels = [pair.provenance["truth"] for pair in together if pair.provenance["source_id"] == "a"]
    assert levels == [pair.provenance["truth"] for pair in alone]


def test_pair_ids_are_unique_and_follow_the_seed() -> None:
    first, _ = run(Painter(), "abc", pairs=9, seed=1)
    again, _ = run(Painter(), "abc", pairs=9, seed=1)
    other, _ = run(Painter(), "abc", pairs=9, seed=2)
    ids = [pair.pair_id for pair in first]
    assert len(set(ids)) == 9
    assert ids == [pair.pair_id for pair in again]
    assert not set(ids) & {pair.pair_id for pair in other}


class Batching(Painter):
    """Painter that edits photos in batches and records their sizes in `batches`."""

    batch_size = 3

    def edit(self, requests: Sequence[EditRequest]) -> list[EditResult | NotApplicable]:
        self.__dict__.setdefault("batches", []).append(len(requests))
        return super().edit(requests)


@pytest.mark.parametrize("pairs", [1, 5, 7, 40])
def test_batch_size_does_not_change_pairs_or_rejections(pairs: int) -> None:
    options = {"levels": 9, "fails": lambda level: level % 3 == 0, "refuses": "d"}
    painter = Batching(**options)
    assert outcomes(painter, pairs) == outcomes(Painter(**options), pairs)
    assert painter.batches[0] == min(3, pairs)


class InStages(Batching):
    """Painter that waits in `finish` until the next batch is prepared, if `followed` is true."""

    def prepare(self, requests: Sequence[EditRequest]) -> list[int]:
        self.prepared.release()
        return [int(request.truth["level"]) for request in requests]

    def finish(self, requests: Sequence[EditRequest], prepared: list[int]) -> list[EditResult | NotApplicable]:
        assert prepared == [request.truth["level"] for request in requests]
        assert self.prepared.acquire(timeout=300)
        if next(self.followed):
            assert self.prepared.acquire(timeout=300), "the next batch was not prepared meanwhile"
            self.prepared.release()
        return self.edit(requests)


def in_stages(*followed: bool) -> InStages:
    painter = InStages()
    painter.prepared, painter.followed = Semaphore(0), iter(followed)
    return painter


def test_next_batch_is_prepared_while_the_previous_one_finishes() -> None:
    """Seven pairs of five photos take two batches in the first round and one in the second."""
    painter = in_stages(True, False, False)
    assert outcomes(painter, 7) == outcomes(Painter(), 7)
    assert painter.batches == [3, 2, 2]


def test_error_during_preparation_stops_the_job() -> None:
    painter = in_stages()
    painter.prepare = lambda requests: 1 / 0
    with pytest.raises(ZeroDivisionError):
        outcomes(painter, 7)


def test_killed_job_resumes_after_its_last_finished_batch(tmp_path: Path) -> None:
    whole = outcomes(Batching(), 7)
    kept = journal(tmp_path)
    killed = synthesize(Batching(), "painter", photos(*"abcde"), 7, 0, kept)
    first = [next(killed) for _ in range(4)]
    kept.finish()
    painter = Batching()
    assert journal_run(painter, tmp_path) == whole and summarize(first) == whole[:4]
    assert painter.batches == [2]


def test_job_with_other_options_starts_over(tmp_path: Path) -> None:
    journal_run(Batching(), tmp_path)
    painter = Batching()
    journal_run(painter, tmp_path, steps=3)
    assert painter.batches == [3, 2, 2] and len(list(tmp_path.glob(".*.batches"))) == 1
    journal(tmp_path, steps=3).close()
    assert not list(tmp_path.iterdir())


def test_truncated_batch_is_made_again(tmp_path: Path) -> None:
    journal_run(Batching(), tmp_path)
    (damaged,) = tmp_path.glob(".*.batches/000001.h5")
    damaged.write_bytes(damaged.read_bytes()[:100])
    painter = Batching()
    journal_run(painter, tmp_path)
    assert painter.batches == [2]


def journal(folder: Path, **about: int) -> Journal:
    return Journal(folder / "00000.h5", Task.STYLE_TRANSFER, "painter", 0, about)


def journal_run(painter: Painter, folder: Path, **about: int) -> list[tuple]:
    """Return `outcomes` of a run with a journal in the folder."""
    kept = journal(folder, **about)
    made = summarize(synthesize(painter, "painter", photos(*"abcde"), 7, 0, kept))
    kept.finish()
    return made


def outcomes(painter: Painter, pairs: int) -> list[tuple]:
    return summarize(synthesize(painter, "painter", photos(*"abcde"), pairs, seed=0))


def summarize(outcomes: Iterable[EditPair | Rejection]) -> list[tuple]:
    return [
        (outcome.pair_id, outcome.provenance["truth"]["level"], int(outcome.edited[0, 0, 0]))
        if isinstance(outcome, EditPair)
        else (outcome.source_id, outcome.reason)
        for outcome in outcomes
    ]


def test_pair_keeps_the_object_names_of_its_photo() -> None:
    photo = Photo("a", GREY, "1x1", objects=(NamedObject("fig", (0.1, 0.1, 0.5, 0.5)),))
    (made,) = synthesize(Painter(), "painter", [photo], 1, seed=0)
    assert isinstance(made, EditPair) and made.provenance["named_objects"] == ["fig"]
