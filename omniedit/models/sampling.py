"""From noise to the latents of edited pictures: a scheduler of diffusers, guided by instruction and source.

Shapes: B pictures, C latent channels, H W latent height and width, M text tokens, D width.
"""

import copy
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from omniedit.models.editor import Editor

SHIFT_KEYS = {
    "base_image_seq_len": "base_seq_len",
    "max_image_seq_len": "max_seq_len",
    "base_shift": "base_shift",
    "max_shift": "max_shift",
}
"""A scheduler's config keys for dynamic shifting -> arguments of diffusers' `calculate_shift`."""
FLOW = {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}
"""Settings with which a solver of diffusers for other models samples a flow."""
TRIAL_STEPS = 4
TRIAL_SHAPE = (2, 16, 16, 16)
TRIAL_TOLERANCE = 0.05
"""Root mean square by which a trial's latents may miss the known flow, of latents of unit variance."""


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
class Conditioning:
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
class SamplerState:
    """What a sampling goes on with; `after_step` may change any of it.

    Args:
        latents: as far as they are denoised, (B, C, H, W).
        stopped: they stay as they are.
    """

    asked: Conditioning
    guidance: Guidance
    latents: Tensor
    stopped: bool = False


@torch.no_grad()
def sample(
    network: Editor,
    scheduler: Any,
    asked: Conditioning,
    guidance: Guidance,
    noise: Tensor,
    steps: int,
    progress: Callable[[Tensor], Iterable[Tensor]] = iter,
    after_step: Callable[[int, Tensor, SamplerState], None] = lambda step, timestep, course: None,
    generators: Sequence[torch.Generator] | None = None,
) -> Tensor:
    """Return the latents of the edited images, (B, C, H, W).

    Args:
        scheduler: one that `check_scheduler` accepts.
        noise: standard normal, like `asked.source`.
        progress: wraps the timesteps, to show how far it is.
        after_step: called with the number of the step, its timestep and what is gone on with.
        generators: one for each image, for schedulers that draw noise at their steps; None draws from torch's own.
    """
    course = SamplerState(asked, guidance, noise)
    tokens = noise.shape[-2] * noise.shape[-1] // network.base.config["patch_size"] ** 2
    for step, timestep in enumerate(progress(timesteps(scheduler, steps, tokens, noise.device))):
        if not course.stopped:
            velocity = guided_velocity(network, course, timestep)
            course.latents = take_step(scheduler, velocity, timestep, course.latents, generators)
            after_step(step, timestep, course)
    return course.latents


def guided_velocity(network: Editor, course: SamplerState, timestep: Tensor) -> Tensor:
    """(B, C, H, W), of one forward for all that guidance needs."""
    weights = course.guidance.weights()
    branches = [course.asked.inputs(given) for given in weights]
    inputs = {name: torch.cat([branch[name] for branch in branches]).to(network.dtype) for name in branches[0]}
    noisy = course.latents.repeat(len(weights), 1, 1, 1).to(network.dtype)
    velocities = network(noisy=noisy, timestep=timestep.expand(len(noisy)), **inputs).float().chunk(len(weights))
    return torch.stack([weight * v for weight, v in zip(weights.values(), velocities, strict=True)]).sum(0)


def timesteps(scheduler: Any, steps: int, tokens: int, device: torch.device) -> Tensor:
    """Set a scheduler's timesteps and return them, in [0, 1000].

    A scheduler that takes noise levels gets those from 1 down to 1 / steps, as in diffusers' Flux pipeline.

    Args:
        tokens: of one image in the network; a scheduler with `use_dynamic_shifting` is shifted by their number, as in
            diffusers' SD3 pipeline.
    """
    options: dict[str, Any] = {}
    if scheduler.config.get("use_dynamic_shifting"):
        from diffusers.pipelines.stable_diffusion_3.pipeline_stable_diffusion_3 import calculate_shift

        limits = {name: scheduler.config[key] for key, name in SHIFT_KEYS.items() if key in scheduler.config}
        options["mu"] = calculate_shift(tokens, **limits)
    if "sigmas" in inspect.signature(scheduler.set_timesteps).parameters:
        scheduler.set_timesteps(sigmas=np.linspace(1, 1 / steps, steps), device=device, **options)
    else:
        scheduler.set_timesteps(steps, device=device, **options)
    return scheduler.timesteps


def take_step(
    scheduler: Any, velocity: Tensor, timestep: Tensor, latents: Tensor, generators: Sequence[torch.Generator] | None
) -> Tensor:
    """Return the latents after one step of a scheduler; noise that it adds comes from the generators."""
    takes_noise = generators is not None and "generator" in inspect.signature(scheduler.step).parameters
    options = {"generator": list(generators)} if generators is not None and takes_noise else {}
    return scheduler.step(velocity, timestep, latents, return_dict=False, **options)[0]


def check_scheduler(scheduler: Any) -> None:
    """Let a scheduler sample a flow whose end is known, and refuse one that misses it.

    This finds what no setting tells by itself: another parametrisation, noise levels counted the other way round,
    timesteps that are not 1000 times the noise level, noise left in the image, noise from torch's global generator.

    Raises:
        ValueError: the scheduler cannot sample an editor; one line with the reason and the remedy.
    """
    name = type(scheduler).__name__
    with torch.random.fork_rng(devices=[]):
        try:
            problem = _trial_problem(copy.deepcopy(scheduler))
        except Exception as error:  # schedulers raise whatever comes of a setting that they do not support
            problem = f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
    if problem:
        lacks = any(key in scheduler.config and scheduler.config[key] != value for key, value in FLOW.items())
        solver = lacks and "use_flow_sigmas" in scheduler.config
        flow = f", or {name} with use_flow_sigmas=True and prediction_type='flow_prediction'" if solver else ""
        raise ValueError(
            f"scheduler: {name} with these settings is not for flow matching ({problem}); "
            f"take FlowMatchEulerDiscreteScheduler(){flow}"
        )


def _trial_problem(scheduler: Any) -> str | None:
    """Return what is wrong with a scheduler's samples of data that is one point, whose flow is a straight line."""
    generators = [torch.Generator().manual_seed(seed) for seed in range(TRIAL_SHAPE[0])]
    point, noise = (torch.randn(TRIAL_SHAPE, generator=generators[0]) for _ in range(2))
    before, latents = torch.get_rng_state(), noise
    for timestep in timesteps(scheduler, TRIAL_STEPS, TRIAL_SHAPE[-1] ** 2, torch.device("cpu")):
        sigma = timestep.item() / 1000
        rest = latents - (1 - sigma) * point
        if not abs(_rms(rest) - sigma) < TRIAL_TOLERANCE:
            return f"at timestep {timestep.item():g} the noise level is not {sigma:.2f}"
        velocity = (latents - point) / max(sigma, 1e-6)
        latents = take_step(scheduler, velocity, timestep, latents, generators)
    if not (left := _rms(latents - point)) < TRIAL_TOLERANCE:
        return f"after {TRIAL_STEPS} steps {left:.0%} of the noise is left"
    return None if torch.equal(before, torch.get_rng_state()) else "it draws from torch's global generator"


def _rms(x: Tensor) -> float:
    return x.square().mean().sqrt().item()
