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
        processor: its tokenizer has a chat template and named tokens around an image; its image processor is a
            GotOcr2ImageProcessorPil.
    """

    model: InternVLForConditionalGeneration

    def __init__(
        self,
        model: InternVLForConditionalGeneration,
        processor: Any,
        rubric: Rubric,
        options: InternvlConfig,
        readout: str = "tokens",
        version: str = "",
        name: str = "internvl",
    ) -> None:
        settings = {"image_seq_length": model.config.image_seq_length}
        own = build_processor(InternVLProcessor, processor.tokenizer, processor.image_processor, settings)
        super().__init__(model, own, rubric, options.to_vlm_config, readout, version, name)
        self.max_tiles = options.max_tiles

    @classmethod
    def load(cls, folder: Path, rubric: Rubric, options: InternvlConfig, *settings: str) -> Self:  # type: ignore[override]
        """Load a judge in bfloat16 on the GPU if there is one, else in float32 on the CPU.

        Raises:
            UserError: the folder is missing or incomplete, its model is of a different class, or it has no tokenizer or
                processor.
        """
        model = load_model(folder)
        if not isinstance(model, InternVLForConditionalGeneration):
            raise UserError(f"{folder}: {type(model).__name__} is not an InternVL; use the judge vlm")
        return cls(model, load_processor(folder), rubric, options, *settings)
