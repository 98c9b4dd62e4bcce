"""Settings of the experiment: for two hours on two cores, for a GPU, for tests, and for the editor that ships.

The Snakefile imports this module, so it imports nothing that takes long to load.
"""

from dataclasses import dataclass, replace

from benchmarks.ablation.data_choices import DATA, ELEVEN, SEVEN, TWENTY_FIVE

ARCHITECTURES = ("editnet", "controlnet_text", "controlnet", "channel_concat")
"""Architectures in the order of the tables: the paper's own, then the others by the capability of the control
branch."""
CHOICES = ("editnet", "editnet_from_image", "editnet_behind", "editnet_blind", "editnet_clean_time")
"""EditNet, and variants that each change one choice that the paper leaves open."""
ROUTING = ("editnet", "editnet_task_token", "editnet_experts", "editnet_routed", "editnet_routed_soft")
"""EditNet without AnySD's task token and experts, with either, and with both (hard or soft routing)."""


@dataclass(frozen=True)
class Fit:
    """Options of one training run.

    Args:
        steps: number of steps, each on one batch.
        learning_rate: AdamW's peak rate, reached after a twentieth of the steps.
        pairs: number of distinct pairs; they repeat during training. Encoding a new text costs as much as a step on
            several samples.
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
            that the network considers possible, more steps give one of the answers, so an unfinished editor does
            better with one step.
        text_scale, image_scale: guidance scales of the sampler, as in `EditPipeline`.
        sigma_mean: mean of the logit of the noise level. Source and text determine the answer, so edits are decided at
            the highest levels.
        workers: number of processes that render pairs during training; 0 renders in the training process.
        task_order: names of tasks in training's order; empty for the world's own.
        crops_to_ratios: whether images are cropped to the seven ratios of photographs. Otherwise they are square.
        like_photos: whether scenes vary as photos do.
        portraits: whether half of the scenes with a thing are photographs taken apart (see portraits.py).
        initial_setting: setting that provides the base and the editor's initial weights, "" for none.
        base_of: setting that provides only the base, "" for none.
        tested: tasks of the test pairs.
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
    portraits: bool = False
    initial_setting: str = ""
    base_of: str = ""
    tested: tuple[str, ...] = SEVEN

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
"""More of the tasks that do not transfer to photos from scenes with objects in a row."""
PORTRAIT_TASK_ORDER = (
    "attribute_modification",
    "object_removal",
    "background_swap",
    "environment_change",
    "attribute_modification",
    "object_addition",
    "object_removal",
    "style_transfer",
    "attribute_modification",
    "background_swap",
    "object_addition",
    "object_removal",
    "environment_change",
)
"""Mostly edits of an object, which portraits show in real surroundings."""
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
    "portraits": replace(
        FOR_PHOTOS,
        editor=Fit(2600, 16, 6e-4, 65_536),
        size=160,
        evaluations=2,
        sampling_steps=(1, 2, 4),
        task_order=PORTRAIT_TASK_ORDER,
        like_photos=True,
        portraits=True,
        initial_setting="refined",
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


MEDIUM = Setting(base=Fit(2000, 16, 3e-3, 8192), editor=Fit(1500, 16, 3e-3, 16_384), seeds=2, evaluations=3)
OPEN_QUESTIONS = {
    "size_small": replace(MEDIUM, editor=Fit(2000, 16, 3e-3, 32_768), evaluations=5, layers=2, heads=2),
    "size_medium": replace(MEDIUM, editor=Fit(2000, 16, 3e-3, 32_768), evaluations=5),
    "size_large": replace(MEDIUM, editor=Fit(2000, 16, 2e-3, 32_768), evaluations=5, layers=6, heads=5),
    "thresholds": replace(MEDIUM, base_of="size_medium"),
    "weights": replace(MEDIUM, editor=Fit(1500, 16, 3e-3, 8192), seeds=3, base_of="size_medium"),
    "specialists": replace(MEDIUM, base_of="size_medium", tested=ELEVEN),
}
"""Settings of the questions that the paper leaves open; `--config setting=open` runs them all."""
SETTINGS |= OPEN_QUESTIONS
LARGER = replace(SETTINGS["gpu"], editor=Fit(10_000, 256, 1e-3, 1_000_000), seeds=2)
OPEN_QUESTIONS_GPU = {
    "size_small_gpu": replace(LARGER, layers=4, heads=4),
    "size_medium_gpu": LARGER,
    "size_large_gpu": replace(LARGER, layers=16, heads=12),
    "thresholds_gpu": replace(LARGER, base_of="size_medium_gpu"),
    "weights_gpu": replace(LARGER, seeds=3, base_of="size_medium_gpu"),
    "specialists_gpu": replace(LARGER, base_of="size_medium_gpu", tested=ELEVEN),
}
SETTINGS |= OPEN_QUESTIONS_GPU
ROUTED = replace(MEDIUM, editor=Fit(400, 16, 3e-3, 8192), evaluations=1, base_of="size_medium")
ROUTED_GPU = replace(SETTINGS["gpu"], base_of="size_medium_gpu")
SETTINGS |= {
    "routing_7": ROUTED,
    "routing_11": replace(ROUTED, tested=ELEVEN),
    "routing_25": replace(ROUTED, layers=2, heads=2, pairs_per_task=24, base_of="size_small", tested=TWENTY_FIVE),
    "routing_7_gpu": ROUTED_GPU,
    "routing_11_gpu": replace(ROUTED_GPU, tested=ELEVEN),
    "routing_25_gpu": replace(ROUTED_GPU, tested=TWENTY_FIVE),
}
GROUPS = {
    "open": tuple(OPEN_QUESTIONS),
    "open_gpu": tuple(OPEN_QUESTIONS_GPU),
    "routing": ("routing_7", "routing_11", "routing_25"),
    "routing_gpu": ("routing_7_gpu", "routing_11_gpu", "routing_25_gpu"),
}
"""Settings that one name runs together."""


DATA_OF = {
    "thresholds": tuple(name for name, data in DATA.items() if data.candidates),
    "weights": ("keep9", "soft", "unfiltered"),
    "specialists": ("one_task", "three_tasks", "seven_tasks", "eleven_tasks"),
}
"""Kinds of data that a setting compares."""
ROUTING_DATA = {"routing_7": "seven_tasks", "routing_11": "eleven_tasks", "routing_25": "twenty_five_types"}
"""Data on which a setting compares EditNet with and without the parts of AnySD's routing."""
ARCHITECTURES_OF = {
    "choices": CHOICES,
    "shipped": ("editnet",),
    "refined": ("editnet",),
    "portraits": ("editnet",),
    **dict.fromkeys(("size_small", "size_medium", "size_large"), ("editnet", "channel_concat")),
}
"""Architectures that a setting compares on filtered data."""


