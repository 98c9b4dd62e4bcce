"""`omniedit browse` in a real browser: filters, slider, mask, references, and decisions by key."""

import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.local_page import expect, open_page, patient_page
from helpers.local_requests import serve
from helpers.served_command import serve_until_signals
from helpers.small_run import HOSTILE, make_run
from omniedit.browsing.catalog import Catalog
from omniedit.browsing.server import BrowseServer
from omniedit.cli import main as cli
from omniedit.scoring.human_decisions import Decision, HandDecision, append_by_hand, read_by_hand


@pytest.fixture
def server(tmp_path: Path) -> Iterator[BrowseServer]:
    catalog = Catalog(make_run(tmp_path), "ada")
    with serve(BrowseServer(catalog, 0)) as server:
        yield server


@pytest.fixture
def page(browser: Any, server: BrowseServer) -> Iterator[Any]:
    """Page that is open, with all shards read."""
    server.catalog.read_shards()
    with open_page(browser, server) as page:
        yield page


def decisions(server: BrowseServer) -> dict[str, str]:
    made = read_by_hand(server.catalog.run / "decisions/human.jsonl")
    assert made.problems == []
    return {pair_id: str(each.decision) for pair_id, each in made.by_pair.items()}


def test_decisions_by_key_are_written_to_the_file(page: Any, server: BrowseServer) -> None:
    title, rows = page.locator("#instruction"), page.locator("#rows li")
    expect(title).to_have_text("Edit 0 of swap.")
    expect(rows).to_have_count(9)
    page.keyboard.press("j")
    expect(title).to_have_text("Edit 1 of swap.")
    page.keyboard.press("a")
    expect(title).to_have_text("Edit 2 of swap.")
    expect(rows.nth(1)).to_contain_text("accepted by hand")
    page.get_by_label("Note").fill("blurred ajkru")
    page.get_by_label("Note").blur()
    page.keyboard.press("r")
    expect(title).to_have_text("Edit 3 of swap.")
    page.keyboard.press("k")
    expect(title).to_have_text("Edit 2 of swap.")
    expect(page.locator("#verdict")).to_have_text(
        re.compile(r"^By hand: rejected by ada, .*: blurred ajkru\. Filter: rejected, unscorable\.$")
    )
    expect(page.locator("#counts")).to_have_text("9 pairs \u00b7 by hand: 1 accepted, 1 rejected")
    assert decisions(server) == {"swap-1": "accept", "swap-2": "reject"}
    page.keyboard.press("u")
    expect(page.locator("#message")).to_have_text("Decision undone.")
    page.keyboard.press("u")
    expect(title).to_have_text("Edit 1 of swap.")
    expect(rows.nth(1)).to_contain_text("below threshold")
    expect(page.locator("#undo")).to_be_disabled()
    assert decisions(server) == {}


def test_undo_restores_the_decision_of_another_person(page: Any, server: BrowseServer) -> None:
    append_by_hand(server.catalog.run / "decisions/human.jsonl", HandDecision("swap-0", Decision.REJECT, "bob", "noon"))
    page.reload()
    expect(page.locator("#verdict")).to_contain_text("By hand: rejected by bob, noon.")
    page.get_by_role("button", name="Accept").click()
    expect(page.locator("#instruction")).to_have_text("Edit 1 of swap.")
    assert decisions(server) == {"swap-0": "accept"}
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#rows li").first).to_contain_text("rejected by hand")
    assert decisions(server) == {"swap-0": "reject"}


def test_two_windows_show_each_others_decisions_and_undo_only_their_own(
    page: Any, browser: Any, server: BrowseServer
) -> None:
    other = patient_page(browser)
    other.goto(server.address)
    expect(other.locator("#instruction")).to_have_text("Edit 0 of swap.")
    other.keyboard.press("a")
    expect(other.locator("#instruction")).to_have_text("Edit 1 of swap.")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#rows li").first).to_contain_text("accepted by hand")
    expect(page.locator("#verdict")).to_contain_text("By hand: accepted by ada")
    page.keyboard.press("r")
    expect(page.locator("#counts")).to_have_text("9 pairs \u00b7 by hand: 0 accepted, 1 rejected")
    other.keyboard.press("u")
    expect(other.locator("#message")).to_have_text("swap-0: decided again in another window, so nothing is undone")
    expect(other.locator("#rows li").first).to_contain_text("rejected by hand")
    other.close()
    assert decisions(server) == {"swap-0": "reject"}


