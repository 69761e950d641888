"""A user's history as a value that knows its order. Knows no item: it holds ids, places in a catalogue or events."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

One = TypeVar("One")
Other = TypeVar("Other")


@dataclass(frozen=True, slots=True, kw_only=True)
class History(Generic[One]):
    """What a user met, one after the other. Training counts from the oldest, serving from the newest: whoever reads a
    history says which. ``History(oldest_first=("a", "b")).newest_first`` is ``("b", "a")``."""

    oldest_first: tuple[One, ...] = ()

    @classmethod
    def from_newest_first(cls, items: Iterable[One]) -> "History[One]":
        """Of items in the order of serving."""
        return cls(oldest_first=tuple(items)[::-1])

    @property
    def newest_first(self) -> tuple[One, ...]:
        """The items in the order of serving."""
        return self.oldest_first[::-1]

    def newest(self, count: int) -> "History[One]":
        """The ``count`` newest items only; all where there are fewer."""
        return History(oldest_first=self.oldest_first[max(0, len(self) - count) :])

    def map(self, change: Callable[[One], Other]) -> "History[Other]":
        """The same history of something else, item by item."""
        return History(oldest_first=tuple(map(change, self.oldest_first)))

    def __len__(self) -> int:
        """How many items there are."""
        return len(self.oldest_first)
