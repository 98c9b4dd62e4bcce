"""Names from before modules moved into packages. Importing one still works, and warns with the new name."""

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_MOVES = {
    "": (
        "archives=storage.archives config_files=config.loading files=storage.atomic images=imaging.images "
        "instructions.seeded_random=storage.seeded_random manifest=storage.manifest slurm=run.slurm_queue "
        "status=run.status tables=storage.parquet upright=imaging.decode weights=models.registry"
    ),
    "browsing": (
        "files=run_files index=pair_index record=pair_record remake=remake_command sheet=contact_sheet text=record_text"
    ),
    "buckets": "plan=batch_plan",
    "config": "options=training_options",
    "evaluation": (
        "edits=own_benchmark_edits ratings=agreement retest=compare_scores scores=own_benchmark_scores "
        "subjects=subject_fidelity table=table3"
    ),
    "evaluation.agreement": "agreements=task_agreement comparison=report tables=readers",
    "evaluation.bench": "records=edit_records table_set=custom_set",
    "evaluation.bench.editors": "calls=pipeline_calls simple=baselines sizes=native_size weights=folder_identity",
    "evaluation.bench.sets": (
        "frozen=frozen_format leaks=training_overlap proposals=set_proposals review=proposal_review tables=image_tables"
    ),
    "evaluation.bench.tables": "protocols=benchmark_table reading=read_results",
    "evaluation.people": (
        "choices=choice_results edits=rated_edits results=rating_results session=questions store=answers "
        "tables=result_tables"
    ),
    "exchange": "card=data_card",
    "imaging": "color_naming=color_names lines=line_drawing procedural=procedural_noise",
    "instructions": (
        "appearance=templates.appearance appearance_templates=templates.appearance balance=edit_proposals.quotas "
        "camera=templates.camera camera_proposals=edit_proposals.camera_classes complex=templates.complex "
        "composed=composed_pairs counts=templates.counting facets=edit_proposals.classes inverse=inverse_pairs "
        "knowledge=clues meaning=edit_proposals.paraphrase_check objects=templates.objects "
        "placement=templates.movement_resize plausibility=edit_proposals.plausibility proposal=edit_proposals.classes "
        "proposals=edit_proposals.table proposer=edit_proposals.proposer questions=edit_proposals.prompt_builder "
        "recorded_replies=edit_proposals.recorded_replies references=templates.references "
        "referring=referring_expressions replies=edit_proposals.replies reply_retries=edit_proposals.reply_retries "
        "scenes=counterfactual_scenes style_names=word_lists styles=word_lists suggestions=templates.suggestions "
        "texts=templates.printed_text type_proposals=edit_proposals.anyedit_classes visual=templates.references "
        "words=stemming"
    ),
    "models": "architectures=factory attention=attention_kernels digest=weights",
    "quality": (
        "change=change_map direction=swapped_by_content labels=mislabelled leakage=benchmark_leaks "
        "swapped_pairs=swapped_by_comparison"
    ),
    "reporting": "agreement=student_agreement card=model_card sheet=contact_sheet style=figure_style tabular=page",
    "run": "slurm=slurm_queue",
    "scoring": "by_hand=human_decisions parser=reply_parser score=verdict",
    "scoring.reference": "quality=visible_faults",
    "sources": (
        "blank=blank_images caption_values=metadata_values captions=metadata_files decode=photo_file "
        "identity=file_identity index=photo_index saliency=crop_saliency shard=photo_shard stream=archive_stream "
        "twins=near_duplicates"
    ),
    "specialists.embedded": (
        "color=recolor drawing=drawing_styles fills=fill_cache holes=removal_mask material=procedural_materials "
        "multistyle=style_network outpaint=outpainting painting=painting_styles printing=print_styles "
        "rearrangement=movement_resize reference=visual_reference scene=scene_cues targets=target_individuals "
        "text=textual_change visual=condition_images"
    ),
    "specialists.learned": "alignment=token_alignment scenes=counterfactual_images stylisation=whole_photo_edit",
    "storage": "shards=shard_paths",
    "training": "engine=trainer",
}
"""Earlier and present names of modules, below a package of omniedit ("" is omniedit itself)."""
MODULES = {
    f"{package}.{old}".lstrip("."): f"{package}.{new}".lstrip(".")
    for package, moves in _MOVES.items()
    for old, new in (move.split("=") for move in moves.split())
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
        package, _, short = name.partition(".")
        return ModuleSpec(name, self) if package == "omniedit" and short in MODULES else None

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
