"""Histories by hand, in the order in which they happened."""

from typing import TypeVar

from gateway.domain.history import History

One = TypeVar("One")


def oldest_first(*items: One) -> History[One]:
    """Of the items as they were met."""
    return History(oldest_first=items)
