"""Tests for the page of editors side by side: its data, its limits, and its use in a real browser."""

import base64
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from helpers.local_page import expect, new_page, patient_page
from helpers.side_by_side import colour, read_data
from omniedit.imaging.images import Image
from omniedit.pairs import EditPair, Reference, write_shard
from omniedit.reporting.bench_items import group_edits, side_by_side_page
from omniedit.reporting.benchmark import grid
from omniedit.reporting.page import MAX_PAGE_BYTES
from omniedit.reporting.side_by_side import (
    ComparedItem,
    Heading,
    JudgeScore,
    Output,
    alternate_tasks,
    render_embedded,
    script_json,
    write_folder,
)
from omniedit.tasks import Task

HOSTILE = "</script><script>document.title = 'taken'</script><img src=x onerror=alert(1)> & \u2028"
HEADING = Heading("Six <b>editors</b>", "run & co", "All of <i>them</i>.", {"swap": "Object swap", "a": "Editor A"})


def noise(seed: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (130, 170, 3), np.uint8)


def item(
    n: int, task: str = "swap", instruction: str = "", a: float | None = 5.0, b: float | None = 5.0
) -> ComparedItem:
    """Return an item with three editors; two judges give editor `a` the scores a and b, and `c` fails."""
    scores = [JudgeScore("strict", a, a, a, f"Because {n}."), JudgeScore("mild", b)]
    outputs = [
        Output("a", lambda: colour(200, n % 256, 0), scores),
        Output("b", lambda: colour(0, n % 256, 200), [JudgeScore("strict", 1.0), JudgeScore("mild", 1.0)]),
        Output("c", None, failure="out of <memory>"),
    ]
    return ComparedItem(f"{task}/{n}", task, instruction or f"Edit {n}.", lambda: colour(9, 9, n % 256), outputs)


def test_embedded_data_cannot_close_the_script_element() -> None:
    text = script_json({"text": HOSTILE})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"text": HOSTILE}


def test_page_includes_every_item_with_its_scores_and_failures() -> None:
    data = read_data(render_embedded(HEADING, [item(0), item(1, "style", HOSTILE, 7.126, None)], 2))
    assert [found["instruction"] for found in data["items"]] == ["Edit 0.", HOSTILE]
    a, _, c = data["items"][1]["outputs"]
    assert [(score["judge"], score["o"]) for score in a["scores"]] == [("strict", 7.13), ("mild", None)]
    assert (c["image"], c["failure"]) == (None, "out of <memory>")


def test_equal_images_are_stored_once() -> None:
    unchanged = Output("no_edit", lambda: colour(1, 2, 3))
    same = ComparedItem("x", "swap", "Do.", lambda: colour(1, 2, 3), [unchanged], lambda: colour(1, 2, 3))
    data = read_data(render_embedded(HEADING, [same], 1))
    assert len(data["images"]) == 1
    assert data["items"][0]["source"] == data["items"][0]["target"] == data["items"][0]["outputs"][0]["image"] == 0


def test_an_embedded_page_stays_under_the_limit_and_states_the_number_of_items_shown() -> None:
    many = [
        ComparedItem(f"{n}", "swap", f"Edit {n}.", lambda n=n: noise(n), [Output("a", lambda n=n: noise(n + 500))])
        for n in range(60)
    ]
    page = render_embedded(HEADING, many, 1234)
    data = read_data(page)
    assert 800_000 < len(page.encode()) < MAX_PAGE_BYTES
    assert 5 < len(data["items"]) < 60
    assert f"{len(data['items'])} of 1,234 items are on this page" in page
    used = [place for shown in data["items"] for place in (shown["source"], shown["outputs"][0]["image"])]
    assert sorted(used) == list(range(len(data["images"]))), "no image is left of the item that did not fit"


def test_tasks_alternate() -> None:
    items = [item(0, "a"), item(1, "a"), item(2, "b"), item(3, "a"), item(4, "b")]
    assert [found.item_id for found in alternate_tasks(items)] == ["a/0", "b/2", "a/1", "b/4", "a/3"]


def test_a_folder_links_files_and_writes_other_images(tmp_path: Path) -> None:
    existing = tmp_path / "my editor" / "edits" / "swap#1 %41.png"
    existing.parent.mkdir(parents=True)
    PIL.Image.fromarray(colour(1, 1, 1)).save(existing)
    one = ComparedItem("x", "swap", "Do.", lambda: colour(5, 5, 5), [Output("a", existing)])
    write_folder(tmp_path / "pages" / "index.html", HEADING, [one])
    images = read_data((tmp_path / "pages/index.html").read_text())["images"]
    assert images == ["images/000000.webp", "../my%20editor/edits/swap%231%20%2541.png"]
    assert (tmp_path / "pages" / images[0]).is_file()


