"""Training on the world: a base on captioned images, then an editor over it on pairs.

Shapes: B images, C latent channels, h w latent height and width.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel
from diffusers.training_utils import EMAModel
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset

from benchmarks.ablation.encoding import Texts, encode_latents, encode_references
from benchmarks.ablation.settings import Fit, Setting
from benchmarks.ablation.world import WorldPair, crop_pair
from omniedit.aspect import RATIOS
from omniedit.buckets.references import describe_references
from omniedit.config.schema import BaseConfig, TrainConfig
from omniedit.errors import UserError
from omniedit.imaging.images import Image
from omniedit.models.base import Base
from omniedit.models.codec import Vae
from omniedit.models.conditions import get_supported_conditions
from omniedit.models.editor import Editor, to_velocity
from omniedit.storage.atomic import replace_file
from omniedit.storage.progress import Progress
from omniedit.training.base.pretrain import CAPTION_DROPOUT
from omniedit.training.editor.batches import CONDITIONS
from omniedit.training.editor.instruction_encoder import InstructionEncoder
from omniedit.training.editor.references import choose_conditions
from omniedit.training.objective import condition_dropout_masks, flow_loss, logit_normal, rectified_flow_pair
from omniedit.training.schedule import learning_rate

Batch = TypeVar("Batch")
BETAS = (0.9, 0.99)
EMA_DECAY = 0.995
WEIGHT_DECAY = 0.01
PREDICTION = "sample"
CHECKPOINT_STEPS = 500
"""Number of steps between checkpoints, about five minutes on two cores."""
CAPACITY = 2**30
"""Size of the embedding cache in bytes, enough for 20,000 texts."""


def train_config(setting: Setting) -> TrainConfig:
    """Return the options of a setting, with defaults for all others."""
    base = BaseConfig(
        layers=setting.layers, heads=setting.heads, head_dim=setting.head_dim, patch_size=setting.patch_size
    )
    return TrainConfig(resolution=setting.size, sigma_mean=setting.sigma_mean, base=base)


def prepare(base: Base, setting: Setting) -> Texts:
    """Move a base to the device and return its text encoder."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    parts: list[nn.Module] = [base.vae, base.transformer, base.text.text_encoder]
    for part in parts:
        part.to(device)
    return Texts(InstructionEncoder(base.text, CAPACITY), setting.text_tokens)


def write_results(folder: Path, records: Sequence[dict[str, Any]], answers: Sequence[Image]) -> None:
    """Write measurements to measures.jsonl and edits to answers.npz."""
    (folder / "measures.jsonl").write_text("".join(json.dumps(row) + "\n" for row in records))
    np.savez_compressed(folder / "answers.npz", answers=np.stack(answers))


def trained_parameters(network: nn.Module) -> dict[str, nn.Parameter]:
    return {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}


