"""Rubrics by name: those that ship, in `rubrics/rubrics.yaml`, and those of a user's YAML files."""

from functools import cache
from importlib import resources
from pathlib import Path

from omniedit.config.schema import ApiConfig, ScoringConfig
from omniedit.errors import UserError
from omniedit.scoring.rubric import Rubric
from omniedit.scoring.rubric_file import read_rubric, to_rubric
from omniedit.storage.yaml_tables import parse_yaml

SHIPPED_RUBRICS = resources.files("omniedit.scoring") / "rubrics"


@cache
def rubrics() -> dict[str, Rubric]:
    """Return all rubrics of `rubrics/rubrics.yaml` by name."""
    folder = Path(str(SHIPPED_RUBRICS))
    values = parse_yaml((folder / "rubrics.yaml").read_text(encoding="utf-8"))
    return {name: to_rubric(parts, name, folder / "rubrics.yaml") for name, parts in values.items()}


def load_rubric(name: str) -> Rubric:
    """Return a rubric that ships, by its name, or that of a YAML file, by its path.

    Raises:
        UserError: no rubric has this name, or the file is not a rubric.
    """
    if name.endswith((".yaml", ".yml")):
        return read_rubric(Path(name).expanduser())
    if name not in rubrics():
        raise UserError(
            f"no rubric '{name}'; available: {', '.join(rubrics())}; or give the path of your own .yaml file"
        )
    return rubrics()[name]


def api_rubric(config: ApiConfig, rubric: Rubric | None = None) -> Rubric:
    """Return the rubric of the judge `api` with the config's number of passes.

    Args:
        rubric: rubric to use instead of the config's; if it has several passes of its own, it keeps them.
    """
    rubric = rubric or load_rubric(config.rubric)
    return rubric.replace_passes(config.passes) if config.passes and rubric.passes == 1 else rubric


def edit_rubric() -> Rubric:
    """Return the rubric of an edit pair.

    It asks for success and restraint (VIEScore's two sub-scores of semantic consistency, Ku et al. 2024), then for
    OmniEdit's single score of perceptual quality. As in OmniEdit, success is 0 if the object is absent.
    """
    return load_rubric("edit")


def judge_fingerprint(scoring: ScoringConfig, judge: str | None) -> str:
    """Return as text all settings that decide a judge's scores, besides its weights. If it changes, all pairs are
    scored again.

    Args:
        judge: the run's judge, the teacher or the benchmark's judge; None and `ensemble`, whose judges have
            their own fingerprints, return ''.
    """
    if judge in (None, "ensemble"):
        return ""
    options = {
        "reference": "",
        "student": scoring.readout,
        "api": scoring.api.fingerprint,
        "internvl": f"{scoring.readout}, {scoring.internvl.max_tiles} tiles",
        "vlm": f"{scoring.readout}, {scoring.vlm.fingerprint}",
    }
    rubric = api_rubric(scoring.api) if judge == "api" else edit_rubric()
    return " ".join(filter(None, (options[judge], f"rubric {rubric.digest}")))
