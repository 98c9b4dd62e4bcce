"""Tests for report pages: expected content, valid pages without data, and the same output for the same input."""

import base64
import re
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omniedit.errors import UserError
from omniedit.pairs import EditPair, Rejection, make_pair_id, write_shard
from omniedit.reporting.benchmark import benchmark_page
from omniedit.reporting.candidates import read_best, read_candidates, read_columns
from omniedit.reporting.contact_sheet import best_by_photo, contact_sheet, mask_centre, subject
from omniedit.reporting.filtering import filter_page
from omniedit.reporting.gallery import GallerySize, gallery
from omniedit.reporting.page import MAX_PAGE_BYTES, NO_VALUE
from omniedit.reporting.provenance import provenance_page
from omniedit.reporting.summary import data_facts, editor_facts, student_fact, summary
from omniedit.reporting.throughput import throughput_page
from omniedit.reporting.training import Curve
from omniedit.scoring.filter import ACCEPTED
from omniedit.tasks import Task

KEPT, BELOW, UNSCORABLE = "kept", "below threshold", "unscorable"


SHARDS = [[BELOW, KEPT, BELOW, KEPT], [UNSCORABLE, BELOW, BELOW, KEPT, KEPT], [BELOW]]


def count_pairs(task: Task, count: int, noisy: bool = False) -> list[EditPair]:
    rng = np.random.default_rng(0)
    mask = np.zeros((480, 640), bool)
    mask[100:200, 200:400] = True
    pairs = []
    for n in range(count):
        source = rng.integers(0, 256, (480, 640, 3), np.uint8) if noisy else np.full((480, 640, 3), 40 + n, np.uint8)
        edited = np.where(mask[..., None], 255 - source, source)
        provenance = {
            "source_id": f"photo{n % 3}",
            "author": "Ada <script>",
            "licence": "CC0-1.0",
            "ratio": "4x3",
            "specialist": "embedded",
            "models": {"net": "1"},
            "seed": 0,
        }
        instructions = (f"Swap thing {n} & more.", "Exchange it.")
        pair_id = make_pair_id(task, f"photo{n % 3}", 0, n)
        pairs.append(EditPair(pair_id, task, instructions, source, edited, mask, provenance))
    return pairs


def write_report(folder: Path, task: Task, outcomes: list[str], noisy: bool = False, rejections: int = 1) -> tuple:
    """Write the files of one shard, the n-th pair with the n-th outcome: candidates, scores, decisions."""
    pairs = count_pairs(task, len(outcomes), noisy)
    paths = [folder / f"{kind}_{task}" for kind in ("candidates", "scores", "decisions")]
    refused = [Rejection(f"dull{n}", "nothing to swap") for n in range(rejections)]
    write_shard(paths[0], task, "embedded", 0, pairs, refused)
    scores, decisions = [], []
    for n, (pair, outcome) in enumerate(zip(pairs, outcomes, strict=True)):
        value = None if outcome == UNSCORABLE else (9.5 if outcome == KEPT else 5.0) - n / 100
        scored = {"sc_score_1": value, "sc_score_2": value, "pq_score": value, "o_score": value}
        fields = {"reasoning": "It is plain.", "judge": "reference", "status": "scored" if value else UNSCORABLE}
        scores.append({"pair_id": pair.pair_id, **scored, **fields})
        decisions.append({"pair_id": pair.pair_id, "kept": outcome in ACCEPTED, "reason": outcome})
    numbers = [(name, pa.float64()) for name in ("sc_score_1", "sc_score_2", "pq_score", "o_score")]
    words = [(name, pa.string()) for name in ("pair_id", "reasoning", "judge", "status")]
    pq.write_table(pa.Table.from_pylist(scores, schema=pa.schema(words + numbers)), paths[1])
    schema = pa.schema([("pair_id", pa.string()), ("kept", pa.bool_()), ("reason", pa.string())])
    pq.write_table(pa.Table.from_pylist(decisions, schema=schema), paths[2])
    return tuple([path] for path in paths)


def render_page(folder: Path, outcomes: list[str], task: Task = Task.OBJECT_SWAP, **options) -> str:
    candidates, rejections = read_candidates(write_report(folder, task, outcomes, **options))
    return gallery("mini", task, candidates, rejections[task], 9.0, GallerySize(), seed=0)


def instructions(page: str) -> list[str]:
    return re.findall(r"<h3>(Swap thing \d+)", page)


def test_gallery_shows_kept_then_best_rejected(tmp_path):
    page = render_page(tmp_path, [BELOW, KEPT, UNSCORABLE, KEPT, BELOW])
    assert instructions(page) == [f"Swap thing {n}" for n in (1, 3, 0, 4, 2)]
    assert page.count('<span class="badge">') == 3
    assert "nothing to swap" in page


