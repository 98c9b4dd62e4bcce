"""Parquet and CSV tables of rows with a fixed schema: index, scores, decisions, plans."""

import csv
import math
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from omniedit.errors import DamagedFile, UserError, missing
from omniedit.storage.atomic import check_writable, replace_file

TABLE_SUFFIXES = (".parquet", ".csv")
SURPLUS_CELLS = "has more cells than the table has columns; quote cells that contain the separator"
"""Problem of a row of `read_csv` that has the key None."""
_GROUP = 100_000
_BATCH = 10_000
_FORMULA = re.compile(r"(?s)'*(?:[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20].*|[0-9]{19,})")
"""Cell that a spreadsheet would evaluate, such as =HYPERLINK(...), an integer that may exceed 64 bits, or such a cell
that is already marked as text."""
_SEPARATOR_LINE = re.compile(r"\"?sep=([,;\t|])\"?\s*", re.IGNORECASE)
_LONG_INTEGER = re.compile(r"[+-]?[0-9]{19,}")


class _NoPandas:
    """Finder by which `import pandas` fails."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == "pandas":
            raise ImportError(name)


def convert_without_pandas() -> None:
    """Let pyarrow convert Python values without pandas, which it loads in half a second only to recognise its types."""
    if "pandas" in sys.modules:
        return
    sys.meta_path.insert(0, _NoPandas)
    try:
        pa.array([])  # looks for pandas once
    finally:
        sys.meta_path.remove(_NoPandas)


def write_rows(path: str | Path, rows: Iterable[Mapping[str, Any]], schema: pa.Schema) -> None:
    """Write a whole table atomically; the same rows give the same bytes."""
    write_table(path, pa.Table.from_pylist(list(rows), schema=schema))


def write_table(path: str | Path, table: pa.Table) -> None:
    """Write a table as `write_rows` does, given its columns."""
    with replace_file(path) as temporary:
        pq.write_table(table, temporary, write_page_checksum=True)


def write_arrow(path: str | Path, table: pa.Table, rows_at_once: int) -> None:
    """Write a table as an Arrow file, uncompressed, in record batches of `rows_at_once` rows, the last one fewer."""
    with replace_file(path) as temporary, pa.ipc.new_file(temporary, table.schema) as writer:
        writer.write_table(table.combine_chunks(), max_chunksize=rows_at_once)


def write_tables(path: str | Path, tables: Iterable[pa.Table], schema: pa.Schema) -> None:
    """Write several tables as one, atomically, with at most `_GROUP` rows and one more table in memory."""
    waiting, rows = [schema.empty_table()], 0
    with replace_file(path) as temporary, pq.ParquetWriter(temporary, schema, write_page_checksum=True) as writer:
        for table in tables:
            waiting.append(table)
            rows += len(table)
            if rows >= _GROUP:
                writer.write_table(pa.concat_tables(waiting))
                waiting, rows = [], 0
        if waiting:
            writer.write_table(pa.concat_tables(waiting))


def read_rows(path: str | Path, columns: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """Return the rows of a table, with all columns or only `columns`.

    Raises:
        DamagedFile: the file is not Parquet, is truncated, lacks a column, or fails a page's checksum.
        UserError: the file is missing or cannot be read.
    """
    names = list(columns) if columns is not None else None
    with _open_parquet(path, names) as file:
        return file.read(columns=names).to_pylist()


def stream_rows(path: str | Path, columns: Iterable[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows that `read_rows` returns, with one batch of rows in memory."""
    names = list(columns) if columns is not None else None
    with _open_parquet(path, names) as file:
        for batch in file.iter_batches(_BATCH, columns=names):
            yield from batch.to_pylist()


def read_table(path: str | Path, columns: Iterable[str] | None = None, dictionaries: Collection[str] = ()) -> pa.Table:
    """Return a table, as in `read_rows` does, in columns and with the schema's metadata.

    Args:
        dictionaries: columns of text to read dictionary-encoded, which takes little memory if few values repeat.
    """
    names = list(columns) if columns is not None else None
    with _open_parquet(path, names, dictionaries) as file:
        return file.read(columns=names)


def column_names(path: str | Path) -> list[str]:
    """Return the names of a table's columns, for files that may be of an earlier schema.

    Raises:
        Damaged, UserError: as in `read_rows`.
    """
    with _open_parquet(path, None) as file:
        return list(file.schema_arrow.names)


def write_csv(path: str | Path, rows: Iterable[Mapping[str, Any]], names: Sequence[str]) -> None:
    """Write rows as CSV, atomically. A cell that a spreadsheet would take for a formula gets a leading apostrophe."""
    with replace_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(map(mark_formula, names))
        writer.writerows([mark_formula(row.get(name)) for name in names] for row in rows)


