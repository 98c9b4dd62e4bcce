"""Settings of the experiment. The Snakefile imports this module, so it uses only the standard library."""

from dataclasses import dataclass

from benchmarks.ablation.settings import Fit

MIXES = {
    "simple": ("simple",),
    "editing": ("simple", "complex"),
    "editing_segmentation": ("simple", "complex", "segmentation"),
    "editing_questions": ("simple", "complex", "question"),
    "all": ("simple", "complex", "segmentation", "question"),
}
"""Kinds of rows by name of a data mix, in equal shares. All mixes have the same number of rows."""
ENCODERS = ("minilm", "none", "one_way", "both")
"""What reads the instruction: MiniLM alone, or the language model with an interaction mode."""
EXPLICIT = "explicit"
"""Encoder of the editor from which all units start: MiniLM with explicit instructions."""
START = f"{EXPLICIT}-editing-0"
"""Name of its unit."""
UNITS = (
    *((encoder, "all") for encoder in ENCODERS),
    *(("both", mix) for mix in ("editing", "editing_segmentation", "editing_questions", "simple")),
)
"""Encoder and data mix of each unit. MiniLM answers no questions, so its mix "all" has none."""


@dataclass(frozen=True)
class Setting:
    """Options of the experiment.

    Args:
        vision, language, qformer, alignment, start, editor: options of the trainings; `qformer` is the part of the
            alignment with a frozen language model, `start` the editor that all units start from.
        questions_per_image: largest number of questions to an image in the language model's training.
        vision_width, vision_layers: size of the language model's image encoder.
        width, layers: size of the language model.
        image_tokens: number of [IMG] tokens.
        queries: number of instruction embeddings, and of MiniLM's tokens.
        qformer_layers: layers of the QFormer.
        columns_per_cue: number of instructions of each cue that test whether the language model finds the column.
        items_per_cue: number of test items of each cue.
        evaluations: number of tests of an editor during training, at equal distances.
        checkpoint_every: number of steps between checkpoints.
        sampling_steps: steps of the sampler in tests.
    """

    vision: Fit
    language: Fit
    qformer: Fit
    alignment: Fit
    start: Fit
    editor: Fit
    seeds: int = 3
    questions_per_image: int = 6
    vision_width: int = 64
    vision_layers: int = 2
    width: int = 96
    layers: int = 3
    image_tokens: int = 4
    queries: int = 16
    qformer_layers: int = 2
    editor_layers: int = 4
    columns_per_cue: int = 400
    items_per_cue: int = 40
    evaluations: int = 1
    checkpoint_every: int = 50
    sampling_steps: int = 1


SETTINGS = {
    "cpu": Setting(
        vision=Fit(450, 64, 3e-3, 0),
        language=Fit(700, 24, 2e-3, 0),
        qformer=Fit(100, 32, 2e-3, 0),
        alignment=Fit(800, 32, 1e-3, 0),
        start=Fit(700, 32, 2e-3, 0),
        editor=Fit(150, 16, 1e-3, 0),
    ),
    "test": Setting(
        vision=Fit(2, 4, 1e-3, 0),
        language=Fit(2, 4, 1e-3, 0),
        qformer=Fit(2, 4, 1e-3, 0),
        alignment=Fit(2, 4, 1e-3, 0),
        start=Fit(2, 8, 1e-3, 0),
        editor=Fit(2, 8, 1e-3, 0),
        seeds=1,
        questions_per_image=2,
        vision_width=16,
        vision_layers=1,
        width=32,
        layers=1,
        image_tokens=2,
        queries=4,
        qformer_layers=1,
        editor_layers=1,
        columns_per_cue=4,
        items_per_cue=2,
        evaluations=1,
    ),
}
