"""Page where people rate edits, in a browser."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from helpers import local_requests
from helpers.local_page import expect, open_page, patient_page
from helpers.rated_edits import make_edits
from omniedit.browsing.rating.server import RatingServer
from omniedit.evaluation.people.answers import AnswerStore
from omniedit.evaluation.people.questions import Session, make_questions

Serve = Callable[..., RatingServer]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Return a function that serves the same file of answers, with given options."""
    with ExitStack() as opened:

        def serve(pairwise: bool = False, items: int = 3) -> RatingServer:
            store = opened.enter_context(AnswerStore(tmp_path / "ratings.sqlite"))
            questions = make_questions(store, make_edits(tmp_path / "edits", items), pairwise)
            return opened.enter_context(local_requests.serve(RatingServer(Session(store, questions, None, 0), 0)))

        yield serve


def answers(server: RatingServer) -> list[tuple]:
    return [(each.rater, each.sc, each.pq, each.problem) for each in server.session.store.read_answers()]


def join(page: Any, name: str) -> None:
    page.get_by_label("Your name").fill(name)
    page.keyboard.press("Enter")
    expect(page.locator("#rater")).to_have_text(f"Rater: {name}")
    wait_for_images(page)


def wait_for_images(page: Any) -> None:
    expect(page.locator("#stage:not(.waiting)")).to_be_visible()


def press(page: Any, *keys: str) -> None:
    for key in keys:
        wait_for_images(page)
        page.keyboard.press(key)


def test_two_raters_rate_all_edits_with_undo_and_resume(browser: Any, serve: Serve) -> None:
    server = serve()
    with open_page(browser, server) as page:
        join(page, "ada")
        count = page.locator("#count")
        expect(count).to_have_text("0 of 6")
        press(page, "s", "l")
        expect(count).to_have_text("1 of 6")
        press(page, "a")
        expect(page.locator("[data-score=sc][data-value='0']")).to_have_attribute("aria-pressed", "true")
        press(page, "d", "k")
        expect(count).to_have_text("2 of 6")
        wait_until(page, lambda: len(answers(server)) == 2)
        assert answers(server) == [("ada", 0.5, 1.0, ""), ("ada", 1.0, 0.5, "")]

        first = page.locator("#instruction").text_content()
        press(page, "u")
        expect(page.locator("#message")).to_have_text("Undone: answer it again.")
        expect(count).to_have_text("1 of 6")
        expect(page.locator(".before")).to_have_count(2)
        assert answers(server) == [("ada", 0.5, 1.0, "")]
        press(page, "a", "j")
        expect(page.locator("#instruction")).to_have_text(first or "")
        expect(count).to_have_text("2 of 6")
        wait_until(page, lambda: len(answers(server)) == 2)

        expect(page.locator("body")).to_have_attribute("data-unsaved", "0")
        page.reload()
        expect(count).to_have_text("2 of 6")
        expect(page.locator("#instruction")).to_have_text(first or "")
        press(page, "x")
        expect(page.locator("#reasons")).to_be_visible()
        page.keyboard.press("3")
        expect(count).to_have_text("3 of 6")
        for place in range(3, 6):
            expect(count).to_have_text(f"{place} of 6")
            press(page, "d", "l")
        expect(page.get_by_text("All done. Thank you.")).to_be_visible()
        wait_until(page, lambda: len(answers(server)) == 6)
        assert answers(server)[1:3] == [("ada", 0.0, 0.0, ""), ("ada", None, None, "the instruction is unclear")]

        page.keyboard.press("u")
        expect(count).to_have_text("5 of 6")
        press(page, "d", "l")
        expect(page.get_by_text("You answered 6 of 6.")).to_be_visible()
        expect(page.locator("body")).to_have_attribute("data-unsaved", "0")
        page.get_by_role("button", name="Not you?").click()
        join(page, "bob")
        expect(count).to_have_text("0 of 6")
        page.locator("[data-score=pq][data-value='1']").click()
        page.locator("[data-score=sc][data-value='0.5']").click()
        expect(count).to_have_text("1 of 6")
        wait_until(page, lambda: len(answers(server)) == 7)
    assert answers(server)[-1] == ("bob", 0.5, 1.0, "")
    assert all(each.seconds and each.seconds > 0 for each in server.session.store.read_answers() if not each.problem)


def wait_until(page: Any, holds: Callable[[], bool]) -> None:
    for _ in range(3000):
        if holds():
            return
        page.wait_for_timeout(20)
    raise AssertionError("it never holds")


def test_nothing_on_the_page_names_an_editor(browser: Any, serve: Serve) -> None:
    with open_page(browser, serve()) as page:
        seen: list[str] = []
        page.on("request", lambda request: seen.append(request.url))
        page.on("response", lambda response: seen.append(response.text() if "api" in response.url else ""))
        join(page, "ada")
        press(page, "s", "l", "v", "v", "f", "d", "k")
        page.wait_for_load_state("networkidle")
        shown = "\n".join([*seen, page.content()])
        assert "image/" in shown and "secret" not in shown and "item-" not in shown


