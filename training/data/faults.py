"""Faults of rows, gathered while tables are read, so that all are told at once. Knows no column by name."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from training.data.rows import Row, read_rows
from training.errors import ItemUnknown, TableInvalid

EXAMPLES = 3
"""Rows of each kind of fault that are named; the others are counted."""


@dataclass(slots=True)
class _Kind:
    """Faults that are mended alike: of one column, with one remedy."""

    count: int = 0
    first: list[TableInvalid] = field(default_factory=list)

    def told(self) -> str:
        first, *others = self.first
        more = "".join(f"; {one.place}: {one.found}" for one in others)
        unnamed = self.count - len(self.first)
        return f"{self.count:,} × {first.message}{more}" + (f"; and {unnamed:,} more" if unnamed else "")


class RowFaults:
    """Ends with ``refuse``. A fault of a whole file is raised at once."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[object, ...], _Kind] = {}
        self._unread: set[Path] = set()
        self._items_unread = False

    def rows(self, file: Path, columns: Sequence[str]) -> Iterator[Row]:
        """The rows of a table that can be read, up to the first behind which nothing can."""
        try:
            yield from read_rows(file, columns, self._unreadable)
        except TableInvalid as fault:
            self._unreadable(fault)

    def items_read(self, file: Path, *, ids_missing: bool) -> None:
        """The items table ``file`` was read. Where a row of it has no id (``ids_missing``) or could not be read,
        unknown items in other tables follow from that: they are counted, no more."""
        self._items_unread = ids_missing or file in self._unread

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
        causes = [kind for kind in self._kinds.values() if not self._follows(kind)]
        if not causes:
            return
        first, count = causes[0].first[0], sum(kind.count for kind in causes)
        following = sum(kind.count for kind in self._kinds.values() if self._follows(kind))
        if count == 1 and not following:
            raise first
        told = [first.message] if count == 1 else [f"{count:,} rows cannot be used", *(kind.told() for kind in causes)]
        if following:
            told.append(f"{following:,} rows name items that are not in what could be read of the items table")
        remedy = " · ".join(dict.fromkeys(kind.first[0].remedy for kind in causes))
        raise TableInvalid(first.file, first.place, first.column, first.found, remedy, "\n".join(told))

    def _follows(self, kind: _Kind) -> bool:
        return self._items_unread and isinstance(kind.first[0], ItemUnknown)

    def _unreadable(self, fault: TableInvalid) -> None:
        self._add(fault)
        self._unread.add(fault.file)

    def _add(self, fault: TableInvalid) -> None:
        if not fault.place:
            raise fault
        kind = self._kinds.setdefault((fault.file, fault.column, fault.remedy), _Kind())
        kind.count += 1
        if len(kind.first) < EXAMPLES:
            kind.first.append(fault)
