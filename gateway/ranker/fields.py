"""What the text fields of a list's items and of the history have in common: value sets, numbers, series. One object per
list, so that every text is split once. Knows no candidates' scores and no feature names."""

import math
import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[np.float64]

WORDS = ".words"
ANY = "*"
"""Every field: values count as the same only within a field."""

DECAY = 0.9
RECENT = 5
LARGEST_NUMBER = 1e15
LARGEST_STEP = 5.0

_SEPARATORS = re.compile("[|,;]")

SPLIT_TEXTS = 20_000
"""Texts of a field whose parts are remembered: the same items come again and again."""

Fields = Mapping[str, str]
Value = TypeVar("Value", str, tuple[str, str])


@dataclass(frozen=True, slots=True)
class Overlap:
    """Values in common [items, history], and how many values each has."""

    common: Column
    item_sizes: Column
    history_sizes: Column


class FieldFeatures:
    """``items`` [items] and ``history`` [history], most recent first: text fields of each. A missing field is neutral.

    A field's values are its parts between ``|``, ``,`` and ``;``; of ``F.words`` the words of F. Case does not count.
    """

    def __init__(self, items: Sequence[Fields], history: Sequence[Fields]) -> None:
        self._items = items
        self._history = history
        self._overlaps: dict[str, Overlap] = {}
        self._series: dict[str, npt.NDArray[np.bool_]] = {}
        self._numbers: dict[str, tuple[Column, Column]] = {}
        self._decays = DECAY ** np.arange(len(history), dtype=np.float64)

    def recency(self, field: str) -> Column:
        """1 / (1 + position) of the most recent history item that shares a value; 0 if none."""
        return _recency(self._shared(field))

    def share(self, field: str) -> Column:
        """Share of history items that share a value, each position counting ``DECAY`` of the one before."""
        shares: Column = self._shared(field) @ self._decays / max(float(self._decays.sum()), 1.0)
        return shares

    def count(self, field: str) -> Column:
        """log(1 + history items that share a value)."""
        return np.log1p(_row_sums(self._shared(field)))

    def last(self, field: str) -> Column:
        """1 if the most recent history item shares a value."""
        return _row_sums(self._shared(field)[:, :1])

    def jaccard_last(self, field: str) -> Column:
        """Jaccard index of the values with those of the most recent history item."""
        return _row_sums(self._jaccard(field)[:, :1])

    def jaccard_mean(self, field: str) -> Column:
        """Its mean over the ``RECENT`` most recent history items."""
        recent = self._jaccard(field)[:, :RECENT]
        return _row_sums(recent) / max(recent.shape[1], 1)

    def value(self, field: str) -> Column:
        """The field as a number; 0 where it is none."""
        return np.nan_to_num(self._number(field)[0])

    def gap(self, field: str) -> Column:
        """The number minus the mean of the ``RECENT`` most recent numbers of the history; 0 where either is missing."""
        return self._gap(field, RECENT)

    def gap_last(self, field: str) -> Column:
        """The number minus the most recent number of the history; 0 where either is missing."""
        return self._gap(field, 1)

    def sequel(self, series: str, number: str) -> Column:
        """1 / (1 + position) of the most recent history item of the same series whose number is one less; 0 if none."""
        items, history = self._number(number)
        return _recency(self._same(series) & (items[:, None] - history[None, :] == 1))

    def series_step(self, series: str, number: str) -> Column:
        """The number minus the largest of the same series in the history, cut at ``LARGEST_STEP``; 0 if none."""
        items, history = self._number(number)
        known = self._same(series) & ~np.isnan(history)[None, :]
        largest = np.where(known, np.nan_to_num(history)[None, :], -np.inf).max(axis=1, initial=-np.inf)
        there = np.isfinite(largest) & ~np.isnan(items)
        steps = np.nan_to_num(items) - np.where(there, largest, 0.0)
        return np.where(there, np.clip(steps, -LARGEST_STEP, LARGEST_STEP), 0.0)

    def _shared(self, field: str) -> npt.NDArray[np.bool_]:
        return self._overlap(field).common > 0

    def _jaccard(self, field: str) -> Column:
        overlap = self._overlap(field)
        union = overlap.item_sizes[:, None] + overlap.history_sizes[None, :] - overlap.common
        jaccard: Column = overlap.common / np.maximum(union, 1.0)
        return jaccard

    def _overlap(self, field: str) -> Overlap:
        if field not in self._overlaps:
            name, split = (field.removesuffix(WORDS), _words) if field.endswith(WORDS) else (field, _values)
            if name == ANY:
                found = _overlap(_split_all(self._items, split), _split_all(self._history, split))
            else:
                found = _overlap(_split(self._items, name, split), _split(self._history, name, split))
            self._overlaps[field] = found
        return self._overlaps[field]

    def _same(self, series: str) -> npt.NDArray[np.bool_]:
        """[items, history]: both have the same text, and it is not empty."""
        if series not in self._series:
            overlap = _overlap(_split(self._items, series, _whole), _split(self._history, series, _whole))
            self._series[series] = overlap.common > 0
        return self._series[series]

    def _number(self, field: str) -> tuple[Column, Column]:
        """Of items and history; NaN where the field is no number."""
        if field not in self._numbers:
            items, history = (
                np.array([_number(fields.get(field, "")) for fields in side], dtype=np.float64)
                for side in (self._items, self._history)
            )
            self._numbers[field] = items, history
        return self._numbers[field]

    def _gap(self, field: str, recent: int) -> Column:
        items, history = self._number(field)
        known = history[~np.isnan(history)][:recent]
        return np.nan_to_num(items - known.mean()) if len(known) else np.zeros(len(items))


