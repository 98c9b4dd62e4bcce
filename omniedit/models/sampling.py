"""Sampling of edited images' latents with a diffusers scheduler, guided by instruction and source image.

Shapes: B images, C latent channels, H W latent height and width, M text tokens, D width.
"""

import copy
import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from omniedit.errors import one_line
from omniedit.models.conditions import UNKNOWN_TASK
from omniedit.models.constant_outputs import reuse_constant_outputs
from omniedit.models.editor import Editor

SHIFT_KEYS = {
    "base_image_seq_len": "base_seq_len",
    "max_image_seq_len": "max_seq_len",
    "base_shift": "base_shift",
    "max_shift": "max_shift",
}
"""Scheduler's config keys for dynamic shifting -> arguments of diffusers' `calculate_shift`."""
FLOW = {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}
"""Settings with which diffusers' solvers for other models sample a flow."""
BRANCHES = ("both", "source", "neither")
"""Branches of the guidance: instruction and source image, only the source image, neither."""
TRIAL_STEPS = 4
TRIAL_SHAPE = (2, 16, 16, 16)
TRIAL_TOLERANCE = 0.05
"""Maximum RMS error of a trial's latents against the known flow, for latents of unit variance."""


@dataclass(frozen=True)
class Guidance:
    """Guidance scales of instruction and source image (Brooks et al. 2023, eq. 3); 1 and 1 mean no guidance.

    The guided velocity is a weighted sum of three velocities: given both, given only the source, and given neither.
    Terms of weight 0 are not computed.

    Args:
        embedded: additional scale for a base with a guidance embedding (FLUX.1-dev); None for the base's default.
    """

    text: float
    image: float
    embedded: float | None = None

    def weights(self) -> dict[str, float]:
        """Return the weight of each velocity to compute."""
        weights = {"both": self.text, "source": self.image - self.text, "neither": 1 - self.image}
        return {name: weight for name, weight in weights.items() if weight} or {"neither": 0.0}


@dataclass(frozen=True)
class Conditioning:
    """Source latents and text embeddings of a batch of images of one size.

    Args:
        source: latents of the source images, (B, C, H, W).
        prompt, pooled: embeddings of the instructions, (B, M, D) and (B, D).
        negative, negative_pooled: embeddings that replace them where the instruction is withheld.
        references: latents of reference images, (B, R, C, H, W), for an editor that takes references.
        reference_mask: True for real references, False for padding, (B, R) bool. References are withheld with the
            instruction, and so is the task.
        task: index of each image's task, (B,); for an editor that takes tasks.
        reference_prompts, reference_pooled: embeddings of the references' captions, (B, R, M, D) and (B, R, ...); for
            an editor that takes captions.
    """

    source: Tensor
    prompt: Tensor
    negative: Tensor
    pooled: Tensor
    negative_pooled: Tensor
    references: Tensor | None = None
    reference_mask: Tensor | None = None
    task: Tensor | None = None
    reference_prompts: Tensor | None = None
    reference_pooled: Tensor | None = None

    def inputs(self, term: str) -> dict[str, Tensor]:
        """Return the network's inputs when given "both", only the "source", or "neither"."""
        prompt, pooled = (self.prompt, self.pooled) if term == "both" else (self.negative, self.negative_pooled)
        condition = torch.zeros_like(self.source) if term == "neither" else self.source
        inputs = {"prompt_embeds": prompt, "pooled": pooled, "condition": condition}
        return inputs | self._conditions(withheld=term != "both")

    def _conditions(self, withheld: bool) -> dict[str, Tensor]:
        """Return the references with mask and captions, and the task, where they are set."""
        conditions: dict[str, Tensor] = {}
        if self.references is not None and self.reference_mask is not None:
            mask = torch.zeros_like(self.reference_mask) if withheld else self.reference_mask
            conditions |= {"references": self.references, "reference_mask": mask}
        if self.reference_prompts is not None and self.reference_pooled is not None:
            conditions |= {"reference_prompts": self.reference_prompts, "reference_pooled": self.reference_pooled}
        if self.task is not None:
            conditions["task"] = torch.full_like(self.task, UNKNOWN_TASK) if withheld else self.task
        return conditions


@dataclass
class SamplerState:
    """State of a sampling loop; `after_step` may change any field.

    Args:
        latents: partly denoised latents, (B, C, H, W).
        stopped: skip the remaining steps.
    """

    conditioning: Conditioning
    guidance: Guidance
    latents: Tensor
    stopped: bool = False
    _inputs: tuple[Any, dict[str, Tensor]] | None = None

    def inputs(self, dtype: torch.dtype) -> dict[str, Tensor]:
        """Return the network's inputs for all terms of the guidance. The tensors are reused until one of them
        changes.
        """
        terms = list(self.guidance.weights())
        key = (self.conditioning, terms, dtype)
        if self._inputs is None or self._inputs[0][0] is not key[0] or self._inputs[0][1:] != key[1:]:
            branches = [self.conditioning.inputs(term) for term in terms]
            joined = {name: torch.cat([branch[name] for branch in branches]) for name in branches[0]}
            self._inputs = key, {name: x.to(dtype) if x.is_floating_point() else x for name, x in joined.items()}
        return self._inputs[1]


