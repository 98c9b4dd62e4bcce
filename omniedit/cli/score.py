"""Scoring of any images: `omniedit score` reads a CSV table and writes it with a judge's scores."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from omniedit.config.loading import check_section, read_yaml
from omniedit.config.schema import ScoringConfig
from omniedit.errors import UserError
from omniedit.imaging.decode import Unreadable
from omniedit.pairs import EditPair
from omniedit.scoring.examples import Example, Marker, RubricScores, to_marks
from omniedit.scoring.judges import api_judge, load_judge, local_judge
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric import Rubric
from omniedit.scoring.rubric_file import ABOUT, TOGETHER
from omniedit.scoring.verdict import Judge, Score
from omniedit.sources.decode import EncodedPhoto
from omniedit.storage.atomic import check_writable, is_file
from omniedit.storage.parquet import read_csv, write_csv, write_rows
from omniedit.storage.progress import Progress
from omniedit.tasks import Task

SUFFIXES = (".parquet", ".csv")

InputRow = Mapping[str, str]


class BadRow(Exception):
    """Error for a row that cannot be judged; its text names column, value and remedy."""


@contextmanager
def open_marker(
    judge: str,
    rubric: Rubric,
    scorer: Path | None,
    scoring: ScoringConfig,
    words: Sequence[dict[str, str]],
    agreed: bool,
    spent: Path | None = None,
) -> Iterator[tuple[Marker, int]]:
    """Open a judge that marks examples under a rubric; yield its marker and batch size.

    For an endpoint, an upper estimate of the cost is printed first.

    Args:
        words: texts of the examples to mark.
        agreed: whether money may be spent without a budget.
        spent: folder of a run's ledger, if several jobs share the budget.

    Raises:
        UserError: the judge does not support the rubric, money would be spent without agreement, or as `load_judge` and
            `open_client`.
    """
    if judge in ("internvl", "vlm"):
        local = local_judge(judge, scorer, scoring, rubric)
        yield local.mark, local.batch_size
        return
    if judge != "api":
        of_pairs = load_judge(judge, scorer, scoring)
        yield pair_marker(of_pairs, rubric), of_pairs.batch_size
        return
    with api_judge(scoring.api, rubric, spent) as api:
        budget = api.client.budget
        print(f"estimate, at most: {budget.describe(api.estimate(words))}; cached replies are free", flush=True)
        if budget.prices.known and scoring.api.max_money is None and not agreed:
            raise UserError("scoring costs money; accept it with --yes, or set scoring.api.max_money in the config")
        yield api.mark, api.batch_size


def pair_marker(judge: Judge, rubric: Rubric) -> Marker:
    """Wrap a judge of edit pairs as a marker of examples.

    Raises:
        UserError: the rubric is not the judge's own.
    """
    if judge.prompt_hash != rubric.digest:
        raise UserError(
            f"judge '{judge.name}' supports only the rubric 'edit', not '{rubric.name}'; use --judge api or vlm"
        )

    def mark(examples: Sequence[Example]) -> list[RubricScores | Unscorable]:
        pairs = [_pair(example) for example in examples if not _uneven(example)]
        judged = iter(judge.judge(pairs) if pairs else [])
        return [_uneven(example) or _marks(rubric, next(judged)) for example in examples]

    return mark


def read_table(table: Path, rubric: Rubric) -> list[dict[str, str]]:
    """Read a CSV file that has a column for each image and each text that the rubric needs for its rows.

    Raises:
        UserError: the table is unusable; one line names the file, the problem and the remedy.
    """
    rows = read_csv(table)
    if not rows:
        raise UserError(f"{table}: has no row below the line with the column names")
    needed = _needed_columns(rows, rubric)
    if lacking := [name for name in needed if name not in rows[0]]:
        available = f"rubric '{rubric.name}' needs {', '.join(needed)}; there are: {', '.join(filter(None, rows[0]))}"
        raise UserError(f"{table}: lacks the column {', '.join(lacking)}: {available}")
    if taken := [name for name in _score_columns(rubric) if name in rows[0]]:
        raise UserError(f"{table}: has a column {taken[0]}, which is reserved for a score; rename it")
    return rows


def _needed_columns(rows: Sequence[InputRow], rubric: Rubric) -> list[str]:
    """Return the names of the images and texts that the rubric needs for the tasks of a table."""
    variants = [rubric.for_task(task) for task in {_task(row) for row in rows}]
    needed = {name for each in variants if each for name in (*each.images, *each.words)}
    task = ["task"] if rubric.tasks and not rubric.questions else []
    return [*task, *(name for name in (*rubric.images, *rubric.words) if name in needed)]


def _task(row: InputRow) -> str:
    """Return the kind of edit of a row, '' if the table does not say."""
    return (row.get("task") or "").strip()


def _together(rubric: Rubric) -> tuple[str, ...]:
    """Return the columns of combined scores; those of several passes only where there are several."""
    return TOGETHER if rubric.passes > 1 else TOGETHER[:3]


def _score_columns(rubric: Rubric) -> tuple[str, ...]:
    return (*rubric.scores, *TOGETHER, *rubric.texts, *ABOUT)


def example_of_row(row: InputRow, folder: Path, rubric: Rubric) -> Example:
    """Load the images of a row, whose paths are relative to the table's folder, and its texts.

    Raises:
        BadRow: an image cannot be read, a text is missing, or the row has more cells than columns.
    """
    if None in row:
        raise BadRow("has more cells than the table has columns; quote cells that contain commas")
    variant = rubric.for_task(_task(row))
    if variant is None:
        known = ", ".join(rubric.tasks)
        raise BadRow(f"column task: rubric '{rubric.name}' has no task '{_task(row)[:200]}'; it has: {known}")
    if empty := [name for name in (*variant.images, *variant.words) if not row[name].strip()]:
        raise BadRow(f"column {empty[0]} is empty; fill it in")
    images = {}
    for name in variant.images:
        path = folder / row[name]
        if not is_file(path):
            raise BadRow(f"column {name}: {row[name][:200]}: no such file; paths are relative to the table's folder")
        try:
            with EncodedPhoto(path) as photo:
                images[name] = photo.decode()
        except Unreadable as error:
            raise BadRow(f"column {name}: {row[name]}: {error}; give an image that can be read") from None
    return Example(images, {name: row[name] for name in variant.words}, _task(row))


def mark_rows(
    rows: Sequence[InputRow], table: Path, rubric: Rubric, mark: Marker, batch: int
) -> Iterator[RubricScores | Unscorable | BadRow]:
    """Yield a verdict for each row, in order, with the images of one batch in memory at a time."""
    for first in range(0, len(rows), batch):
        read = [_read(row, table.parent, rubric) for row in rows[first : first + batch]]
        examples = [example for example in read if isinstance(example, Example)]
        verdicts = iter(mark(examples) if examples else [])
        for number, example in enumerate(read, first + 1):
            if isinstance(example, BadRow):
                yield BadRow(f"{table}: row {number}: {example}")
            else:
                yield next(verdicts)


def score_table(
    table: Path,
    out: Path,
    rubric: Rubric,
    judge: str,
    scorer: Path | None,
    scoring: ScoringConfig,
    agreed: bool = False,
) -> None:
    """Judge each row of a CSV table and write it with its scores to a .parquet or .csv file.

    A row that cannot be judged is recorded with the reason. With a judge behind an endpoint, an interrupted run resumes
    from the cache.

    Raises:
        UserError: no row can be judged; if rows were read, the table with their reasons is still written.
    """
    if out.suffix.lower() not in SUFFIXES:
        raise UserError(f"{out}: unknown table format; use one of {', '.join(SUFFIXES)}")
    check_writable(out)
    if out.resolve() == table.resolve():
        raise UserError(f"{out}: is the table itself; give another file for the scores")
    rows = read_table(table, rubric)
    words = [{name: row.get(name) or "" for name in rubric.words} for row in rows]
    with (
        open_marker(judge, rubric, scorer, scoring, words, agreed) as (mark, batch),
        Progress("rows", total=len(rows)) as progress,
    ):
        scored = []
        for row, verdict in zip(rows, mark_rows(rows, table, rubric, mark, batch), strict=True):
            scored.append(_columns(row, verdict, rubric, judge))
            progress.advance()
    _write(out, scored, rubric)
    print(f"{out}: {_summary(scored)}")
    if not any(row["status"] == "scored" for row in scored):
        raise UserError(f"{table}: none of {len(scored)} rows could be scored; the first: {scored[0]['reasoning']}")


def scoring_config(config: Path | None, given: Mapping[str, str]) -> ScoringConfig:
    """Load `scoring` of a config file, with keys of `scoring.api` replaced by those of the command line.

    Raises:
        UserError: as `omniedit.config.loading.check_section`.
    """
    scoring: Any = read_yaml(config).get("scoring", {}) if config else {}
    if isinstance(scoring, dict) and isinstance(scoring.get("api", {}), dict):
        scoring = scoring | {"api": scoring.get("api", {}) | given}
    return check_section(ScoringConfig, scoring, [config] if config else [])


def _pair(example: Example) -> EditPair:
    """Build an edit pair for a judge that uses images and instruction alone; its task is a placeholder."""
    source, edited = example.images["source"], example.images["edited"]
    return EditPair("", Task.STYLE_TRANSFER, (example.words["instruction"],), source, edited, None, {})


def _uneven(example: Example) -> Unscorable | None:
    sizes = [f"{name} {p.shape[1]} x {p.shape[0]}" for name, p in example.images.items()]
    shapes = {image.shape for image in example.images.values()}
    return Unscorable(f"{' and '.join(sizes)} differ in size; make them equal") if len(shapes) > 1 else None


def _marks(rubric: Rubric, verdict: Score | Unscorable) -> RubricScores | Unscorable:
    if isinstance(verdict, Unscorable):
        return verdict
    scores = (verdict.sc_score_1, verdict.sc_score_2, verdict.pq_score)
    return to_marks(rubric, dict(zip(rubric.scores, scores, strict=True)), verdict.reasoning, verdict.judge_version)


def _read(row: InputRow, folder: Path, rubric: Rubric) -> Example | BadRow:
    try:
        return example_of_row(row, folder, rubric)
    except BadRow as bad:
        return bad


def _columns(
    row: InputRow, verdict: RubricScores | Unscorable | BadRow, rubric: Rubric, judge: str
) -> dict[str, object]:
    """Return the row's own columns and those of its scores, which are null without a score."""
    given = {name: value for name, value in row.items() if name is not None}
    about = {"rubric": rubric.name, "prompt_hash": rubric.digest, "judge": judge, "judge_version": ""}
    if isinstance(verdict, BadRow):
        return {**given, **about, "status": "bad row", "reasoning": str(verdict)}
    if isinstance(verdict, Unscorable):
        return {**given, **about, "status": "unscorable", "reasoning": verdict.reason}
    together = {name: getattr(verdict, name) for name in _together(rubric)}
    about |= {"status": "scored", "reasoning": verdict.reasoning, "judge_version": verdict.judge_version}
    return {**given, **about, **together, **verdict.scores, **verdict.texts}


def _write(out: Path, rows: Sequence[Mapping[str, object]], rubric: Rubric) -> None:
    scores = (*rubric.scores, *_together(rubric))
    own = [name for name in rows[0] if name not in _score_columns(rubric)]
    names = [*own, "status", *scores, *rubric.texts, *ABOUT[1:]]
    if out.suffix.lower() == ".parquet":
        write_rows(out, rows, pa.schema([(name, pa.float64() if name in scores else pa.string()) for name in names]))
        return
    write_csv(out, rows, names)


def _summary(rows: Sequence[Mapping[str, Any]]) -> str:
    counts = ", ".join(f"{count} {status}" for status, count in Counter(row["status"] for row in rows).most_common())
    overall = [row["o_score"] for row in rows if row["status"] == "scored"]
    return f"{counts}; mean O {sum(overall) / len(overall):.2f}" if overall else counts