def test_choices_are_made_by_digit_and_ranked_by_editor(browser: Any, serve: Serve, tmp_path: Path) -> None:
    """Choose the green edit, which the second rater sees on other sides."""
    server = serve(pairwise=True)
    for place, name in enumerate(("ada", "bob")):
        with open_page(browser, server) as page:
            join(page, name)
            for number in range(3):
                expect(page.locator("#count")).to_have_text(f"{number} of 3")
                wait_for_images(page)
                press(page, "1" if is_green(page, ".left img") else "2")
            expect(page.get_by_text("All done.")).to_be_visible()
            page.get_by_role("button", name="Undo the last answer").click()
            press(page, "3")
            expect(page.get_by_text("You answered 3 of 3.")).to_be_visible()
            wait_until(page, lambda count=3 * (place + 1): len(answers(server)) == count)
    winners = [each.winner for each in server.session.store.read_answers()]
    assert winners == ["A", "A", "tie"] * 2


def is_green(page: Any, selector: str) -> bool:
    script = """image => { const canvas = new OffscreenCanvas(1, 1).getContext("2d");
        canvas.drawImage(image, 0, 0, 1, 1); return canvas.getImageData(0, 0, 1, 1).data[1] > 150; }"""
    return page.locator(selector).evaluate(script)


def test_answers_are_kept_while_the_server_is_down_and_saved_once(browser: Any, serve: Serve) -> None:
    server = serve()
    page = patient_page(browser)
    page.goto(server.address)
    join(page, "ada")
    page.wait_for_load_state("networkidle")
    page.route("**/api/answer", lambda route: route.abort())
    press(page, "s", "l")
    expect(page.locator("#unsaved")).to_have_text("1 not saved yet, trying again")
    press(page, "d", "j")
    expect(page.locator("#count")).to_have_text("2 of 6")
    assert answers(server) == []
    page.unroute("**/api/answer")
    expect(page.locator("#unsaved")).to_be_hidden()
    wait_until(page, lambda: len(answers(server)) == 2)
    assert answers(server) == [("ada", 0.5, 1.0, ""), ("ada", 1.0, 0.0, "")]
    page.close()


def test_edits_cannot_be_rated_before_their_images_load(browser: Any, serve: Serve) -> None:
    with open_page(browser, serve()) as page:
        held: list[Any] = []
        released = threading.Event()
        page.route("**/image/**", lambda route: route.continue_() if released.is_set() else held.append(route))
        page.get_by_label("Your name").fill("ada")
        page.keyboard.press("Enter")
        expect(page.locator("#loading")).to_have_text("Loading the images")
        page.keyboard.press("d")
        page.keyboard.press("l")
        expect(page.locator("#count")).to_have_text("0 of 6")
        released.set()
        for route in held:
            route.continue_()
        press(page, "d", "l")
        expect(page.locator("#count")).to_have_text("1 of 6")


def test_images_are_prefetched_and_fetched_once(browser: Any, serve: Serve) -> None:
    with open_page(browser, serve()) as page:
        fetched: list[str] = []
        page.on("request", lambda request: fetched.append(request.url) if "/image/" in request.url else None)
        join(page, "ada")
        wait_until(page, lambda: len(fetched) == 8)
        press(page, "d", "l", "d", "l")
        expect(page.locator("#count")).to_have_text("2 of 6")
        wait_until(page, lambda: len(fetched) == 12)
        press(page, "d", "l")
        assert len(set(fetched)) == 12


def test_views_zoom_and_reasons_work_by_key(browser: Any, serve: Serve) -> None:
    with open_page(browser, serve()) as page:
        join(page, "ada")
        stage = page.locator("#stage")
        press(page, "v")
        expect(stage).to_have_attribute("data-view", "wipe")
        press(page, "f")
        expect(stage).to_have_attribute("data-view", "flip")
        expect(page.get_by_alt_text("Source image")).to_be_hidden()
        press(page, "f")
        expect(page.get_by_alt_text("Source image")).to_be_visible()
        expect(page.get_by_alt_text("Edited image")).to_be_hidden()
        press(page, "v", "z")
        expect(page.locator("#zoom")).to_have_attribute("aria-pressed", "true")
        press(page, "ArrowRight")
        assert stage.evaluate("stage => stage.style.getPropertyValue('--ox')") == "55%"
        page.keyboard.press("Escape")
        expect(page.locator("#zoom")).to_have_attribute("aria-pressed", "false")
        press(page, "x")
        page.get_by_label("Another reason").fill("d l <b>")
        page.keyboard.press("Escape")
        expect(page.locator("#reasons")).to_be_hidden()
        expect(page.locator("#count")).to_have_text("0 of 6")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("pairwise", [False, True])
def test_page_fits_phones_and_desktop_screens(browser: Any, serve: Serve, width: int, pairwise: bool) -> None:
    with open_page(browser, serve(pairwise)) as page:
        page.set_viewport_size({"width": width, "height": 860})
        join(page, "ada")
        backgrounds = set()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            backgrounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert len(backgrounds) == 2
        if width > 800:
            for button in page.locator("#choices button" if pairwise else "#answers button").all():
                expect(button).to_be_in_viewport(ratio=1)
