"""Tables as files: rows of text with their place, read from CSV, CSV.gz or Parquet, written all or nothing. Knows no
column by name."""

import csv
import gzip
import math
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from gateway.domain.files import replacing
from training.errors import TableInvalid

Value = TypeVar("Value")

_PANDAS_INDEX = re.compile(r"__index_level_\d+__")
"""A column that pandas adds where rows were chosen or sorted: row numbers, which nobody wrote."""

_NO_TEXT = re.compile("[\udc80-\udcff]")
"""What ``surrogateescape`` makes of bytes that are no UTF-8."""

_PARQUET = ".parquet"

Keep = Callable[[TableInvalid], None]


@dataclass(frozen=True, slots=True)
class Row:
    """Text by column, and where it stands. ``number``: the line of the file on which the row begins, the header's being
    1; in Parquet, which has no lines, the row, from 1."""

    file: Path
    number: int
    cells: Mapping[str, str]

    def place(self, number: int = 0) -> str:
        """As a person finds it: this one, or that of another row of the file."""
        return _place(self.file, number or self.number)

    def fault(self, column: str, message: str, remedy: str) -> TableInvalid:
        """An error that names this place."""
        return TableInvalid(self.file, self.place(), column, message, remedy)

    def required(self, column: str) -> str:
        """The column's text without white space around it. Raises TableInvalid when there is none."""
        text = self.cells[column].strip()
        if not text:
            raise self.fault(column, "it is empty", "fill it, or drop the row")
        return text

    def parsed(self, column: str, parse: Callable[[str], Value], expected: str) -> Value:
        """The column's value by ``parse``, whose ValueError becomes TableInvalid."""
        text = self.required(column)
        try:
            return parse(text)
        except ValueError as fault:
            raise self.fault(column, f"{text!r} cannot be read: {fault}", f"write {expected}") from fault


def parse_time(text: str) -> datetime:
    """ISO 8601 with a zone, or seconds since 1970. Raises ValueError."""
    try:
        seconds = float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("it has no time zone") from None
        return moment
    if not math.isfinite(seconds):
        raise ValueError("it is not finite")
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError) as fault:
        raise ValueError("it lies outside the calendar; milliseconds?") from fault


def parse_weight(text: str) -> float:
    """A finite number of 0 or more. Raises ValueError."""
    weight = float(text)
    if not (math.isfinite(weight) and weight >= 0):
        raise ValueError("it is negative or not finite")
    return weight


def read_rows(file: Path, columns: Sequence[str], keep: Keep | None = None) -> Iterator[Row]:
    """The rows of a table that has at least ``columns``. ``keep`` gets the fault of a row that is left out: reading
    goes on behind it. Raises TableInvalid when the file or a column is missing, where the table cannot be read any
    further, and without ``keep`` for every row."""
    kinds = {".csv": _csv_rows, ".csv.gz": _csv_rows, _PARQUET: _parquet_rows}
    read = next((read for ending, read in kinds.items() if file.name.lower().endswith(ending)), None)
    if read is None:
        raise TableInvalid(file, "", "", f"{file.suffix!r} is no known kind of table", "use .csv, .csv.gz or .parquet")
    if not file.is_file():
        raise TableInvalid(file, "", "", "the file does not exist", "check the path")
    rows = read(file)
    names = [str(cell) for cell in next(rows)[1]]
    _check_columns(file, names, columns)
    for number, cells in rows:
        try:
            yield Row(file, number, _by_column(Row(file, number, {}), names, cells))
        except TableInvalid as fault:
            if keep is None:
                raise
            keep(fault)


