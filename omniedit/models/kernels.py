"""Attention kernels besides PyTorch's own, by their names in the config."""

KERNELS = {
    "xformers": ("xformers.ops", "memory_efficient_attention", "xformers"),
    "flash": ("flash_attn", "flash_attn_func", "flash-attn"),
}
"""Name in the config -> module, function, package to install."""
