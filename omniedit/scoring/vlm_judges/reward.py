"""Judge `vlm` with a reward head, such as EditReward's (Wu et al. 2025): scores from the last hidden state.

A reward is a real number without a scale. It becomes the score 10 / (1 + exp(-reward)), which keeps the order of pairs;
the reward itself is in the rationale. A head with two outputs gives a mean and the logarithm of its standard
deviation; the mean is read.

    B  prompts of a batch     T  tokens     D  width of the language model
"""

import re
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any, Self

import torch
import transformers
from safetensors import safe_open
from torch import Tensor
from torch.nn.functional import linear

from omniedit.config.schema import VlmConfig
from omniedit.errors import UserError
from omniedit.models.processors import load_processor
from omniedit.models.weights import FETCH
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric import Question, Rubric
from omniedit.scoring.vlm_judges.adapter import part_folder
from omniedit.scoring.vlm_judges.local import LocalJudge, load_model
from omniedit.scoring.vlm_judges.passes import TokenPrompt, pad_left, prompt_positions
from omniedit.scoring.vlm_judges.readout import ScoreReader
from omniedit.scoring.vlm_judges.rubric_judge import ParsedScores

REWARD_TOKEN = "<|Reward|>"
"""Token at which EditReward's head reads the hidden state."""
_WEIGHT = re.compile(r"(?:.*\.)?(?P<head>rm_heads\.head_\d+|rm_head)\.(?:(?P<layer>\d+)\.)?(?P<kind>weight|bias)")
"""Name of a weight of a head: one linear layer, or several with ReLU between them."""
_EMBEDDINGS = "embed_tokens.weight"

Layer = dict[str, Tensor]
"""Weight and perhaps bias of a linear layer."""


class RewardHead:
    """Head of linear layers with ReLU between them, in float32.

    Args:
        layers: first layer first.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = list(layers)

    def __call__(self, hidden_BD: Tensor) -> Tensor:
        """Return the (B,) rewards."""
        values = hidden_BD.float()
        for place, layer in enumerate(self.layers):
            values = linear(values.relu() if place else values, layer["weight"], layer.get("bias"))
        return values[:, 0]


class RewardReader:
    """Reader of rewards at the position of a token, or at the end of the prompt.

    Args:
        heads: for each score of a question, the head that gives it.
        token: id of the token; None for the end.
    """

    def __init__(self, model: Any, heads: Sequence[RewardHead], token: int | None) -> None:
        self.model, self.heads, self.token = model, heads, token

    @torch.inference_mode()
    def __call__(self, prompts: Sequence[TokenPrompt], images: Mapping[str, Any]) -> list[ParsedScores | Unscorable]:
        hidden_BD = self.read_hidden(prompts, images)
        rewards_BK = torch.stack([head(hidden_BD) for head in self.heads], dim=1)
        return [reward_reading(rewards) for rewards in rewards_BK.tolist()]

    def read_hidden(self, prompts: Sequence[TokenPrompt], images: Mapping[str, Any]) -> Tensor:
        """Return the (B, D) last hidden states at the positions that the heads read."""
        ids_BT, mask_BT = pad_left(prompts, self.model.device)
        positions, _ = prompt_positions(self.model, ids_BT, mask_BT, images)
        output = self.model.model(
            input_ids=ids_BT, attention_mask=mask_BT, position_ids=positions, use_cache=False, **images
        )
        if self.token is None:
            return output.last_hidden_state[:, -1]
        rows = torch.arange(len(prompts), device=ids_BT.device)
        return output.last_hidden_state[rows, (ids_BT == self.token).int().argmax(-1)]


class RewardJudge(LocalJudge):
    """Judge that scores by the heads of a reward model.

    With one head for each question, a question's head gives all its scores. With one question and several heads, the
    first head gives the scores of SC and the last one those of PQ.

    Args:
        heads: in the order of the rubric's questions.
        settings: readout (without effect), version and name, as in `ChatJudge`.
    """

    def __init__(
        self,
        model: Any,
        processor: Any,
        heads: Sequence[RewardHead],
        rubric: Rubric,
        options: VlmConfig,
        *settings: str,
    ) -> None:
        self.heads = assign_heads(heads, rubric)
        self.token = processor.tokenizer.get_vocab().get(REWARD_TOKEN)
        self.suffix = "" if self.token is None else REWARD_TOKEN
        super().__init__(model, processor, rubric, options, *settings)

    @classmethod
    def load(cls, folder: Path, rubric: Rubric, options: VlmConfig, *settings: str) -> Self:
        """Load the judge.

        Args:
            folder: base model, with tokenizer and image processor.

        Raises:
            UserError: as in `LocalJudge.load`, or the head is missing, damaged, or does not fit the model.
        """
        assert options.head is not None
        head, processor = part_folder(options.head), load_processor(folder)
        heads, rows = read_heads(head)
        if rows is None:
            model = load_model(folder, options.adapter)
        else:
            processor.tokenizer.add_tokens([REWARD_TOKEN], special_tokens=True)
            model = load_reward_model(head, rows)
        width = model.get_input_embeddings().weight.shape[1]
        if any(each.layers[0]["weight"].shape[1] != width for each in heads) or len(processor.tokenizer) > (
            rows or inf
        ):
            raise UserError(
                f"{head}: its head does not fit the {type(model).__name__} of {folder}; name its base model"
            )
        return cls(model, processor, [_to(each, model.device) for each in heads], rubric, options, *settings)

    def build_reader(self, question: Question) -> ScoreReader:
        return RewardReader(self.model, [self.heads[name] for name in question.scores], self.token)


def assign_heads(heads: Sequence[RewardHead], rubric: Rubric) -> dict[str, RewardHead]:
    """Return the head that gives each score of a rubric.

    Raises:
        UserError: the number of heads fits neither the questions nor SC and PQ.
    """
    if rubric.tasks or len(heads) not in (1, 2, len(rubric.questions)):
        problem = f"{len(heads)} heads, but rubric '{rubric.name}' needs 1 or 2, and has no tasks"
        raise UserError(f"scoring.vlm.head has {problem}")
    if len(heads) == len(rubric.questions):
        return {name: head for question, head in zip(rubric.questions, heads, strict=True) for name in question.scores}
    return {name: heads[-1] if name in rubric.pq else heads[0] for name in rubric.scores}


def reward_reading(rewards: Sequence[float]) -> ParsedScores | Unscorable:
    """Return the scores that follow from the rewards of a question's scores."""
    values = torch.tensor(rewards, dtype=torch.float64)
    if not values.isfinite().all():
        return Unscorable("the reward is not a number")
    scores = tuple(round(score, 3) for score in (10 * values.sigmoid()).tolist())
    rewards_text = ", ".join(f"{reward:.3f}" for reward in dict.fromkeys(rewards))
    return ParsedScores(scores, f"Reward {rewards_text}.")


