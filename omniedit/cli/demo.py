"""Web page to edit images by instruction: `omniedit demo`."""

import html
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import PIL.Image

from omniedit.browsing.local_server import check_address
from omniedit.cli.edit import Settings, collect_doubts, edit_image
from omniedit.errors import UserError, one_line
from omniedit.imaging.decode import UnreadableImage
from omniedit.plain_text import markdown_cell
from omniedit.sources.photo_file import EncodedPhoto

if TYPE_CHECKING:
    import gradio

    from omniedit.models.conditions import SupportedConditions
    from omniedit.models.pipeline import EditPipeline
    from omniedit.models.pipeline_callbacks import Callback

SAMPLE = Path(__file__).parents[1] / "sources/sample"
EXAMPLES = (
    ("dandelion.jpg", "Make it night."),
    ("mountain_meadow.jpg", "Add thick fog."),
    ("two_dogs.jpg", "Turn it into a pencil sketch."),
)
MAX_SEED = 2**53 - 1
"""Largest seed: larger whole numbers lose their last digits in a browser."""
HOUR_S, DAY_S = 3600, 24 * 3600
Images = list[PIL.Image.Image]
History = list[tuple[PIL.Image.Image, PIL.Image.Image, Settings, Images]]
"""Edits of a visit, the latest first: source, edit, settings and reference images."""
EDITORS_CHOICE = "the editor decides"
COLUMNS = 5
"""Images in a row of a gallery."""
CSS = f".grid-container {{ --grid-cols: {COLUMNS} !important; }}"
"""Gradio shows few images in fewer and larger columns, of which a low gallery shows the upper part only."""
PAGE_FIELDS = ("instruction", "negative_prompt", "steps", "guidance_scale", "image_guidance_scale", "seed")
"""Settings with a field on the page, in its order; the task has a separate list."""


def launch(model: Path | None, device: str, host: str, port: int) -> None:
    """Serve the page until interrupted.

    Args:
        model: folder of the editor; None for the shipped one.

    Raises:
        UserError: Gradio is not installed, the folder holds no editor, or the port is taken.
    """
    check_gradio()
    check_address(host, port)
    from omniedit.models.loading import load_editor

    editor = load_editor(model, device)
    with private_uploads():
        import gradio

        page = build(editor, str(model or "the small editor that ships with OmniEdit"))
        try:
            page.queue().launch(server_name=host, server_port=port, share=False, theme=gradio.themes.Soft(), css=CSS)
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

    edit = edit_action(pipeline)
    with gr.Blocks(title="OmniEdit", delete_cache=(HOUR_S, DAY_S)) as page:
        gr.Markdown(f"# OmniEdit\nUpload an image and describe the edit. Editor: `{name}`")
        history = gr.State([])
        with gr.Row():
            with gr.Column(scale=2):
                image, settings, conditions, button = add_inputs(pipeline.config, pipeline.takes)
            with gr.Column(scale=3):
                slider, caption, further, gallery = add_results()
        inputs, outputs = [image, *settings, history, *conditions], [slider, caption, history, gallery]
        button.click(edit, inputs, outputs, api_name="edit")
        settings[0].submit(edit, inputs, outputs, api_visibility="private")
        chosen = [slider, caption, image, *conditions, *settings]
        gallery.select(choose_action(), history, chosen, api_visibility="private")
        further.click(lambda pair: pair and pair[1], slider, image, api_visibility="private")
    return page


def add_inputs(own: Mapping[str, Any], takes: "SupportedConditions") -> tuple[Any, list[Any], list[Any], Any]:
    """Add the upload, the settings, the button and the examples.

    Args:
        own: config of the editor, with its own settings.

    Returns:
        The image, the inputs of `PAGE_FIELDS` in order, the references, the task and the captions, and the button.
    """
    import gradio as gr

    image = gr.Image(format="png", label="Image", height=320)
    # Gradio's own method decodes the file, and logs a traceback if it is broken.
    image.preprocess = upload_path  # type: ignore[method-assign,assignment]
    instruction = gr.Textbox(label="Instruction", placeholder="Make it night.", lines=1)
    conditions = add_conditions(takes)
    button = gr.Button("Edit", variant="primary")
    with gr.Accordion("Settings", open=False):
        off = "1 turns it off"
        steps = gr.Slider(1, 100, own["num_inference_steps"], step=1, label="Steps")
        guidance = gr.Slider(0, 10, own["guidance_scale"], step=0.1, label="Instruction guidance", info=off)
        image_guidance = gr.Slider(0, 5, own["image_guidance_scale"], step=0.1, label="Image guidance", info=off)
        negative = gr.Textbox("", label="Negative prompt", info="What the edit should avoid")
        seed = gr.Number(0, label="Seed", precision=0)
    gr.Examples([[str(SAMPLE / photo), words] for photo, words in EXAMPLES], [image, instruction])
    return image, [instruction, negative, steps, guidance, image_guidance, seed], conditions, button


