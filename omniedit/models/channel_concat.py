"""Channel-wise concatenation: the source image as additional input channels (Brooks et al. 2023, section 3.2)."""

from collections.abc import Mapping
from typing import Any

import torch
from diffusers.configuration_utils import register_to_config
from diffusers.models.modeling_utils import ModelMixin  # noqa: F401 (diffusers looks its loader up here)

from omniedit.models.bases.adapter import BaseState, Inputs
from omniedit.models.bases.registry import create_transformer
from omniedit.models.editor import Editor


class ChannelConcat(Editor):
    """Editor that trains the whole base. Its patch embedding takes twice the channels; the weights of the new half
    start at zero.
    """

    @register_to_config
    def __init__(self, base_config: Mapping[str, Any], prediction_type: str = "velocity") -> None:
        super().__init__(base_config, prediction_type)
        self.base = create_transformer(base_config)
        adapter = self.adapter
        self.base.set_submodule(adapter.patch_layer_name, adapter.new_patch_layer(2 * adapter.channels))

    def copy_from(self, transformer: Any) -> None:
        weights = transformer.state_dict()
        name = f"{self.adapter.patch_layer_name}.weight"
        weights[name] = torch.cat([weights[name], torch.zeros_like(weights[name])], dim=1)
        self.base.load_state_dict(weights)

    def embed(self, inputs: Inputs) -> BaseState:
        return self.adapter.embed(inputs, extra_channels=inputs.condition)
