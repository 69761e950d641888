"""What the text fields of a list's items and of the history have in common: value sets, numbers, series. One object per
list, so that every text is split once. Knows no candidates' scores and no feature names."""

import math
import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain

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
"""Texts of fields whose parts are remembered: the same items come again and again."""

SPLIT_CHARACTERS = 1_000
"""Of a text that are split: what a request may hold must not take seconds."""

Fields = Mapping[str, str]
Codes = npt.NDArray[np.int64]
Split = Callable[[str], Iterable[str]]

_NO_CODES: Codes = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Overlap:
    """``common`` [items, history]: how many values both have. ``counts`` [items] and ``of_history`` [history]: how many
    each has. Small numbers, which float32 holds exactly. ``has`` [items, values] and ``history_has`` [history, values]:
    1 where one has a value of the history; of several fields together no values."""

    common: npt.NDArray[np.float32]
    counts: npt.NDArray[np.float32]
    of_history: npt.NDArray[np.float32]
    has: npt.NDArray[np.float32]
    history_has: npt.NDArray[np.float32]

    @cached_property
    def shared(self) -> npt.NDArray[np.bool_]:
        """[items, history]: whether both have a value in common."""
        return self.common > 0

    @cached_property
    def jaccard(self) -> Column:
        """[items, recent]: the Jaccard index of their values, for the ``RECENT`` most recent of the history."""
        recent = self.common[:, :RECENT].astype(np.float64)
        union = self.counts[:, None] + self.of_history[None, :RECENT] - recent
        index: Column = recent / np.maximum(union, 1.0)
        return index

    @cached_property
    def rarity(self) -> Column:
        """[items, history]: the common values, each counting log(1 + n / those that have it) of n items and history
        items: Spärck Jones' weight (1972), within the list."""
        rows = len(self.has) + len(self.history_has)
        having = self.has.sum(axis=0) + self.history_has.sum(axis=0)
        rarity: Column = ((self.has * np.log1p(rows / having)) @ self.history_has.T).astype(np.float64)
        return rarity


class FieldFeatures:
    """``items`` [items] and ``history`` [history], most recent first: text fields of each. A missing field is neutral.

    A field's values are its parts between ``|``, ``,`` and ``;``; of ``F.words`` the words of F. Case does not count.
    """

    def __init__(self, items: Sequence[Fields], history: Sequence[Fields]) -> None:
        self._items = items
        self._history = history
        self._overlaps: dict[tuple[str, Split], Overlap] = {}
        self._rarities: dict[str, Column] = {}
        self._numbers: dict[str, tuple[Column, Column]] = {}
        self._decays = DECAY ** np.arange(len(history), dtype=np.float64)

    def recency(self, field: str) -> Column:
        """1 / (1 + position) of the most recent history item that shares a value; 0 if none."""
        return _recency(self._overlap(field).shared)

    def share(self, field: str) -> Column:
        """Share of history items that share a value, each position counting ``DECAY`` of the one before."""
        shares: Column = self._overlap(field).shared @ self._decays / max(float(self._decays.sum()), 1.0)
        return shares

    def count(self, field: str) -> Column:
        """log(1 + history items that share a value)."""
        return np.log1p(_row_sums(self._overlap(field).shared))

    def last(self, field: str) -> Column:
        """1 if the most recent history item shares a value."""
        return _row_sums(self._overlap(field).shared[:, :1])

    def jaccard_last(self, field: str) -> Column:
        """Jaccard index of the values with those of the most recent history item."""
        return _row_sums(self._overlap(field).jaccard[:, :1])

    def jaccard_mean(self, field: str) -> Column:
        """Its mean over the ``RECENT`` most recent history items."""
        recent = self._overlap(field).jaccard
        return _row_sums(recent) / max(recent.shape[1], 1)

    def rarity(self, field: str) -> Column:
        """How rare the values are that are shared with items of the history, each position counting ``DECAY`` of the
        one before; 0 if none."""
        rarity: Column = self._rarity(field) @ self._decays
        return rarity

    def rarity_max(self, field: str) -> Column:
        """The same of the history item with which it is most."""
        rarity: Column = self._rarity(field).max(axis=1, initial=0.0)
        return rarity

    def rarity_last(self, field: str) -> Column:
        """The same of the most recent history item."""
        return _row_sums(self._rarity(field)[:, :1])

    def value(self, field: str) -> Column:
        """The field as a number; 0 where it is none."""
        return _or_zero(self._number(field)[0])

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

    def _overlap(self, field: str) -> Overlap:
        return self._overlap_of(*_read(field))

    def _rarity(self, field: str) -> Column:
        """[items, history]"""
        if field not in self._rarities:
            name, split = _read(field)
            parts = (self._overlap_of(one, split).rarity for one in (self._names if name == ANY else [name]))
            self._rarities[field] = sum(parts, np.zeros(self._size))
        return self._rarities[field]

    def _same(self, series: str) -> npt.NDArray[np.bool_]:
        """[items, history]: both have the same text, and it is not empty."""
        return self._overlap_of(series, _whole).shared

    def _overlap_of(self, name: str, split: Split) -> Overlap:
        key = name, split
        if key not in self._overlaps:
            if name == ANY:  # a value counts as the same only within a field
                self._overlaps[key] = _summed([self._overlap_of(one, split) for one in self._names], self._size)
            else:
                self._overlaps[key] = _overlap(name, split, self._items, self._history)
        return self._overlaps[key]

    @cached_property
    def _names(self) -> Iterable[str]:
        """Of all fields."""
        return dict.fromkeys(chain.from_iterable((*self._items, *self._history)))

    @property
    def _size(self) -> tuple[int, int]:
        return len(self._items), len(self._history)

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
        return _or_zero(items - known.mean()) if len(known) else np.zeros(len(items))