def test_gallery_shows_text_as_text(tmp_path):
    page = render_page(tmp_path, [KEPT])
    assert "Ada &lt;script&gt;" in page
    assert "Swap thing 0 &amp; more." in page


def test_gallery_of_many_noisy_pairs_stays_under_the_limit_and_counts_omitted_pairs(tmp_path):
    page = render_page(tmp_path, [KEPT] * 12 + [BELOW] * 12, noisy=True)
    assert len(page.encode()) < MAX_PAGE_BYTES
    shown = instructions(page)
    assert 3 <= len(shown) < 18
    assert f"{page.count('badge') - 1} of 12: those with the highest O" in page
    assert any(int(name.split()[-1]) < 12 for name in shown)


def test_gallery_outlines_the_mask_at_its_position(tmp_path):
    page = render_page(tmp_path, [KEPT])
    path = re.search(r'<path d="M([^"]+)Z"', page)[1]
    corners = np.array([point.split() for point in path.split("L")], float)
    np.testing.assert_allclose(corners.min(0), np.array([200, 100]) * 1000 / 640, atol=4)
    np.testing.assert_allclose(corners.max(0), np.array([400, 200]) * 1000 / 640, atol=4)


def test_gallery_shows_few_pairs_larger_than_many(tmp_path):
    few, many = (image_widths(render_page(tmp_path, [KEPT] * count, noisy=True)) for count in (1, 12))
    assert set(few) == {640}
    assert max(many) < 640


def image_widths(page: str) -> list[int]:
    encoded = [base64.b64decode(uri) for uri in re.findall(r"data:image/webp;base64,([^\"]+)", page)]
    return [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).shape[1] for data in encoded]


@pytest.mark.parametrize(
    ("outcomes", "message"),
    [
        ([], "No pair of this task was accepted."),
        ([BELOW], "was accepted."),
        ([KEPT], "No pair of this task was rejected."),
    ],
)
def test_gallery_states_when_it_is_empty(tmp_path, outcomes, message):
    assert message in render_page(tmp_path, outcomes)


def test_same_input_gives_the_same_page(tmp_path):
    candidates, rejections = read_columns(write_report(tmp_path, Task.OBJECT_SWAP, [KEPT, BELOW]))
    pages = {filter_page("mini", candidates, rejections, 9.0) for _ in range(2)}
    assert len(pages) == 1
    assert instructions(render_page(tmp_path, [KEPT] * 20)) == instructions(render_page(tmp_path, [KEPT] * 20))


def test_filter_page_counts_before_and_after(tmp_path):
    swaps = write_report(tmp_path, Task.OBJECT_SWAP, [KEPT, BELOW, BELOW, UNSCORABLE])
    styles = write_report(tmp_path, Task.STYLE_TRANSFER, [BELOW])
    joined = read_columns([first + second for first, second in zip(swaps, styles, strict=True)])
    page = filter_page("mini", *joined, 9.0)
    rows = [re.findall(r">([^<>\n]*)</td>", row) for row in re.findall(r"<tr.*?</tr>", page, re.S)]
    names = ("Object swap", "Style transfer", "All tasks")
    swap, style, total = (next(row for row in rows if row[:1] == [name]) for name in names)
    assert swap[:4] == ["Object swap", "4", "1", "25 %"]
    assert swap[4:6] == [f"{np.mean([9.5, 4.99, 4.98]):.2f}", "9.50"]
    assert style[:4] == ["Style transfer", "1", "0", "0 %"]
    assert total[:4] == ["All tasks", "5", "1", "20 %"]
    assert "Switched off in this run: Object removal" in page


def test_filter_page_counts_decisions_by_hand(tmp_path):
    outcomes = [KEPT, BELOW, "accepted by hand", "rejected by hand", "rejected by hand"]
    page = filter_page("mini", *read_columns(write_report(tmp_path, Task.OBJECT_SWAP, outcomes)), 9.0)
    facts = dict(re.findall(r"<dt>([^<]+)</dt><dd>([^<]+)</dd>", page))
    assert (facts["accepted by hand"], facts["rejected by hand"], facts["accepted"]) == ("1", "2", "2")
    assert "A decision by hand overrides the score." in page


def test_filter_page_counts_lesser_candidates_in_one_row(tmp_path):
    lesser = "not the best of 4 candidates of its request"
    page = filter_page("mini", *read_columns(write_report(tmp_path, Task.OBJECT_SWAP, [KEPT, lesser, lesser])), 9.0)
    assert "Of several candidates of one request, only the best is accepted." in page
    assert re.findall(rf"{lesser}</td>\s*<td[^>]*>([^<]+)", page) == ["2"]


