"""Vision-language model of the judge `vlm` or `internvl` that writes text replies, for the pairwise judge."""

from collections.abc import Iterator
from pathlib import Path

from omniedit.config.schema import ScoringConfig, VlmConfig
from omniedit.errors import UserError
from omniedit.models.processors import load_processor
from omniedit.scoring.judges import find_local_model
from omniedit.scoring.vlm_judges.adapter import part_version
from omniedit.scoring.vlm_judges.images import processor_options
from omniedit.scoring.vlm_judges.local import load_model
from omniedit.vlm.cache import Cache
from omniedit.vlm.local import LocalModel


def load_answering_model(name: str, scorer: Path | None, scoring: ScoringConfig) -> tuple[LocalModel, VlmConfig]:
    """Load the model of a local judge, and return it with its options. Replies are cached in `scoring.api.cache`.

    Args:
        name: `vlm` or `internvl`.
        scorer: a model's folder, or the record models/{role}.json of a fetched model.

    Raises:
        UserError: the model is missing or cannot be loaded, or its options allow no text reply.
    """
    options = scoring.vlm if name == "vlm" else scoring.internvl.to_vlm_config
    if options.head:
        raise UserError("scoring.vlm.head: a reward head scores single edits and names no winner; set it to null")
    if options.engine == "vllm":
        raise UserError(f"scoring.{name}.engine: vllm does not support pairwise prompts here; set it to transformers")
    folder, version = find_local_model(name, scorer)
    model, processor = load_model(folder, options.adapter), load_processor(folder)
    version = " + ".join([version, *([part_version(options.adapter)] if options.adapter else [])])
    images = processor_options(processor.image_processor, options)
    weights = " ".join(_describe_weights(folder, options))
    return LocalModel(model, processor, version, Cache(scoring.api.cache), options.batch_size, images, weights), options


def _describe_weights(folder: Path, options: VlmConfig) -> Iterator[str]:
    """Yield name, size and time of each file of weights, because retraining keeps a folder's name."""
    parts = [folder, *([Path(options.adapter)] if options.adapter else [])]
    for file in (file for part in parts for file in sorted(part.glob("*.safetensors"))):
        status = file.stat()
        yield f"{file.name}:{status.st_size}:{status.st_mtime_ns}"
