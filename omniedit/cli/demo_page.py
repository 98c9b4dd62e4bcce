"""Page of `omniedit demo`. `omniedit.cli.demo` sets Gradio's environment before it imports this module."""

import html
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import PIL.Image

from omniedit.cli.edit import Settings, collect_doubts, edit_image
from omniedit.errors import one_line
from omniedit.imaging.decode import UnreadableImage
from omniedit.plain_text import markdown_cell
from omniedit.sources.photo_file import EncodedPhoto
from omniedit.sources.photo_index import SAMPLE

if TYPE_CHECKING:
    from omniedit.models.conditions import SupportedConditions
    from omniedit.models.pipeline import EditPipeline
    from omniedit.models.pipeline_callbacks import Callback

EXAMPLES = (
    ("dandelion.jpg", "Make it night."),
    ("mountain_meadow.jpg", "Add thick fog."),
    ("two_dogs.jpg", "Turn it into a pencil sketch."),
)
MAX_SEED = 2**53 - 1
"""Maximum seed, because larger whole numbers lose their last digits in a browser."""
HOUR_S, DAY_S = 3600, 24 * 3600
Images = list[PIL.Image.Image]
History = list[tuple[PIL.Image.Image, PIL.Image.Image, Settings, Images]]
"""Edits of a visit, the latest first: source, edit, settings and reference images."""
EDITORS_CHOICE = "the editor decides"
COLUMNS = 5
"""Images in a row of a gallery."""
CSS = f".grid-container {{ --grid-cols: {COLUMNS} !important; }}"
"""Style that keeps the columns of a gallery. For few images, Gradio would use fewer and larger columns, and a low
gallery would show only their upper part."""
PAGE_FIELDS = ("instruction", "negative_prompt", "steps", "guidance_scale", "image_guidance_scale", "seed")
"""Settings with a field on the page, in the page's order; the task has a separate list."""


def build(pipeline: "EditPipeline", name: str) -> gr.Blocks:
    """Build the page for an editor.

    Args:
        name: name of the editor to show.
    """
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
        gallery.select(choose, history, chosen, api_visibility="private")
        further.click(lambda pair: pair and pair[1], slider, image, api_visibility="private")
    return page


def add_inputs(own: Mapping[str, Any], takes: "SupportedConditions") -> tuple[Any, list[Any], list[Any], Any]:
    """Add the upload, the settings, the button and the examples.

    Args:
        own: config of the editor, with its own settings.

    Returns:
        The image, the inputs of `PAGE_FIELDS` in order, the references, the task and the captions, and the button.
    """
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
    slider = gr.ImageSlider(label="Before and after", format="png", max_height=560, buttons=["download", "fullscreen"])
    caption = gr.Markdown()
    further = gr.Button("Edit this further")
    gallery = gr.Gallery(label="History", columns=COLUMNS, object_fit="contain", height=180, allow_preview=False)
    return slider, caption, further, gallery


def edit_action(pipeline: "EditPipeline") -> Callable[..., tuple]:
    """Return the function that edits an upload and adds it to the history."""

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


def choose(history: History, event: gr.SelectData) -> tuple:
    """Show an edit of the history again, with its source and settings."""
    before, after, settings, references = history[event.index]
    values = (getattr(settings, name) for name in PAGE_FIELDS)
    conditions = references, settings.task or EDITORS_CHOICE, "\n".join(settings.captions)
    return *show_edit(before, after, settings), before, *conditions, *values


def page_error(message: str) -> gr.Error:
    """Return an error that appears on the page and not in the log."""
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