def test_filters_select_and_stay_in_the_address(page: Any, server: BrowseServer) -> None:
    total, title = page.locator("#total"), page.locator("#instruction")
    page.get_by_label("Task").select_option("object_swap")
    expect(total).to_have_text("5 pairs selected")
    page.get_by_label("Lowest score").fill("5")
    page.get_by_label("Order").select_option("best")
    expect(total).to_have_text("2 pairs selected")
    expect(title).to_have_text("Edit 3 of swap.")
    page.reload()
    expect(total).to_have_text("2 pairs selected")
    expect(page.get_by_label("Order")).to_have_value("best")
    page.get_by_label("Judge").select_option("unscored")
    expect(page.get_by_text("No pair matches these filters.")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(total).to_have_text("9 pairs selected")
    page.get_by_label("Photo or pair").fill("PHOTO1")
    page.get_by_label("Photo or pair").press("Enter")
    expect(total).to_have_text("3 pairs selected")
    page.get_by_label("Reason").select_option("undecided")
    expect(title).to_have_text("Edit 1 of style.")
    assert decisions(server) == {}


def pixel(page: Any, x: float, y: float) -> tuple[int, ...]:
    """Return the colour that is seen at a place of the stage, given as fractions of it."""
    import io

    import PIL.Image

    shown = PIL.Image.open(io.BytesIO(page.locator("#stage").screenshot())).convert("RGB")
    return shown.getpixel((int(x * shown.width), int(y * shown.height)))


def test_slider_reveals_the_source_and_the_mask_is_drawn_at_its_place(page: Any) -> None:
    """Look at a pixel inside the mask, at 60 % of the width; the edit there is blue, the source black."""
    expect(page.locator("#instruction")).to_have_text("Edit 0 of swap.")
    page.wait_for_load_state("networkidle")
    assert pixel(page, 0.6, 0.37)[2] > 150
    slider = page.get_by_label("Slider between source and edited image")
    slider.fill("90")
    assert pixel(page, 0.6, 0.37)[2] < 60
    slider.fill("0")
    before = pixel(page, 0.6, 0.37)
    page.keyboard.press("m")
    expect(page.locator("#mask")).to_have_attribute("aria-pressed", "true")
    inside, outside = pixel(page, 0.6, 0.37), pixel(page, 0.2, 0.8)
    assert inside[0] > before[0] + 30 and max(outside) < 40
    page.get_by_role("button", name="Flip").click()
    assert pixel(page, 0.6, 0.37)[2] < 100
    page.locator("#stage").click()
    assert pixel(page, 0.6, 0.37)[2] > 150
    page.get_by_role("button", name="Side by side").click()
    expect(page.get_by_alt_text("Source image")).to_be_visible()
    expect(page.get_by_alt_text("Edited image")).to_be_visible()


def test_texts_from_files_are_escaped(page: Any) -> None:
    """Open an imported pair, whose instruction, caption and score are HTML, with its references."""
    expect(page.locator("#rows li")).to_have_count(9)
    page.locator("#rows button").nth(7).click()
    expect(page.locator("#instruction")).to_have_text(HOSTILE)
    assert page.locator("#pair script, #pair [onerror]").count() == 0
    expect(page.locator("#references img")).to_have_count(2)
    expect(page.locator("#references")).to_contain_text("reference: ../subject")
    expect(page.locator("#facts")).to_contain_text("session chat 1, turn 2")
    expect(page.locator("#mask")).to_be_disabled()
    page.wait_for_load_state("networkidle")
    broken = page.evaluate("[...document.images].filter(each => each.complete && !each.naturalWidth).length")
    assert broken == 0


@pytest.mark.parametrize("width", [390, 800, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits_phones_and_desktop_screens(page: Any, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    page.reload()
    expect(page.locator("#instruction")).to_have_text("Edit 0 of swap.")
    page.locator("#filters").evaluate("filters => { filters.open = true; }")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("#accept", "#reject", "#next"):
        expect(page.locator(name)).to_be_in_viewport()
    light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert light == (scheme == "light")


def test_a_pair_whose_file_vanished_is_shown_with_the_reason(browser: Any, server: BrowseServer) -> None:
    server.catalog.read_shards()
    shutil.rmtree(server.catalog.run / "candidates/object_swap")
    page = patient_page(browser)
    page.goto(server.address)
    expect(page.locator("#unread")).to_contain_text("no such file")
    expect(page.locator("#instruction")).to_have_text("swap-0")
    page.keyboard.press("r")
    expect(page.locator("#rows li").first).to_contain_text("rejected by hand")
    page.close()


def test_pairs_appear_while_shards_are_read(browser: Any, server: BrowseServer) -> None:
    page = patient_page(browser)
    page.goto(server.address)
    expect(page.locator("#counts")).to_have_text("0 pairs, reading 0 of 3 shards")
    server.catalog.read_shards()
    expect(page.locator("#counts")).to_have_text("9 pairs")
    expect(page.locator("#instruction")).to_have_text("Edit 0 of swap.")
    page.close()


def test_the_command_serves_only_this_machine_and_stops_quietly(tmp_path: Path) -> None:
    make_run(tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for line in serve_until_signals(tmp_path, "browse", "small", "--port", str(port)):
        assert line == f"http://127.0.0.1:{port}  shows results/small; Ctrl-C ends it\n"


def test_a_port_in_use_gives_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], server: BrowseServer
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["omniedit", "browse", "small", "--port", str(server.server_port)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    error = capsys.readouterr().err
    assert ended.value.code == 2 and "Address already in use; give another --port" in error and error.count("\n") == 1
