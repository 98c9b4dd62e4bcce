"""Registry of bases: the adapter of each transformer class of diffusers, and transformers from their configs."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from omniedit.models.bases.adapter import Adapter

SD3 = "SD3Transformer2DModel"
UNET = "UNet2DConditionModel"
CLASS = "_class_name"
ADAPTERS = {
    SD3: "sd3:Sd3Adapter",
    "FluxTransformer2DModel": "flux:FluxAdapter",
    "QwenImageTransformer2DModel": "qwen_image:QwenImageAdapter",
    "ZImageTransformer2DModel": "z_image:ZImageAdapter",
    UNET: "unet:UNetAdapter",
}
"""Class of a transformer -> module:class of its adapter in this package, imported when it is needed."""


def adapter_class(name: str) -> type[Adapter]:
    """Return the adapter of a transformer class.

    Raises:
        ValueError: no editor can be built on this class.
    """
    if name not in ADAPTERS:
        raise ValueError(f"{name}: no editor can be built on this class; give one of {', '.join(ADAPTERS)}")
    module, _, adapter = ADAPTERS[name].partition(":")
    return getattr(import_module(f"omniedit.models.bases.{module}"), adapter)


def adapt(net: Any) -> Adapter:
    """Return the adapter of a transformer.

    Raises:
        ValueError: no editor can be built on this class.
    """
    names = [kind.__name__ for kind in type(net).__mro__]
    return adapter_class(next((name for name in names if name in ADAPTERS), names[0]))(net)


def transformer_config(net: Any) -> dict[str, Any]:
    """Return the arguments of a transformer, with its class. SD3's class is left out, as in the configs of early
    editors, which all had SD3.
    """
    config = {key: value for key, value in net.config.items() if not key.startswith("_")}
    name = next(kind.__name__ for kind in type(net).__mro__ if kind.__name__ in ADAPTERS)
    return config if name == SD3 else config | {CLASS: name}


def create_transformer(base_config: Mapping[str, Any]) -> Any:
    """Return a transformer with new weights for a config of `transformer_config`."""
    config = dict(base_config)
    return adapter_class(config.pop(CLASS, SD3)).transformer_class.from_config(config)
