"""Training and tests of editors with demonstrations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from benchmarks.ablation.assets import Assets
from benchmarks.ablation.encoding import Texts, encode_latents
from benchmarks.ablation.learning import Objective, train_config
from benchmarks.ablation.testing import TEST_SEED, edit_pairs
from benchmarks.ablation.world import WorldPair
from benchmarks.apprentice.settings import SubjectSetting
from benchmarks.apprentice.subjects import SubjectPair, SubjectWorld
from omniedit.config.schema import TrainConfig
from omniedit.imaging.images import Image
from omniedit.models.base import Base
from omniedit.models.codec import Vae
from omniedit.models.conditions import get_supported_conditions, place_captions, place_references
from omniedit.models.editor import Editor
from omniedit.tasks import DEMONSTRATION
from omniedit.training.editor.batches import CONDITIONS
from omniedit.training.editor.references import choose_conditions


def subject_config(setting: SubjectSetting) -> TrainConfig:
    """Return the options of training, with a random number of demonstrations in random order."""
    more = {"vary_references": True, "shuffle_references": True, "max_references": setting.demonstrations}
    return train_config(setting.world).model_copy(update=more)


@dataclass(frozen=True)
class SubjectObjective(Objective):
    """Losses of editors that take demonstrations with captions; others get the same pairs without them."""

    def _conditions(
        self, editor: Editor, step: int, pairs: Sequence[WorldPair], keeps_text: Sequence[bool], source: Tensor
    ) -> dict[str, Tensor]:
        takes = get_supported_conditions(editor)
        if not takes.captions:
            return {}
        subjects = [pair for pair in pairs if isinstance(pair, SubjectPair)]
        count = len(subjects[0].demonstrations)
        rows = [
            {"task": pair.task, "references": [DEMONSTRATION] * count, "reference_captions": list(pair.captions)}
            for pair in subjects
        ]
        rngs = [np.random.default_rng([self.seed, step, CONDITIONS, place]) for place in range(len(pairs))]
        chosen = choose_conditions(rows, takes, self.options, keeps_text, rngs)
        shown = [
            [pair.demonstrations[number] for number in numbers]
            for pair, numbers in zip(subjects, chosen.references, strict=True)
        ]
        return encode_demonstrations(self.vae, self.texts, shown, chosen.captions, pairs[0].source.shape[0])


def encode_demonstrations(
    vae: Vae, texts: Texts, shown: Sequence[Sequence[Image]], captions: Sequence[Sequence[str]], size: int
) -> dict[str, Tensor]:
    """Return an editor's inputs for the demonstrations of each pair."""
    counts = [len(images) for images in shown]
    images = [image for each in shown for image in each]
    like = encode_latents(vae, images or [np.zeros((size, size, 3), np.uint8)])
    references, mask = place_references(list(like) if images else [], counts, like.shape[1:])
    written = [text for each in captions for text in each]
    prompts, pooled = (
        place_captions(texts(written), counts)
        if written
        else place_captions(texts([""] * len(counts)), [1] * len(counts))
    )
    prompts, pooled = (each.to(like) for each in (prompts, pooled))
    mask = mask.to(like.device)
    return {
        "references": references.to(like),
        "reference_mask": mask,
        "reference_prompts": prompts,
        "reference_pooled": pooled,
    }


def training_world(setting: SubjectSetting, assets: Assets, seed: int) -> SubjectWorld:
    return SubjectWorld(assets, setting.world.size, seed, setting.subjects, setting.demonstrations)


def held_out_world(setting: SubjectSetting, assets: Assets) -> SubjectWorld:
    """Return the world of the test subjects, which training never shows."""
    size = setting.world.size
    return SubjectWorld(assets, size, TEST_SEED, setting.test_subjects, setting.demonstrations, held_out=True)


def list_test_pairs(setting: SubjectSetting, world: SubjectWorld) -> list[SubjectPair]:
    """Return the test pairs, subject after subject."""
    return [
        world.test_pair(subject, number)
        for subject in range(setting.test_subjects)
        for number in range(setting.requests)
    ]


@torch.no_grad()
def edit_with(
    editor: Editor, base: Base, texts: Texts, pairs: Sequence[SubjectPair], setting: SubjectSetting, shown: int
) -> list[Image]:
    """Return the edits of pairs by an editor that sees `shown` demonstrations of each pair, if it takes
    demonstrations.
    """

    def conditions(some: Sequence[SubjectPair]) -> Mapping[str, Tensor]:
        if not get_supported_conditions(editor).captions:
            return {}
        images, captions = ([getattr(pair, key)[:shown] for pair in some] for key in ("demonstrations", "captions"))
        return encode_demonstrations(base.vae, texts, images, captions, setting.world.size)

    steps = setting.world.sampling_steps[-1]
    return edit_pairs(editor, base.vae, texts, pairs, setting.world, steps, conditions)