def read_heads(folder: Path) -> tuple[list[RewardHead], int | None]:
    """Read the heads of a reward model, and the size of its vocabulary if it has weights of the whole model.

    Raises:
        UserError: there are no safetensors, they have no weights of a head, or a head lacks a layer.
    """
    heads: dict[str, dict[int, Layer]] = {}
    rows = None
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as weights:
            for name in weights.keys():  # noqa: SIM118
                if match := _WEIGHT.fullmatch(name):
                    layer = heads.setdefault(match["head"], {}).setdefault(int(match["layer"] or 0), {})
                    layer[match["kind"]] = weights.get_tensor(name).float()
                elif name.endswith(_EMBEDDINGS):
                    rows = weights.get_slice(name).get_shape()[0]
    if not heads:
        raise UserError(f"{folder}: no weights of a reward head (rm_head, rm_heads) in its safetensors")
    for head, layers in heads.items():
        check_layers(folder, head, layers)
    ordered = sorted(heads.items(), key=lambda item: int(re.sub(r"\D", "", item[0]) or 0))
    return [RewardHead([layer for _, layer in sorted(layers.items())]) for _, layers in ordered], rows


def check_layers(folder: Path, head: str, layers: Mapping[int, Layer]) -> None:
    """Check that every layer of a head has a weight that takes the outputs of the layer before.

    Raises:
        UserError: a weight is missing, or has another shape.
    """
    width = None
    for number, layer in sorted(layers.items()):
        if "weight" not in layer:
            raise UserError(f"{folder}: has no weights for {head}.{number}.weight; {FETCH}")
        out, into = layer["weight"].shape
        if width not in (None, into) or layer.get("bias", layer["weight"][:, 0]).shape != (out,):
            problem = f"{head}.{number} has shape ({out}, {into}), which does not fit its bias or the layer before"
            raise UserError(f"{folder}: {problem}; {FETCH}")
        width = out


def load_reward_model(folder: Path, rows: int) -> Any:
    """Load the network of a reward model, without its heads.

    Args:
        rows: size of its vocabulary, which has one more token than its config says.

    Raises:
        UserError: as in `omniedit.models.folder.load_part`.
    """
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    config.get_text_config().vocab_size = rows
    return load_model(folder, left_out=_WEIGHT.pattern, config=config)


def _to(head: RewardHead, device: torch.device) -> RewardHead:
    return RewardHead([{name: value.to(device) for name, value in layer.items()} for layer in head.layers])
