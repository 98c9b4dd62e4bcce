"""Architectures of editors. Config, training, tables and figures take their names, labels and order from here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

INDEX = "model_index.json"
"""File at the top of a folder with an editor or with a pipeline in diffusers' layout."""


@dataclass(frozen=True)
class Architecture:
    """Way to build an editor over a base.

    Args:
        label: name in tables and figures.
        path: module:class in omniedit.models; the class is imported when an editor is built.
        options: arguments of the class that differ from its defaults.
        over_unet: whether the base is a UNet (SD1.5, InstructPix2Pix), not an MMDiT.
        control_branch: whether it has control blocks, which can get adapters.
    """

    label: str
    path: str
    options: Mapping[str, bool | int] = field(default_factory=dict)
    over_unet: bool = False
    control_branch: bool = True


ARCHITECTURES: dict[str, Architecture] = {
    "editnet": Architecture("EditNet", "editnet:EditNet"),
    "controlnet": Architecture("ControlNet", "controlnet:ControlNet"),
    "controlnet_text": Architecture("ControlNet-TextControl", "controlnet:ControlNetText"),
    "channel_concat": Architecture("Channel-wise concatenation", "channel_concat:ChannelConcat", control_branch=False),
    "editnet_from_image": Architecture(
        "EditNet, residuals from the image tokens", "editnet:EditNet", {"from_image": True}
    ),
    "editnet_behind": Architecture(
        "EditNet, residuals added after the block", "editnet:EditNet", {"after_block": True}
    ),
    "editnet_blind": Architecture("EditNet, control without the noisy image", "editnet:EditNet", {"sees_image": False}),
    "editnet_clean_time": Architecture("EditNet, control at noise level 0", "editnet:EditNet", {"clean_time": True}),
    "sequence_concat": Architecture("Sequence concatenation", "sequence_concat:SequenceConcat", control_branch=False),
    "sequence_concat_gated": Architecture(
        "Sequence concatenation, gated", "sequence_concat:SequenceConcat", {"gated": True}, control_branch=False
    ),
    "editnet_routed": Architecture("EditNet, experts by task", "routed_editnet:RoutedEditNet"),
    "editnet_routed_soft": Architecture(
        "EditNet, experts by instruction", "routed_editnet:RoutedEditNet", {"soft": True}
    ),
    "editnet_experts": Architecture(
        "EditNet, experts by task, no task token", "routed_editnet:RoutedEditNet", {"task_token": False}
    ),
    "editnet_task_token": Architecture("EditNet, task token, no experts", "routed_editnet:TaskTokenEditNet"),
    "unet_routed": Architecture(
        "UNet, experts by task (AnySD)", "unet_editor:UNetEditor", over_unet=True, control_branch=False
    ),
    "editnet_every2": Architecture("EditNet, a control block every 2 blocks", "editnet:EditNet", {"every": 2}),
    "editnet_every4": Architecture("EditNet, a control block every 4 blocks", "editnet:EditNet", {"every": 4}),
    "editnet_demos": Architecture("EditNet, demonstrations in context", "apprentice:InContextEditNet"),
    "editnet_demos_cross": Architecture("EditNet, cross-attention to demonstrations", "apprentice:CrossEditNet"),
    "editnet_routed_demos": Architecture(
        "EditNet, experts by task, cross-attention to demonstrations", "apprentice:CrossRoutedEditNet"
    ),
    "sequence_concat_demos": Architecture(
        "Sequence concatenation, demonstrations in context", "apprentice:InContextSequenceConcat", control_branch=False
    ),
    "sequence_concat_demos_cross": Architecture(
        "Sequence concatenation, cross-attention to demonstrations",
        "apprentice:CrossSequenceConcat",
        control_branch=False,
    ),
}
"""The paper's four architectures; variants of EditNet with one design choice made differently; sequence concatenation;
EditNet with all or parts of AnySD's task-aware routing; editors that learn a subject from demonstrations (SuTI); and
AnySD's own UNet."""

BASELINES = {"no_edit": "No edit", "specialist": "Specialist"}
"""Labels of the benchmark's baselines: the source unchanged, and the specialist, which knows the truth."""
