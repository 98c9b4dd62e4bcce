"""Rows without a pair: counts by reason, and their text."""

from pathlib import Path

from helpers.pair_files import import_all, make_image
from omniedit.browsing.rejections import MAX_REASONS, count_rejections, format_rejections
from omniedit.browsing.run_files import list_shards


def test_rows_without_a_pair_are_counted_by_reason(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(make_image())
    rows = ['{"source": "a.png", "edited": "a.png", "instruction": "Go."}', "broken"]
    rows += [f'{{"source": "missing{number}.png", "edited": "a.png", "instruction": "Go."}}' for number in range(2)]
    (tmp_path / "x.jsonl").write_text("\n".join(rows))
    import_all(tmp_path / "x.jsonl", tmp_path / "run", format="table")
    found = count_rejections(list_shards(tmp_path / "run"))
    assert [(each["rows"], each["first"]) for each in found] == [(2, "x.jsonl:2"), (1, "x.jsonl:1")]
    lines = format_rejections(found)
    assert lines[1] == "photos and rows without a pair: 3"
    assert lines[2] == "  2 x column 'source': 'missing0.png': no such file (first: x.jsonl:2)"


def test_long_lists_of_reasons_end_with_the_number_of_others() -> None:
    many = [{"rows": 1, "reason": "\x1b[31m", "first": "x"}] * (MAX_REASONS + 2)
    lines = format_rejections(many)
    assert lines[-1] == "  and 2 more reasons" and "\x1b" not in "".join(lines)
    assert format_rejections([]) == []


def test_a_broken_file_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "candidates/x").mkdir(parents=True)
    (tmp_path / "candidates/x/00000.h5").write_bytes(b"broken")
    assert count_rejections(list_shards(tmp_path)) == []
