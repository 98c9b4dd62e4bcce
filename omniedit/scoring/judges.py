"""Loading of judges by name."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from omniedit.config.schema import ApiConfig, InternvlConfig, JudgeName, ScoringConfig
from omniedit.errors import UserError
from omniedit.models.registry import get_model, model_folder
from omniedit.scoring.rubric import Rubric, edit_rubric, load_rubric
from omniedit.scoring.verdict import Judge
from omniedit.storage.manifest import MANIFEST

if TYPE_CHECKING:
    from omniedit.scoring.vlm_judges.api import ApiJudge
    from omniedit.scoring.vlm_judges.chat import ChatJudge

JUDGES = get_args(JudgeName)
PREPARATION = "preprocessor_config.json"
"""File in which transformers stores how a model's images are prepared; the tiny student has none."""


def load_judge(name: str, scorer: str | Path | None = None, scoring: ScoringConfig | None = None) -> Judge:
    """Load a judge that needs no endpoint.

    Args:
        scorer: folder of a trained student, or the `scorer` of `internvl_judge`; other judges ignore it.
        scoring: options of the judges; None for the defaults.

    Raises:
        UserError: no judge has this name, or its folder is missing.
    """
    scoring = scoring or ScoringConfig()
    if name == "reference":
        from omniedit.scoring.reference.judge import ReferenceJudge

        return ReferenceJudge()
    if name == "student":
        if scorer is None:
            raise UserError("judge 'student' needs --scorer, the folder that scripts/train_student.py wrote")
        return _student_judge(_readable(Path(scorer)), scoring)
    if name == "internvl":
        return internvl_judge(scorer, scoring, edit_rubric())
    raise UserError(f"no judge '{name}'; there are: {', '.join(JUDGES)}")


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
    """Load the tiny student, or an InternVL of scripts/finetune_student.py with the tiles of its training."""
    if not (folder / PREPARATION).is_file():
        from omniedit.scoring.student.judge import StudentJudge

        return StudentJudge.from_pretrained(folder, scoring.readout)
    from omniedit.models.folder import read_config

    if not (folder / MANIFEST).is_file():
        problem = "a model that was not trained as a student; --judge internvl takes an InternVL as it is"
        raise UserError(f"{folder}: {problem}")
    tiles, files = read_config(folder / PREPARATION).get("max_patches"), read_config(folder / MANIFEST).get("files")
    if not (isinstance(tiles, int) and tiles > 0 and isinstance(files, dict)):
        raise UserError(f"{folder}: not a student of scripts/finetune_student.py; train it again")
    options = scoring.internvl.model_copy(update={"max_tiles": tiles})
    weights = "".join(str(file["sha256"]) for name, file in sorted(files.items()) if name.endswith(".safetensors"))
    version = f"student {sha256(weights.encode()).hexdigest()[:12]}"
    return _engine(options).load(folder, edit_rubric(), options, scoring.readout, version, "student")


def _engine(options: InternvlConfig) -> "type[ChatJudge]":
    if options.engine == "vllm":
        from omniedit.scoring.vlm_judges.vllm import VllmJudge

        return VllmJudge
    from omniedit.scoring.vlm_judges.internvl import InternvlJudge

    return InternvlJudge


def internvl_judge(scorer: str | Path | None, scoring: ScoringConfig, rubric: Rubric) -> "ChatJudge":
    """Load the judge `internvl` for a rubric.

    Args:
        scorer: a model's folder, or the record models/{role}.json of a fetched model.

    Raises:
        UserError: the model is missing or cannot be loaded.
    """
    if scorer is None:
        raise UserError("judge 'internvl' needs --scorer, an InternVL's folder or its models/ROLE.json")
    given, engine = _readable(Path(scorer)), _engine(scoring.internvl)
    if not given.exists():
        raise UserError(f"{given}: no such file or folder; give --scorer an InternVL's folder or its models/ROLE.json")
    if given.suffix != ".json":
        return engine.load(given, rubric, scoring.internvl, scoring.readout, given.resolve().name)
    folder, model = model_folder(given.stem), get_model(given.stem)
    version = f"{model.repository}@{model.revision}"
    return engine.load(folder, rubric, scoring.internvl, scoring.readout, version)


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
            yield ApiJudge(client, rubric or load_rubric(config.rubric), config.max_side)
        finally:
            print(client.summary(), flush=True)


@contextmanager
def judging(
    name: str,
    pairs: int,
    scorer: Path | None = None,
    scoring: ScoringConfig | None = None,
    spent: Path | None = None,
) -> Iterator[Judge]:
    """Yield a judge for a number of pairs; for the judge `api`, first print an estimate of the cost.

    Raises:
        UserError: as `load_judge` and `open_client`; or the judge `api` has no config.
    """
    if name != "api":
        yield load_judge(name, scorer, scoring)
        return
    if scoring is None:
        raise UserError("judge 'api' needs --config, whose scoring.api names the endpoint")
    from omniedit.scoring.vlm_judges.api import USUAL_WORDS

    with api_judge(scoring.api, spent=spent) as judge:
        most = judge.estimate([USUAL_WORDS] * pairs)
        print(f"estimate, at most: {judge.client.budget.describe(most)}; cached replies are free", flush=True)
        yield judge
