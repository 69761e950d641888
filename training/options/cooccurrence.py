"""Options of the train-only co-occurrence statistics. Knows no data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CooccurrenceOptions:
    """Chosen on the valid lists. ``window``: how many positives later still count as following."""

    shrink: float = 2.0
    recent_items: int = 20
    together_decay: float = 0.8
    follows_decay: float = 0.9
    window: int = 10
