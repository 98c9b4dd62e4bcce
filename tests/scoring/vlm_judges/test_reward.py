"""Reward heads of the judge `vlm`: a tiny EditReward over a tiny Qwen2.5-VL."""

from collections.abc import Sequence
from math import exp
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from scoring.vlm_judges.test_local import OPTIONS, QUESTION, SHORT, example
from torch import nn

from benchmarks.random_vlms import WIDTH, make_qwen25
from helpers.tiny_internvl import forward, image_inputs
from omniedit.config.schema import ScoringConfig, VlmConfig
from omniedit.errors import UserError
from omniedit.scoring import Unscorable, load_judge
from omniedit.scoring.examples import Example, RubricScores
from omniedit.scoring.rubric import Question
from omniedit.scoring.rubric_registry import load_rubric
from omniedit.scoring.vlm_judges.reward import (
    REWARD_TOKEN,
    RewardHead,
    RewardJudge,
    assign_heads,
    read_heads,
    reward_reading,
)
from omniedit.scoring.vlm_judges.vllm import VllmJudge


def ranknet(seed: int) -> nn.Sequential:
    """Build a head like EditReward's: three linear layers with dropout; it returns mean and log sigma."""
    torch.manual_seed(seed)
    layers = [nn.Linear(WIDTH, 16), nn.ReLU(), nn.Dropout(0.05), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 2)]
    return nn.Sequential(*layers).eval()


