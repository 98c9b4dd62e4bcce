"""Load judges by name."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from omniedit.config.schema import ApiConfig, JudgeName, ScoringConfig, VlmConfig, student_folder
from omniedit.errors import UserError
from omniedit.models.registry import get_model, model_folder
from omniedit.scoring.rubric import Rubric
from omniedit.scoring.rubric_registry import api_rubric, edit_rubric
from omniedit.scoring.verdict import Judge
from omniedit.storage.manifest import MANIFEST

if TYPE_CHECKING:
    from omniedit.scoring.vlm_judges.api import ApiJudge
    from omniedit.scoring.vlm_judges.chat import ChatJudge

JUDGES = get_args(JudgeName)
PREPARATION = "preprocessor_config.json"
"""File in which transformers stores how a model's images are prepared. The tiny student lacks it."""


def load_judge(
    name: str, scorer: str | Path | None = None, scoring: ScoringConfig | None = None, rubric: Rubric | None = None
) -> Judge:
    """Load a judge that needs no endpoint.

    Args:
        scorer: folder of a trained student, or the `scorer` of `local_judge`; other judges ignore it.
        scoring: options of the judges; None for the defaults.
        rubric: rubric of a judge that supports several; None for that of an edit pair.

    Raises:
        UserError: no judge has this name, or its folder is missing.
    """
    if name not in LOADERS:
        raise UserError(f"no judge '{name}'; available: {', '.join(JUDGES)}")
    return LOADERS[name](scorer, scoring or ScoringConfig(), rubric or edit_rubric())


def load_reference(scorer: str | Path | None, scoring: ScoringConfig, rubric: Rubric) -> Judge:
    """Load the judge `reference`, which has no options."""
    from omniedit.scoring.reference.judge import ReferenceJudge

    return ReferenceJudge()


def load_student(scorer: str | Path | None, scoring: ScoringConfig, rubric: Rubric) -> Judge:
    """Load a student: the tiny one or a fine-tuned InternVL. It knows only the rubric of its training.

    Raises:
        UserError: the folder is missing, or has no student.
    """
    if scorer is None:
        raise UserError("judge 'student' needs --scorer, the folder that scripts/train_student.py wrote")
    return _student_judge(_readable(Path(scorer)), scoring)


def _readable(scorer: Path) -> Path:
    """Return the path if it is accessible.

    Raises:
        UserError: its name or its permissions forbid access.
    """
    try:
        if scorer.is_dir():
            next(scorer.iterdir(), None)
    except OSError as error:
        raise UserError(f"{scorer}: cannot be read: {error.strerror}") from None
    return scorer


def _student_judge(folder: Path, scoring: ScoringConfig) -> Judge:
    """Load the shipped student, a run's tiny student, or an InternVL from scripts/finetune_student.py, with the number
    of tiles of its training.
    """
    from omniedit.scoring.student.head import FILE

    head = student_folder(folder) / FILE
    if head.is_file():
        from omniedit.scoring.student.feature_judge import FeatureJudge

        return FeatureJudge.from_pretrained(head)
    if not (folder / PREPARATION).is_file():
        from omniedit.scoring.student.judge import StudentJudge

        return StudentJudge.from_pretrained(folder, scoring.readout)
    from omniedit.models.folder import read_config

    if not (folder / MANIFEST).is_file():
        problem = "a model that was not trained as a student; use --judge internvl for an untrained InternVL"
        raise UserError(f"{folder}: {problem}")
    tiles, files = read_config(folder / PREPARATION).get("max_patches"), read_config(folder / MANIFEST).get("files")
    if not (isinstance(tiles, int) and tiles > 0 and isinstance(files, dict)):
        raise UserError(f"{folder}: not a student from scripts/finetune_student.py; train it again")
    internvl = scoring.internvl.model_copy(update={"max_tiles": tiles})
    weights = "".join(str(file["sha256"]) for name, file in sorted(files.items()) if name.endswith(".safetensors"))
    version = f"student {sha256(weights.encode()).hexdigest()[:12]}"
    return _load_local("student", folder, scoring.model_copy(update={"internvl": internvl}), edit_rubric(), version)


