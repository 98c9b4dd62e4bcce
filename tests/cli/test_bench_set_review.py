"""`omniedit bench-set propose`, `review` and `build`: from a folder of photos to a frozen set, in a real browser."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from helpers import local_requests
from helpers.bench_files import write_image
from helpers.local_page import expect, open_page
from omniedit.browsing.reviewing.server import ReviewServer
from omniedit.cli import bench_set
from omniedit.errors import UserError
from omniedit.evaluation.bench.sets.proposal_review import Review
from omniedit.evaluation.bench.sets.set_proposals import BenchProposal, read_proposals, write_proposals
from omniedit.storage.parquet import read_csv

PROPOSALS = [
    BenchProposal("a.png", "object_swap", "Swap the cat for a dog.", "templates", "A cat <b>", "A dog", 1),
    BenchProposal("a.png", "object_swap", "Swap the mat for a rug.", "templates"),
    BenchProposal("a.png", "style_transfer", "Draw it.", "templates"),
    BenchProposal("b.png", "object_swap", reason="no object was found"),
    BenchProposal("b.png", "style_transfer", "Paint it.", "templates"),
    BenchProposal("c.png", "style_transfer", "Print it.", "templates"),
]


def run(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    parser = argparse.ArgumentParser()
    bench_set.add_arguments(parser)
    bench_set.run(parser.parse_args([*map(str, words)]))
    return capsys.readouterr().out


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for seed, name in enumerate(("a.png", "b.png", "c.png")):
        write_image(tmp_path / "photos" / name, seed)
    return tmp_path / "photos"


def rows(table: Path) -> list[tuple[str, str, str]]:
    return [(row["photo"], row["task"], row["instruction"]) for row in read_csv(table)]


def test_proposals_are_accepted_edited_rejected_and_undone_by_key(
    browser: Any, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = photos.with_name("table.csv")

    def serve() -> ReviewServer:
        return ReviewServer(Review(PROPOSALS, photos, table), 0)

    with local_requests.serve(serve()) as server, open_page(browser, server) as page:
        instruction, count = page.locator("#instruction"), page.locator("#count")
        expect(instruction).to_have_text("Swap the cat for a dog.")
        expect(page.locator("#task")).to_have_text("Object swap")
        expect(page.locator("#captions")).to_contain_text("A cat <b>")
        expect(page.locator("#more")).to_have_text("1 more for this task")
        assert page.locator("#image").evaluate("image => image.decode().then(() => image.naturalWidth)") == 16
        page.keyboard.press("r")
        expect(instruction).to_have_text("Swap the mat for a rug.")
        page.keyboard.press("u")
        expect(instruction).to_have_text("Swap the cat for a dog.")
        page.keyboard.press("a")
        expect(count).to_have_text("1 of 5")
        expect(instruction).to_have_text("Draw it.")
        page.keyboard.press("e")
        page.get_by_label("Instruction").fill("Draw it in red and apricot.")
        page.keyboard.press("Enter")
        expect(count).to_have_text("2 of 5")
        expect(page.locator("#photo")).to_have_text("b.png")
        expect(instruction).to_have_text("No proposal: no object was found. Write one, or reject.")
        page.keyboard.press("a")
        expect(page.locator("#accept")).to_be_disabled()
        page.keyboard.press("u")
        expect(page.locator("#edit-form")).to_be_visible()
        expect(page.get_by_label("Instruction")).to_have_value("Draw it in red and apricot.")
        page.keyboard.press("Escape")
        expect(instruction).to_have_text("Draw it.")
        page.keyboard.press("a")
        expect(count).to_have_text("2 of 5")
        page.reload()
        expect(count).to_have_text("2 of 5")
        page.get_by_role("button", name="Leave the photo out").click()
        expect(count).to_have_text("4 of 5")
    with local_requests.serve(serve()) as server, open_page(browser, server) as page:
        expect(page.locator("#instruction")).to_have_text("Print it.")
        page.set_viewport_size({"width": 390, "height": 860})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.keyboard.press("r")
        expect(page.get_by_text("2 instructions are in the table.")).to_be_visible()
    assert rows(table) == [
        ("a.png", "object_swap", "Swap the cat for a dog."),
        ("a.png", "style_transfer", "Draw it."),
    ]
    out = run(capsys, "build", table, "--photos", photos, "-o", photos.with_name("set"), "--version", "1")
    assert "2 instructions for 1 photos" in out


def test_propose_writes_the_file_that_review_reads(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = photos.with_name("p.jsonl")
    words = ("--tasks", "style_transfer", "environment_change", "--per-task", "2")
    lines = [f'{{"file": "{name}.png", "objects": [{{"name": "cat"}}]}}\n' for name in "abc"]
    (photos / "list.jsonl").write_text("".join(lines))
    out = run(capsys, "propose", photos, "-o", file, *words)
    assert "12 proposals for 3 photos" in out and f"next: omniedit bench-set review {file} --photos {photos}" in out
    assert len(read_proposals(file)) == 12


def test_conflicting_arguments_give_one_line(photos: Path, tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    bench_set.add_arguments(parser)
    config, file = tmp_path / "c.yaml", tmp_path / "p.jsonl"
    config.write_text("proposals: {source: replies}")
    write_proposals(file, PROPOSALS)
    for words, problem in (
        (("propose", photos, "-o", file, "--config", config), "recorded replies belong to a run"),
        (("propose", photos, "-o", file, "--url", "http://x/v1"), "needs api.url and api.model"),
        (("propose", tmp_path / "none", "-o", file), "no photo in this folder"),
        (("review", file, "--photos", tmp_path, "-o", tmp_path / "t.csv"), "give the folder for which"),
    ):
        with pytest.raises(UserError, match=problem):
            bench_set.run(parser.parse_args([*map(str, words)]))
