"""How large the experiment is: a setting for two hours on two cores, one for a GPU, one for tests; and what ships.

Imported by the Snakefile: the standard library alone.
"""

from dataclasses import dataclass, replace

ARCHITECTURES = ("editnet", "controlnet_text", "controlnet", "channel_concat")
"""In the order of tables: the paper's own first, then by how much the control branch may do."""
CHOICES = ("editnet", "editnet_from_image", "editnet_behind", "editnet_blind", "editnet_clean_time")
"""EditNet, and with each choice that the paper leaves open made otherwise."""
DATA = {"filtered": 0.0, "unfiltered": 0.4}
"""Share of pairs whose edit is not what was asked."""


@dataclass(frozen=True)
class Fit:
    """One training.

    Args:
        steps: of a batch each.
        learning_rate: AdamW's at its peak, reached after a twentieth of the steps.
        pairs: how many different ones are seen, over and over: to encode a text that is new costs as much as a step on
            several samples.
    """

    steps: int
    batch_size: int
    learning_rate: float
    pairs: int


@dataclass(frozen=True)
class Setting:
    """
    Args:
        size: of the pictures, in pixels; latents are an eighth of it.
        patch_size: latents on a side of a token.
        layers, heads, head_dim: of the base; its width is heads * head_dim.
        text_tokens: to which texts are cut: the longest instruction has 19, captions up to 27.
        seeds: each another order of pairs, another noise.
        measured: how often an editor is tested on the way, at equal distances.
        pairs_per_task: in the test, always the same ones.
        sampling_steps: of the sampler, each number tested by itself. One step gives the mean of all answers that the
            network holds possible, more steps one of them: an unfinished editor is better at the first.
        text_scale, image_scale: of the sampler, as in `EditPipeline`.
        sigma_mean: of the logit of the noise level. The truth follows from source and text, so edits are decided at
            the highest levels.
        workers: processes that render pairs beside the training; 0 renders in it.
        turns: of tasks, by name, in training's order; none for the world's own.
        framed: whether pictures are cut to the seven ratios of photographs, or are square.
        like_photos: whether scenes vary as photos do.
        goes_on_from: the setting whose base it has and whose first editor it begins with, "" for none.
    """

    base: Fit
    editor: Fit
    size: int = 64
    patch_size: int = 2
    layers: int = 4
    heads: int = 3
    head_dim: int = 32
    text_tokens: int = 20
    seeds: int = 3
    measured: int = 6
    pairs_per_task: int = 48
    sampling_steps: tuple[int, ...] = (1, 8)
    text_scale: float = 1.0
    image_scale: float = 1.0
    sigma_mean: float = 2.0
    workers: int = 0
    turns: tuple[str, ...] = ()
    framed: bool = False
    like_photos: bool = False
    goes_on_from: str = ""

    @property
    def rendered_size(self) -> int:
        """Of the world's pictures, which are larger where they are then cut."""
        return self.size * 5 // 4 if self.framed else self.size


SHIPPED_TURNS = (
    "environment_change",
    "style_transfer",
    "attribute_modification",
    "environment_change",
    "style_transfer",
    "background_swap",
    "attribute_modification",
    "object_removal",
)
"""Mostly what a small editor learns."""
REFINED_TURNS = (
    "attribute_modification",
    "background_swap",
    "environment_change",
    "attribute_modification",
    "background_swap",
    "style_transfer",
    "attribute_modification",
    "background_swap",
    "environment_change",
    "style_transfer",
    "object_removal",
)
"""More of what scenes in a row do not teach for photos."""
FOR_PHOTOS = Setting(
    base=Fit(4000, 16, 2e-3, 8192),
    editor=Fit(7000, 16, 2e-3, 32_768),
    size=128,
    heads=4,
    text_tokens=32,
    seeds=1,
    measured=6,
    sampling_steps=(1, 2, 4, 8),
    sigma_mean=1.5,
    workers=1,
    turns=SHIPPED_TURNS,
    framed=True,
)
SETTINGS = {
    "cpu": Setting(base=Fit(4000, 16, 3e-3, 8192), editor=Fit(3000, 16, 3e-3, 16_384)),
    "choices": Setting(base=Fit(2000, 16, 3e-3, 8192), editor=Fit(1000, 16, 3e-3, 16_384), seeds=2, measured=4),
    "shipped": FOR_PHOTOS,
    "refined": replace(
        FOR_PHOTOS,
        editor=Fit(8000, 16, 1e-3, 131_072),
        measured=4,
        turns=REFINED_TURNS,
        like_photos=True,
        goes_on_from="shipped",
    ),
    "gpu": Setting(
        base=Fit(30_000, 256, 1e-3, 1_000_000),
        editor=Fit(20_000, 256, 1e-3, 1_000_000),
        size=128,
        layers=8,
        heads=6,
        head_dim=64,
        measured=10,
        pairs_per_task=128,
        sampling_steps=(1, 20),
        workers=12,
    ),
    "test": Setting(
        base=Fit(2, 7, 1e-3, 14),
        editor=Fit(2, 7, 1e-3, 14),
        layers=2,
        heads=2,
        head_dim=8,
        seeds=2,
        measured=2,
        pairs_per_task=2,
    ),
}


def stands_on(setting: str) -> str:
    """The setting whose base a setting's editors have; where it is another one, they begin as its editor too."""
    return SETTINGS[setting].goes_on_from or setting


def units(setting: str) -> list[tuple[str, str]]:
    """(architecture, data): every architecture on filtered data, EditNet on unfiltered data beside it; EditNet's
    choices; the one that ships."""
    if setting == "choices":
        return [(architecture, "filtered") for architecture in CHOICES]
    if setting in ("shipped", "refined"):
        return [("editnet", "filtered")]
    return [(architecture, "filtered") for architecture in ARCHITECTURES] + [("editnet", "unfiltered")]
