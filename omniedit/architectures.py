"""Architectures of editors. Config, training, tables and figures take their names, labels and order from here."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Architecture:
    """Way to build an editor over a base.

    Args:
        label: name in tables and figures.
        path: module:class in omniedit.models; the class is imported when an editor is built.
        options: arguments of the class that differ from its defaults.
    """

    label: str
    path: str
    options: Mapping[str, bool | int] = field(default_factory=dict)


ARCHITECTURES: dict[str, Architecture] = {
    "editnet": Architecture("EditNet", "editnet:EditNet"),
    "controlnet": Architecture("ControlNet", "controlnet:ControlNet"),
    "controlnet_text": Architecture("ControlNet-TextControl", "controlnet:ControlNetText"),
    "channel_concat": Architecture("Channel-wise concatenation", "channel_concat:ChannelConcat"),
    "sequence_concat": Architecture("Sequence concatenation", "sequence_concat:SequenceConcat"),
    "sequence_concat_gated": Architecture(
        "Sequence concatenation, gated", "sequence_concat:SequenceConcat", {"gated": True}
    ),
    "editnet_from_image": Architecture(
        "EditNet, residuals from the image tokens", "editnet:EditNet", {"from_image": True}
    ),
    "editnet_behind": Architecture(
        "EditNet, residuals added after the block", "editnet:EditNet", {"after_block": True}
    ),
    "editnet_blind": Architecture("EditNet, control without the noisy image", "editnet:EditNet", {"sees_image": False}),
    "editnet_clean_time": Architecture("EditNet, control at noise level 0", "editnet:EditNet", {"clean_time": True}),
    "editnet_every2": Architecture("EditNet, a control block every 2 blocks", "editnet:EditNet", {"every": 2}),
    "editnet_every4": Architecture("EditNet, a control block every 4 blocks", "editnet:EditNet", {"every": 4}),
}
"""The paper's four architectures, sequence concatenation, then variants of EditNet that each change one open choice."""

BASELINES = {"no_edit": "No edit", "specialist": "Specialist"}
"""Labels of the benchmark's baselines: the source unchanged, and the specialist, which knows the truth."""
