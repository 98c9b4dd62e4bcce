"""Base with an editor's interface, to sample and to train adapters from text only."""

from collections.abc import Mapping
from typing import Any

from diffusers.configuration_utils import register_to_config

from omniedit.models.bases.registry import create_transformer
from omniedit.models.editor import Editor


class PlainBase(Editor):
    """Text-to-image base; it ignores the source image."""

    @register_to_config
    def __init__(self, base_config: Mapping[str, Any], prediction_type: str = "velocity") -> None:
        super().__init__(base_config, prediction_type)
        self.base = create_transformer(base_config)