@torch.no_grad()
def sample(
    network: Editor,
    scheduler: Any,
    state: SamplerState,
    steps: int,
    progress: Callable[[Tensor], Iterable[Tensor]] = iter,
    after_step: Callable[[int, Tensor, SamplerState], None] = lambda step, timestep, state: None,
    generators: Sequence[torch.Generator] | None = None,
) -> Tensor:
    """Return the latents of the edited images, (B, C, H, W).

    Args:
        scheduler: scheduler that `check_scheduler` accepts.
        state: state whose latents are standard normal noise of the shape of `conditioning.source`.
        progress: wraps the timesteps to show progress.
        after_step: called with the number of the step, its timestep and the state of the loop.
        generators: one for each image, for schedulers that draw noise at each step; None uses torch's global one.
    """
    tokens = state.latents.shape[-2] * state.latents.shape[-1] // network.adapter.patch**2
    dtype = network.dtype  # once, because diffusers iterates over all modules to find it
    with reuse_constant_outputs(network):
        for step, timestep in enumerate(progress(timesteps(scheduler, steps, tokens, state.latents.device))):
            if not state.stopped:
                velocity = guided_velocity(network, state, timestep, dtype)
                state.latents = take_step(scheduler, velocity, timestep, state.latents, generators)
                after_step(step, timestep, state)
    return state.latents


def guided_velocity(network: Editor, state: SamplerState, timestep: Tensor, dtype: torch.dtype) -> Tensor:
    """Return the guided velocity, (B, C, H, W), from one forward pass over all terms of the guidance.

    Args:
        dtype: the network's precision.
    """
    weights, inputs = state.guidance.weights(), dict(state.inputs(dtype))
    noisy = state.latents.repeat(len(weights), 1, 1, 1).to(dtype)
    times = timestep.expand(len(noisy))
    if state.guidance.embedded is not None:
        inputs["guidance"] = torch.full_like(times, state.guidance.embedded)
    velocities = network(noisy=noisy, timestep=times, **inputs).float().chunk(len(weights))
    return torch.stack([weight * v for weight, v in zip(weights.values(), velocities, strict=True)]).sum(0)


def timesteps(scheduler: Any, steps: int, tokens: int, device: torch.device) -> Tensor:
    """Set a scheduler's timesteps and return them, in [0, 1000].

    A scheduler that accepts noise levels gets levels from 1 down to 1 / steps, as in diffusers' Flux pipeline.

    Args:
        tokens: number of image tokens per image. It sets the shift of a scheduler with `use_dynamic_shifting`, as in
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
    """Return the latents after one step of a scheduler, which draws its noise from the generators."""
    takes_noise = generators is not None and "generator" in inspect.signature(scheduler.step).parameters
    options = {"generator": list(generators)} if generators is not None and takes_noise else {}
    return scheduler.step(velocity, timestep, latents, return_dict=False, **options)[0]


def check_scheduler(scheduler: Any) -> None:
    """Check that a scheduler can sample a flow, by a trial on a flow with a known end point.

    The trial finds faults that no single setting shows: another parametrisation, reversed noise levels, timesteps that
    are not 1000 times the noise level, noise left in the image, noise from torch's global generator.

    Raises:
        ValueError: the scheduler cannot sample an editor; one line with the reason and the remedy.
    """
    name = type(scheduler).__name__
    if isinstance(scheduler, type) or not callable(getattr(scheduler, "set_timesteps", None)):
        found = scheduler.__name__ if isinstance(scheduler, type) else f"a {name}"
        raise ValueError(f"scheduler: {found}, but an object is needed, such as FlowMatchEulerDiscreteScheduler()")
    with torch.random.fork_rng(devices=[]):
        try:
            problem = _trial_problem(copy.deepcopy(scheduler))
        except Exception as error:  # an unsupported setting can raise any error
            problem = f"{type(error).__name__}: {one_line(error, 120)}"
    if problem:
        lacks = any(key in scheduler.config and scheduler.config[key] != value for key, value in FLOW.items())
        solver = lacks and "use_flow_sigmas" in scheduler.config
        flow = f", or {name} with use_flow_sigmas=True and prediction_type='flow_prediction'" if solver else ""
        raise ValueError(
            f"scheduler: {name} with these settings cannot sample a flow ({problem}); "
            f"use FlowMatchEulerDiscreteScheduler(){flow}"
        )


def _trial_problem(scheduler: Any) -> str | None:
    """Return the fault of a scheduler in sampling a single data point, whose flow is a straight line; None if there is
    no fault.
    """
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
    if not (remaining := _rms(latents - point)) < TRIAL_TOLERANCE:
        return f"after {TRIAL_STEPS} steps {remaining:.0%} of the noise is left"
    return None if torch.equal(before, torch.get_rng_state()) else "it draws from torch's global generator"


def _rms(x: Tensor) -> float:
    return x.square().mean().sqrt().item()
