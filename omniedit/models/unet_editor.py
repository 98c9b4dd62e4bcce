"""AnySD's own editor: InstructPix2Pix's UNet with a task token and IP-Adapter experts (Yu et al. 2024, section 4).

The UNet reads noise and source image as 8 channels (Brooks et al. 2023, section 3.2). Next to each of its layers of
cross-attention to the text, an expert reads task token and references. The UNet predicts noise or v, and is trained and
sampled here as a rectified flow (`omniedit.models.variance_preserving`), so that it shares trainer, pipeline and
benchmark with the other editors.

References are read as latents. The paper encodes them with CLIP's image encoder, so AnySD's published experts cannot be
loaded.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers.configuration_utils import register_to_config
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from diffusers.models.modeling_utils import ModelMixin  # noqa: F401 (diffusers looks its loader up here)
from torch import Tensor, nn

from omniedit.models.bases.adapter import Inputs
from omniedit.models.bases.registry import create_transformer
from omniedit.models.bases.unet import UNetAdapter
from omniedit.models.editor import Editor
from omniedit.models.routed_editnet import get_task, name_experts, route_experts, text_vector_width
from omniedit.models.routing import Experts, Route, Routing, RoutingSizes
from omniedit.models.variance_preserving import (
    PREDICTIONS,
    log_noise_ratios,
    loss_weights,
    to_flow_velocity,
    to_variance_preserving,
)

LATENT_SCALE = 0.18215
"""Factor of SD1.5's VAE. InstructPix2Pix reads the source image's latents without it."""
REFERENCE_PATCH = 2
"""Side of a patch of references in latents."""


class UNetEditor(Editor):
    """SD1.5 or InstructPix2Pix with task-aware routing.

    Args:
        base_config: config of the `UNet2DConditionModel`, with 4 input channels (SD1.5) or 8 (InstructPix2Pix).
        prediction_type: output of the UNet, "epsilon" or "v_prediction".
        tasks, groups, soft, task_token: as in `RoutedEditNet`.
        freeze_base: train only the experts, the task token and the visual prompt: AnySD's second stage, which needs
            the weights of InstructPix2Pix.
    """

    takes = frozenset({"references", "task"})

    @register_to_config
    def __init__(
        self,
        base_config: Mapping[str, Any],
        prediction_type: str = "epsilon",
        tasks: Sequence[str] = (),
        groups: Sequence[str] = (),
        soft: bool = False,
        task_token: bool = True,
        freeze_base: bool = False,
    ) -> None:
        super().__init__(base_config, prediction_type)
        if prediction_type not in PREDICTIONS:
            raise ValueError(f"prediction_type {prediction_type!r}: a UNet predicts {' or '.join(PREDICTIONS)}")
        channels = base_config["out_channels"]
        self.base = create_transformer({**base_config, "in_channels": 2 * channels})
        if not isinstance(self.adapter, UNetAdapter):
            raise ValueError(f"{type(self.base).__name__}: unet_routed is built on a UNet; use editnet_routed")
        self.base.requires_grad_(not freeze_base)
        names, groups = name_experts(self, tasks, groups)
        width = self.adapter.text_width
        sizes = RoutingSizes(channels, REFERENCE_PATCH, width, text_vector_width(self.adapter), prompt_width=width)
        self.routing = Routing(names, groups, sizes, soft, task_token)
        self.experts = nn.ModuleList()
        self._add_experts(width)

    def _add_experts(self, prompt_width: int) -> None:
        """Add experts to each cross-attention to the text."""
        for name, module in self.base.named_modules():
            if isinstance(module, Attention) and name.endswith("attn2"):
                experts = Experts(module.query_dim, prompt_width, len(self.routing.experts))
                self.experts.append(experts)
                module.set_processor(ExpertAttention(experts))  # type: ignore[arg-type]

    def copy_from(self, transformer: Any) -> None:
        """Copy the weights of a UNet; if it has only 4 input channels, those of the source start at zero."""
        weights = transformer.state_dict()
        missing = 2 * self.adapter.channels - transformer.config["in_channels"]
        kernel = weights["conv_in.weight"]
        weights["conv_in.weight"] = torch.cat([kernel, kernel.new_zeros(len(kernel), missing, *kernel.shape[2:])], 1)
        self.base.load_state_dict(weights)

    def predict(self, inputs: Inputs) -> Tensor:
        experts = route_experts(self, inputs, self.routing.embed_task(get_task(inputs)))
        process = to_variance_preserving(inputs.noisy, inputs.timestep.float() / 1000, log_noise_ratios())
        output = self.base(
            torch.cat([process.sample, inputs.condition / LATENT_SCALE], dim=1),
            process.timestep,
            encoder_hidden_states=inputs.prompt_embeds,
            # diffusers passes this argument to the layers that take it, and does not warn of the others.
            cross_attention_kwargs={"ip_hidden_states": experts},
            return_dict=False,
        )[0]
        return to_flow_velocity(output, process, self.config["prediction_type"])

    def loss_weight(self, timestep: Tensor) -> Tensor:
        """Return the weights, (B,), that turn each sample's velocity loss into the loss of the UNet's output."""
        return loss_weights(timestep.float() / 1000, log_noise_ratios(), self.config["prediction_type"])


class ExpertAttention:
    """Attention of one layer together with its experts. It has no weights of its own."""

    def __init__(self, experts: Experts) -> None:
        self.experts = experts
        self.to_text = AttnProcessor2_0()

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        ip_hidden_states: Route | None = None,
    ) -> Tensor:
        read = self.to_text(attn, hidden_states, encoder_hidden_states, attention_mask, temb)
        return read if ip_hidden_states is None else read + self.experts(hidden_states, ip_hidden_states)