def trainings(setting: str) -> list[str]:
    """Return the settings in which a setting's editors were trained, in order; the setting itself comes last."""
    earlier = SETTINGS[setting].initial_setting
    return [*(trainings(earlier) if earlier else ()), setting]


def base_setting(setting: str) -> str:
    """Return the setting whose base a setting's editors use."""
    first = trainings(setting)[0]
    return SETTINGS[first].base_of or first


def unit_inputs(setting: str, architecture: str, data: str) -> dict[str, str]:
    """Return the files that a unit reads besides the assets, by the option of `train.py`."""
    options, folder = SETTINGS[setting], "results/ablation"
    files = {"base": f"{folder}/{base_setting(setting)}/base"}
    if options.initial_setting:
        files["start"] = f"{folder}/{options.initial_setting}/units/{architecture}-{data}-0"
    if options.portraits:
        files["portraits"] = f"{folder}/portraits.npz"
    return files


def units(setting: str) -> list[tuple[str, str]]:
    """Return (architecture, data) of each unit.

    Most settings have every architecture on filtered data, and EditNet also on unfiltered data. `choices` has EditNet's
    variants, the settings `routing_*` EditNet with the parts of AnySD's routing. `shipped` and `refined` have the
    editor that ships. Experiments on data use channel-wise concatenation, which learns most in the time available on
    two cores.
    """
    kind = setting.removesuffix("_gpu")
    if kind in ROUTING_DATA:
        return [(architecture, ROUTING_DATA[kind]) for architecture in ROUTING]
    if kind in DATA_OF:
        return [("channel_concat", data) for data in DATA_OF[kind]]
    if kind in ARCHITECTURES_OF:
        return [(architecture, "filtered") for architecture in ARCHITECTURES_OF[kind]]
    return [(architecture, "filtered") for architecture in ARCHITECTURES] + [("editnet", "unfiltered")]
