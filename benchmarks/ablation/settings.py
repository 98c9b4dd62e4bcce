"""Settings of the experiment: for two hours on two cores, for a GPU, for tests, and for the editor that ships.

The Snakefile imports this module, so it uses only the standard library.
"""

from dataclasses import dataclass, replace

ARCHITECTURES = ("editnet", "controlnet_text", "controlnet", "channel_concat")
"""Architectures in the order of the tables: the paper's own, then the others by how much the control branch may do."""
CHOICES = ("editnet", "editnet_from_image", "editnet_behind", "editnet_blind", "editnet_clean_time")
"""EditNet, and variants that each change one choice that the paper leaves open."""
ROUTING = ("editnet", "editnet_task_token", "editnet_experts", "editnet_routed", "editnet_routed_soft")
"""EditNet without and with AnySD's task token and experts, together and each alone."""
DATA = {"filtered": 0.0, "unfiltered": 0.4}
"""Share of pairs whose edit is not what the instruction asks for, by kind of data."""


@dataclass(frozen=True)
class Fit:
    """Options of one training run.

    Args:
        steps: number of steps, each on one batch.
        learning_rate: AdamW's peak rate, reached after a twentieth of the steps.
        pairs: number of different pairs, which repeat. Encoding a new text costs as much as a step on several samples.
    """

    steps: int
    batch_size: int
    learning_rate: float
    pairs: int


@dataclass(frozen=True)
class Setting:
    """Options of the experiment.

    Args:
        size: side of the images in pixels; latents are an eighth of it.
        patch_size: side of a token in latents.
        layers, heads, head_dim: options of the base, whose width is heads * head_dim.
        text_tokens: number of tokens to which texts are cut. The longest instruction has 19, captions up to 27.
        seeds: number of seeds, each with its own order of pairs and its own noise.
        evaluations: number of tests of an editor during training, at equal distances.
        pairs_per_task: number of test pairs of each task, always the same.
        sampling_steps: numbers of steps of the sampler, each tested separately. One step gives the mean of all answers
            that the network holds possible, more steps give one of them, so an unfinished editor does better with one.
        text_scale, image_scale: guidance scales of the sampler, as in `EditPipeline`.
        sigma_mean: mean of the logit of the noise level. Source and text determine the answer, so edits are decided at
            the highest levels.
        workers: number of processes that render pairs during training; 0 renders in the training process.
        task_order: names of tasks in training's order; empty for the world's own.
        crops_to_ratios: whether images are cropped to the seven ratios of photographs. Otherwise they are square.
        like_photos: whether scenes vary as photos do.
        initial_setting: setting that provides the base and the editor's initial weights, "" for none.
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
    evaluations: int = 6
    pairs_per_task: int = 48
    sampling_steps: tuple[int, ...] = (1, 8)
    text_scale: float = 1.0
    image_scale: float = 1.0
    sigma_mean: float = 2.0
    workers: int = 0
    task_order: tuple[str, ...] = ()
    crops_to_ratios: bool = False
    like_photos: bool = False
    initial_setting: str = ""

    @property
    def rendered_size(self) -> int:
        """Return the side of the world's images, which are larger if they are cropped afterwards."""
        return self.size * 5 // 4 if self.crops_to_ratios else self.size


SHIPPED_TASK_ORDER = (
    "environment_change",
    "style_transfer",
    "attribute_modification",
    "environment_change",
    "style_transfer",
    "background_swap",
    "attribute_modification",
    "object_removal",
)
"""Mostly tasks that a small editor learns."""
REFINED_TASK_ORDER = (
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
"""More of the tasks that do not carry over to photos from scenes whose things stand in a row."""
FOR_PHOTOS = Setting(
    base=Fit(4000, 16, 2e-3, 8192),
    editor=Fit(7000, 16, 2e-3, 32_768),
    size=128,
    heads=4,
    text_tokens=32,
    seeds=1,
    evaluations=6,
    sampling_steps=(1, 2, 4, 8),
    sigma_mean=1.5,
    workers=1,
    task_order=SHIPPED_TASK_ORDER,
    crops_to_ratios=True,
)
SETTINGS = {
    "cpu": Setting(base=Fit(4000, 16, 3e-3, 8192), editor=Fit(3000, 16, 3e-3, 16_384)),
    "choices": Setting(base=Fit(2000, 16, 3e-3, 8192), editor=Fit(1000, 16, 3e-3, 16_384), seeds=2, evaluations=4),
    "shipped": FOR_PHOTOS,
    "refined": replace(
        FOR_PHOTOS,
        editor=Fit(8000, 16, 1e-3, 131_072),
        evaluations=4,
        task_order=REFINED_TASK_ORDER,
        like_photos=True,
        initial_setting="shipped",
    ),
    "gpu": Setting(
        base=Fit(30_000, 256, 1e-3, 1_000_000),
        editor=Fit(20_000, 256, 1e-3, 1_000_000),
        size=128,
        layers=8,
        heads=6,
        head_dim=64,
        evaluations=10,
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
        evaluations=2,
        pairs_per_task=2,
    ),
}


SETTINGS["routing"] = replace(SETTINGS["choices"], seeds=3)
SETTINGS["routing_gpu"] = SETTINGS["gpu"]
SETTINGS["routing_test"] = SETTINGS["test"]


def base_setting(setting: str) -> str:
    """Return the setting whose base a setting's editors use. If it differs, they also start from its editor."""
    return SETTINGS[setting].initial_setting or setting


def units(setting: str) -> list[tuple[str, str]]:
    """Return (architecture, data) of each unit.

    Most settings have every architecture on filtered data and EditNet on unfiltered data too. `choices` has EditNet's
    variants, the settings `routing*` have EditNet's routing in parts. `shipped` and `refined` have the editor that
    ships.
    """
    if setting.startswith("routing"):
        return [(architecture, "filtered") for architecture in ROUTING]
    if setting == "choices":
        return [(architecture, "filtered") for architecture in CHOICES]
    if setting in ("shipped", "refined"):
        return [("editnet", "filtered")]
    return [(architecture, "filtered") for architecture in ARCHITECTURES] + [("editnet", "unfiltered")]