def test_filter_page_without_candidates_states_so(tmp_path):
    candidates, rejections = read_columns(write_report(tmp_path, Task.OBJECT_SWAP, [], rejections=2))
    page = filter_page("mini", candidates, rejections, 9.0)
    assert "There is no candidate to show." in page
    assert "No pair was accepted" in page


def test_files_of_different_shards_are_rejected(tmp_path):
    swaps = write_report(tmp_path, Task.OBJECT_SWAP, [KEPT])
    styles = write_report(tmp_path, Task.STYLE_TRANSFER, [KEPT])
    with pytest.raises(UserError, match="give files of one shard"):
        read_candidates((swaps[0], styles[1], swaps[2]))


def test_contact_sheet_is_the_same_twice(tmp_path):
    files = write_report(tmp_path, Task.OBJECT_SWAP, [KEPT, BELOW])
    best, _ = read_best(files, best_by_photo)
    tasks = [Task.OBJECT_SWAP, Task.STYLE_TRANSFER]
    for name in ("first.jpg", "second.jpg"):
        contact_sheet(best, tasks, tmp_path / name)
    assert (tmp_path / "first.jpg").read_bytes() == (tmp_path / "second.jpg").read_bytes()


def test_sheet_centres_on_the_unmasked_part_if_the_mask_is_large():
    object_mask = np.zeros((30, 30), bool)
    object_mask[20:28, 2:8] = True
    assert mask_centre(subject(~object_mask)) == mask_centre(subject(object_mask))
    assert mask_centre(subject(None)) == (0.5, 0.5)


def test_summary_counts_photos_pairs_and_buckets():
    photos = [{"status": "kept", "shard": s} for s in ("00000", "00000", "bench")]
    photos += [{"status": "refused", "shard": None}]
    decisions = [{"kept": kept} for kept in (True, True, True, False)]
    buckets = {"1x1": {"pairs": 3}, "2x3": {"pairs": 0}}
    table = [{"model": m, "task": "all", "o": o} for m, o in (("editnet", 2.5), ("no_edit", 0.0), ("specialist", 9.0))]
    curve = Curve("EditNet", [(1, 1.0)], [(0, 0.8), (20, 0.4)])
    facts = [*data_facts(photos, decisions, buckets, 9.0), *editor_facts("editnet", curve, table)]
    page = summary([*facts, student_fact({"spearman": {"o_score": None}})])
    shown = re.findall(r"<dt>(.+?)</dt><dd><b>(.+?)</b><span>(.+?)</span>", page)
    assert [value for _, value, _ in shown] == ["3", "4", "3", "1 of 2", "0.40", "2.50", NO_VALUE]
    assert [note for _, _, note in shown][::2][:2] == [
        "1 held out for the benchmark",
        "75 %, with O of at least 9",
    ]


def test_pages_without_data_state_so():
    assert "no held-out photo suited any task" in benchmark_page("mini", [], [], {"no_edit": {}}, "student")
    assert "No benchmark file was found" in throughput_page("mini", [])
    page = provenance_page("mini", {"run": "mini", "seed": 3}, [], [])
    assert "No photo was accepted." in page
    assert "seed: 3" in page


def test_provenance_page_counts_the_photos_that_it_omits(monkeypatch):
    monkeypatch.setattr("omniedit.reporting.provenance.PHOTOS_SHOWN", 2)
    place = {
        "left": 0,
        "top": 0,
        "right": 8,
        "bottom": 8,
        "ratio": "1x1",
        "origin": "",
        "sha256": "0",
        "shard": "bench",
    }
    kept = [place | {"status": "kept", "source_id": f"p{i}", "author": "Ann", "licence": "CC0"} for i in range(5)]
    refused = [{"status": "refused", "file": f"q{i}", "reason": "too small"} for i in range(3)]
    page = provenance_page("mini", {"run": "mini", "seed": 3}, iter([*kept, *refused]), [])
    assert "p1" in page and "p2" not in page and "And 3 more in sources/index.parquet" in page
    assert "q1" in page and "q2" not in page and "And 1 more in sources/index.parquet" in page


def test_best_pairs_of_all_shards_are_found_shard_by_shard(tmp_path):
    folders = [tmp_path / str(n) for n in range(len(SHARDS))]
    for folder in folders:
        folder.mkdir()
    files = [write_report(folder, Task.OBJECT_SWAP, of_shard) for folder, of_shard in zip(folders, SHARDS, strict=True)]
    joined = [[path for (path,) in of_kind] for of_kind in zip(*files, strict=True)]
    best, _ = read_best(joined, best_by_photo)
    assert best == {Task.OBJECT_SWAP: best_by_photo(read_candidates(joined)[0])}
