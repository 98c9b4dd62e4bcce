"""Tests of task-aware routing: each part has its effect, and nothing else."""

import pytest
import torch
from torch import Tensor, nn

from helpers import tiny_bases
from helpers.tiny_models import SD3, base, inputs, move_weights
from omniedit import models
from omniedit.models.bases.adapter import Inputs, TokenGrid
from omniedit.models.bases.registry import adapt
from omniedit.models.conditions import get_supported_conditions
from omniedit.models.routed_editnet import RoutedEditNet, TaskTokenEditNet, task_prefix, text_vector
from omniedit.models.routing import (
    SHARED,
    Experts,
    Route,
    Router,
    TaskEmbedding,
    VisualPrompt,
    attend,
    default_groups,
    grid_positions,
    head_count,
)

TASKS = ("remove", "style_change", "visual_sketch", "of_a_data_set")


def make(name: str = "editnet_routed", **options: object) -> RoutedEditNet:
    kind = RoutedEditNet if "task_token" not in name else TaskTokenEditNet
    return move_weights(kind.from_transformer(base(SD3), tasks=TASKS, **options)).eval()  # type: ignore[return-value]


@pytest.fixture(scope="module")
def net() -> RoutedEditNet:
    return make()


def with_references(count: int = 2, **more: Tensor) -> dict[str, Tensor]:
    references = torch.randn(2, count, 16, 8, 12, generator=torch.Generator().manual_seed(3))
    return inputs() | {"references": references, "task": torch.tensor([0, 2])} | more


@torch.no_grad()
def test_image_instruction_references_and_task_each_change_the_output(net: RoutedEditNet) -> None:
    x = with_references()
    changed = [
        {"condition": torch.zeros_like(x["condition"])},
        {"prompt_embeds": torch.zeros_like(x["prompt_embeds"])},
        {"references": x["references"].flip(0)},
        {"task": torch.tensor([1, 1])},
    ]
    for change in changed:
        assert not torch.allclose(net(**x), net(**x | change), atol=1e-3)


@torch.no_grad()
def test_a_missing_reference_has_no_influence(net: RoutedEditNet) -> None:
    x = with_references()
    mask = torch.tensor([[True, False], [False, False]])
    out = net(**x | {"reference_mask": mask})
    other = x["references"].masked_fill(~mask[..., None, None, None], 7.0)
    torch.testing.assert_close(net(**x | {"reference_mask": mask, "references": other}), out)
    one = x | {"references": x["references"][:, :1], "reference_mask": mask[:, :1]}
    torch.testing.assert_close(net(**one), out)
    none = {name: value for name, value in x.items() if name != "references"}
    torch.testing.assert_close(net(**none)[1], out[1])
    assert not torch.allclose(net(**none)[0], out[0], atol=1e-3)


@torch.no_grad()
@pytest.mark.parametrize(("task", "expert"), [(0, "local"), (1, "global"), (2, "visual"), (3, SHARED), (-1, SHARED)])
def test_a_task_uses_only_the_expert_of_its_group_and_an_unknown_task_the_shared_one(task: int, expert: str) -> None:
    net = make()
    assert net.routing.experts == ["local", "global", "visual", SHARED]
    x = with_references(task=torch.tensor([task, task]))
    before = net(**x)
    for name in net.routing.experts:
        if name != expert:
            for layer in net.experts:
                layer.to_key_value[net.routing.experts.index(name)].weight.add_(1)
    assert torch.equal(net(**x), before)
    for layer in net.experts:
        layer.to_key_value[net.routing.experts.index(expert)].weight.add_(1)
    assert not torch.allclose(net(**x), before, atol=1e-3)


@torch.no_grad()
def test_without_experts_a_routed_editor_equals_the_task_token_editor(net: RoutedEditNet) -> None:
    plain = make("editnet_task_token")
    missing, extra = plain.load_state_dict(
        {key.replace("routing.embedding", "embedding"): value for key, value in net.state_dict().items()}, strict=False
    )
    assert not missing and all(key.startswith(("routing.", "experts.")) for key in extra)
    silent = make()
    silent.load_state_dict(net.state_dict())
    for layer in silent.experts:
        nn.init.zeros_(layer.to_out.weight)
        nn.init.zeros_(layer.to_out.bias)
    torch.testing.assert_close(silent(**with_references()), plain(**with_references()))


@torch.no_grad()
def test_without_the_task_token_tasks_of_one_group_give_the_same_output() -> None:
    tasks = ("remove", "add", "style_change")
    net = move_weights(RoutedEditNet.from_transformer(base(SD3), tasks=tasks, task_token=False)).eval()
    outputs = [net(**inputs() | {"task": torch.tensor([task, task])}) for task in range(3)]
    assert torch.equal(outputs[0], outputs[1]) and not torch.allclose(outputs[0], outputs[2], atol=1e-3)


@torch.no_grad()
def test_soft_routing_weights_the_experts_by_the_gate() -> None:
    torch.manual_seed(0)
    layer = Experts(width=8, prompt_width=8, count=3)
    nn.init.normal_(layer.to_out.weight)
    tokens, read = torch.randn(2, 5, 8), torch.randn(2, 4, 8)
    seen = torch.ones(2, 4, dtype=torch.bool)
    each = torch.stack([layer(tokens, Route(read, seen, torch.zeros(2, 3), torch.tensor([e, e]))) for e in range(3)])
    weights = torch.tensor([[0.5, 0.3, 0.2], [0.0, 1.0, 0.0]])
    mixed = layer(tokens, Route(read, seen, weights, None))
    torch.testing.assert_close(mixed, torch.einsum("be,ebnd->bnd", weights, each))