class Training:
    """Training loop of a network with EMA weights. It resumes from `checkpoint` if that file exists.

    If a process group is initialised, each rank has its own batches, and all ranks take the same steps with the mean of
    their gradients. Only the first rank writes checkpoints.

    Args:
        optimizers: optimizers of the trained parameters, each with its own share of them; None for AdamW on all.
        identity: fingerprint of the training data, if the caller has one. A checkpoint with another fingerprint is
            rejected.
        checkpoint_every: number of steps between checkpoints; None for `CHECKPOINT_STEPS`.

    Raises:
        UserError: the checkpoint has another identity.

    Attributes:
        done: number of steps so far.
        records: measurements so far, in JSON's types; saved with the weights.
    """

    def __init__(
        self,
        network: nn.Module,
        options: Fit,
        checkpoint: Path,
        optimizers: Sequence[torch.optim.Optimizer] | None = None,
        identity: str = "",
        checkpoint_every: int | None = None,
    ) -> None:
        self.parameters, self.identity = trained_parameters(network), identity
        self.checkpoint_every = checkpoint_every
        self.options, self.checkpoint = options, checkpoint
        self.ema = EMAModel(self.parameters.values(), EMA_DECAY, foreach=True)
        self.optimizers = optimizers or [
            torch.optim.AdamW(self.parameters.values(), betas=BETAS, weight_decay=WEIGHT_DECAY)
        ]
        self.done = 0
        self.losses: list[float] = []
        self.records: list[dict[str, Any]] = []
        if checkpoint.exists():
            self._load()

    def steps(self, left: Iterable[Batch], loss_of: Callable[[int, Batch], Tensor]) -> Iterator[int]:
        """Train on the remaining batches and yield the number of finished steps after each.

        At the end the network holds the EMA weights.
        """
        with Progress("steps", total=self.options.steps - self.done, every_s=30) as progress:
            for batch in progress.over(left):
                self._step(batch, loss_of)
                yield self.done
                if self.done % (self.checkpoint_every or CHECKPOINT_STEPS) == 0:
                    self.save()
        self.ema.copy_to(self.parameters.values())

    def fit(self, left: Iterable[Batch], loss_of: Callable[[int, Batch], Tensor]) -> None:
        """Train on the remaining batches, as `steps` does, without a stop."""
        for _ in self.steps(left, loss_of):
            pass

    @property
    def loss(self) -> float:
        """Return the mean loss of the last hundred steps."""
        return fmean(self.losses)

    @contextmanager
    def ema_weights(self) -> Iterator[None]:
        """Give the network its EMA weights within the block, and the previous weights again afterwards."""
        self.ema.store(self.parameters.values())
        self.ema.copy_to(self.parameters.values())
        try:
            yield
        finally:
            self.ema.restore(self.parameters.values())

    def _step(self, batch: Batch, loss_of: Callable[[int, Batch], Tensor]) -> None:
        options = self.options
        rate = learning_rate(self.done, options.steps, options.learning_rate, options.steps // 20, "cosine")
        loss = loss_of(self.done, batch)
        for optimizer in self.optimizers:
            optimizer.param_groups[0]["lr"] = rate
            optimizer.zero_grad()
        loss.backward()
        self._share_gradients()
        nn.utils.clip_grad_norm_(self.parameters.values(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.ema.step(self.parameters.values())
        self.losses = [*self.losses[-99:], loss.item()]
        self.done += 1

    def _share_gradients(self) -> None:
        """Replace every rank's gradients with the mean over all ranks."""
        if not dist.is_initialized():
            return
        gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
        mean = nn.utils.parameters_to_vector(gradients) / dist.get_world_size()
        dist.all_reduce(mean)
        nn.utils.vector_to_parameters(mean, gradients)

    def save(self) -> None:
        """Write the checkpoint."""
        if dist.is_initialized() and dist.get_rank() > 0:
            return
        state = {
            "identity": self.identity,
            "done": self.done,
            "losses": self.losses,
            "records": self.records,
            "parameters": self.parameters,
            "ema": self.ema.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        with replace_file(self.checkpoint) as temporary:
            torch.save(state, temporary)

    @torch.no_grad()
    def _load(self) -> None:
        state = torch.load(self.checkpoint, weights_only=True)
        if state.get("identity", "") != self.identity:
            raise UserError(f"{self.checkpoint}: of other lessons or options; delete it to train again")
        self.done, self.losses, self.records = state["done"], state["losses"], state["records"]
        for name, parameter in self.parameters.items():
            parameter.copy_(state["parameters"][name])
        self.ema.load_state_dict(state["ema"])
        self.ema.to(next(iter(self.parameters.values())).device)
        for optimizer, kept in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)


class PairSource(Protocol):
    """Pairs by index, such as a `World`."""

    seed: int

    def pair(self, index: int) -> WorldPair: ...


@dataclass(frozen=True)
class Batches(Dataset[list[WorldPair]]):
    """Batches of pairs, one for each step, all of one size."""

    world: PairSource
    options: Fit
    setting: Setting

    def __len__(self) -> int:
        return self.options.steps

    def __getitem__(self, step: int) -> list[WorldPair]:
        first = self.options.batch_size * step
        pairs = [self.world.pair((first + place) % self.options.pairs) for place in range(self.options.batch_size)]
        if not self.setting.crops_to_ratios:
            return pairs
        ratio = np.random.default_rng([self.world.seed, step]).choice(list(RATIOS))
        return [crop_pair(pair, str(ratio), self.setting.size) for pair in pairs]

    def after(self, done: int) -> DataLoader[list[WorldPair]]:
        """Return the batches of the remaining steps, in order."""
        left = Subset(self, range(done, len(self)))
        return DataLoader(left, batch_size=None, num_workers=self.setting.workers)


@dataclass(frozen=True)
class Objective:
    """Losses on pairs, with the same noise at a step for every architecture.

    Args:
        seed: seed of noise, noise levels and dropped conditions.
        weighted: whether a pair's loss has the weight score / 10.
    """

    vae: Vae
    texts: Texts
    seed: int
    options: TrainConfig
    weighted: bool = False

    def of_editor(self, editor: Editor, step: int, pairs: Sequence[WorldPair]) -> Tensor:
        rng = np.random.default_rng([self.seed, step])
        options = self.options
        uniform_B = torch.from_numpy(rng.random(len(pairs)))
        keeps_text, keeps_image = condition_dropout_masks(
            uniform_B, options.text_dropout, options.image_dropout, options.both_dropout
        )
        words = [p.edit.instruction if kept else "" for p, kept in zip(pairs, keeps_text.tolist(), strict=True)]
        source = encode_latents(self.vae, [pair.source for pair in pairs])
        noisy, timestep, target = self._add_noise(encode_latents(self.vae, [pair.edit.target for pair in pairs]), rng)
        prompt, pooled = self.texts(words)
        condition = source * keeps_image.to(source)[:, None, None, None]
        conditions = self._conditions(editor, step, pairs, keeps_text.tolist(), source)
        loss_B = flow_loss(editor(noisy, timestep, prompt, pooled, condition, **conditions), target)
        weight_B = torch.tensor([pair.score / 10 if self.weighted else 1.0 for pair in pairs]).to(loss_B)
        return (weight_B * loss_B).sum() / weight_B.sum()

    def _conditions(
        self, editor: Editor, step: int, pairs: Sequence[WorldPair], keeps_text: Sequence[bool], source: Tensor
    ) -> dict[str, Tensor]:
        """Return the tasks and references that an editor takes of pairs, dropped as in training.

        Args:
            source: latents of the source images, (B, C, h, w).
        """
        takes = get_supported_conditions(editor)
        if not takes.tasks:
            return {}
        rows = [{"task": pair.task} | describe_references(pair.task.references, ()) for pair in pairs]
        rngs = [np.random.default_rng([self.seed, step, CONDITIONS, place]) for place in range(len(pairs))]
        chosen = choose_conditions(rows, takes, self.options, keeps_text, rngs)
        conditions = {"task": torch.tensor(chosen.tasks, device=editor.device)}
        if takes.references:
            picked = [
                [pair.edit.references[number] for number in numbers]
                for pair, numbers in zip(pairs, chosen.references, strict=True)
            ]
            conditions |= encode_references(self.vae, picked, source)
        return conditions

    def of_base(self, base: SD3Transformer2DModel, step: int, pairs: Sequence[WorldPair]) -> Tensor:
        """Return the loss of the text-to-image model on edited images, which show everything that the world can
        show."""
        rng = np.random.default_rng([self.seed, step])
        edits = [pair.edit for pair in pairs]
        captions = ["" if rng.random() < CAPTION_DROPOUT else edit.caption for edit in edits]
        noisy, timestep, target = self._add_noise(encode_latents(self.vae, [edit.target for edit in edits]), rng)
        prompt, pooled = self.texts(captions)
        output = base(noisy, prompt, pooled, timestep, return_dict=False)[0]
        return flow_loss(to_velocity(output, noisy, timestep, PREDICTION), target).mean()

    def _add_noise(self, clean_BCHW: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return noisy latents, timesteps (B,) in [0, 1000] and the velocity."""
        normal_B = torch.from_numpy(rng.standard_normal(len(clean_BCHW), np.float32))
        sigma_B = logit_normal(normal_B, self.options.sigma_mean, self.options.sigma_std).to(clean_BCHW)
        noise = torch.from_numpy(rng.standard_normal(clean_BCHW.shape, np.float32)).to(clean_BCHW)
        noisy, target = rectified_flow_pair(clean_BCHW, noise, sigma_B)
        return noisy, 1000 * sigma_B, target
