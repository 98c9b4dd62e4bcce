"""QFormer: converts a language model's hidden states to the embeddings that an editor expects of a text encoder.

Shapes: B samples, R hidden states, M embeddings, D width of the embeddings.
"""

from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

LAYERS = 6
"""Layers of the published QFormer (SmartEdit, section 5.1)."""


class QFormer(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Learned queries that attend to hidden states in a transformer decoder (SmartEdit, section 4.1).

    Args:
        hidden_width: width of the hidden states.
        queries: number of embeddings, that of the text encoder to replace: 77 for CLIP.
        width: width of the embeddings.
        pooled_width: width of the pooled embedding, which is not in the paper: SD3 and its relatives need it.
        inner_width: width of the layers, a multiple of `heads`.
    """

    @register_to_config
    def __init__(
        self,
        hidden_width: int,
        queries: int = 77,
        width: int = 768,
        pooled_width: int = 768,
        inner_width: int = 768,
        layers: int = LAYERS,
        heads: int = 8,
    ) -> None:
        super().__init__()
        self.query_embedding = nn.Embedding(queries, inner_width)
        self.from_hidden = nn.Linear(hidden_width, inner_width)
        layer = nn.TransformerDecoderLayer(
            inner_width, heads, 4 * inner_width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.decoder = nn.TransformerDecoder(layer, layers, norm=nn.LayerNorm(inner_width))
        self.to_embeddings = nn.Linear(inner_width, width)
        self.to_pooled = nn.Linear(inner_width, pooled_width)

    def forward(self, hidden_BRH: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings (B, M, D) and the pooled embedding (B, pooled_width)."""
        queries = self.query_embedding.weight.expand(len(hidden_BRH), -1, -1)
        decoded = self.decoder(queries, self.from_hidden(hidden_BRH))
        return self.to_embeddings(decoded), self.to_pooled(decoded.mean(1))
