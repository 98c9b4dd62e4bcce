"""Contact sheet of a run that is half finished or imported."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from helpers.small_run import make_run
from omniedit.browsing.contact_sheet import draw_sheet
from omniedit.browsing.pair_index import join_tables, stream_index
from omniedit.browsing.run_files import list_shards
from omniedit.errors import UserError


def draw(run: Path, path: Path) -> list[str]:
    shards = list_shards(run)
    return draw_sheet(join_tables([table for table, _ in stream_index(shards)]), shards, path)


def test_a_sheet_has_a_row_for_each_task(tmp_path: Path) -> None:
    assert draw(make_run(tmp_path), tmp_path / "sheet.jpg") == []
    sheet = np.asarray(PIL.Image.open(tmp_path / "sheet.jpg")).astype(int)
    assert sheet.shape[1] == 1240 and 700 < sheet.shape[0] < 1000
    blue = (sheet[..., 2] > 150) & (sheet[..., 0] < 60)  # what only edits of object_swap show
    assert blue[: len(sheet) // 3].any() and not blue[len(sheet) // 3 :].any()


def test_an_unreadable_pair_is_named_and_replaced(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    file = run / "candidates/my_set/00000.h5"
    content = bytearray(file.read_bytes())
    content[content.index(b"\xff\xd8\xff") + 100] ^= 1
    shards = list_shards(run)
    index = join_tables([table for table, _ in stream_index(shards)])
    file.write_bytes(content)
    problems = draw_sheet(index, shards, tmp_path / "sheet.jpg")
    assert len(problems) == 1 and "import/0: source does not match its checksum" in problems[0]
    assert (tmp_path / "sheet.jpg").is_file()


def test_an_unwritable_sheet_raises_a_one_line_error(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    with pytest.raises(UserError, match=r"sheet.png: a contact sheet is a JPEG file; give a name that ends with .jpg"):
        draw(run, tmp_path / "sheet.png")
    (tmp_path / "empty/candidates").mkdir(parents=True)
    with pytest.raises(UserError, match="the run has no pairs to draw"):
        draw(tmp_path / "empty", tmp_path / "sheet.jpg")
