"""Build editors by the name of their architecture."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from omniedit.architectures import ARCHITECTURES
from omniedit.errors import UserError
from omniedit.models.bases.registry import CLASS, SD3, UNET

if TYPE_CHECKING:
    from omniedit.models.editor import Editor


def build(name: str, transformer: Any, prediction_type: str = "velocity") -> "Editor":
    """Build an editor over a pretrained base. Until it is trained, its output equals that of the base.

    Args:
        name: a key of `ARCHITECTURES`.
        transformer: the base; the editor copies its weights.
        prediction_type: output of the base, "velocity" (all published bases) or the clean "sample".

    Returns:
        A module whose `forward(noisy, timestep, prompt_embeds, pooled, condition)` returns the velocity.

    Raises:
        UserError: the architecture needs a UNet and the base is an MMDiT, or the reverse.
    """
    editor = editor_class(name)
    _check_base(name, type(transformer).__name__)
    return editor.from_transformer(transformer, prediction_type, **ARCHITECTURES[name].options)


def create(name: str, base_config: Mapping[str, Any]) -> "Editor":
    """Create an editor with new weights over a base of this config. The prediction type is the usual one of such bases.

    Raises:
        UserError: the architecture needs a UNet and the base is an MMDiT, or the reverse.
    """
    editor, options = editor_class(name), dict[str, Any](ARCHITECTURES[name].options)
    _check_base(name, base_config.get(CLASS, SD3))
    return editor(base_config, **options)


def _check_base(name: str, network: str) -> None:
    if ARCHITECTURES[name].over_unet != (network == UNET):
        needed, remedy = ("a UNet", "another model") if ARCHITECTURES[name].over_unet else ("no UNet", "unet_routed")
        raise UserError(f"train.model: {name} needs {needed} as its base, which is a {network}; give {remedy}")


def find_editor_class(kind: str) -> "type[Editor]":
    """Return the class of an editor from its name module:class in a file. Only modules of this package are imported.

    Raises:
        UserError: it is not an editor of this version.
    """
    from omniedit.models.editor import Editor

    module, _, name = kind.partition(":")
    try:
        found = getattr(import_module(module), name, None) if module.startswith("omniedit.models.") else None
    except ImportError:
        found = None
    if not (isinstance(found, type) and issubclass(found, Editor)):
        raise UserError(f"{kind[:100]}: not an editor of this version of omniedit")
    return found


def editor_class(name: str) -> "type[Editor]":
    """Return the class of an architecture.

    Raises:
        ValueError: the architecture does not exist.
    """
    if name not in ARCHITECTURES:
        raise ValueError(f"{name!r} is not an architecture; give one of {', '.join(ARCHITECTURES)}")
    module, _, cls = ARCHITECTURES[name].path.partition(":")
    return getattr(import_module(f"omniedit.models.{module}"), cls)
