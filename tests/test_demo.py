"""The demo's page in a real browser: a photo is uploaded, edited, shown beside its source and kept in the history."""

import os
import shutil
from collections.abc import Iterator

import pytest

from debian import CannotInstall, install
from models.tiny_editor import make_pipeline
from omniedit.demo import EXAMPLES, SAMPLE, build, check_gradio

SECOND = 1000.0
"""In milliseconds, as Playwright counts."""


@pytest.fixture(scope="module")
def chromium() -> str:
    try:
        install({"chromium": "chromium"})
    except CannotInstall as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no browser here: {reason}")
    path = shutil.which("chromium")
    assert path
    return path


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    check_gradio()
    import gradio

    page = build(make_pipeline(), "tiny").queue()
    _, url, _ = page.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, theme=gradio.themes.Soft())
    yield url
    page.close()


def test_a_photo_is_uploaded_edited_and_taken_further(chromium: str, address: str) -> None:
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address, timeout=120 * SECOND)
        page.get_by_role("button", name="Edit", exact=True).click(timeout=120 * SECOND)
        expect(page.get_by_text("Give a picture and say what to change.")).to_be_visible(timeout=60 * SECOND)
        page.set_input_files("input[type=file] >> nth=0", SAMPLE / "two_dogs.jpg")
        page.get_by_label("Instruction", exact=True).fill("Make it night.")
        page.get_by_role("button", name="Edit", exact=True).click()
        expect(page.get_by_text("Make it night. (seed 0)")).to_be_visible(timeout=120 * SECOND)
        page.get_by_role("button", name="Edit this further").click()
        page.get_by_label("Instruction", exact=True).fill("Add fog.")
        page.get_by_role("button", name="Edit", exact=True).click()
        expect(page.get_by_text("Add fog. (seed 0)")).to_be_visible(timeout=120 * SECOND)
        expect(page.locator(".thumbnail-item")).to_have_count(2)
        page.locator(".thumbnail-item").last.click()
        expect(page.get_by_text("Make it night. (seed 0)")).to_be_visible(timeout=60 * SECOND)
        browser.close()
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


def test_the_samples_that_it_offers_are_there() -> None:
    assert all((SAMPLE / photo).is_file() for photo, _ in EXAMPLES)
