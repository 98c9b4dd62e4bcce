"""Write the conda environments of the stages (`make lock`): pyproject.toml and constraints.txt -> envs/{stage}.yaml.

Each file pins every package itself. Snakemake rebuilds an environment when the text of its file changes, so a change of
pins in another file would go unnoticed.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

STAGES = {
    "sources": [],
    "synthesize": ["embedded", "text", "pretrained", "vision", "gpu"],
    "score": ["score", "text", "pretrained", "vision", "gpu"],
    "bucket": ["buckets"],
    "train": ["train", "gpu"],
    "evaluate": ["score", "text", "pretrained", "vision", "gpu"],
    "report": ["report"],
}
"""Extras of pyproject.toml that each stage takes in addition to the core."""
PYTHON, PIP = "3.11.13", "25.2"
RESOLVE = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
RESOLVE += ["--python-platform", "x86_64-manylinux_2_28", "--python-version", PYTHON]
"""Command that resolves packages for 64-bit Linux with glibc 2.28 or newer. Packages without wheels, such as deepspeed,
are built on the cluster."""


def resolve(source: str, *options: str, text: str | None = None) -> list[str]:
    """Return exact pins of all packages that a requirements file or pyproject.toml needs. '-' as source reads `text`.

    Raises:
        subprocess.CalledProcessError: the requirements conflict, or the index cannot be reached; stderr says which.
    """
    done = subprocess.run([*RESOLVE, source, *options], input=text, capture_output=True, text=True, check=True)
    return done.stdout.split("\n")[:-1]


def resolve_extras(extras: Sequence[str], *constraints: Path) -> list[str]:
    """Return the pins of the core and some extras of pyproject.toml."""
    options = [f"--extra={extra}" for extra in extras] + [f"--constraint={file}" for file in constraints]
    return resolve("pyproject.toml", *options)


def environment(pins: Sequence[str]) -> str:
    """Return the text of a conda environment file."""
    head = (
        "# Made by `make lock` from pyproject.toml and constraints.txt.\nchannels:\n  - conda-forge\n  - nodefaults\n"
    )
    packages = "".join(f"      - {pin}\n" for pin in pins)
    return f"{head}dependencies:\n  - python ={PYTHON}\n  - pip ={PIP}\n  - pip:\n{packages}"


def main() -> None:
    union = Path("envs/.union.txt")
    try:
        # Resolve all stages together first, so that packages that constraints.txt does not name (CUDA's, which torch
        # brings along) have one version too.
        extras = sorted({extra for chosen in STAGES.values() for extra in chosen})
        union.write_text("\n".join(resolve_extras(extras, Path("constraints.txt"))))
        for stage, chosen in STAGES.items():
            Path(f"envs/{stage}.yaml").write_text(environment(resolve_extras(chosen, union)))
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: {error.stderr.strip()}")
    finally:
        union.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
