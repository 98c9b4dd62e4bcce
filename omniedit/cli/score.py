"""Score any images: `omniedit score` reads a CSV table and writes it with a judge's scores."""

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from omniedit.cli.arguments import add_endpoint_arguments, at_least_one, endpoint_options, path
from omniedit.cli.score_judges import check_agreed, ensemble_columns, judge_readable, member_scorers, open_marker
from omniedit.config.loading import check_section
from omniedit.config.schema import SHIPPED, ScoringConfig
from omniedit.config.yaml_files import read_yaml
from omniedit.errors import UserError
from omniedit.exchange.cells import BadRow
from omniedit.imaging.decode import UnreadableImage
from omniedit.scoring.ensemble import NAME as ENSEMBLE
from omniedit.scoring.ensemble import combine_marks
from omniedit.scoring.examples import Example, RubricScores
from omniedit.scoring.prompts.reader import choose_rubric
from omniedit.scoring.reply_parser import Unscorable
from omniedit.scoring.rubric import Rubric
from omniedit.scoring.rubric_file import OVERALL_COLUMNS, RESULT_COLUMNS
from omniedit.sources.photo_file import EncodedPhoto
from omniedit.storage.atomic import is_file
from omniedit.storage.parquet import SURPLUS_CELLS, check_table_path, read_csv, write_by_suffix
from omniedit.storage.progress import Progress

InputRow = Mapping[str, str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "table", type=path, metavar="TABLE.csv", help="one example per row; paths are relative to its folder"
    )
    parser.add_argument("-o", "--out", type=path, required=True, help="output table, .parquet or .csv")
    parser.add_argument(
        "--rubric",
        metavar="NAME|FILE.yaml",
        help="name of a rubric, or your own file; docs/rubrics.md lists all (default: edit, or that of --prompts)",
    )
    parser.add_argument(
        "--prompts", type=path, metavar="FOLDER", help="checkout of a benchmark, whose official prompts are used"
    )
    parser.add_argument("--passes", type=at_least_one, metavar="N", help="ask each question N times and average")
    parser.add_argument(
        "--judge",
        choices=["api", "ensemble", "internvl", "student", "vlm"],
        default="api",
        help="(default: %(default)s)",
    )
    parser.add_argument(
        "--scorer",
        type=path,
        metavar="FOLDER",
        help="folder of a model or its models/ROLE.json, or folder of a student other than the shipped one",
    )
    add_endpoint_arguments(parser, "scoring")


def run(args: argparse.Namespace) -> None:
    scoring = scoring_config(args.config, endpoint_options(args))
    scorer = args.scorer or (Path(SHIPPED) if args.judge == "student" else None)
    rubric = choose_rubric(args.rubric, args.prompts, args.passes)
    score_table(args.table, args.out, rubric, args.judge, scorer, scoring, args.yes)


def read_table(table: Path, rubric: Rubric, more: Sequence[str] = ()) -> list[dict[str, str]]:
    """Read a CSV file that has a column for each image and each text that the rubric needs for its rows.

    Args:
        more: further columns of the output, which the table must not have.

    Raises:
        UserError: the table is unusable; one line names the file, the problem and the remedy.
    """
    rows = read_csv(table)
    if not rows:
        raise UserError(f"{table}: has no row below the line with the column names")
    needed = _required_columns(rows, rubric)
    if missing := [name for name in needed if name not in rows[0]]:
        available = f"rubric '{rubric.name}' needs {', '.join(needed)}; available: {', '.join(filter(None, rows[0]))}"
        raise UserError(f"{table}: lacks the column {', '.join(missing)}: {available}")
    if reserved := [name for name in (*_score_columns(rubric), *more) if name in rows[0]]:
        raise UserError(f"{table}: has a column {reserved[0]}, which is reserved for a score; rename it")
    return rows


def _required_columns(rows: Sequence[InputRow], rubric: Rubric) -> list[str]:
    """Return the names of the images and texts that the rubric needs for the tasks of a table."""
    variants = [rubric.for_task(task) for task in {_task(row) for row in rows}]
    needed = {name for variant in variants if variant for name in (*variant.images, *variant.words)}
    task = ["task"] if rubric.tasks and not rubric.questions else []
    return [*task, *(name for name in (*rubric.images, *rubric.words) if name in needed)]


def _task(row: InputRow) -> str:
    """Return the kind of edit of a row; '' if the table does not give it."""
    return (row.get("task") or "").strip()


def _combined_columns(rubric: Rubric) -> tuple[str, ...]:
    """Return the columns of combined scores; those of several passes only if there are several."""
    return OVERALL_COLUMNS if rubric.passes > 1 else OVERALL_COLUMNS[:3]


def _score_columns(rubric: Rubric) -> tuple[str, ...]:
    return (*rubric.scores, *OVERALL_COLUMNS, *rubric.texts, *RESULT_COLUMNS)


