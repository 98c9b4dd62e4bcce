"""Tests for the demo, also in a real browser: upload a photo, edit it, compare it with its source, use the history."""

import os
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import PIL.Image
import pytest

from helpers.tiny_editor import make_pipeline
from helpers.tiny_models import move_weights
from omniedit.cli.demo import check_gradio, private_uploads
from omniedit.sources.photo_index import SAMPLE

LONG_MS = 900_000.0
"""Timeout in milliseconds, longer than any step on a busy machine with one core."""


@pytest.fixture(scope="module")
def demo_page() -> ModuleType:
    """Import the module of the page, which loads Gradio."""
    check_gradio()
    return import_module("omniedit.cli.demo_page")


@pytest.fixture(scope="module")
def address(demo_page: ModuleType) -> Iterator[str]:
    import gradio

    page = demo_page.build(make_pipeline(), "tiny").queue()
    _, url, _ = page.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, theme=gradio.themes.Soft())
    yield url
    page.close()


def test_a_photo_is_uploaded_edited_and_edited_again(chromium: str, address: str) -> None:
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"], timeout=LONG_MS)
        page = browser.new_page()
        page.set_default_timeout(LONG_MS)
        expect.set_options(timeout=LONG_MS)
        urls: list[str] = []
        page.on("request", lambda request: urls.append(request.url))
        page.goto(address)
        page.get_by_role("button", name="Edit", exact=True).click()
        expect(page.get_by_text("Upload an image and describe the edit.", exact=True)).to_be_visible()
        page.set_input_files("input[type=file] >> nth=0", SAMPLE / "two_dogs.jpg")
        page.get_by_label("Instruction", exact=True).fill("Make it night.")
        page.get_by_role("button", name="Edit", exact=True).click()
        expect(page.get_by_text("Make it night. (seed 0)")).to_be_visible()
        page.get_by_role("button", name="Edit this further").click()
        page.get_by_label("Instruction", exact=True).fill("Add fog.")
        page.get_by_role("button", name="Edit", exact=True).click()
        expect(page.get_by_text("Add fog. (seed 0)")).to_be_visible()
        expect(page.locator(".thumbnail-item")).to_have_count(2)
        page.locator(".thumbnail-item").last.click()
        expect(page.get_by_text("Make it night. (seed 0)")).to_be_visible()
        browser.close()
    assert [url for url in urls if not url.startswith((address, "data:", "blob:"))] == []


@pytest.fixture(scope="module")
def page(demo_page: ModuleType) -> Any:
    """Build the page for an editor whose output depends on the image; an untrained editor's does not."""
    pipeline = make_pipeline()
    move_weights(pipeline.transformer)
    return demo_page.build(pipeline, "tiny")


def edit_on(
    page: Any,
    photo: Path,
    seed: float | None = 0,
    steps: int = 2,
    guidance: float = 1,
    image: float = 1,
    instruction: str = " Add fog. ",
) -> Any:
    """Edit an uploaded file on the page; return source image, edited image and caption."""
    from gradio.data_classes import FileData
    from gradio.image_utils import ImageData

    (event,) = [fn for fn in page.fns.values() if fn.api_name == "edit"]
    shown, *_ = event.inputs
    uploaded = shown.preprocess(ImageData(path=str(photo), orig_name=FileData(path=str(photo)).path))
    (before, after), caption, *_ = event.fn(uploaded, instruction, "", steps, guidance, image, seed, [])
    return np.asarray(before), np.asarray(after), caption


