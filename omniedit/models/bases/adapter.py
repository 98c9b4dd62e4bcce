"""Interface between the architectures of editors and the transformers of diffusers that they build on.

Shapes: B batch, C latent channels, H W latent height and width, N image tokens, M text tokens, D width.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from torch import Tensor, nn

Context = dict[str, Any]
"""Arguments of a block that stay the same for all blocks of a forward pass: position embeddings and masks."""


@dataclass(frozen=True)
class TokenGrid:
    """Image tokens of one image, row by row.

    Args:
        index: 0 for the image that is denoised, 1 for the source image in context, 2 and more for references.
    """

    rows: int
    columns: int
    index: int = 0

    def __len__(self) -> int:
        return self.rows * self.columns


@dataclass(frozen=True)
class Inputs:
    """Inputs of an editor, as in `Editor.forward`."""

    noisy: Tensor
    timestep: Tensor
    prompt_embeds: Tensor
    pooled: Tensor
    condition: Tensor
    references: Tensor | None = None
    reference_mask: Tensor | None = None
    task: Tensor | None = None
    guidance: Tensor | None = None
    reference_prompts: Tensor | None = None
    reference_pooled: Tensor | None = None


@dataclass(frozen=True)
class BaseState:
    """State of a base between two of its blocks. In a base with one joint stream, text and image are its two parts.

    Args:
        image: tokens of the image that is denoised, (B, N, D).
        text: tokens of the instruction, (B, M, D); None after a last block without text output.
        modulation: embedding of noise level and pooled text by which the blocks are modulated, (B, D).
        context: further arguments of each block.
        grid: positions of the image tokens.
        text_mask: which text tokens are attended to, (B, M) bool; None for all.
        memory: further tokens that an editor's own layers read before a block; None if it has no such layers.
    """

    image: Tensor
    text: Any
    modulation: Tensor
    context: Context
    grid: TokenGrid
    text_mask: Tensor | None = None
    memory: Any = None

    def add(self, image_added: Tensor, text_added: Tensor | None) -> "BaseState":
        """Return the state with residuals added to its image tokens and, if given, to its text tokens."""
        text = self.text if text_added is None else self.text + text_added
        return replace(self, image=self.image + image_added, text=text)


class Adapter(ABC):
    """Access to one kind of transformer, with a subclass for each class that an editor can be built on.

    Args:
        net: the transformer, whose weights are neither copied nor changed.
    """

    transformer_class: ClassVar[Any]
    pipelines: ClassVar[tuple[str, ...]]
    """Pipelines of diffusers whose folders hold such a transformer; the first is the usual one."""
    patch_layer_name: ClassVar[str]
    """Name of the transformer's linear layer or convolution that maps patches of latents to tokens."""
    indexes_images: ClassVar[bool] = True
    """Whether the positions of tokens contain the index of their image. If not, a sequence needs a learned vector per
    image."""
    tokens_multiple: ClassVar[int] = 1
    """The tokens of each image are padded to a multiple of this number."""

    def __init__(self, net: Any) -> None:
        self.net = net

    @property
    @abstractmethod
    def patch(self) -> int:
        """Side of a token in latents."""

    @property
    @abstractmethod
    def channels(self) -> int:
        """Number of latent channels."""

    @property
    @abstractmethod
    def longest_side(self) -> int:
        """Maximum number of tokens along a side of an image for which there are positions."""

    @property
    def embeds_guidance(self) -> bool:
        """Whether `modulation` reads a guidance scale."""
        return False

    @property
    def text_width(self) -> int:
        """Width of `prompt_embeds`."""
        return self.net.config["joint_attention_dim"]

    def pooled_shape(self, text_tokens: int) -> tuple[int, ...]:
        """Return the shape of one sample's `pooled`: the pooled text if the base has one, else the mask of the text
        tokens.
        """
        return (text_tokens,)

    @property
    def width(self) -> int:
        return self.net.inner_dim

    @property
    def blocks(self) -> list[nn.Module]:
        """Blocks in the order in which they run."""
        return list(self.net.transformer_blocks)

    @property
    def patch_layer(self) -> nn.Module:
        return self.net.get_submodule(self.patch_layer_name)

    @property
    def image_embedder(self) -> nn.Module:
        """Module that embeds the base's image. Editors copy it to embed other images with `embed_image`."""
        return self.patch_layer

    @staticmethod
    @abstractmethod
    def embed_clean(embedder: Any, latents: Tensor) -> Tensor:
        """Return tokens of latents without noise, (B, N, D), padded as those of `embed_image`.

        They do not depend on the noise level, so an edit computes them once.

        Args:
            embedder: a copy of `image_embedder`.
        """

    @staticmethod
    def has_text_output(block: nn.Module) -> bool:
        return not getattr(block, "context_pre_only", False)

    @staticmethod
    def run(block: Any, image: Tensor, text: Tensor, modulation: Tensor, context: Context) -> tuple[Tensor, Any]:
        """Run a block of the base, or a copy of one, and return its image and text tokens."""
        text_out, image_out = block(hidden_states=image, encoder_hidden_states=text, temb=modulation, **context)
        return image_out, text_out

    def step(self, block: nn.Module, state: BaseState) -> BaseState:
        """Return the state after a block."""
        image, text = self.run(block, state.image, state.text, state.modulation, state.context)
        return replace(state, image=image, text=text)

    def grid(self, latents: Tensor, index: int = 0) -> TokenGrid:
        return TokenGrid(latents.shape[-2] // self.patch, latents.shape[-1] // self.patch, index)

    @abstractmethod
    def new_patch_layer(self, channels: int) -> nn.Module:
        """Return a new layer that maps patches of latents with this number of channels to tokens."""

    def embed_patches(self, layer: nn.Module, latents: Tensor) -> Tensor:
        """Return tokens of latents, (B, N, D), without positions, by a layer like `patch_layer`."""
        return self.embed_clean(layer, latents)

    def embed_image(self, embedder: Any, latents: Tensor, modulation: Tensor, pooled: Tensor, index: int = 0) -> Tensor:
        """Return tokens of latents, (B, N, D), as the base embeds its own.

        Args:
            embedder: `image_embedder` or a copy of it.
            index: index of the image, as in `TokenGrid`.
        """
        return self.embed_clean(embedder, latents)

    @abstractmethod
    def modulation(self, timestep: Tensor, pooled: Tensor, guidance: Tensor | None = None) -> Tensor:
        """Return the modulation of the blocks, (B, D), for timesteps in [0, 1000]."""

    @abstractmethod
    def embed(self, inputs: Inputs, extra_channels: Tensor | None = None) -> BaseState:
        """Return the state before the first block.

        Args:
            extra_channels: latents (B, C, H, W) appended to `inputs.noisy`, if the patch layer takes them.
        """

    @abstractmethod
    def context(self, state: BaseState, grids: Sequence[TokenGrid], present: Tensor | None = None) -> Context:
        """Return the context of blocks that see the text and several images one after the other.

        Args:
            present: which image tokens are attended to, (B, tokens) bool; None for all.
        """

    def allow_masks(self, blocks: nn.Module | None = None) -> None:  # noqa: B027 (most need nothing)
        """Prepare blocks for a context with `present`, if they need it. Their results do not change.

        Args:
            blocks: copies of the base's blocks; None for the base's own.
        """

    def restore_constants(self) -> None:  # noqa: B027 (most have none)
        """Recompute constants that are not weights, for a transformer that was created on the meta device."""

    @abstractmethod
    def decode(self, state: BaseState) -> Tensor:
        """Return the output of the base, (B, C, H, W), from the state after the last block."""