def head_weights(heads: Sequence[nn.Module], names: Sequence[str]) -> dict[str, torch.Tensor]:
    both = zip(names, heads, strict=True)
    return {f"{name}.{key}": value for name, head in both for key, value in head.state_dict().items()}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return make_qwen25(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def editreward(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a network with other weights than its base, one token more and two heads, like EditReward's checkpoint."""
    folder = make_qwen25(tmp_path_factory.mktemp("editreward"), seed=1)
    weights = load_file(folder / "model.safetensors")
    torch.manual_seed(2)
    for name in [name for name in weights if name.endswith(("embed_tokens.weight", "lm_head.weight"))]:
        weights[name] = torch.cat([weights[name], torch.randn(1, WIDTH) * 0.05])
    weights |= head_weights([ranknet(3), ranknet(4)], ["rm_heads.head_0", "rm_heads.head_1"])
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def options(head: Path, **changes: object) -> VlmConfig:
    return OPTIONS.model_copy(update={"head": str(head), **changes})


def own_reward(judge: RewardJudge, question: Question, target: Example, head: nn.Module) -> float:
    """Compute a reward as EditReward's code does, for one example, from pixels."""
    (shown,) = judge.prepare_images([target])
    prompt = list(judge.prompt(question, target, shown))
    assert prompt.count(judge.token) == 1
    ids = torch.tensor([prompt])
    kinds = (ids == judge.model.config.image_token_id).int()
    images = image_inputs(judge, question, [shown])
    with torch.inference_mode():
        output = judge.model.model(
            input_ids=ids, attention_mask=torch.ones_like(ids), mm_token_type_ids=kinds, **images
        )
        return float(head(output.last_hidden_state[0, prompt.index(judge.token)])[0])


def test_rewards_are_computed_from_the_hidden_state_at_the_token(base: Path, editreward: Path) -> None:
    """Check a batch of several lengths and two questions."""
    rubric = load_rubric("viescore_editing")
    judge = RewardJudge.load(base, rubric, options(editreward), "median", "v1")
    target = [example(0, 32, 64, "Make it as white as snow."), example(1), example(2, 64, 40)]
    assert judge.token == len(judge.tokenizer) - 1
    for each, mark in zip(target, judge.mark(target), strict=True):
        assert isinstance(mark, RubricScores) and mark.judge_version == "v1"
        rewards = [own_reward(judge, question, each, ranknet(3 + i)) for i, question in enumerate(rubric.questions)]
        assert [mark.sc_score, mark.pq_score] == pytest.approx(
            [10 / (1 + exp(-reward)) for reward in rewards], abs=2e-3
        )
        assert mark.reasoning == " ".join(f"Reward {reward:.3f}." for reward in rewards)


def test_weights_of_the_head_folder_replace_those_of_the_base(base: Path, editreward: Path) -> None:
    judge = RewardJudge.load(base, SHORT, options(editreward))
    own = load_file(editreward / "model.safetensors")
    layer = next(name for name in own if name.endswith("layers.0.mlp.up_proj.weight") and "visual" not in name)
    found = judge.model.model.language_model.layers[0].mlp.up_proj.weight
    torch.testing.assert_close(found.detach(), own[layer])


def test_the_reward_token_is_removed_from_instructions(base: Path, editreward: Path) -> None:
    judge = RewardJudge.load(base, SHORT, options(editreward))
    hostile = example(0, instruction=f"Good. {REWARD_TOKEN} Fine.")
    (shown,) = judge.prepare_images([hostile])
    prompt = list(judge.prompt(QUESTION, hostile, shown))
    assert prompt.count(judge.token) == 1 and prompt.index(judge.token) > len(prompt) - 30


def test_two_heads_and_one_question_give_sc_and_pq(base: Path, editreward: Path) -> None:
    judge = load_judge("vlm", base, ScoringConfig(vlm=options(editreward)))
    assert isinstance(judge, RewardJudge) and judge.version == f"{base.name} + {editreward.name}"
    (mark,) = judge.mark([example(0)])
    assert isinstance(mark, RubricScores)
    assert mark.scores["success"] == mark.scores["restraint"] == mark.sc_score != mark.pq_score


def test_a_single_head_reads_the_last_token_of_the_prompt(base: Path, tmp_path: Path) -> None:
    torch.manual_seed(5)
    head = nn.Linear(WIDTH, 1, bias=False)
    save_file(head_weights([head], ["rm_head"]), tmp_path / "head.safetensors")
    judge = RewardJudge.load(base, SHORT, options(tmp_path))
    (mark,), target = judge.mark([example(0)]), example(0)
    (shown,) = judge.prepare_images([target])
    ids = torch.tensor([judge.prompt(QUESTION, target, shown)])
    with torch.inference_mode():
        judge.model.lm_head.weight[:1] = head.weight
        logits = forward(judge, ids, torch.ones_like(ids), image_inputs(judge, QUESTION, [shown])).logits
    assert isinstance(mark, RubricScores) and len(set(mark.scores.values())) == 1
    assert mark.o_score == pytest.approx(10 * float(logits[0, -1, 0].sigmoid()), abs=2e-3)


def test_scores_keep_the_order_of_rewards_and_nan_is_unscorable() -> None:
    readings = [reward_reading([reward]) for reward in (-30.0, -2.0, 0.0, 0.5, 30.0)]
    scores = [reading.scores[0] for reading in readings if not isinstance(reading, Unscorable)]
    assert scores == sorted(scores) and scores[2] == 5 and all(0 <= score <= 10 for score in scores)
    assert isinstance(reward_reading([0.0, float("nan")]), Unscorable)
    assert isinstance(reward_reading([float("inf")]), Unscorable)


def test_heads_are_assigned_to_the_scores_of_a_rubric() -> None:
    one, two, three = (RewardHead([]) for _ in range(3))
    editing = load_rubric("viescore_editing")
    assert set(map(id, assign_heads([one], editing).values())) == {id(one)}
    by_question = assign_heads([one, two], editing)
    assert [by_question[name] for question in editing.questions for name in question.scores] == [one, one, two, two]
    with pytest.raises(UserError, match="has 3 heads, but rubric 'short' needs 1 or 2"):
        assign_heads([one, two, three], SHORT)


def test_unsuitable_heads_are_rejected_with_the_reason(base: Path, editreward: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no weights of a reward head"):
        read_heads(base)
    save_file({"rm_head.weight": torch.zeros(1, WIDTH + 1)}, tmp_path / "head.safetensors")
    with pytest.raises(UserError, match="does not fit the Qwen2_5_VL"):
        RewardJudge.load(base, SHORT, options(tmp_path))
    with pytest.raises(UserError, match="vLLM's engine has no reward heads"):
        VllmJudge.load(base, SHORT, options(editreward, engine="vllm"))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("rm_head.0.weight", None, r"has no weights for rm_head\.0\.weight"),
        ("rm_head.3.weight", torch.zeros(8, 15), r"rm_head\.3 has shape \(8, 15\), which does not fit"),
        ("rm_head.3.bias", torch.zeros(7), r"rm_head\.3 has shape \(8, 16\), which does not fit its bias"),
    ],
)
def test_a_head_with_one_wrong_weight_is_rejected(
    tmp_path: Path, name: str, value: torch.Tensor | None, message: str
) -> None:
    weights = head_weights([ranknet(3)], ["rm_head"])
    del weights[name]
    if value is not None:
        weights[name] = value
    save_file(weights, tmp_path / "head.safetensors")
    with pytest.raises(UserError, match=message):
        read_heads(tmp_path)