def test_images_of_any_mode_are_shown_as_the_editor_sees_them(page: Any, tmp_path: Path) -> None:
    grey = np.full((40, 60), 0x80FF, np.uint16)
    PIL.Image.fromarray(grey).save(tmp_path / "16 bits.png")
    PIL.Image.new("RGBA", (60, 40), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    before, _, _ = edit_on(page, tmp_path / "16 bits.png", steps=1)
    assert before.shape == (40, 60, 3) and before.min() == before.max() == 0x80
    before, _, _ = edit_on(page, tmp_path / "clear.png", steps=1)
    assert before.min() == 255


def test_an_edit_differs_from_its_source_and_depends_on_seed_and_guidance(page: Any, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    PIL.Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)).save(photo)
    before, after, caption = edit_on(page, photo)
    assert np.array_equal(before, np.asarray(PIL.Image.open(photo))) and caption == "Add fog. (seed 0)"
    assert not np.array_equal(before, after)
    assert np.array_equal(edit_on(page, photo)[1], after)
    for change in ({"seed": 1}, {"guidance": 4.0}, {"image": 2.0}, {"steps": 3}):
        assert not np.array_equal(edit_on(page, photo, **change)[1], after), change


def test_an_instruction_is_shown_as_text(page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check the caption, which is Markdown, and the warnings, which are HTML."""
    import gradio

    warned: list[str] = []
    monkeypatch.setattr(gradio, "Warning", warned.append)
    monkeypatch.setattr(
        "omniedit.cli.demo_page.collect_doubts", lambda: nullcontext(["'<img src=x>' is unlike the others"])
    )
    PIL.Image.new("RGB", (60, 40), "red").save(tmp_path / "photo.png")
    *_, caption = edit_on(page, tmp_path / "photo.png", steps=1, instruction="![a](http://b) <img src=x> zxqv")
    assert caption == r"!\[a\](http\://b) \<img src=x\> zxqv (seed 0)"
    assert warned == ["'&lt;img src=x&gt;' is unlike the others"]


def test_an_editor_with_references_shows_upload_and_tasks(demo_page: ModuleType, tmp_path: Path) -> None:
    pipeline = make_pipeline("editnet_routed")
    move_weights(pipeline.transformer)
    routed = demo_page.build(pipeline, "tiny")
    (event,) = [fn for fn in routed.fns.values() if fn.api_name == "edit"]
    *_, references, task, captions = event.inputs
    assert references.visible and task.visible and not captions.visible and "remove" in dict(task.choices)
    PIL.Image.new("RGB", (60, 40), "red").save(tmp_path / "photo.png")
    given = (tmp_path / "photo.png", "Add it.", "", 2, 1, 1, 0, [])
    (_, plain), _, history, _ = event.fn(*given)
    (_, pointed), _, history, _ = event.fn(*given[:-1], history, [tmp_path / "photo.png"], "remove")
    assert (np.asarray(plain) != np.asarray(pointed)).any()
    assert [(len(shown), settings.task) for _, _, settings, shown in history] == [(1, "remove"), (0, None)]
    (select,) = [fn for fn in routed.fns.values() if fn.fn.__name__ == "choose"]
    again = select.fn(history, SimpleNamespace(index=0))
    labels = [output.label for output in select.outputs]
    chosen = {label: value for label, value in zip(labels, again, strict=True) if isinstance(value, str | int)}
    assert chosen["Task"] == "remove" and chosen["Instruction"] == "Add it." and chosen["Negative prompt"] == ""
    assert (chosen["Steps"], chosen["Seed"]) == (2, 0)


def test_an_editor_without_references_hides_them(page: Any) -> None:
    (event,) = [fn for fn in page.fns.values() if fn.api_name == "edit"]
    *_, references, task, captions = event.inputs
    assert not references.visible and not task.visible and not captions.visible


def test_captions_have_a_line_per_reference_and_return_from_the_history(demo_page: ModuleType, tmp_path: Path) -> None:
    pipeline = make_pipeline("editnet_demos_cross")
    move_weights(pipeline.transformer)
    page = demo_page.build(pipeline, "tiny")
    (event,) = [fn for fn in page.fns.values() if fn.api_name == "edit"]
    *_, references, task, captions = event.inputs
    assert references.visible and captions.visible and not task.visible
    PIL.Image.new("RGB", (60, 40), "red").save(tmp_path / "photo.png")
    shown = [tmp_path / "photo.png"] * 2
    given = (tmp_path / "photo.png", "Add it.", "", 2, 1, 1, 0, [], shown, task.value)
    (_, plain), *_ = event.fn(*given, captions.value)
    (_, captioned), _, history, _ = event.fn(*given, "a duck\na duck in snow\n")
    assert (np.asarray(plain) != np.asarray(captioned)).any()
    for text, captions_of_both in (("\na duck", ("", "a duck")), ("a duck", ("a duck", ""))):
        assert event.fn(*given, text)[2][0][2].captions == captions_of_both
    outputs = demo_page.choose(history, SimpleNamespace(index=0))
    assert outputs[3:7] == (history[0][3], task.value, "a duck\na duck in snow", "Add it.") and len(outputs) == 12


@pytest.mark.parametrize("seed", [None, -1, 2**53, 2**64])
def test_a_seed_beyond_the_integers_of_a_browser_is_rejected(page: Any, seed: float | None) -> None:
    import gradio

    with pytest.raises(gradio.Error, match="The seed must be a whole number from 0 to 9007199254740991"):
        edit_on(page, SAMPLE / "two_dogs.jpg", seed=seed)


def test_invalid_inputs_show_a_message_without_a_traceback(page: Any, tmp_path: Path) -> None:
    """Try a broken file, a file of a different kind, guidance too large to compute, and a bad seed."""
    import gradio

    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "drawing.svg").write_text("<svg/>")
    for photo, given, problem in (
        (tmp_path / "broken.jpg", {}, "This image cannot be read: "),
        (tmp_path / "drawing.svg", {}, "This image cannot be read: "),
        (SAMPLE / "two_dogs.jpg", {"guidance": 1e30}, "sampling gave NaN or infinite values"),
        (SAMPLE / "two_dogs.jpg", {"seed": -1}, "The seed must be"),
    ):
        with pytest.raises(gradio.Error, match=problem) as refused:
            edit_on(page, photo, **given)
        assert refused.value.print_exception is False


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_uploaded_images_are_private_and_deleted_when_the_demo_ends(tmp_path: Path, ending: signal.Signals) -> None:
    """Keep an image open while the demo ends."""
    serve = """
        from omniedit.cli.demo import private_uploads
        import signal, time
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
        with private_uploads() as folder, (folder / "photo.png").open("w"):
            print(folder, flush=True)
            time.sleep(600)
    """
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", textwrap.dedent(serve)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True) as demo:
        assert demo.stdout is not None
        folder = Path(demo.stdout.readline().strip())
        assert folder.parent == tmp_path and (folder / "photo.png").is_file()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        demo.send_signal(ending)
    assert not folder.exists()


def test_gradio_keeps_uploads_in_the_private_folder() -> None:
    check_gradio()
    from gradio.utils import get_upload_folder

    with private_uploads() as folder:
        assert get_upload_folder() == str(folder)
    assert get_upload_folder() != str(folder)


def test_the_page_listens_only_on_this_machine_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    import gradio

    from omniedit.cli import main as cli

    served: list[dict[str, Any]] = []
    monkeypatch.setattr(gradio.Blocks, "launch", lambda page, **options: served.append(options))
    monkeypatch.setattr("omniedit.models.loading.load_editor", lambda *_: make_pipeline())
    monkeypatch.setattr("omniedit.cli.demo.check_address", lambda host, port: None)
    for words in ([], ["--host", "0.0.0.0", "--port", "80"]):
        monkeypatch.setattr("sys.argv", ["omniedit", "demo", *words])
        cli.main()
    given = [(options["server_name"], options["server_port"], options["share"]) for options in served]
    assert given == [("127.0.0.1", 7860, False), ("0.0.0.0", 80, False)]


def test_offered_sample_photos_exist(demo_page: ModuleType) -> None:
    assert all((SAMPLE / photo).is_file() for photo, _ in demo_page.EXAMPLES)