def _read(field: str) -> tuple[str, Split]:
    """The field's name, and what its values are."""
    return (field.removesuffix(WORDS), words_in) if field.endswith(WORDS) else (field, parts_in)


def _or_zero(numbers: Column) -> Column:
    return np.where(np.isnan(numbers), 0.0, numbers)


def _row_sums(matrix: npt.NDArray[np.bool_] | Column) -> Column:
    sums: Column = matrix.sum(axis=1, dtype=np.float64)
    return sums


def _recency(matches: npt.NDArray[np.bool_]) -> Column:
    if not matches.shape[1]:
        return np.zeros(len(matches))
    return np.where(matches.any(axis=1), 1.0 / (1.0 + matches.argmax(axis=1)), 0.0)


def parts_in(text: str) -> Iterable[str]:
    """A field's values, in lower case."""
    return filter(None, map(str.strip, _SEPARATORS.split(text.casefold())))


def words_in(text: str) -> Iterable[str]:
    """A field's words, in lower case."""
    return filter(None, (word.strip(string.punctuation) for word in text.casefold().split()))


def _whole(text: str) -> Iterable[str]:
    return filter(None, (text.casefold().strip(),))


@lru_cache(SPLIT_TEXTS)
def _codes(name: str, text: str, split: Split) -> Codes:
    """A number for each value of a field, once; equal ones in this process are equal values of one field."""
    return np.array([hash((name, value)) for value in set(split(text))], np.int64)


def _overlap(name: str, split: Split, items: Sequence[Fields], history: Sequence[Fields]) -> Overlap:
    """Of one field."""
    (codes, counts), (known, of_history) = (_codes_of(side, name, split) for side in (items, history))
    distinct, columns = np.unique(known, return_inverse=True)
    history_has = np.zeros((len(history), len(distinct)), np.float32)
    history_has[np.repeat(np.arange(len(history)), of_history), columns] = 1
    has = np.zeros((len(items), len(distinct)), np.float32)
    if len(distinct):
        columns = np.minimum(np.searchsorted(distinct, codes), len(distinct) - 1)
        found = np.flatnonzero(distinct[columns] == codes)
        has[np.repeat(np.arange(len(items)), counts)[found], columns[found]] = 1
    return Overlap(
        has @ history_has.T, np.array(counts, np.float32), np.array(of_history, np.float32), has, history_has
    )


def _summed(overlaps: Sequence[Overlap], size: tuple[int, int]) -> Overlap:
    return Overlap(
        sum((one.common for one in overlaps), np.zeros(size, np.float32)),
        sum((one.counts for one in overlaps), np.zeros(size[0], np.float32)),
        sum((one.of_history for one in overlaps), np.zeros(size[1], np.float32)),
        *(np.zeros((length, 0), np.float32) for length in size),
    )


def _codes_of(side: Sequence[Fields], name: str, split: Split) -> tuple[Codes, list[int]]:
    """Those of all texts, one after the other, and how many each has."""
    codes = [_codes(name, fields.get(name, "")[:SPLIT_CHARACTERS], split) for fields in side]
    return np.concatenate([_NO_CODES, *codes]), list(map(len, codes))


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return math.nan
    return number if abs(number) <= LARGEST_NUMBER else math.nan
