"""Tests of guidance by two scales, its skipped terms, and the schedulers that can sample an editor."""

import inspect
from collections.abc import Iterator

import diffusers
import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from helpers.tiny_models import SD3, base
from omniedit import models
from omniedit.models.sampling import FLOW, Conditioning, Guidance, SamplerState, check_scheduler, sample, timesteps


@pytest.mark.parametrize(
    ("text", "image", "computed"),
    [
        (7.5, 1.5, {"both", "source", "neither"}),
        (1.0, 1.0, {"both"}),
        (3.0, 1.0, {"both", "source"}),
        (2.0, 2.0, {"both", "neither"}),
        (0.0, 1.0, {"source"}),
        (0.0, 0.0, {"neither"}),
    ],
)
def test_guidance_matches_the_papers_sum_and_skips_zero_terms(text: float, image: float, computed: set) -> None:
    weights = Guidance(text, image).weights()
    assert set(weights) == computed
    both, source, neither = torch.randn(3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    paper = neither + image * (source - neither) + text * (both - source)
    velocities = {"both": both, "source": source, "neither": neither}
    torch.testing.assert_close(sum(weight * velocities[name] for name, weight in weights.items()), paper)


def test_batched_guidance_branches_match_separate_forward_passes() -> None:
    net = models.build("editnet", base(SD3)).eval()
    g = torch.Generator().manual_seed(0)
    source, noise = torch.randn(2, 2, 16, 8, 8, generator=g)
    prompt, negative = torch.randn(2, 2, 5, 24, generator=g)
    pooled, negative_pooled = torch.randn(2, 2, 24, generator=g)
    conditioning = Conditioning(source, prompt, negative, pooled, negative_pooled)
    scheduler = FlowMatchEulerDiscreteScheduler()

    def velocity(text: float, image: float) -> torch.Tensor:
        return noise - sample(net, scheduler, SamplerState(conditioning, Guidance(text, image), noise), steps=1)

    both, source_alone, neither = velocity(1, 1), velocity(0, 1), velocity(0, 0)
    expected = neither + 1.5 * (source_alone - neither) + 3 * (both - source_alone)
    torch.testing.assert_close(velocity(3, 1.5), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(both, net(noise, torch.full((2,), 1000.0), prompt, pooled, source), atol=1e-5, rtol=1e-5)


SAMPLES = {
    "DPMSolverMultistepScheduler": FLOW,
    "DPMSolverSinglestepScheduler": FLOW,
    "FlowMapEulerDiscreteScheduler": {},
    "FlowMatchEulerDiscreteScheduler": {},
    "FlowMatchHeunDiscreteScheduler": {},
    "FlowMatchLCMScheduler": {},
    "UniPCMultistepScheduler": FLOW,
}
"""All diffusers schedulers that can sample an editor, with the settings they need for it."""


def all_schedulers() -> Iterator[type]:
    """Yield every scheduler class of diffusers that needs neither arguments nor another package."""
    for name in dir(diffusers):
        if name.endswith("Scheduler") and not name.startswith("Flax"):
            kind = getattr(diffusers, name)
            arguments = list(inspect.signature(kind.__init__).parameters.values())[1:]
            if "requires_backends" not in inspect.getsource(kind.__init__) and all(
                a.default is not a.empty or a.kind is a.VAR_KEYWORD for a in arguments
            ):
                yield kind


def is_accepted(scheduler: object) -> bool:
    try:
        check_scheduler(scheduler)
    except ValueError as error:
        assert f"scheduler: {type(scheduler).__name__} with these settings cannot" in str(error)
        assert "\n" not in str(error)
        return False
    return True


def test_only_flow_matching_schedulers_are_accepted() -> None:
    kinds = list(all_schedulers())
    assert len(kinds) > 40 and {kind.__name__ for kind in kinds} > SAMPLES.keys()
    for kind in kinds:
        takes = inspect.signature(kind.__init__).parameters
        given: dict[str, object] = {}
        for key in (None, *(FLOW.keys() & takes)):
            given = given | ({key: FLOW[key]} if key else {})
            expected = kind.__name__ in SAMPLES and SAMPLES[kind.__name__].items() <= given.items()
            assert is_accepted(kind(**given)) == expected, (kind, given)


@pytest.mark.parametrize(
    ("scheduler", "problem"),
    [
        (FlowMatchEulerDiscreteScheduler(invert_sigmas=True), "the noise level is not"),
        (FlowMatchEulerDiscreteScheduler(num_train_timesteps=500), "at timestep 500 the noise level is not 0.50"),
        (diffusers.FlowMatchLCMScheduler(num_train_timesteps=500), "the noise level is not"),
        (diffusers.FlowMatchLCMScheduler(scale_factors=[1.0, 2.0]), "ValueError"),
        (diffusers.DPMSolverMultistepScheduler(), "use_flow_sigmas=True and prediction_type='flow_prediction'"),
        (diffusers.DPMSolverMultistepScheduler(use_flow_sigmas=True), "prediction_type='flow_prediction'"),
        (diffusers.DPMSolverMultistepScheduler(**FLOW, use_karras_sigmas=True), "the noise level is not"),
        (
            diffusers.SASolverScheduler(**FLOW),
            r"after 4 steps 3\d% of the noise is left\); use FlowMatchEuler",
        ),
        (None, "^scheduler: a NoneType, but an object is needed, such as FlowMatchEuler"),
        ("euler", "^scheduler: a str, but"),
        (FlowMatchEulerDiscreteScheduler, "^scheduler: FlowMatchEulerDiscreteScheduler, but an object is needed"),
    ],
)
def test_rejected_scheduler_error_names_the_problem(scheduler: object, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        check_scheduler(scheduler)


def test_scheduler_using_the_global_generator_is_rejected() -> None:
    class Careless(diffusers.FlowMatchLCMScheduler):
        def step(self, *given: object, generator: object = None, **options: object) -> tuple:
            return super().step(*given, **options)

    state = torch.get_rng_state()
    with pytest.raises(ValueError, match="it draws from torch's global generator"):
        check_scheduler(Careless())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(("tokens", "mu"), [(256, 0.5), (4096, 1.15), (2176, 0.825)])
def test_dynamic_shift_follows_the_token_count_as_in_sd3(tokens: int, mu: float) -> None:
    """Check a straight line from base_shift at base_image_seq_len to max_shift at max_image_seq_len."""
    scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    sigmas = np.linspace(1, 1 / 4, 4)
    shifted = np.exp(mu) / (np.exp(mu) + 1 / sigmas - 1)
    np.testing.assert_allclose(timesteps(scheduler, 4, tokens, torch.device("cpu")) / 1000, shifted, atol=1e-5)


def test_dynamic_shift_reads_its_limits_from_the_scheduler() -> None:
    limits = {"base_image_seq_len": 4, "max_image_seq_len": 16, "base_shift": 0.0, "max_shift": 2.0}
    scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True, **limits)
    at_half = timesteps(scheduler, 2, 10, torch.device("cpu"))[1].item() / 1000
    assert at_half == pytest.approx(np.e / (np.e + 1), abs=1e-5)