def _row_sums(matrix: npt.NDArray[np.bool_] | Column) -> Column:
    sums: Column = matrix.sum(axis=1, dtype=np.float64)
    return sums


def _recency(matches: npt.NDArray[np.bool_]) -> Column:
    if not matches.shape[1]:
        return np.zeros(len(matches))
    return np.where(matches.any(axis=1), 1.0 / (1.0 + matches.argmax(axis=1)), 0.0)


def _split(side: Sequence[Fields], name: str, split: Callable[[str], frozenset[str]]) -> list[frozenset[str]]:
    return [split(fields.get(name, "")) for fields in side]


def _split_all(side: Sequence[Fields], split: Callable[[str], frozenset[str]]) -> list[frozenset[tuple[str, str]]]:
    return [frozenset((name, value) for name, text in fields.items() for value in split(text)) for fields in side]


@lru_cache(SPLIT_TEXTS)
def _values(text: str) -> frozenset[str]:
    return frozenset(filter(None, map(str.strip, _SEPARATORS.split(text.casefold()))))


@lru_cache(SPLIT_TEXTS)
def _words(text: str) -> frozenset[str]:
    return frozenset(filter(None, (word.strip(string.punctuation) for word in text.casefold().split())))


@lru_cache(SPLIT_TEXTS)
def _whole(text: str) -> frozenset[str]:
    return frozenset(filter(None, (text.casefold().strip(),)))


def _overlap(items: Sequence[frozenset[Value]], history: Sequence[frozenset[Value]]) -> Overlap:
    places: dict[Value, int] = {}
    for values in history:
        for value in values:
            places.setdefault(value, len(places))
    common = _incidence(items, places) @ _incidence(history, places).T
    return Overlap(common.astype(np.float64), _sizes(items), _sizes(history))


def _incidence(sides: Sequence[frozenset[Value]], places: Mapping[Value, int]) -> npt.NDArray[np.float32]:
    """[sides, values]: 1 where a side has the value. Counts are small: float32 holds them exactly."""
    matrix = np.zeros((len(sides), len(places)), np.float32)
    for row, values in enumerate(sides):
        for value in values:
            place = places.get(value)
            if place is not None:
                matrix[row, place] = 1
    return matrix


def _sizes(sides: Sequence[frozenset[Value]]) -> Column:
    return np.array([len(values) for values in sides], dtype=np.float64)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return math.nan
    return number if abs(number) <= LARGEST_NUMBER else math.nan
