"""Tells tables apart: one digest over all that a run may learn from. Knows no file and no model."""

import hashlib
from collections.abc import Iterator

from training.data.tables import Tables


def tables_digest(tables: Tables) -> str:
    """SHA-256 over all rows in their order. Empty texts and white space do not count: a
    table has no missing cells and folds what is read."""
    digest = hashlib.sha256()
    for row in _rows(tables):
        for cell in row:
            digest.update(f"{len(cell)}:{cell}".encode())
        digest.update(b"\n")
    return digest.hexdigest()


def _rows(tables: Tables) -> Iterator[tuple[str, ...]]:
    for item in tables.items:
        folded = {name: " ".join(text.split()) for name, text in sorted(item.fields.items())}
        yield item.item_id, *(f"{name}={text}" for name, text in folded.items() if text)
    yield ("interactions",)
    for row in tables.interactions:
        yield row.user_id, row.item_id, row.event, repr(row.weight), repr(row.time.timestamp())
    yield ("impressions",)
    for shown in tables.impressions:
        yield *shown.cells()[:2], repr(shown.time.timestamp()), *shown.cells()[3:]
