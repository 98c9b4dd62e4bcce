"""Tests for `omniedit metrics`: each row has values or a reason, and a run that cannot start gives an error."""

import argparse
import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from omniedit.cli.metrics import add_arguments, run
from omniedit.errors import UserError
from omniedit.storage.parquet import read_csv, read_rows

HEAD = "id,model,edited,source,target,mask\n"


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (20, 30, 3), np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in "abc":
        PIL.Image.fromarray(noise(ord(name))).save(tmp_path / f"{name}.png")
    mask = np.zeros((20, 30), np.uint8)
    mask[:10] = 255
    PIL.Image.fromarray(mask).save(tmp_path / "m.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    return tmp_path


def measure(folder: Path, rows: str, *options: str, out: str = "out.csv") -> Path:
    (folder / "t.csv").write_text(HEAD + rows)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    run(parser.parse_args([str(folder / "t.csv"), "-o", str(folder / out), *options]))
    return folder / out


def test_rows_keep_their_order_and_columns_and_get_values_or_reasons(folder: Path, capsys):
    rows = (
        "1,x,a.png,a.png,b.png,m.png\n2,y,b.png,a.png,b.png,\n3,x,lost.png,a.png,b.png,\n4,y,broken.png,a.png,b.png,\n"
    )
    found = read_csv(measure(folder, rows, "--metrics", "l1,l1_source,psnr_outside"))
    assert [row["id"] for row in found] == ["1", "2", "3", "4"]
    assert [row["status"] for row in found] == ["measured", "measured", "bad row", "bad row"]
    expected = np.abs(noise(97).astype(float) - noise(98)).mean() / 255
    assert float(found[0]["l1"]) == pytest.approx(expected)
    assert (found[0]["l1_source"], found[0]["psnr_outside"]) == ("0.0", "inf")
    assert (found[1]["l1"], found[1]["psnr_outside"]) == ("0.0", "")
    assert "row 3: column edited: lost.png: no such file" in found[2]["reason"]
    assert "broken.png" in found[3]["reason"]
    printed = capsys.readouterr().out
    assert f"| x | 1 | {expected:.4f} | 0.0000 | - |" in printed
    assert "x: 1 images have an infinite PSNR outside; the mean leaves them out" in printed
    assert "rows that could not be measured: 2; the first reason: " in printed


def test_a_repeated_row_counts_once(folder: Path, capsys):
    rows = "1,x,a.png,a.png,b.png,\n1,x,a.png,a.png,b.png,\n2,x,a.png,a.png,b.png,\n1,y,a.png,a.png,b.png,\n"
    found = read_csv(measure(folder, rows, "--metrics", "l1"))
    assert [row["status"] for row in found] == ["measured", "repeated", "measured", "measured"]
    assert "repeated rows, which count once: 1" in capsys.readouterr().out


def test_parquet_has_numbers_and_json_has_means_and_reasons(folder: Path, capsys):
    out = measure(folder, "1,x,a.png,a.png,b.png,\n", "--metrics", "l1,ins_align", "--json", out="o.parquet")
    assert isinstance(read_rows(out)[0]["l1"], float)
    found = json.loads(capsys.readouterr().out)
    assert found["editors"]["x"]["images"] == {"l1": 1}
    assert "omniedit rate" in found["unavailable"]["ins_align"]


def test_all_metrics_that_the_columns_allow_are_measured_by_default(folder: Path, capsys):
    found = read_csv(measure(folder, "1,x,a.png,a.png,b.png,m.png\n"))
    assert {"l1", "l2", "psnr", "ssim", "pixel_shift", "background_ssim"} <= set(found[0])
    assert not {"clip_t", "clip_dir", "foreground_clip"} & set(found[0])
    assert "clip_i: not available: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ("", [], "has no row"),
        ("1,x,a.png,a.png,b.png,\n", ["--metrics", "clip_t"], "lacks the column target_caption, which clip_t needs"),
        ("1,x,a.png,a.png,b.png,\n", ["--metrics", "magic"], "no metric 'magic'"),
        ("1,x,a.png,a.png,b.png,\n", ["--metrics", "ins_align"], "no metric is available: ins_align: people rate"),
        ("1,x,lost.png,a.png,b.png,\n", ["--metrics", "l1"], "none of 1 rows could be measured"),
        ("1,x,,a.png,b.png,\n", ["--metrics", "l1"], "column edited is empty"),
        ("1,x,a.png,a.png,b.png,,more\n", ["--metrics", "l1"], "more cells than the table has columns"),
    ],
)
def test_unmeasurable_requests_raise_an_error_with_the_remedy(folder: Path, rows, options, message):
    with pytest.raises(UserError, match=message):
        measure(folder, rows, *options)


def test_the_table_is_not_overwritten(folder: Path):
    with pytest.raises(UserError, match="is the table itself"):
        measure(folder, "1,x,a.png,a.png,b.png,\n", out="t.csv")
    with pytest.raises(UserError, match="unknown table format"):
        measure(folder, "1,x,a.png,a.png,b.png,\n", out="o.xlsx")
    (folder / "t.csv").write_text("edited,l1\na.png,3\n")
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(UserError, match="column l1, which is reserved"):
        run(parser.parse_args([str(folder / "t.csv"), "-o", str(folder / "o.csv")]))


def test_an_output_table_is_compared_with_people(folder: Path, capsys):
    rows = "".join(f"{n},x,{name}.png,a.png,b.png,\n" for n, name in enumerate("abc"))
    out = measure(folder, rows, "--metrics", "l1,l1_source")
    lines = [f"{n},x,r,{score},1" for n, score in enumerate((1, 0, 0.5))]
    (folder / "ratings.csv").write_text("id,model,rater,sc,pq\n" + "\n".join(lines) + "\n")
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    run(parser.parse_args([str(out), "--ratings", str(folder / "ratings.csv"), "--key", "id"]))
    assert "| L1 to source | mean | 3 | " in capsys.readouterr().out
    with pytest.raises(UserError, match="has no metric; make a table with"):
        run(parser.parse_args([str(folder / "t.csv"), "--ratings", str(folder / "ratings.csv")]))
    with pytest.raises(UserError, match="give -o FILE"):
        run(parser.parse_args([str(folder / "t.csv")]))