def write_files(folder: Path, tables: Mapping[str, tuple[Sequence[str], Iterable[Sequence[str]]]]) -> None:
    """CSV files of ``folder``, by name: header and rows. All are complete before the first replaces an older one; when
    one fails, the old files stay and nothing half-written is left."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as replaced:
        for name, (header, rows) in tables.items():
            _write_csv(replaced.enter_context(replacing(folder / name)), header, rows)


def _check_columns(file: Path, found: Sequence[str], needed: Sequence[str]) -> None:
    for column in needed:
        if column not in found:
            remedy = f"rename or add it: needed are {', '.join(needed)}; columns found: {', '.join(found) or 'none'}"
            raise TableInvalid(file, "", column, "the column is missing", remedy)
    if repeated := sorted({name for name in found if found.count(name) > 1}):
        raise TableInvalid(file, "", repeated[0], "the column stands there twice", "rename one of the two")


def _place(file: Path, number: int) -> str:
    return f"{'row' if file.suffix.lower() == _PARQUET else 'line'} {number}"


def _csv_rows(file: Path) -> Iterator[tuple[int, Sequence[Any]]]:
    """The line on which each row begins, and its cells; the header first."""
    opened = gzip.open if file.suffix.lower() == ".gz" else open
    begin = 1
    try:
        with opened(file, "rt", encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
            reader = csv.reader(_decoded(file, lines), strict=True)
            yield begin, next(reader, [])
            begin = reader.line_num + 1
            for cells in reader:
                if cells:  # an empty line is no row
                    yield begin, cells
                begin = reader.line_num + 1
    except csv.Error as fault:
        remedy = "close every quote, and write a quote inside of quotes twice"
        message = f"the row that begins here is no CSV: {fault}"
        raise TableInvalid(file, _place(file, begin), "", message, remedy) from fault
    except (OSError, EOFError, zlib.error) as fault:
        message = f"it cannot be read to its end: {fault}"
        raise TableInvalid(file, "", "", message, "copy or download it again") from fault


def _decoded(file: Path, lines: Iterable[str]) -> Iterator[str]:
    """The lines; raises TableInvalid at one with bytes that are no text."""
    for number, line in enumerate(lines, start=1):
        if not line.isascii() and (found := _NO_TEXT.search(line)):
            message = f"it is no CSV in UTF-8: byte 0x{ord(found[0]) - 0xDC00:02X} behind {found.start()} characters"
            raise TableInvalid(file, _place(file, number), "", message, "save it as CSV, UTF-8")
        yield line


def _parquet_rows(file: Path) -> Iterator[tuple[int, Sequence[Any]]]:
    """The number of each row from 1, and its cells; the header first, as number 0."""
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as fault:
        raise TableInvalid(file, "", "", "reading Parquet needs pyarrow", "pip install 'crossrank[train]'") from fault
    try:
        table = parquet.read_table(file)
    except (ArrowException, OSError) as fault:
        raise TableInvalid(file, "", "", f"it is no Parquet file: {fault}", "write it again") from fault
    names = [name for name in table.column_names if not _PANDAS_INDEX.fullmatch(name)]
    yield 0, names
    rows = (row for batch in table.select(names).to_batches() for row in batch.to_pylist())
    yield from enumerate((list(row.values()) for row in rows), start=1)


def _by_column(place: Row, names: Sequence[str], cells: Sequence[Any]) -> dict[str, str]:
    """Texts of the cells of one row. Raises TableInvalid where there are too many or too few, and as ``_cell``."""
    if len(cells) != len(names):
        raise place.fault("", f"{len(cells)} cells; the header has {len(names)}", "quote cells that hold commas")
    return {
        name: cell if isinstance(cell, str) else _cell(place, name, cell)
        for name, cell in zip(names, cells, strict=True)
    }


def _cell(row: Row, column: str, value: Any) -> str:
    """As it would stand in a CSV file: numbers that are whole without a fraction, lists with commas. Raises
    TableInvalid for what is no text, number, time or list of these."""
    match value:
        case None:
            return ""
        case float():
            return _number(value)
        case datetime():
            return value.isoformat()
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError as fault:
                raise row.fault(column, f"its bytes are no UTF-8: {fault}", "write it as text") from fault
        case list():
            return ", ".join(_cell(row, column, one) for one in value)
        case dict():
            raise row.fault(column, f"it is a structure: {value}", "give each of its parts a column")
    return str(value)


def _number(value: float) -> str:
    """Nothing for NaN, which pandas writes where a number is missing."""
    if math.isnan(value):
        return ""
    return str(int(value)) if value.is_integer() else str(value)


def _write_csv(file: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
