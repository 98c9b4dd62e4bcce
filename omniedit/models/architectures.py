"""The registry of editors: EditNet and the architectures that it is compared with."""

from diffusers.models.transformers.transformer_sd3 import SD3Transformer2DModel

from omniedit.models.channel_concat import ChannelConcat
from omniedit.models.controlnet import ControlNet, ControlNetText
from omniedit.models.editnet import EditNet, EditNetBehind, EditNetBlind, EditNetCleanTime, EditNetFromImage
from omniedit.models.editor import Editor

ARCHITECTURES: dict[str, type[Editor]] = {
    "editnet": EditNet,
    "controlnet": ControlNet,
    "controlnet_text": ControlNetText,
    "channel_concat": ChannelConcat,
    "editnet_from_image": EditNetFromImage,
    "editnet_behind": EditNetBehind,
    "editnet_blind": EditNetBlind,
    "editnet_clean_time": EditNetCleanTime,
}
"""The paper's four, then EditNet with one of its open choices made otherwise."""


def build(name: str, transformer: SD3Transformer2DModel, prediction_type: str = "velocity") -> Editor:
    """An editor over a pre-trained base, equal to the base until it is trained.

    Args:
        name: a key of `ARCHITECTURES`.
        transformer: the base; the editor takes over a frozen copy of it.
        prediction_type: what the base gives, "velocity" (SD3) or the clean "sample".

    Returns:
        A module whose `forward(noisy, timestep, prompt_embeds, pooled, condition)` gives the velocity.
    """
    if name not in ARCHITECTURES:
        raise ValueError(f"{name!r} is no architecture; there are {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[name].from_transformer(transformer, prediction_type)
