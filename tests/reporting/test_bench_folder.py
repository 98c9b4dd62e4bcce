"""Page of editors side by side for a folder of `omniedit bench`."""

from pathlib import Path
from urllib.parse import unquote

import PIL.Image

from helpers.side_by_side import colour, read_data
from omniedit.evaluation.bench.edit_records import EditRecord
from omniedit.evaluation.bench.item import BenchItem, BenchSet
from omniedit.evaluation.bench.tables.results import EditorResult
from omniedit.imaging.images import encode_png
from omniedit.reporting.bench_folder import write_bench_page


def bench_of(tmp_path: Path) -> BenchSet:
    """Write outputs of two editors for three items; `b` lacks the last."""
    for editor, count in (("a", 3), ("b", 2)):
        for n in range(count):
            path = tmp_path / editor / "edits" / f"swap/en/{n}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(colour(n, n, 0)).save(path)
    source = encode_png(colour(7, 7, 7))
    items = [BenchItem(f"swap/en/{n}", "swap", f"Edit {n}.", lambda: source) for n in range(3)]
    return BenchSet("gedit-en", "0" * 64, items)


def editor_of(name: str, scores: dict[str, list], edited: int, refused: str = "") -> EditorResult:
    """Return results of an editor that edited the first items and refused one."""
    records = {f"swap/en/{n}": EditRecord(f"swap/en/{n}", "edited", "", "", 0) for n in range(edited)}
    if refused:
        records[refused] = EditRecord(refused, "refusal", "", "", 0, reason="refusal: no")
    return EditorResult(name, f"Editor {name.upper()}", "", False, "", records, scores)


def test_a_bench_folder_links_its_edits_and_gives_reasons(tmp_path: Path) -> None:
    scored = {"item_id": "swap/en/0", "status": "scored", "sc_score": 4.0, "pq_score": 9.0, "o_score": 6.0}
    lost = {"item_id": "swap/en/1", "status": "unscorable", "sc_score": None, "pq_score": None, "o_score": None}
    rows = [scored | {"reasoning": "So."}, lost | {"reasoning": "no JSON"}]
    editors = [
        editor_of("a", {"strict": rows, "mild": rows[:1]}, edited=3),
        editor_of("b", {}, edited=1, refused="swap/en/1"),
    ]
    page = write_bench_page(tmp_path, bench_of(tmp_path), editors)
    data = read_data(page.read_text())
    first, second, third = data["items"]
    assert data["images"][first["source"]] == "images/000000.webp"
    assert first["source"] == second["source"] == third["source"], "one photo is stored once"
    assert data["images"][first["outputs"][0]["image"]] == "../a/edits/swap/en/0.png"
    assert [score["judge"] for score in first["outputs"][0]["scores"]] == ["strict", "mild"]
    assert second["outputs"][0]["scores"] == [{"judge": "strict", "o": None, "sc": None, "pq": None, "why": "no JSON"}]
    assert (second["outputs"][1]["image"], second["outputs"][1]["failure"]) == (None, "refusal: no")
    assert third["outputs"][1]["failure"] == "the editor has no output for this item"
    assert all((page.parent / unquote(uri)).is_file() for uri in data["images"])
