"""Web page to edit images by instruction: `omniedit demo`."""

import html
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import PIL.Image

from omniedit.cli.edit import Settings, collect_doubts, edit_image
from omniedit.errors import UserError
from omniedit.imaging.decode import Unreadable
from omniedit.plain_text import markdown_cell
from omniedit.sources.decode import EncodedPhoto

if TYPE_CHECKING:
    import gradio

    from omniedit.models.pipeline import EditPipeline

SAMPLE = Path(__file__).parents[1] / "sources/sample"
EXAMPLES = (
    ("dandelion.jpg", "Make it night."),
    ("mountain_meadow.jpg", "Add thick fog."),
    ("two_dogs.jpg", "Turn it into a pencil sketch."),
)
MAX_SEED = 2**53 - 1
"""Largest seed: larger whole numbers lose their last digits in a browser."""
HOUR_S, DAY_S = 3600, 24 * 3600
History = list[tuple[PIL.Image.Image, PIL.Image.Image, Settings]]


def launch(model: Path | None, device: str, host: str, port: int) -> None:
    """Serve the page until interrupted.

    Args:
        model: folder of the editor; None for the shipped one.

    Raises:
        UserError: Gradio is not installed, the folder holds no editor, or the port is taken.
    """
    check_gradio()
    from omniedit.models.loading import load_editor

    editor = load_editor(model, device)
    with private_uploads():
        import gradio

        page = build(editor, str(model or "the small editor that ships with OmniEdit"))
        try:
            page.queue().launch(server_name=host, server_port=port, share=False, theme=gradio.themes.Soft())
        except OSError as error:
            raise UserError(f"{host}:{port}: {error}") from None


@contextmanager
def private_uploads() -> Iterator[Path]:
    """Make Gradio store visitors' images in a folder that only this user can read, and delete it at the end.

    SIGTERM and SIGHUP end the block too. Enter it before Gradio is imported.
    """
    before = {number: signal.signal(number, _leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with TemporaryDirectory(prefix="omniedit-demo-") as folder:
            os.environ["GRADIO_TEMP_DIR"] = folder
            yield Path(folder)
    finally:
        os.environ.pop("GRADIO_TEMP_DIR", None)
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(number: int, _: object) -> None:
    sys.exit(128 + number)


def check_gradio() -> None:
    """Check that Gradio is installed, and turn off its analytics. Call it before Gradio is imported.

    Raises:
        UserError: Gradio is not installed.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    if find_spec("gradio") is None:
        raise UserError("Gradio is not installed; run: pip install 'omniedit[demo]'")


def build(pipeline: "EditPipeline", name: str) -> "gradio.Blocks":
    """Build the page for an editor.

    Args:
        name: name of the editor to show.
    """
    check_gradio()
    import gradio as gr

    def refusal(message: str) -> gr.Error:
        """Return an error that appears on the page and not in the log."""
        return gr.Error(html.escape(message, quote=False), print_exception=False)

    def uploaded_file(payload: Any) -> Path | None:
        """Return the path of an upload without decoding it; `omniedit edit` reads files in the same way."""
        if payload is not None and payload.path is None:
            raise refusal("Upload the image as a file.")
        return payload and Path(payload.path)

    def edit(
        image: Path | None,
        instruction: str,
        negative_prompt: str,
        steps: int,
        guidance_scale: float,
        image_guidance_scale: float,
        seed: float | None,
        history: History,
        progress: Any = gr.Progress(),  # noqa: B008 (Gradio finds its progress argument by this default)
    ) -> tuple:
        if image is None or not instruction.strip():
            raise refusal("Upload an image and describe the edit.")
        if seed is None or not 0 <= seed <= MAX_SEED:
            raise refusal(f"The seed must be a whole number from 0 to {MAX_SEED}.")
        settings = Settings(
            instruction.strip(), negative_prompt, int(steps), guidance_scale, image_guidance_scale, int(seed)
        )

        def after_step(_: Any, step: int, *__: Any) -> None:
            progress((step + 1, int(steps)), unit="steps")

        try:
            with EncodedPhoto(image) as photo:
                before = PIL.Image.fromarray(photo.decode())
        except (Unreadable, OSError, MemoryError) as error:
            raise refusal(f"This image cannot be read: {error}") from None
        try:
            with collect_doubts() as doubts:
                after = edit_image(pipeline, before, settings, after_step)
        except (ValueError, RuntimeError, MemoryError) as error:  # RuntimeError: torch's OOM
            raise refusal(" ".join(str(error).split())) from None
        for doubt in dict.fromkeys(doubts):
            gr.Warning(html.escape(doubt, quote=False))
        history = [(before, after, settings), *history]
        return *show(history, 0), history, [(after, settings.instruction) for _, after, settings in history]

    def show(history: History, place: int) -> tuple:
        before, after, settings = history[place]
        return (before, after), f"{markdown_cell(settings.instruction)} (seed {settings.seed})"

    def chosen(history: History, event: gr.SelectData) -> tuple:
        before, _, settings = history[event.index]
        return (
            *show(history, event.index),
            before,
            settings.instruction,
            settings.negative_prompt,
            settings.steps,
            settings.guidance_scale,
            settings.image_guidance_scale,
            settings.seed,
        )

    own = pipeline.config
    with gr.Blocks(title="OmniEdit", delete_cache=(HOUR_S, DAY_S)) as page:
        gr.Markdown(f"# OmniEdit\nUpload an image and describe the edit. Editor: `{name}`")
        history = gr.State([])
        with gr.Row():
            with gr.Column(scale=2):
                image = gr.Image(format="png", label="Image", height=320)
                # Gradio's own method decodes the file, and logs a traceback if it is broken.
                image.preprocess = uploaded_file  # type: ignore[method-assign,assignment]
                instruction = gr.Textbox(label="Instruction", placeholder="Make it night.", lines=1)
                go = gr.Button("Edit", variant="primary")
                with gr.Accordion("Settings", open=False):
                    steps = gr.Slider(1, 100, own["num_inference_steps"], step=1, label="Steps")
                    guidance = gr.Slider(
                        0, 10, own["guidance_scale"], step=0.1, label="Instruction guidance", info="1 turns it off"
                    )
                    image_guidance = gr.Slider(
                        0, 5, own["image_guidance_scale"], step=0.1, label="Image guidance", info="1 turns it off"
                    )
                    negative = gr.Textbox("", label="Negative prompt", info="What the edit should avoid")
                    seed = gr.Number(0, label="Seed", precision=0)
                gr.Examples([[str(SAMPLE / photo), words] for photo, words in EXAMPLES], [image, instruction])
            with gr.Column(scale=3):
                slider = gr.ImageSlider(
                    label="Before and after", format="png", max_height=560, buttons=["download", "fullscreen"]
                )
                caption = gr.Markdown()
                further = gr.Button("Edit this further")
                past = gr.Gallery(label="History", columns=5, object_fit="contain", height=180, allow_preview=False)
        settings = [instruction, negative, steps, guidance, image_guidance, seed]
        wanted, shown = [image, *settings, history], [slider, caption, history, past]
        go.click(edit, wanted, shown, api_name="edit")
        instruction.submit(edit, wanted, shown, api_visibility="private")
        past.select(chosen, history, [slider, caption, image, *settings], api_visibility="private")
        further.click(lambda pair: pair and pair[1], slider, image, api_visibility="private")
    return page
