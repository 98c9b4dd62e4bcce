"""Schedulers of diffusers that sample a flow, by name. Some need fewer steps than the default."""

from typing import Any

from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from diffusers.schedulers.scheduling_flow_match_heun_discrete import FlowMatchHeunDiscreteScheduler
from diffusers.schedulers.scheduling_flow_match_lcm import FlowMatchLCMScheduler
from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler

from omniedit.models.sampling import FLOW, check_scheduler

SHIFT = "shift"
SCHEDULERS: dict[str, tuple[Any, bool]] = {
    "euler": (FlowMatchEulerDiscreteScheduler, False),
    "heun": (FlowMatchHeunDiscreteScheduler, False),
    "lcm": (FlowMatchLCMScheduler, False),
    "dpm": (DPMSolverMultistepScheduler, True),
    "unipc": (UniPCMultistepScheduler, True),
}
"""Name -> class, and whether it is a solver for other models that needs a setting to sample a flow."""


def make_scheduler(name: str, own: Any) -> Any:
    """Return a scheduler with the noise-level shift of an editor's own scheduler.

    Args:
        name: a key of `SCHEDULERS`.
        own: the editor's scheduler.

    Raises:
        ValueError: the scheduler cannot sample a flow.
    """
    kind, is_solver = SCHEDULERS[name]
    shift = own.config.get(SHIFT, own.config.get("flow_shift", 1.0))
    scheduler = kind(flow_shift=shift, **FLOW) if is_solver else kind(shift=shift)
    check_scheduler(scheduler)
    return scheduler
