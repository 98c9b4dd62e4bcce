"""Networks on fake tensors: they run at any size without values, and their peak memory is counted.

A fake tensor has a shape, a dtype and a storage of a size, but no values (`torch._subclasses.FakeTensorMode`). Weights
are fake. Operations on only real tensors stay real while they are small, so positions, lengths and masks keep their
values, on which control flow depends.
"""

import weakref
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map_only

LARGEST_REAL = 2**22
"""Bytes of storage up to which a tensor without fake inputs is real."""
SCALAR = torch.ops.aten._local_scalar_dense.default
"""Operation behind `Tensor.item`."""
INDEXING = (torch.ops.aten.index.Tensor, torch.ops.aten.index_put.default, torch.ops.aten.index_put_.default)


class FakeMemory(TorchDispatchMode):
    """Dispatch mode that runs operations on fake tensors and counts the bytes of their live storages.

    The count is of tensors, as `torch.cuda.max_memory_allocated` reports them: without the allocator's fragments, the
    workspaces of convolutions and the CUDA context. Attention is fused, as on a GPU.

    Attributes:
        live, peak: bytes of fake storages, now and at most.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fake_mode = FakeTensorMode(allow_non_fake_inputs=True)
        self.live = self.peak = 0
        self._known: dict[int, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        is_fake = any(isinstance(tensor, FakeTensor) for tensor in tensors)
        if is_fake and func is SCALAR:
            return 1.0 if tensors[0].is_floating_point() else 1  # fake tensors have no value
        if not is_fake and all(bytes_of(tensor) <= LARGEST_REAL for tensor in tensors):
            real = self._run_small(func, args, kwargs, tensors)
            if real is not None:
                return real[0]
        if func in INDEXING:
            args = (args[0], to_places(args[1]), *args[2:])
        if not all(isinstance(tensor, FakeTensor) for tensor in tensors):
            args, kwargs = tree_map_only(Tensor, self._to_fake, (args, kwargs))
        with self.fake_mode:
            out = func(*args, **kwargs)
        for leaf in tree_leaves(out):
            if isinstance(leaf, FakeTensor) and leaf.device.type != "meta":
                self.count(leaf)
        return out

    def count(self, tensor: Tensor) -> None:
        """Count the storage of a fake tensor until it is freed."""
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        self._known[key] = size
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self.live -= self._known.pop(key)

    def _to_fake(self, tensor: Tensor) -> Tensor:
        if isinstance(tensor, FakeTensor):
            return tensor
        with _disable_current_modes():
            return self.fake_mode.from_tensor(tensor)

    def _run_small(self, func: Any, args: Any, kwargs: Any, tensors: list[Tensor]) -> tuple[Any] | None:
        """Run an operation on real tensors; return None for a new tensor that is large or of floating point."""
        if not tensors:
            with self.fake_mode:
                made = [leaf for leaf in tree_leaves(func(*args, **kwargs)) if isinstance(leaf, Tensor)]
            if any(leaf.is_floating_point() or bytes_of(leaf) > LARGEST_REAL for leaf in made):
                return None
        with _disable_current_modes():
            return (func(*args, **kwargs),)

    def adopt(self, module: nn.Module) -> Any:
        """Replace the weights and buffers of a module on the meta device by fake tensors, and return the module."""
        self._convert(module, lambda tensor: FakeTensor(self.fake_mode, tensor.to("meta"), torch.device("cpu")))
        # torch's own method fails on a fake weight that something refers to.
        module._apply = lambda convert, recurse=True: self._convert(module, convert)  # type: ignore[method-assign]
        return module

    def _convert(self, module: nn.Module, convert: Callable[[Tensor], Tensor]) -> nn.Module:
        for part in module.modules():
            for name, weight in part._parameters.items():
                if weight is None:
                    continue
                made = convert(weight.detach())
                if weight.is_meta or made.dtype != weight.dtype:
                    part._parameters[name] = nn.Parameter(made, weight.requires_grad)
            for name, buffer in part._buffers.items():
                if buffer is not None and (buffer.is_meta or isinstance(buffer, FakeTensor)):
                    part._buffers[name] = convert(buffer)
        for tensor in (*module.parameters(), *module.buffers()):
            if isinstance(tensor, FakeTensor):
                self.count(tensor)
        return module

    def isolate(self, module: Any, *methods: str, fill: float = 0.0) -> Any:
        """Make methods of a module run on fake tensors and return real ones full of `fill`; return the module.

        The code between the calls of networks, such as a pipeline's loop, therefore runs in full.
        """
        for name in methods or ("forward",):
            setattr(module, name, self._isolate(getattr(module, name), fill))
        return module

    def _isolate(self, call: Callable[..., Any], fill: float) -> Callable[..., Any]:
        @wraps(call)
        def run(*args: Any, **kwargs: Any) -> Any:
            with self:
                out = call(*args, **kwargs)
            return to_real(out, fill)

        return run


def bytes_of(tensor: Tensor) -> int:
    return tensor.untyped_storage().nbytes()


def to_places(indices: list[Tensor | None]) -> list[Tensor | None]:
    """Replace real masks among indices by the places where they are True, whose number a fake mask would not have."""
    places: list[Tensor | None] = []
    for index in indices:
        is_mask = index is not None and index.dtype == torch.bool and not isinstance(index, FakeTensor)
        with _disable_current_modes():
            places += index.nonzero(as_tuple=True) if is_mask and index is not None else (index,)
    return places


def to_real(value: Any, fill: float = 0.0) -> Any:
    """Return a network's output with real tensors full of `fill` in place of fake ones."""
    if hasattr(value, "latent_dist"):  # output of an autoencoder; its distribution is not a tree of tensors
        return type(value)(latent_dist=type(value.latent_dist)(to_real(value.latent_dist.parameters)))
    return tree_map_only(FakeTensor, lambda fake: torch.full(fake.shape, fill, dtype=fake.dtype), value)