def test_references_that_the_editors_saw_are_on_both_pages_of_a_benchmark(tmp_path: Path) -> None:
    """A viewer cannot judge an edit with a subject without the images of the subject."""
    references = (Reference("demonstration", colour(250, 0, 0)), Reference("demonstration", colour(0, 0, 250)))
    pair = EditPair(
        "p",
        Task.OBJECT_ADDITION,
        ("Add it.",),
        colour(9, 9, 9),
        colour(0, 90, 0),
        None,
        {"source_id": "s"},
        references=references,
    )
    for model in ("no_edit", "editnet"):
        write_shard(tmp_path / f"{model}.h5", Task.OBJECT_ADDITION, model, 0, [pair])
    row = {"sc_score": 4.0, "pq_score": 9.0, "o_score": 6.0, "reasoning": "So.", "judge": "reference"}
    rows = [{"pair_id": "p", "model": model, "task": "object_addition"} | row for model in ("no_edit", "editnet")]
    edits = group_edits([tmp_path / "no_edit.h5", tmp_path / "editnet.h5"])
    data = read_data(side_by_side_page("mini", rows, edits))
    uris = [data["images"][place] for place in data["items"][0]["references"]]
    assert [dominant_channel(uri) for uri in uris] == [0, 2]
    (task,) = grid(rows, edits)
    assert [dominant_channel(uri) for uri in task["rows"][0]["references"]] == [0, 2]


def dominant_channel(uri: str) -> int:
    """Return the strongest channel of the image of a data: address."""
    image = PIL.Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))).convert("RGB")
    return int(np.asarray(image).mean(axis=(0, 1)).argmax())


def test_a_page_without_items_states_so() -> None:
    assert "There is no item to show." in render_embedded(HEADING, [], 0)


def test_a_run_with_a_benchmark_gets_a_page(tmp_path: Path) -> None:
    pairs = [
        EditPair(f"p{n}", Task.OBJECT_SWAP, (f"Swap {n}.",), colour(n, 0, 0), colour(0, n, 0), None, {"source_id": "s"})
        for n in range(3)
    ]
    rows = []
    for model in ("no_edit", "editnet"):
        write_shard(tmp_path / f"{model}.h5", Task.OBJECT_SWAP, model, 0, pairs)
        for pair in pairs:
            scores = {"sc_score": 4.0, "pq_score": 9.0, "o_score": 6.0, "reasoning": "So.", "judge": "reference"}
            rows.append({"pair_id": pair.pair_id, "model": model, "task": "object_swap"} | scores)
    edits = group_edits([tmp_path / "no_edit.h5", tmp_path / "editnet.h5"])
    data = read_data(side_by_side_page("mini", rows, edits))
    assert [found["id"] for found in data["items"]] == ["p0", "p1", "p2"]
    assert [output["editor"] for output in data["items"][0]["outputs"]] == ["editnet", "no_edit"]
    assert data["items"][0]["outputs"][0]["scores"] == [
        {"judge": "reference", "o": 6.0, "sc": 4.0, "pq": 9.0, "why": "So."}
    ]
    assert data["labels"]["editnet"] == "EditNet"


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    with new_page(browser, "file:", "data:") as page:
        yield page


def open_folder(page: Any, folder: Path, items: list[ComparedItem]) -> None:
    write_folder(folder / "index.html", HEADING, items)
    page.goto((folder / "index.html").as_uri())


