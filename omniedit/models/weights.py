"""Weights in files, and checks that they are exactly those of a network: no name is missing, every shape fits.

diffusers, transformers and peft at most warn if a file does not match, and leave random weights for missing names.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from omniedit.errors import UserError, one_line

FETCH = "fetch or copy it again"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
"""File with the weights of an adapter, in peft's format."""
Mismatch = tuple[str, tuple[int, ...], tuple[int, ...]]
"""Name of a weight, its shape in the file and its shape in the network."""


def load_network(kind: Any, folder: Path, left_out: str | None = None, **options: Any) -> Any:
    """Load a network of diffusers or transformers by the `from_pretrained` of its class.

    Args:
        left_out: pattern of names of weights in the files that the class ignores by design; None if there are none.
        options: further arguments of `from_pretrained`.

    Raises:
        UserError: a name is missing or unknown, or a shape differs.
    """
    options |= {"output_loading_info": True, "ignore_mismatched_sizes": True, "local_files_only": True}
    with _quiet_libraries():
        network, info = kind.from_pretrained(folder, **options)
    # Earlier releases of both libraries stored buffers that the classes compute today.
    computed = {name.rpartition(".")[2] for name, _ in network.named_buffers()}
    unknown = [
        name
        for name in info["unexpected_keys"]
        if name.rpartition(".")[2] not in computed and (left_out is None or not re.search(left_out, name))
    ]
    check_names(_weights_file(folder), info["missing_keys"], unknown, info["mismatched_keys"], kind.__name__)
    return network


def load_state(file: Path, remedy: str) -> dict[str, Tensor]:
    """Load the weights of a safetensors file.

    Raises:
        UserError: the file is missing or cannot be read; the message ends with the remedy.
    """
    if not file.is_file():
        raise UserError(f"{file}: missing; {remedy}")
    try:
        return load_file(file)
    except Exception as error:  # safetensors raises an error of its own
        raise UserError(f"{file}: cannot be read ({one_line(error, 150)}); {remedy}") from None


def weights_sha256(module: nn.Module) -> str:
    """Return a digest of the names and values of all weights."""
    digest = sha256()
    for name, tensor in module.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy())
    return digest.hexdigest()


def check_state(
    file: Path, found: Mapping[str, Tensor], expected: Mapping[str, Tensor], network: str, remedy: str = FETCH
) -> None:
    """Check that the weights of a file have the names and shapes of a network's.

    Args:
        network: name of the network, for the message.

    Raises:
        UserError: a name is missing or unknown, or a shape differs.
    """
    shapes = {name: (tuple(found[name].shape), tuple(expected[name].shape)) for name in found.keys() & expected.keys()}
    mismatched = [(name, *both) for name, both in shapes.items() if both[0] != both[1]]
    check_names(file, expected.keys() - found.keys(), found.keys() - expected.keys(), mismatched, network, remedy)


def check_names(
    file: Path,
    missing: Iterable[str],
    unknown: Iterable[str],
    mismatched: Iterable[Mismatch],
    network: str,
    remedy: str = FETCH,
) -> None:
    """Check that there are no missing, unknown or mismatched weights. The error names the file and the first such
    weight.

    Raises:
        UserError: any of the arguments has an item.
    """
    if missing := sorted(missing):
        raise UserError(f"{file}: has no weights for {missing[0]} ({len(missing)} missing in all); {remedy}")
    if mismatched := sorted(mismatched):
        name, theirs, ours = mismatched[0]
        problem = f"{name} has shape {tuple(theirs)}, but {network} needs {tuple(ours)}"
        raise UserError(f"{file}: {problem} ({len(mismatched)} such weights); {remedy}")
    if unknown := sorted(unknown):
        problem = f"{network} has no {unknown[0]} ({len(unknown)} unknown weights in all)"
        raise UserError(f"{file}: {problem}; {remedy}")


def _weights_file(folder: Path) -> Path:
    """Return the file of a folder's weights, or the folder if there are several."""
    files = list(folder.glob("*.safetensors"))
    return files[0] if len(files) == 1 else folder


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Hide the warnings of both libraries about names and shapes, which are errors here."""
    levels = {logger: logger.level for logger in map(logging.getLogger, ("diffusers", "transformers"))}
    for logger in levels:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)