def check_table_path(out: Path, source: Path | None = None) -> None:
    """Check that `write_by_suffix` can write a table to `out`.

    Raises:
        UserError: the suffix is unknown, no file can be written there, or it is the table `source`.
    """
    if out.suffix.lower() not in TABLE_SUFFIXES:
        raise UserError(f"{out}: unknown table format; use one of {', '.join(TABLE_SUFFIXES)}")
    check_writable(out)
    if source is not None and out.resolve() == source.resolve():
        raise UserError(f"{out}: is the table itself; give another file for the result")


def write_by_suffix(out: Path, rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> None:
    """Write rows as Parquet or CSV, by the suffix of the path."""
    if out.suffix.lower() == ".parquet":
        write_rows(out, rows, schema)
    else:
        write_csv(out, rows, schema.names)


def mark_formula(value: Any) -> Any:
    """Return a cell that every spreadsheet shows unchanged, and pandas reads.

    Numbers need no mark, except integers beyond 64 bits: pyarrow cannot convert those that pandas reads.
    """
    return f"'{value}" if isinstance(value, str) and _FORMULA.fullmatch(value) and not _is_number(value) else value


def unmark_formula(cell: str) -> str:
    """Return a cell without the leading apostrophe that `mark_formula` or a user of a spreadsheet added."""
    return cell[1:] if cell.startswith("'") and _FORMULA.fullmatch(cell) else cell


def _is_number(text: str) -> bool:
    """Return whether a text is a finite number that has 64 bits at most."""
    try:
        is_finite = math.isfinite(float(text)) and text.strip() == text
    except ValueError:
        return False
    return is_finite and (_LONG_INTEGER.fullmatch(text) is None or -(2**63) <= int(text) < 2**63)


def find_separator_line(line: str) -> str:
    """Return the separator that a table's first line gives, as Excel writes and reads it (`sep=;`); '' for a header."""
    match = _SEPARATOR_LINE.fullmatch(line)
    return match[1] if match else ""


def find_delimiter(header: str) -> str:
    """Return the separator of a table's first line: comma, semicolon, tab or bar, whichever gives the most columns.

    A separator that leaves quotes inside a cell was inside quotes itself.
    """

    def columns(delimiter: str) -> tuple[bool, int]:
        cells = next(csv.reader([header], delimiter=delimiter), [])
        return not any('"' in cell for cell in cells), len(cells)

    return max(",;\t|", key=columns)


def read_csv(path: str | Path, delimiter: str = "") -> list[dict[str, str]]:
    """Return the rows of a CSV file, keyed by its header; surplus cells are under the key None.

    An apostrophe that marks a cell as text, as in '=1+1, is removed, and so are spaces around the names of columns.

    Args:
        delimiter: separator of the cells; without one, the header tells (`find_delimiter`).

    Raises:
        UserError: the file is missing or not CSV in UTF-8, or two columns have the same name.
    """
    line, skipped = 1, 0
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            csv.field_size_limit(max(csv.field_size_limit(), Path(path).stat().st_size))
            header = file.readline()
            if given := find_separator_line(header):
                delimiter, header, skipped = given, file.readline(), 1
            reader = csv.DictReader(
                chain([header], file), restval="", strict=True, delimiter=delimiter or find_delimiter(header)
            )
            names, rows, line = [unmark_formula(name).strip() for name in reader.fieldnames or []], [], 2
            reader.fieldnames = names
            for row in reader:
                rows.append({name: unmark_formula(cell) if name is not None else cell for name, cell in row.items()})
                line = reader.line_num + 1 + skipped
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not CSV in UTF-8 from line {line} on: {error}; save it as CSV in UTF-8") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    if twice := [name for name in names if name and names.count(name) > 1]:
        raise UserError(f"{path}: has two columns named {twice[0]!r}; rename one")
    return rows


def read_given(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a table that a user names: .csv or .tsv (see `read_csv`), or .parquet.

    Raises:
        UserError: the file is missing, has another suffix, or is not in the format of its suffix.
    """
    if path.suffix.lower() in (".csv", ".tsv"):
        return list(read_csv(path))
    if path.suffix.lower() != ".parquet" or path.is_dir():
        problem = "not a supported table" if path.exists() else "no such file"
        raise UserError(f"{path}: {problem}; give a .parquet, .csv or .tsv file")
    try:
        return read_rows(path)
    except DamagedFile as error:
        raise UserError(f"{path}: cannot be read as Parquet ({str(error).partition('damaged: ')[2]})") from None


@contextmanager
def _open_parquet(
    path: str | Path, columns: Collection[str] | None, dictionaries: Collection[str] = ()
) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True, read_dictionary=list(dictionaries)) as file:
            absent = sorted(set(columns or ()) - set(file.schema_arrow.names))
            if absent:
                raise DamagedFile(path, f"it lacks the column {', '.join(absent)}")
            yield file
    except FileNotFoundError:
        raise missing(path) from None
    except UnicodeDecodeError as error:
        raise DamagedFile(path, f"has text that is not UTF-8 ({error})") from None
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise UserError(f"{path}: cannot be read: {error.strerror}") from None
        raise DamagedFile(path, f"not a valid Parquet file ({error})") from None
