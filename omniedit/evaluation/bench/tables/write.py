"""Write all tables of a bench: one Markdown page, one LaTeX file, CSV files."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from omniedit.evaluation.bench.tables.builders import (
    build_counts,
    build_differences,
    build_groups,
    build_metrics,
    build_table3,
    build_table3_normalised,
)
from omniedit.evaluation.bench.tables.grid import Figures
from omniedit.evaluation.bench.tables.header import describe_results
from omniedit.evaluation.bench.tables.render import CSV_COLUMNS, to_csv, to_latex, to_markdown
from omniedit.evaluation.bench.tables.results import BenchResults
from omniedit.storage.atomic import write_text
from omniedit.storage.parquet import write_csv


def write_tables(folder: Path, results: BenchResults, ours: str | None, own: Sequence[Figures] = ()) -> list[Path]:
    """Write `table.md`, `table.tex` and `table.csv`, and return their paths.

    Args:
        ours: editor whose lead over the best baseline Table 3 shows.
        own: tables of the benchmark's own protocol, which come first.
    """
    grids = [*own, *build_all(results, ours)]
    return write_grids(folder, "table", [f"# {results.bench}", "", *describe_results(results)], grids)


def write_grids(folder: Path, name: str, header: Sequence[str], grids: Sequence[Figures]) -> list[Path]:
    """Write tables below a header as Markdown, LaTeX and CSV, and return the paths.

    Args:
        header: lines of Markdown, the first with the title; they are comments in LaTeX.
    """
    page = [*header, *(line for grid in grids for line in to_markdown(grid))]
    latex = [r"% \usepackage{booktabs}", *("% " + line for line in header[1:] if line)]
    latex += [line for grid in grids for line in to_latex(grid)]
    paths = [folder / f"{name}.{suffix}" for suffix in ("md", "tex", "csv")]
    write_text(paths[0], "\n".join(page).rstrip() + "\n")
    write_text(paths[1], "\n".join(latex))
    write_csv(paths[2], [row for grid in grids for row in to_csv(grid)], CSV_COLUMNS)
    return paths


def build_all(results: BenchResults, ours: str | None) -> Iterator[Figures]:
    """Yield Table 3, Table 3 rescaled to [0, 1], O by task and ratio, differences, metrics and counts."""
    if results.judges or results.ratings:
        yield build_table3(results, ours)
    if results.judges:
        yield build_table3_normalised(results, ours)
    for judge in results.judges:
        yield build_groups(results, judge, "task")
        yield build_groups(results, judge, "ratio")
        if len(results.editors) > 1:
            yield build_differences(results, judge)
    if any(editor.measured for editor in results.editors):
        yield build_metrics(results)
    yield build_counts(results)