def row_to_example(row: InputRow, folder: Path, rubric: Rubric) -> Example:
    """Load the images of a row, whose paths are relative to the table's folder, and its texts.

    Raises:
        BadRow: an image cannot be read, a text is missing, or the row has more cells than columns.
    """
    if None in row:
        raise BadRow(SURPLUS_CELLS)
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
        except UnreadableImage as error:
            raise BadRow(f"column {name}: {row[name]}: {error}; give an image that can be read") from None
    return Example(images, {name: row[name] for name in variant.words}, _task(row))


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
    check_table_path(out, table)
    rows = read_table(table, rubric, ensemble_columns(scoring) if judge == ENSEMBLE else ())
    if judge == ENSEMBLE:
        scored, numbers = _score_by_ensemble(rows, table, rubric, scorer, scoring, agreed)
    else:
        verdicts = judge_rows(rows, table, rubric, judge, scorer, scoring, agreed)
        scored, numbers = [_columns(*both, rubric, judge) for both in zip(rows, verdicts, strict=True)], ()
    _write(out, scored, rubric, numbers)
    print(f"{out}: {_summary(scored)}")
    if not any(row["status"] == "scored" for row in scored):
        problem = scored[0]["reasoning"]
        raise UserError(f"{table}: none of {len(scored)} rows could be scored; the first problem: {problem}")


def judge_rows(
    rows: Sequence[InputRow],
    table: Path,
    rubric: Rubric,
    judge: str,
    scorer: Path | None,
    scoring: ScoringConfig,
    agreed: bool,
) -> list[RubricScores | Unscorable | BadRow]:
    """Return the verdicts of a judge on the rows of a table; arguments and errors are those of `score_table`."""
    words = [{name: row.get(name) or "" for name in rubric.words} for row in rows]
    with (
        open_marker(judge, rubric, scorer, scoring, words, agreed) as (mark, batch),
        Progress("rows", total=len(rows)) as progress,
    ):
        examples = (_read(row, f"{table}: row {number}", table.parent, rubric) for number, row in enumerate(rows, 1))
        return list(progress.over(judge_readable(examples, BadRow, mark, batch)))


def _score_by_ensemble(
    rows: Sequence[InputRow], table: Path, rubric: Rubric, scorer: Path | None, scoring: ScoringConfig, agreed: bool
) -> tuple[list[dict[str, object]], tuple[str, ...]]:
    """Return the rows of the output by all judges of the ensemble, one loaded after another, and its own columns."""
    check_agreed([each.api for each in scoring.members.values() if each.judge == "api"], agreed)
    verdicts = {}
    for name, (member, needed) in member_scorers(scoring, scorer).items():
        print(f"judge {name}:", flush=True)
        verdicts[name] = judge_rows(rows, table, rubric, member.judge, needed, member, agreed)
    scored = []
    for number, row in enumerate(rows):
        results = {name: each[number] for name, each in verdicts.items()}
        bad = next((verdict for verdict in results.values() if isinstance(verdict, BadRow)), None)
        judged = {name: verdict for name, verdict in results.items() if not isinstance(verdict, BadRow)}
        marks, spread = combine_marks(judged, scoring.ensemble)
        own = {f"o_{name}": each.o_score for name, each in judged.items() if isinstance(each, RubricScores)}
        scored.append(_columns(row, bad or marks, rubric, ENSEMBLE) | own | {"disagreement": spread})
    return scored, ensemble_columns(scoring)


def scoring_config(config: Path | None, api_options: Mapping[str, str]) -> ScoringConfig:
    """Load `scoring` of a config file, with keys of `scoring.api` replaced by those of the command line.

    Raises:
        UserError: as in `omniedit.config.loading.check_section`.
    """
    scoring: Any = read_yaml(config).get("scoring", {}) if config else {}
    if isinstance(scoring, dict) and isinstance(scoring.get("api", {}), dict):
        scoring = scoring | {"api": scoring.get("api", {}) | api_options}
    return check_section(ScoringConfig, scoring, [config] if config else [])


def _read(row: InputRow, place: str, folder: Path, rubric: Rubric) -> Example | BadRow:
    try:
        return row_to_example(row, folder, rubric)
    except BadRow as bad:
        return BadRow(f"{place}: {bad}")


def _columns(
    row: InputRow, verdict: RubricScores | Unscorable | BadRow, rubric: Rubric, judge: str
) -> dict[str, object]:
    """Return the row's own columns and the columns of its scores, which are null if it has no score."""
    columns = {name: value for name, value in row.items() if name is not None}
    about = {"rubric": rubric.name, "prompt_hash": rubric.digest, "judge": judge, "judge_version": ""}
    if isinstance(verdict, BadRow):
        return {**columns, **about, "status": "bad row", "reasoning": str(verdict)}
    if isinstance(verdict, Unscorable):
        return {**columns, **about, "status": "unscorable", "reasoning": verdict.reason}
    together = {name: getattr(verdict, name) for name in _combined_columns(rubric)}
    about |= {"status": "scored", "reasoning": verdict.reasoning, "judge_version": verdict.judge_version}
    return {**columns, **about, **together, **verdict.scores, **verdict.texts}


def _write(out: Path, rows: Sequence[Mapping[str, object]], rubric: Rubric, more: Sequence[str] = ()) -> None:
    """Write the output table.

    Args:
        more: further columns with scores.
    """
    scores = (*rubric.scores, *_combined_columns(rubric), *more)
    own = [name for name in rows[0] if name not in (*_score_columns(rubric), *more)]
    names = [*own, "status", *scores, *rubric.texts, *RESULT_COLUMNS[1:]]
    schema = pa.schema([(name, pa.float64() if name in scores else pa.string()) for name in names])
    write_by_suffix(out, rows, schema)


def _summary(rows: Sequence[Mapping[str, Any]]) -> str:
    counts = ", ".join(f"{count} {status}" for status, count in Counter(row["status"] for row in rows).most_common())
    overall = [row["o_score"] for row in rows if row["status"] == "scored"]
    return f"{counts}; mean O {sum(overall) / len(overall):.2f}" if overall else counts