def add_conditions(takes: "SupportedConditions") -> list[Any]:
    """Add the inputs for reference images, their captions and the task; hide those that the editor does not take."""
    import gradio as gr

    references = gr.Gallery(
        type="filepath",
        format="png",
        label="Reference images",
        columns=COLUMNS,
        height=160,
        object_fit="contain",
        interactive=True,
        file_types=["image"],
        visible=takes.references,
    )
    # Gradio's own method decodes the files, as for the image.
    references.preprocess = upload_paths  # type: ignore[method-assign,assignment]
    captions = gr.Textbox(
        "",
        label="Captions of the reference images",
        info="One line per image, in their order; leave it empty for none",
        lines=2,
        visible=takes.captions,
    )
    choices = [EDITORS_CHOICE, *takes.tasks]
    task = gr.Dropdown(choices, value=EDITORS_CHOICE, label="Task", visible=bool(takes.tasks))
    return [references, task, captions]


def add_results() -> tuple[Any, ...]:
    """Add and return the comparison of source and edited image, its caption, the button below and the history."""
    import gradio as gr

    slider = gr.ImageSlider(label="Before and after", format="png", max_height=560, buttons=["download", "fullscreen"])
    caption = gr.Markdown()
    further = gr.Button("Edit this further")
    gallery = gr.Gallery(label="History", columns=COLUMNS, object_fit="contain", height=180, allow_preview=False)
    return slider, caption, further, gallery


def edit_action(pipeline: "EditPipeline") -> Callable[..., tuple]:
    """Return the function that edits an upload and adds it to the history."""
    import gradio as gr

    def edit(
        image: Path | None,
        instruction: str,
        negative_prompt: str,
        steps: int,
        guidance_scale: float,
        image_guidance_scale: float,
        seed: float | None,
        history: History,
        references: list[Path] | None = None,
        task: str = EDITORS_CHOICE,
        captions: str = "",
        progress: Any = gr.Progress(),  # noqa: B008 (Gradio finds its progress argument by this default)
    ) -> tuple:
        if image is None or not instruction.strip():
            raise page_error("Upload an image and describe the edit.")
        if seed is None or not 0 <= seed <= MAX_SEED:
            raise page_error(f"The seed must be a whole number from 0 to {MAX_SEED}.")
        lines = [line.strip() for line in captions.rstrip().splitlines()]
        missing = len(references or []) - len(lines) if lines else 0
        texts = (*lines, *[""] * missing)
        sampling = instruction.strip(), negative_prompt, int(steps), guidance_scale, image_guidance_scale, int(seed)
        settings = Settings(*sampling, None if task == EDITORS_CHOICE else task, captions=texts)

        def after_step(_: Any, step: int, *__: Any) -> None:
            progress((step + 1, int(steps)), unit="steps")

        before, reference_images = read_upload(image), [read_upload(path) for path in references or []]
        edited = before, run_edit(pipeline, before, settings, after_step, reference_images), settings, reference_images
        history = [edited, *history]
        return *show_edit(*edited[:3]), history, [(after, settings.instruction) for _, after, settings, _ in history]

    return edit


def choose_action() -> Callable[..., tuple]:
    """Return the function that shows an edit of the history again, with its source and settings."""
    import gradio as gr

    def choose(history: History, event: gr.SelectData) -> tuple:
        before, after, settings, references = history[event.index]
        values = (getattr(settings, name) for name in PAGE_FIELDS)
        conditions = references, settings.task or EDITORS_CHOICE, "\n".join(settings.captions)
        return *show_edit(before, after, settings), before, *conditions, *values

    return choose


def page_error(message: str) -> "gradio.Error":
    """Return an error that appears on the page and not in the log."""
    import gradio as gr

    return gr.Error(html.escape(message, quote=False), print_exception=False)


def upload_path(payload: Any) -> Path | None:
    """Return the path of an upload without decoding it; `omniedit edit` reads files in the same way."""
    if payload is not None and payload.path is None:
        raise page_error("Upload the image as a file.")
    return payload and Path(payload.path)


def upload_paths(payload: Any) -> list[Path]:
    """Return the paths of the uploads of a gallery without decoding them."""
    items = payload.root if payload is not None else []
    return [path for item in items if (path := upload_path(getattr(item, "image", None)))]


def read_upload(path: Path) -> PIL.Image.Image:
    try:
        with EncodedPhoto(path) as photo:
            return PIL.Image.fromarray(photo.decode())
    except (UnreadableImage, OSError, MemoryError) as error:
        raise page_error(f"This image cannot be read: {error}") from None


def run_edit(
    pipeline: "EditPipeline", before: PIL.Image.Image, settings: Settings, after_step: "Callback", references: Images
) -> PIL.Image.Image:
    """Return the edited image, and show warnings and errors on the page."""
    import gradio as gr

    try:
        with collect_doubts() as doubts:
            after = edit_image(pipeline, before, settings, after_step, references)
    except (ValueError, RuntimeError, MemoryError) as error:  # RuntimeError: torch's OOM
        raise page_error(one_line(error)) from None
    for doubt in dict.fromkeys(doubts):
        gr.Warning(html.escape(doubt, quote=False))
    return after


def show_edit(before: PIL.Image.Image, after: PIL.Image.Image, settings: Settings) -> tuple:
    """Return the values of the slider and of its caption."""
    return (before, after), f"{markdown_cell(settings.instruction)} (seed {settings.seed})"