def local_judge(name: str, scorer: str | Path | None, scoring: ScoringConfig, rubric: Rubric) -> "ChatJudge":
    """Load the judge `internvl` or `vlm` for a rubric.

    Args:
        scorer: a model's folder, or the record models/{role}.json of a fetched model.

    Raises:
        UserError: the model is missing or cannot be loaded.
    """
    from omniedit.scoring.vlm_judges.chat import check_rubric

    check_rubric(rubric, scoring.readout == "reply" and not (name == "vlm" and scoring.vlm.head))
    folder, version = find_local_model(name, scorer)
    return _load_local(name, folder, scoring, rubric, version)


def find_local_model(name: str, scorer: str | Path | None) -> tuple[Path, str]:
    """Return the folder and the version of the model of the judge `internvl` or `vlm`.

    Args:
        scorer: a model's folder, or the record models/{role}.json of a fetched model.

    Raises:
        UserError: the model is missing.
    """
    kind = "an InternVL's" if name == "internvl" else "a model's"
    if scorer is None:
        raise UserError(f"judge '{name}' needs --scorer, {kind} folder or its models/ROLE.json")
    scorer_path = _readable(Path(scorer))
    if not scorer_path.exists():
        raise UserError(f"{scorer_path}: no such file or folder; give --scorer {kind} folder or its models/ROLE.json")
    if scorer_path.suffix != ".json":
        return scorer_path, scorer_path.resolve().name
    folder, model = model_folder(scorer_path.stem), get_model(scorer_path.stem)
    return folder, f"{model.repository}@{model.revision}"


def _load_local(name: str, folder: Path, scoring: ScoringConfig, rubric: Rubric, version: str) -> "ChatJudge":
    """Load a model with the engine and the parts that its section names."""
    settings = scoring.readout, version, name
    if name != "vlm" and scoring.internvl.engine == "transformers":
        from omniedit.scoring.vlm_judges.internvl import InternvlJudge

        return InternvlJudge.load(folder, rubric, scoring.internvl, *settings)
    options = scoring.vlm if name == "vlm" else scoring.internvl.to_vlm_config
    if options.adapter or options.head:
        from omniedit.scoring.vlm_judges.adapter import part_version

        parts = [part_version(part) for part in (options.adapter, options.head) if part]
        settings = scoring.readout, " + ".join([version, *parts]), name
    return _local_class(options).load(folder, rubric, options, *settings)


def _local_class(options: VlmConfig) -> "type[ChatJudge]":
    """Return the class that runs a model with these options."""
    if options.engine == "vllm":
        from omniedit.scoring.vlm_judges.vllm import VllmJudge

        return VllmJudge
    if options.head:
        from omniedit.scoring.vlm_judges.reward import RewardJudge

        return RewardJudge
    from omniedit.scoring.vlm_judges.local import LocalJudge

    return LocalJudge


Loader = Callable[[str | Path | None, ScoringConfig, Rubric], Judge]
LOADERS: dict[str, Loader] = {
    "reference": load_reference,
    "student": load_student,
    "internvl": partial(local_judge, "internvl"),
    "vlm": partial(local_judge, "vlm"),
}
"""Loaders of the judges that need no endpoint: scorer, options, rubric -> judge."""


@contextmanager
def api_judge(config: ApiConfig, rubric: Rubric | None = None, spent: Path | None = None) -> Iterator["ApiJudge"]:
    """Yield the judge `api`; at the end of the block, even after an error, print the paid usage.

    Args:
        rubric: None for the config's.
        spent: folder of the run's ledger, if several jobs share the config's budget.
    """
    from omniedit.scoring.vlm_judges.api import ApiJudge
    from omniedit.vlm.client import open_client

    with open_client(config, spent) as client:
        try:
            yield ApiJudge(client, api_rubric(config, rubric), config.max_side)
        finally:
            print(client.summary(), flush=True)


@contextmanager
def open_priced_judge(
    name: str, pairs: int, scorer: Path | None = None, scoring: ScoringConfig | None = None, spent: Path | None = None
) -> Iterator[Judge]:
    """Yield a judge for a number of pairs; for the judge `api`, first print an estimate of the cost.

    Raises:
        UserError: as in `load_judge` and `open_client`, or the judge `api` has no config.
    """
    if name != "api":
        yield load_judge(name, scorer, scoring)
        return
    if scoring is None:
        raise UserError("judge 'api' needs --config, whose scoring.api names the endpoint")
    from omniedit.scoring.vlm_judges.api import USUAL_WORDS

    with api_judge(scoring.api, spent=spent) as judge:
        usage = judge.estimate([USUAL_WORDS] * pairs)
        print(f"estimate, at most: {judge.client.budget.describe(usage)}; cached replies are free", flush=True)
        yield judge
