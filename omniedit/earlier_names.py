"""Names from before modules moved into packages. Importing one still works, and warns with the new name."""

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

MODULES = {
    "archives": "storage.archives",
    "buckets.plan": "buckets.batch_plan",
    "config.options": "config.training_options",
    "config_files": "config.loading",
    "evaluation.ratings": "evaluation.agreement",
    "evaluation.retest": "evaluation.compare_scores",
    "evaluation.table": "evaluation.table3",
    "exchange.card": "exchange.data_card",
    "files": "storage.atomic",
    "images": "imaging.images",
    "instructions.appearance": "instructions.appearance_templates",
    "instructions.seeded_random": "storage.seeded_random",
    "instructions.styles": "instructions.style_names",
    "instructions.words": "instructions.stemming",
    "manifest": "storage.manifest",
    "models.architectures": "models.factory",
    "models.attention": "models.attention_kernels",
    "models.digest": "models.weights",
    "reporting.card": "reporting.model_card",
    "reporting.tabular": "reporting.page",
    "run.slurm": "run.slurm_queue",
    "scoring.by_hand": "scoring.human_decisions",
    "scoring.parser": "scoring.reply_parser",
    "scoring.reference.quality": "scoring.reference.visible_faults",
    "scoring.score": "scoring.verdict",
    "slurm": "run.slurm_queue",
    "sources.twins": "sources.near_duplicates",
    "specialists.embedded.fills": "specialists.embedded.fill_cache",
    "specialists.embedded.holes": "specialists.embedded.removal_mask",
    "status": "run.status",
    "tables": "storage.parquet",
    "training.engine": "training.trainer",
    "upright": "imaging.decode",
    "weights": "models.registry",
}
"""Earlier name of a module -> its name now, both within omniedit."""
FUNCTIONS = {
    "replaced": "replace_file",
    "sealed_folder": "seal_folder",
    "queued_jobs": "list_queued_jobs",
    "model_of": "get_model",
    "folder_of": "model_folder",
    "TableRow": "PageRow",
}
"""Earlier name of a function or class in one of these modules -> its name now."""


class RenamedModuleFinder(MetaPathFinder, Loader):
    """Import hook for `MODULES`. It runs only if no module has the name."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        room, _, short = name.partition(".")
        return ModuleSpec(name, self) if room == "omniedit" and short in MODULES else None

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        new = f"omniedit.{MODULES[module.__name__.removeprefix('omniedit.')]}"
        warnings.warn(f"{module.__name__} is now {new}", DeprecationWarning, stacklevel=2)

        def get(name: str) -> Any:
            return getattr(import_module(new), FUNCTIONS.get(name, name))

        module.__getattr__ = get  # type: ignore[method-assign]


def install() -> None:
    """Append the hook to the finders of modules."""
    if not any(isinstance(finder, RenamedModuleFinder) for finder in sys.meta_path):
        sys.meta_path.append(RenamedModuleFinder())
