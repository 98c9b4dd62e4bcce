"""Base class of all editors: embeds latents as tokens of the base, and converts tokens to a velocity.

Shapes: B batch, C latent channels, H W latent height and width, M text tokens, D width, R references.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypeVar

from diffusers.configuration_utils import ConfigMixin
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from omniedit.models.bases.adapter import Adapter, BaseState, Inputs
from omniedit.models.bases.registry import adapt, create_transformer, transformer_config

Layer = TypeVar("Layer", bound=nn.Module)
MIN_SIGMA = 0.05
"""Minimum noise level used as the divisor when a clean sample is converted to a velocity."""


class Editor(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Network over a pretrained transformer whose output equals that of the base until it is trained.

    Subclasses create `base` and register their arguments as their config.

    Args:
        base_config: config of the transformer, with its class in `_class_name`; without one, of an
            `SD3Transformer2DModel` (SD3, SD3.5 with dual attention and qk_norm, or smaller).
        prediction_type: output of the base, "velocity" (all published bases) or the clean "sample".
    """

    base: Any
    takes: ClassVar[frozenset[str]] = frozenset()
    """Optional inputs of `forward` that this editor uses: "references" (with "reference_mask"), "captions" of them
    ("reference_prompts" and "reference_pooled") and "task"."""

    def __init__(self, base_config: Mapping[str, Any], prediction_type: str = "velocity", **options: Any) -> None:
        super().__init__()

    @classmethod
    def from_transformer(cls, transformer: Any, prediction_type: str = "velocity", **options: Any) -> Self:
        """Build an editor whose output equals that of `transformer`, bit for bit, until its first training step."""
        net = cls(base_config=transformer_config(transformer), prediction_type=prediction_type, **options)
        # nn.Module.to, because diffusers' own `to` logs a warning about float32 modules at every cast.
        nn.Module.to(net, device=transformer.device, dtype=transformer.dtype)
        net.copy_from(transformer)
        return net

    def add_parts(self) -> None:
        """Create the parts that a subclass adds, after all others."""

    @property
    def adapter(self) -> Adapter:
        return adapt(self.base)

    @property
    def base_blocks(self) -> list[nn.Module]:
        return self.adapter.blocks

    @property
    def layers(self) -> list[list[nn.Module]]:
        """Blocks of each layer: the base's and, if there are some, control block, experts and readers."""
        controls, every = getattr(self, "control_blocks", []), getattr(self, "every", 1)
        own = [{index * every: control for index, control in enumerate(controls)}]
        own += [dict(enumerate(getattr(self, name, []))) for name in ("experts", "readers")]
        layers = [(block, *(blocks.get(index) for blocks in own)) for index, block in enumerate(self.base_blocks)]
        return [[block for block in layer if block is not None] for layer in layers]

    @property
    def condition_channels(self) -> int:
        """Number of channels of `condition`; by default that of latents."""
        return self.adapter.channels

    def copy_from(self, transformer: Any) -> None:
        """Copy the weights of `transformer` to the base and to every copy of its parts in the architecture."""
        self.base.load_state_dict(transformer.state_dict())

    def forward(
        self,
        noisy: Tensor,
        timestep: Tensor,
        prompt_embeds: Tensor,
        pooled: Tensor,
        condition: Tensor,
        *,
        references: Tensor | None = None,
        reference_mask: Tensor | None = None,
        task: Tensor | None = None,
        guidance: Tensor | None = None,
        reference_prompts: Tensor | None = None,
        reference_pooled: Tensor | None = None,
    ) -> Tensor:
        """Predict the velocity (noise minus clean) of the edited image's latents, (B, C, H, W).

        Optional inputs that are not in `takes` are ignored.

        Args:
            noisy: (B, C, H, W), the edited image's latents mixed with noise; H and W are multiples of the patch size.
            timestep: (B,), 1000 times the noise level, in [0, 1000].
            prompt_embeds: (B, M, D), the instruction, one vector per token.
            pooled: (B, D), the instruction as one vector; for bases without one, (B, M), the mask of its tokens.
            condition: (B, C, H, W), latents of the source image; zeros drop the condition.
            references: (B, R, C, H, W), latents of reference images.
            reference_mask: (B, R) bool, False where a reference is missing; None if all exist.
            task: (B,) long, index in the editor's list of tasks, -1 for an unknown one.
            guidance: (B,), guidance scale of a base with a guidance embedding; None for its default.
            reference_prompts: (B, R, M, D), captions of the references, one vector per token.
            reference_pooled: (B, R, D), captions as one vector; for bases without one, (B, R, M), as `pooled`.
        """
        inputs = Inputs(
            *(noisy, timestep, prompt_embeds, pooled, condition, references, reference_mask, task, guidance),
            *(reference_prompts, reference_pooled),
        )
        return self.predict(inputs)

    def predict(self, inputs: Inputs) -> Tensor:
        """Return the velocity, (B, C, H, W), as `forward` does."""
        output = self.adapter.decode(self.run_blocks(self.embed(inputs), inputs))
        return to_velocity(output, inputs.noisy, inputs.timestep, self.config["prediction_type"])

    def embed(self, inputs: Inputs) -> BaseState:
        """Return the state of the base before its first block."""
        return self.adapter.embed(inputs)

    def before_block(self, index: int, state: BaseState) -> BaseState:
        """Return the state that enters block `index` of the base. Editors with layers before the block override this
        method.
        """
        return state

    def run_blocks(self, state: BaseState, inputs: Inputs) -> BaseState:
        """Return the state of the base after its last block."""
        for block in self.base_blocks:
            state = self.adapter.step(block, state)
        return state


def frozen_base(base_config: Mapping[str, Any]) -> Any:
    return create_transformer(base_config).requires_grad_(False)


def zero_linear(width: int) -> nn.Linear:
    return set_to_zero(nn.Linear(width, width))


def set_to_zero(layer: Layer) -> Layer:
    """Set the weights of a layer to zero, and return it."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def to_velocity(output: Tensor, noisy: Tensor, timestep: Tensor, prediction_type: str) -> Tensor:
    """Convert the output of a base at `noisy` to the velocity, all (B, C, H, W).

    A base with few channels predicts the clean sample and is trained on the velocity loss (Li & He 2025, "Back to
    Basics", section 3). To predict the velocity itself, it would have to carry the noise of each pixel to its output.
    """
    if prediction_type == "velocity":
        return output
    sigma = (timestep / 1000).clamp(min=MIN_SIGMA)[:, None, None, None]
    return (noisy - output) / sigma
