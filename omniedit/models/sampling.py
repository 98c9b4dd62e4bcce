"""From noise to the latents of edited pictures: a scheduler of diffusers, guided by instruction and source.

Shapes: B pictures, C latent channels, H W latent height and width, M text tokens, D width.
"""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from omniedit.models.editor import Editor


@dataclass(frozen=True)
class Guidance:
    """Scales of instruction and source (Brooks et al. 2023, eq. 3); 1 and 1 is no guidance.

    Their velocity is a sum of three, given both, given the source alone and given neither; what would count nothing is
    not computed.
    """

    text: float
    image: float

    def weights(self) -> dict[str, float]:
        """Of each velocity that counts."""
        weights = {"both": self.text, "source": self.image - self.text, "neither": 1 - self.image}
        return {name: weight for name, weight in weights.items() if weight} or {"neither": 0.0}


@dataclass(frozen=True)
class Asked:
    """What pictures of one size are to become.

    Args:
        source: latents of the pictures, (B, C, H, W).
        prompt, pooled: the instructions, (B, M, D) and (B, D).
        negative, negative_pooled: what takes their place where they are withheld.
    """

    source: Tensor
    prompt: Tensor
    negative: Tensor
    pooled: Tensor
    negative_pooled: Tensor

    def inputs(self, given: str) -> dict[str, Tensor]:
        """What the network sees when it is given "both", the "source" alone, or "neither"."""
        prompt, pooled = (self.prompt, self.pooled) if given == "both" else (self.negative, self.negative_pooled)
        condition = torch.zeros_like(self.source) if given == "neither" else self.source
        return {"prompt_embeds": prompt, "pooled": pooled, "condition": condition}


@dataclass
class Course:
    """What a sampling goes on with; `after_step` may change any of it.

    Args:
        latents: as far as they are denoised, (B, C, H, W).
        stopped: they stay as they are.
    """

    asked: Asked
    guidance: Guidance
    latents: Tensor
    stopped: bool = False


@torch.no_grad()
def sample(
    network: Editor,
    scheduler: Any,
    asked: Asked,
    guidance: Guidance,
    noise: Tensor,
    steps: int,
    progress: Callable[[Tensor], Iterable[Tensor]] = iter,
    after_step: Callable[[int, Tensor, Course], None] = lambda step, timestep, course: None,
) -> Tensor:
    """Latents of the edited pictures, (B, C, H, W).

    Args:
        scheduler: for flow matching: FlowMatchEuler, FlowMatchHeun, or a solver with `use_flow_sigmas`.
        noise: standard normal, like `asked.source`.
        progress: wraps the timesteps, to show how far it is.
        after_step: called with the number of the step, its timestep and what is gone on with.
    """
    course = Course(asked, guidance, noise)
    for step, timestep in enumerate(progress(timesteps(scheduler, steps, noise.device))):
        if not course.stopped:
            velocity = guided_velocity(network, course, timestep)
            course.latents = scheduler.step(velocity, timestep, course.latents, return_dict=False)[0]
            after_step(step, timestep, course)
    return course.latents


def guided_velocity(network: Editor, course: Course, timestep: Tensor) -> Tensor:
    """(B, C, H, W), of one forward for all that guidance needs."""
    weights = course.guidance.weights()
    branches = [course.asked.inputs(given) for given in weights]
    inputs = {name: torch.cat([branch[name] for branch in branches]).to(network.dtype) for name in branches[0]}
    noisy = course.latents.repeat(len(weights), 1, 1, 1).to(network.dtype)
    velocities = network(noisy=noisy, timestep=timestep.expand(len(noisy)), **inputs).float().chunk(len(weights))
    return torch.stack([weight * v for weight, v in zip(weights.values(), velocities, strict=True)]).sum(0)


def timesteps(scheduler: Any, steps: int, device: torch.device) -> Tensor:
    """A scheduler's timesteps, in [0, 1000]; where it takes noise levels, from 1 down to 1 / steps as for Flux."""
    if "sigmas" in inspect.signature(scheduler.set_timesteps).parameters:
        scheduler.set_timesteps(sigmas=np.linspace(1, 1 / steps, steps), device=device)
    else:
        scheduler.set_timesteps(steps, device=device)
    return scheduler.timesteps


def check_scheduler(scheduler: Any) -> None:
    """
    Raises:
        ValueError: it is not made for flow matching.
    """
    config = scheduler.config
    if not (type(scheduler).__name__.startswith("FlowMatch") or config.get("use_flow_sigmas")):
        name = type(scheduler).__name__
        raise ValueError(
            f"scheduler: {name} is not for flow matching; take a FlowMatch... one, or "
            f"{name}.from_config(pipeline.scheduler.config, use_flow_sigmas=True, prediction_type='flow_prediction')"
        )
