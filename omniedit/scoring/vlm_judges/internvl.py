"""Judge `internvl`: the judge `vlm` for an InternVL, whose images are cut into tiles at their full size.

It is also the student that `scoring.finetune` trains. Checkpoints whose names end in -hf have the right format.
"""

from pathlib import Path
from typing import Any, Self

from transformers import InternVLForConditionalGeneration, InternVLProcessor

from omniedit.config.schema import InternvlConfig
from omniedit.errors import UserError
from omniedit.models.processors import build_processor, load_processor
from omniedit.scoring.rubric import Rubric
from omniedit.scoring.vlm_judges.local import LocalJudge, load_model


class InternvlJudge(LocalJudge):
    """Judge that is an InternVL in transformers.

    Args:
        model: on the device where it will run.
        tokenizer: transformers tokenizer with a chat template and named tokens around an image.
        image_processor: a GotOcr2ImageProcessorPil.
        settings: readout, version and name; the default name is `internvl`.
    """

    model: InternVLForConditionalGeneration

    def __init__(
        self,
        model: InternVLForConditionalGeneration,
        tokenizer: Any,
        image_processor: Any,
        rubric: Rubric,
        options: InternvlConfig,
        readout: str = "tokens",
        version: str = "",
        name: str = "internvl",
    ) -> None:
        settings = {"image_seq_length": model.config.image_seq_length}
        processor = build_processor(InternVLProcessor, tokenizer, image_processor, settings)
        super().__init__(model, processor, rubric, options.to_vlm_config, readout, version, name)
        self.image_processor, self.max_tiles = image_processor, options.max_tiles

    @classmethod
    def load(cls, folder: Path, rubric: Rubric, options: InternvlConfig, *settings: str) -> Self:  # type: ignore[override]
        """Load a judge in bfloat16 on the GPU if there is one, else in float32 on the CPU.

        Raises:
            UserError: the folder is missing, incomplete, of another class, or without tokenizer or image processor.
        """
        model = load_model(folder)
        if not isinstance(model, InternVLForConditionalGeneration):
            raise UserError(f"{folder}: a {type(model).__name__}, not an InternVL; use the judge vlm")
        processor = load_processor(folder)
        return cls(model, processor.tokenizer, processor.image_processor, rubric, options, *settings)
