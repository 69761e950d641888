"""Faults of rows, gathered while tables are read, so that all are told at once. Knows no column by name."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from training.data.rows import Row
from training.errors import TableInvalid

EXAMPLES = 3
"""Rows of each kind of fault that are named; the others are counted."""


@dataclass(slots=True)
class _Kind:
    """Faults that are mended alike: of one column, with one remedy."""

    count: int = 0
    first: list[TableInvalid] = field(default_factory=list)

    def told(self) -> str:
        first, *others = self.first
        more = "".join(f"; row {one.row}: {one.found}" for one in others)
        unnamed = self.count - len(self.first)
        return f"{self.count:,} × {first.message}{more}" + (f"; and {unnamed:,} more" if unnamed else "")


class RowFaults:
    """Ends with ``refuse``. A fault of a whole file is raised at once."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[object, ...], _Kind] = {}

    def rows(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows, up to the first behind which the table cannot be read."""
        try:
            yield from rows
        except TableInvalid as fault:
            self._add(fault)

    @contextmanager
    def of_row(self) -> Iterator[None]:
        """Keeps the fault that the block finds."""
        try:
            yield
        except TableInvalid as fault:
            self._add(fault)

    def refuse(self) -> None:
        """Raises the fault that was found; of several TableInvalid with the place of the first, how many rows have a
        fault of each kind, and the first EXAMPLES of them."""
        faults = [kind.first[0] for kind in self._kinds.values()]
        if not faults:
            return
        first, count = faults[0], sum(kind.count for kind in self._kinds.values())
        if count == 1:
            raise first
        told = "\n".join([f"{count:,} rows cannot be used", *(kind.told() for kind in self._kinds.values())])
        remedy = " · ".join(dict.fromkeys(fault.remedy for fault in faults))
        raise TableInvalid(first.file, first.row, first.column, first.found, remedy, told)

    def _add(self, fault: TableInvalid) -> None:
        if not fault.row:
            raise fault
        kind = self._kinds.setdefault((fault.file, fault.column, fault.remedy), _Kind())
        kind.count += 1
        if len(kind.first) < EXAMPLES:
            kind.first.append(fault)