def test_the_gate_starts_with_equal_weights_and_learns() -> None:
    router = Router(("local", "global", SHARED), (0, 1), text_width=4, soft=True)
    text, unknown = torch.randn(6, 4), torch.full((6,), -1)
    weights, expert = router(unknown, text)
    torch.testing.assert_close(weights, torch.full((6, 3), 1 / 3))
    assert expert is None
    weights[:, 0].sum().backward()
    assert router.gate is not None and router.gate[1].weight.grad.abs().sum() > 0


@torch.no_grad()
def test_attention_ignores_masked_tokens() -> None:
    query, key = torch.zeros(1, 1, 2), torch.zeros(1, 3, 2)
    value = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [100.0, 100.0]]])
    found = attend(query, key, value, 1, torch.tensor([[True, True, False]]))
    torch.testing.assert_close(found, torch.tensor([[[2.0, 3.0]]]))


@torch.no_grad()
def test_an_unknown_task_has_the_last_vector() -> None:
    embedding = TaskEmbedding(3, 4)
    assert torch.equal(embedding(torch.tensor([0, 2, -1])), embedding.weight[[0, 2, 3]])


def test_an_instruction_without_pooled_text_is_the_mean_of_its_tokens() -> None:
    prompt = torch.tensor([1.0, 3.0, 100.0])[None, :, None].expand(3, -1, 2)
    mask, unused = torch.tensor([[1.0, 1, 0], [1, 0, 0], [0, 0, 0]]), torch.zeros(())
    for name in ("qwen_image", "z_image"):
        vectors = text_vector(adapt(tiny_bases.make(name)), Inputs(unused, unused, prompt, mask, unused))
        assert vectors.tolist() == [[2, 2], [1, 1], [0, 0]]


def test_a_task_token_is_padded_as_the_images_of_its_base() -> None:
    token = torch.ones(2, 1, 4)
    plain, padded = (task_prefix(adapt(tiny_bases.make(name)), token) for name in ("sd3", "z_image"))
    assert torch.equal(plain.tokens, token) and plain.present is None
    assert padded.tokens[..., 0].tolist() == [[1.0, *[0.0] * 31]] * 2
    assert padded.present is not None and padded.present.tolist() == [[True, *[False] * 31]] * 2
    assert plain.grids == padded.grids == [TokenGrid(1, 1, index=2)]


def test_positions_of_references_are_octaves_from_minus_one_to_one() -> None:
    y, x = [0.0, 0, -1, 1], [[0.0, 0, -1, 1], [-1, 0, 0, -1], [0, 0, 1, 1], [1, 0, 0, -1], [0, 0, -1, 1]]
    found = grid_positions(1, 5, 8, torch.device("cpu"))
    torch.testing.assert_close(found, torch.tensor([[*y, *row] for row in x]), atol=1e-5, rtol=0)
    sines = grid_positions(1, 7, 48, torch.device("cpu"))[:, 24:36]
    assert torch.equal(sines[:, 8], sines[:, 11]) and not torch.allclose(sines[:, 7], sines[:, 8], atol=0.1)


def test_heads_are_64_wide_where_the_width_divides() -> None:
    assert [head_count(width) for width in (32, 64, 200, 512)] == [1, 1, 2, 8]


@torch.no_grad()
def test_a_visual_prompt_has_sixteen_tokens_per_reference_or_the_tokens_for_no_image() -> None:
    torch.manual_seed(0)
    prompt = VisualPrompt(channels=4, patch=2, width=16)
    images = torch.randn(2, 3, 4, 8, 8)
    tokens, exists = prompt(images, torch.tensor([[True, True, False], [False, False, False]]))
    assert tokens.shape == (2, 48, 16) and exists.sum(1).tolist() == [32, 16]
    blank, _ = prompt(torch.zeros(1, 1, 4, 8, 8), torch.tensor([[False]]))
    torch.testing.assert_close(tokens[1, :16], blank[0])


@torch.no_grad()
def test_a_visual_prompt_depends_on_where_patches_are() -> None:
    torch.manual_seed(0)
    prompt = VisualPrompt(channels=4, patch=2, width=16)
    image, exists = torch.randn(1, 1, 4, 8, 8), torch.ones(1, 1, dtype=torch.bool)
    moved = image.roll(2, dims=-1)  # the same patches, one place further
    assert not torch.allclose(prompt(image, exists)[0], prompt(moved, exists)[0], atol=1e-4)


def test_every_trained_weight_gets_a_gradient_even_without_references() -> None:
    for name in ("editnet_routed", "editnet_routed_soft"):
        net = models.build(name, base(SD3))
        move_weights(net)(**inputs() | {"task": torch.tensor([0, 9])}).square().mean().backward()
        assert [key for key, p in net.named_parameters() if p.requires_grad and p.grad is None] == []


def test_groups_and_tasks_are_saved_with_the_editor(net: RoutedEditNet) -> None:
    assert default_groups(TASKS) == ["local", "global", "visual", SHARED] == net.config["groups"]
    takes = get_supported_conditions(net)
    assert takes.references and takes.tasks == TASKS and takes.task_index("nothing") == -1


@pytest.mark.parametrize("kind", ["flux", "qwen_image", "z_image"])
def test_an_untrained_routed_editor_over_any_base_is_bit_identical_to_it(kind: str, one_thread: None) -> None:
    transformer, x = tiny_bases.make(kind), tiny_bases.inputs(kind, texts=(5, 3))
    net = models.build("editnet_routed_soft", transformer)
    x |= {"references": torch.randn(2, 1, 16, 8, 12), "task": torch.tensor([0, -1])}
    assert torch.equal(net(**x), tiny_bases.diffusers_velocity(transformer, x))
    move_weights(net)(**x).square().mean().backward()
    assert [key for key, p in net.named_parameters() if p.requires_grad and p.grad is None] == []
