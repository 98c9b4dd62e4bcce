"""Networks of metrics by name, each loaded on first use from weights that were fetched before."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from omniedit.errors import UserError
from omniedit.storage.manifest import checksum


class NotAvailable(UserError):
    """Error for a metric that cannot be computed here; the text gives the reason and the remedy."""


class Networks:
    """Loaded networks of metrics.

    Args:
        device: device of torch; "" is a GPU if there is one.
        loaded: networks to use in place of those of `NETWORKS`.
    """

    def __init__(self, device: str = "", loaded: Mapping[str, Any] | None = None) -> None:
        self._device = device
        self._loaded = dict(loaded or {})

    def __getitem__(self, name: str) -> Any:
        """Return a network.

        Raises:
            NotAvailable: its weights or its package are missing.
        """
        if name not in self._loaded:
            try:
                from omniedit.models.loading import default_device

                loader, *arguments = NETWORKS[name]
                load = resolve_name(f"{__package__}.{loader}")
                self._loaded[name] = load(*arguments, self._device or default_device())
            except NotAvailable:
                raise
            except UserError as error:
                raise NotAvailable(str(error)) from None
        return self._loaded[name]

    def describe(self, name: str) -> str:
        """Return the origin of the weights of a loaded network."""
        return str(getattr(self[name], "weights", ""))


def find_package(name: str) -> Path:
    """Return the folder of an installed package, without importing it.

    Raises:
        NotAvailable: it is not installed.
    """
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise NotAvailable(f"the package {name} is not installed; run: pip install 'omniedit[metrics]'")
    return Path(spec.submodule_search_locations[0])


def find_checkpoint(url: str) -> Path:
    """Return the file that torch.hub keeps for an address, whose name ends in the first digits of its SHA-256.

    Raises:
        NotAvailable: the file is missing or has other content.
    """
    import torch

    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    command = f"python -c \"import torch; torch.hub.load_state_dict_from_url('{url}', check_hash=True)\""
    if not path.is_file():
        raise NotAvailable(f"{path}: no such file; on a machine with internet access, run: {command}")
    if not checksum(path)["sha256"].startswith(path.stem.rpartition("-")[2]):
        raise NotAvailable(f"{path}: its content does not match its name; remove it and run: {command}")
    return path


NETWORKS: dict[str, tuple[str, ...]] = {
    "clip": ("clip:load_clip", "metrics_clip"),
    "clip_large": ("clip:load_clip", "metrics_clip_large"),
    "dino": ("dino:load_dino", "metrics_dino"),
    "lpips_alex": ("lpips:load_lpips", "alex"),
    "lpips_squeeze": ("lpips:load_lpips", "squeeze"),
    "dreamsim": ("dreamsim:load_dreamsim",),
    "inception": ("inception:load_inception",),
}
"""Loader of each network as module:function in this package, and the loader's arguments before the device."""
