"""Failures of training commands that a person can act on. Each says what was found, where, and the next step."""

from pathlib import Path


class TrainingError(Exception):
    """Base of all. ``remedy`` is the next step, for people."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message}; {remedy}")
        self.message = message
        self.remedy = remedy


class TableInvalid(TrainingError):
    """A table of items or interactions cannot be used. ``place``: where in the file, as "line 3"; empty: all of it.
    ``found``: what is wrong there; ``told``: instead of place and ``found``, where there is more to tell."""

    def __init__(self, file: Path, place: str, column: str, found: str, remedy: str, told: str = "") -> None:
        where = ", ".join((str(file), *filter(None, (place, column and f"column {column!r}"))))
        super().__init__(told or f"{where}: {found}", remedy)
        self.file = file
        self.place = place
        self.column = column
        self.found = found


class ItemUnknown(TableInvalid):
    """A row names an item that the items table has not, as far as that could be read."""


class DataUnavailable(TrainingError):
    """A data set could not be read from its source."""


class TooFewUsers(TrainingError):
    """The data set has too few users with enough positives to learn or to measure anything."""


class Leak(TrainingError):
    """Something was learned from, or made with, what it is to be measured on."""


class ConfigInvalid(TrainingError):
    """A training configuration cannot be used."""


class RunIncomplete(TrainingError):
    """A step needs what an earlier step of the same run has not made yet."""


class NoAccelerator(TrainingError):
    """There is no card that torch can use, so there is nothing to measure."""


class SourceUnavailable(TrainingError):
    """The checkpoint could not be fetched: no such folder, repository or revision, no access, no network."""


class CheckpointUnusable(TrainingError):
    """The checkpoint is there, but it cannot be served as a cross-encoder of one logit."""


class ImportRefused(TrainingError):
    """The checkpoint is fine, but it cannot be served in the form that was asked for."""