def test_items_are_filtered_by_task_score_disagreement_and_text(page: Any, tmp_path: Path) -> None:
    items = [item(0, a=9, b=9), item(1, "style", a=9, b=2), item(2, a=3, b=3), item(3, "style", HOSTILE, None, None)]
    open_folder(page, tmp_path, items)
    titles, count = page.locator(".item h2"), page.locator("#count")
    expect(titles).to_have_text(["Edit 0.", "Edit 1.", "Edit 2.", re.compile(r"^</script>.*onerror=alert\(1\)> &")])
    page.get_by_label("Task").select_option("Object swap")
    expect(titles).to_have_text(["Edit 0.", "Edit 2."])
    page.get_by_role("button", name="Clear").click()
    expect(count).to_have_text("4 of 4 items")
    page.get_by_label("Score of").select_option("Editor A")
    page.get_by_role("spinbutton", name="lowest O").fill("5")
    expect(titles).to_have_text(["Edit 0.", "Edit 1."])
    page.get_by_role("spinbutton", name="highest O").fill("6")
    expect(titles).to_have_text(["Edit 1."])
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("spinbutton", name="least disagreement of judges").fill("5")
    expect(titles).to_have_text(["Edit 1."])
    expect(page.locator(".split")).to_have_text("judges differ by 7.0")
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Order").select_option("lowest O first")
    expect(titles.first).to_have_text(re.compile("^</script>"))
    page.get_by_label("Instruction has").fill("edit 2")
    expect(titles).to_have_text(["Edit 2."])
    page.get_by_label("Instruction has").fill("nothing has this")
    expect(page.locator("#nothing")).to_be_visible()
    assert page.title() == "Six <b>editors</b> - run & co"


def test_failures_and_rationales_are_text_and_editors_can_be_hidden(page: Any, tmp_path: Path) -> None:
    open_folder(page, tmp_path, [item(0)])
    expect(page.locator(".failed")).to_have_text("failed: out of <memory>")
    expect(page.locator(".item figure")).to_have_count(4)
    page.get_by_text("the judges' rationales").click()
    expect(page.locator(".why p")).to_have_text("Editor A, strict. Because 0.")
    page.get_by_role("checkbox", name="Editor A").uncheck()
    expect(page.locator(".item figure")).to_have_count(3)
    expect(page.locator(".why")).to_have_count(0)


def test_two_images_are_compared_with_slider_and_zoom(page: Any, tmp_path: Path) -> None:
    open_folder(page, tmp_path, [item(0), item(1)])
    page.get_by_role("button", name="Editor A: Edit 0.").click()
    viewer, slider = page.locator("#viewer"), page.locator("#slider")
    expect(viewer).to_be_visible()
    expect(page.locator("#left")).to_have_value("source")
    expect(page.locator("#right")).to_have_value("=a")
    expect(page.locator("#right option")).to_have_text(["Source", "Editor A", "b"])
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_value("50.5")
    box = page.locator("#stage").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 50)
    page.mouse.down()
    page.mouse.up()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 3 / 4, box["y"] + box["height"] / 2)
    page.mouse.up()
    expect(slider).to_have_value("75")
    for _ in range(2):
        page.keyboard.press("+")
    expect(page.locator(".zoomed")).to_have_text("225 %")
    page.keyboard.press("0")
    expect(page.locator(".zoomed")).to_have_text("100 %")
    page.keyboard.press("j")
    expect(page.locator("#what")).to_have_text("Edit 1.")
    expect(page.locator("#right")).to_have_value("=a")
    assert page.evaluate("document.getElementById('over').naturalWidth") == 60
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()


def test_a_thousand_items_are_drawn_as_they_come_into_view(page: Any, tmp_path: Path) -> None:
    PIL.Image.fromarray(colour(1, 2, 3)).save(tmp_path / "one.png")
    picture = tmp_path / "one.png"
    many = [ComparedItem(f"{n}", "swap", f"Edit {n}.", picture, [Output("a", picture)]) for n in range(1000)]
    open_folder(page, tmp_path, many)
    expect(page.locator("#count")).to_have_text("1,000 of 1,000 items")
    assert page.locator(".item").count() < 200
    page.get_by_label("Order").select_option("failures first")
    for drawn in (20, 40, 60):
        page.locator(".item").last.scroll_into_view_if_needed()
        expect(page.locator(".item h2").nth(drawn)).to_have_text(f"Edit {drawn}.")


def test_the_page_works_in_the_frame_of_snakemakes_report(page: Any) -> None:
    encoded = base64.b64encode(render_embedded(HEADING, [item(0)], 1).encode()).decode()
    page.set_content(f'<iframe style="width:1200px;height:800px" src="data:text/html;base64,{encoded}"></iframe>')
    frame = page.frame_locator("iframe")
    expect(frame.locator(".item h2")).to_have_text("Edit 0.")
    frame.get_by_role("button", name="Editor A: Edit 0.").click()
    expect(frame.locator("#viewer")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 800, 390])
def test_nothing_is_wider_than_the_window(browser: Any, tmp_path: Path, scheme: str, width: int) -> None:
    page = patient_page(browser, viewport={"width": width, "height": 800}, color_scheme=scheme)
    open_folder(page, tmp_path, [item(0, instruction="A" * 300)])
    expect(page.locator(".item")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
