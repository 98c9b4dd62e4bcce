"""Expert of a subject by DreamBooth (Ruiz et al. 2023): a low-rank adapter of a text-to-image base.

One base serves all subjects of a shard; each subject has its own adapter.

Shapes: B samples, C latent channels, h w latent height and width, D demonstrations.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from omniedit.aspect import bucket_size, closest_ratio
from omniedit.config.fitting import LoraConfig
from omniedit.config.subjects import SubjectsConfig
from omniedit.imaging.images import Image, levels, resize_cover
from omniedit.instructions.grammar import with_article
from omniedit.models.base import Base
from omniedit.models.codec import decode, encode
from omniedit.models.lora import ADAPTER, add_adapters, iter_adapted_layers
from omniedit.models.plain_base import PlainBase
from omniedit.models.sampling import Conditioning, Guidance, SamplerState, sample
from omniedit.pairs import Rejection
from omniedit.storage.seeded_random import make_rng
from omniedit.subjects.expert_images import ExpertImage
from omniedit.subjects.prompts import NewImage, find_name
from omniedit.subjects.subject import Subject
from omniedit.training.objective import flow_loss, logit_normal, rectified_flow_pair

CLIP_NORM = 1.0
"""Maximum gradient norm; larger gradients are scaled down to it."""
Imagine = Callable[[Subject], Sequence[NewImage | Rejection]]
"""Function from a subject to the prompts for its expert."""


@dataclass(frozen=True)
class Lessons:
    """Training data of one expert: images and their captions.

    Args:
        latents: latents of the demonstrations, (D, C, h, w).
        prompt, pooled: embeddings of their captions with the subject's rare word, (D, ...).
        prior: images of the class that the base itself generated, with the caption of the class; None without a prior.
    """

    latents: Tensor
    prompt: Tensor
    pooled: Tensor
    prior: "Lessons | None" = None


class LoraExpert:
    """DreamBooth by low-rank adapters.

    Args:
        base: text-to-image model whose encoders are on their device; the expert copies the transformer to that device.
        version: its name -> its revision, for the pairs' provenance.
        imagine: function that returns a subject's prompts.
    """

    name = "lora"

    def __init__(
        self, options: SubjectsConfig, base: Base, version: dict[str, str], imagine: Imagine, seed: int
    ) -> None:
        self._options, self._base, self._version = options, base, version
        self._imagine, self._seed = imagine, seed
        self.net = PlainBase.from_transformer(base.transformer, prediction_type=base.prediction_type)
        add_adapters(self.net, LoraConfig(rank=options.expert.rank, targets="base"), seed)
        self.net.requires_grad_(False)
        for parameter in self._adapters():
            parameter.data = parameter.data.float()
            parameter.requires_grad_(True)
        nn.Module.to(self.net, self._device)

    def paint(self, subject: Subject) -> Iterator[ExpertImage | Rejection]:
        """Fine-tune on the demonstrations, then yield an image for each prompt and seed.

        Raises:
            RuntimeError: the training diverged, or the device ran out of memory.
        """
        images = subject.images()
        ratio, prompts = choose_ratio(images), self._imagine(subject)
        reset_adapters(self.net, self._seed)
        self.train(self.prepare(subject, images, ratio), make_rng(self._seed, subject.subject_id, "training"))
        width, height = bucket_size(ratio, self._options.resolution)
        source = resize_cover(images[0], width, height)
        for number, prompt in enumerate(prompts):
            if isinstance(prompt, Rejection):
                yield prompt
                continue
            for repeat in range(self._options.images_per_prompt):
                rng = make_rng(self._seed, subject.subject_id, f"{number}|{repeat}")
                image = self.sample(with_token(prompt.caption, subject.name, self._options.expert.token), ratio, rng)
                yield self._to_expert_image(subject, prompt, source, image)

    def _to_expert_image(self, subject: Subject, prompt: NewImage, source: Image, image: Image) -> ExpertImage:
        """Return a painted image. The source of its pair is the first demonstration, and the editor sees the others."""
        return ExpertImage(
            task=prompt.task,
            instructions=(prompt.instruction,),
            caption=prompt.caption,
            source=source,
            image=image,
            mask=None,
            box=None,
            demonstrations=tuple(range(1, len(subject.demonstrations))),
            truth=None,
            models=self._version,
            source_caption=subject.demonstrations[0].caption,
        )

    @torch.no_grad()
    def prepare(self, subject: Subject, images: Sequence[Image], ratio: str) -> Lessons:
        """Return the latents and embeddings of a subject's demonstrations and, with a prior, those of its class."""
        expert, size = self._options.expert, bucket_size(ratio, self._options.resolution)
        pixels = np.stack([resize_cover(image, *size) for image in images])
        latents = encode(self._base.vae, torch.from_numpy(pixels).to(self._device).permute(0, 3, 1, 2) / 127.5 - 1)
        captions = [
            with_token(demonstration.caption, subject.name, expert.token) for demonstration in subject.demonstrations
        ]
        prompt, pooled = self._base.text.encode(captions, self._device)
        if not expert.prior_weight:
            return Lessons(latents.float(), prompt, pooled)
        rngs = [make_rng(self._seed, subject.subject_id, f"prior|{number}") for number in range(expert.prior_images)]
        of_class = f"a photo of {with_article(subject.name)}"
        images_of_class = torch.cat([self._sample_latents(of_class, ratio, rng) for rng in rngs])
        class_prompt, class_pooled = self._base.text.encode([of_class] * len(rngs), self._device)
        prior = Lessons(images_of_class.float(), class_prompt, class_pooled)
        return Lessons(latents.float(), prompt, pooled, prior)

    def train(self, lessons: Lessons, rng: np.random.Generator) -> list[float]:
        """Train the adapter and return the loss of each step.

        Raises:
            RuntimeError: a loss is not finite.
        """
        expert = self._options.expert
        optimizer = torch.optim.AdamW(self._adapters(), lr=expert.learning_rate, weight_decay=0)
        losses = []
        for step in range(expert.steps):
            loss = self._loss(lessons, rng)
            if lessons.prior is not None:
                loss = loss + expert.prior_weight * self._loss(lessons.prior, rng)
            losses.append(loss.item())
            if not math.isfinite(losses[-1]):
                raise RuntimeError(f"the loss is not finite at step {step}; lower subjects.expert.learning_rate")
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self._adapters(), CLIP_NORM)
            optimizer.step()
        return losses

    def _loss(self, lessons: Lessons, rng: np.random.Generator) -> Tensor:
        """Return the mean loss of rectified flow on a random batch at random noise levels."""
        chosen = torch.from_numpy(rng.integers(len(lessons.latents), size=self._options.expert.batch_size))
        clean_BChw = lessons.latents[chosen]
        normal_B = torch.from_numpy(rng.standard_normal(len(clean_BChw), np.float32)).to(clean_BChw)
        noise = torch.from_numpy(rng.standard_normal(clean_BChw.shape, np.float32)).to(clean_BChw)
        sigma_B = logit_normal(normal_B, 0, 1)
        noisy, target = rectified_flow_pair(clean_BChw, noise, sigma_B)
        dtype = self.net.dtype
        velocity = self.net(
            noisy=noisy.to(dtype),
            timestep=(1000 * sigma_B).to(dtype),
            prompt_embeds=lessons.prompt[chosen].to(dtype),
            pooled=lessons.pooled[chosen].to(dtype),
            condition=torch.zeros_like(noisy, dtype=dtype),
        )
        return flow_loss(velocity, target).mean()

    def sample(self, prompt: str, ratio: str, rng: np.random.Generator) -> Image:
        """Return an image of a prompt."""
        with torch.no_grad():
            pixels = decode(self._base.vae, self._sample_latents(prompt, ratio, rng))
        return levels((pixels[0].float().clamp(-1, 1) / 2 + 0.5).permute(1, 2, 0).cpu().numpy())

    def _sample_latents(self, prompt: str, ratio: str, rng: np.random.Generator) -> Tensor:
        """Return the latents of a prompt, (1, C, h, w)."""
        expert, (width, height) = self._options.expert, bucket_size(ratio, self._options.resolution)
        text, pooled = self._base.text.encode([prompt, ""], self._device)
        shape = (1, self.net.adapter.channels, height // self._scale, width // self._scale)
        noise = torch.from_numpy(rng.standard_normal(shape, np.float32)).to(self._device)
        conditioning = Conditioning(torch.zeros_like(noise), text[:1], text[1:], pooled[:1], pooled[1:])
        has_embedding = bool(getattr(self.net.base.config, "guidance_embeds", False))
        guidance = Guidance(1.0, 1.0, expert.guidance) if has_embedding else Guidance(expert.guidance, 1.0)
        state = SamplerState(conditioning, guidance, noise)
        return sample(self.net, self._base.scheduler, state, expert.sampling_steps)

    def _adapters(self) -> list[nn.Parameter]:
        return [p for name, p in self.net.named_parameters() if f".{ADAPTER}." in name]

    @property
    def _device(self) -> torch.device:
        return self._base.vae.device

    @property
    def _scale(self) -> int:
        """Image pixels per latent pixel, along one side."""
        with torch.no_grad():
            return 64 // int(encode(self._base.vae, torch.zeros(1, 3, 64, 64, device=self._device)).shape[-1])


def choose_ratio(images: Sequence[Image]) -> str:
    """Return the aspect ratio to which most images are nearest; all images are cropped to it."""
    ratios = Counter(closest_ratio(image.shape[1], image.shape[0]) for image in images)
    return ratios.most_common(1)[0][0]


def reset_adapters(net: nn.Module, seed: int) -> None:
    """Give all adapters new weights, with which the network equals its base."""
    torch.manual_seed(seed)
    for _, layer in iter_adapted_layers(net):
        layer.reset_lora_parameters(ADAPTER, True)


def with_token(caption: str, name: str, token: str) -> str:
    """Return a caption with the subject's rare word before its name: 'a sks duck toy in the snow'.

    In a caption that does not name the subject, word and name are put at the beginning.
    """
    start = find_name(name, caption)
    if start is None:
        return f"a {token} {name}, {caption}"
    before = re.sub(r"\b(a)n $", r"\1 ", caption[:start], flags=re.IGNORECASE)
    return f"{before}{token} {caption[start:]}"
