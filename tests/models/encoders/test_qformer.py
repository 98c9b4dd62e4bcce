"""Tests of the QFormer: shapes and the published size, values of a case computed by hand."""

import torch
from torch import nn

from omniedit.models.encoders.qformer import QFormer


def test_defaults_are_the_published_six_layers_and_77_queries():
    with torch.device("meta"):
        net = QFormer(hidden_width=4096)
    assert (len(net.decoder.layers), net.query_embedding.weight.shape) == (6, (77, 768))
    layer = net.decoder.layers[0]
    assert (layer.linear1.out_features, layer.activation) == (4 * 768, nn.functional.gelu)


@torch.no_grad()
def test_cross_attention_matches_a_calculation_by_hand():
    """With zero self-attention and MLP, a layer adds the softmax-weighted mean of the values to each query."""
    net = QFormer(hidden_width=2, queries=1, width=2, pooled_width=2, inner_width=2, layers=1, heads=1).eval()
    layer = net.decoder.layers[0]
    for parameter in (layer.self_attn.out_proj.weight, layer.linear2.weight, layer.linear2.bias):
        nn.init.zeros_(parameter)
    attention = layer.multihead_attn
    attention.in_proj_weight.copy_(torch.eye(2).repeat(3, 1))
    for linear in (attention.out_proj, net.from_hidden, net.to_embeddings, net.to_pooled):
        linear.weight.copy_(torch.eye(2))
        linear.bias.zero_()
    net.decoder.norm = nn.Identity()
    net.query_embedding.weight.copy_(torch.tensor([[3.0, 1.0]]))
    hidden = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    query = torch.tensor([1.0, -1.0])  # the query after layer normalisation
    weights = torch.softmax(hidden[0] @ query / 2**0.5, 0)
    expected = torch.tensor([3.0, 1.0]) + weights @ hidden[0]
    embeddings, pooled = net(hidden)
    assert torch.allclose(embeddings[0, 0], expected, atol=1e-4)
    assert torch.equal(pooled[0], embeddings[0, 0])


@torch.no_grad()
def test_embeddings_are_normalised_after_the_last_layer():
    net = QFormer(hidden_width=2, queries=1, width=2, pooled_width=2, inner_width=2, layers=1, heads=1).eval()
    for name, parameter in net.decoder.layers.named_parameters():
        if "out_proj" in name or "linear2" in name:
            nn.init.zeros_(parameter)
    net.to_embeddings.weight.copy_(torch.eye(2))
    net.to_embeddings.bias.zero_()
    net.query_embedding.weight.copy_(torch.tensor([[5.0, 1.0]]))
    assert torch.allclose(net(torch.randn(1, 3, 2))[0], torch.tensor([[[1.0, -1.0]]]), atol=1e-4)


@torch.no_grad()
def test_the_pooled_embedding_is_that_of_the_mean_over_queries():
    net = QFormer(hidden_width=2, queries=3, width=4, pooled_width=4, inner_width=4, layers=1, heads=1).eval()
    net.to_pooled.load_state_dict(net.to_embeddings.state_dict())
    embeddings, pooled = net(torch.randn(2, 5, 2))
    assert torch.allclose(pooled, embeddings.mean(1), atol=1e-6)


@torch.no_grad()
def test_a_training_step_has_no_dropout():
    net, hidden = QFormer(hidden_width=6, queries=3, width=4, inner_width=8, layers=1, heads=2), torch.randn(2, 7, 6)
    assert net.training and torch.equal(net(hidden)[0], net(hidden)[0])


def test_every_query_and_every_part_gets_a_gradient():
    net = QFormer(hidden_width=6, queries=3, width=4, pooled_width=5, inner_width=8, layers=2, heads=2)
    embeddings, pooled = net(torch.randn(2, 7, 6))
    assert (embeddings.shape, pooled.shape) == ((2, 3, 4), (2, 5))
    (embeddings.square().mean() + pooled.square().mean()).backward()
    assert net.query_embedding.weight.grad.abs().sum(1).gt(0).all()
    assert {name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()} == set()
