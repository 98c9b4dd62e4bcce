"""Pages of a local server in a real browser."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from omniedit.browsing.local_server import LocalServer

LONG_MS = 300_000.0
"""Timeout in milliseconds, longer than any step on a busy machine with one core."""


@contextmanager
def open_browser(chromium: str) -> Iterator[Any]:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=LONG_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"], timeout=LONG_MS)
        yield browser
        browser.close()


@contextmanager
def open_page(browser: Any, server: LocalServer) -> Iterator[Any]:
    """Yield the open page of a server; a request elsewhere and the like are failures, as in `new_page`."""
    with new_page(browser, server.address) as page:
        page.goto(server.address)
        yield page


def patient_page(browser: Any, **options: Any) -> Any:
    """Return an empty page whose steps may take as long as a busy machine needs."""
    page = browser.new_page(**options)
    page.set_default_timeout(LONG_MS)
    return page


@contextmanager
def new_page(browser: Any, *addresses: str) -> Iterator[Any]:
    """Yield an empty page. A request elsewhere, a dialog, or a script's error is a failure.

    Args:
        addresses: beginnings of the addresses that the page may request.
    """
    page = patient_page(browser, viewport={"width": 1280, "height": 860})
    faults: list[str] = []
    page.on("request", lambda request: None if request.url.startswith(addresses) else faults.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: (faults.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    yield page
    page.close()
    assert faults == []


def expect(locator: Any) -> Any:
    from playwright.sync_api import expect

    return expect(locator)
