"""Augmentation of training examples towards more diverse interactions: each kind is switched on by its own option, all
draws come from one seeded generator. Never applied to lists that are measured or served. Knows no text and no model."""

from collections.abc import Mapping, Sequence

import numpy as np

from gateway.domain.history import History
from training.examples.example import RankingExample
from training.model.references import without_fields
from training.options.fit import AugmentOptions


class Augmenter:
    """Changes one example at a time. ``item_fields`` and ``history_fields``: what the encoding shows of an item on each
    side; at least one of them always stays."""

    def __init__(
        self,
        options: AugmentOptions,
        item_fields: Sequence[str],
        history_fields: Sequence[str],
        random: np.random.Generator,
    ) -> None:
        self._options = options
        self._item_fields = tuple(item_fields)
        self._history_fields = tuple(history_fields)
        self._random = random

    def position(self, history: History[str], targets: Sequence[str], number: int) -> History[str]:
        """The history from which ``targets[number]`` is to be predicted: that of the fold, or, as often as the option
        ``positions`` says, that and the fold's targets before this one. Of history (a, b), targets (c, d) and number 1:
        (a, b) or (a, b, c)."""
        further = self._happens(self._options.positions)
        return History(oldest_first=(*history.oldest_first, *targets[:number])) if further else history

    def change(self, example: RankingExample) -> RankingExample:
        """The example with its history and fields changed; its items and labels stay."""
        history = self._drop_history(self._subsample(example.history.oldest_first))
        if self._happens(self._options.shuffle):
            history = tuple(history[place] for place in self._random.permutation(len(history)))
        return RankingExample(
            History(oldest_first=tuple(self._drop_fields(one, self._history_fields) for one in history)),
            tuple(self._drop_fields(one, self._item_fields) for one in example.items),
            example.labels,
            example.user_id,
        )

    def _subsample(self, history: tuple[str, ...]) -> tuple[str, ...]:
        """A random run of the history, at least one item of it."""
        if len(history) < 2 or not self._happens(self._options.subsample):
            return history
        length = int(self._random.integers(1, len(history) + 1))
        start = int(self._random.integers(len(history) - length + 1))
        return history[start : start + length]

    def _drop_history(self, history: tuple[str, ...]) -> tuple[str, ...]:
        """Every item with the same probability; the newest stays when all would go."""
        if not self._options.history_dropout:
            return history
        kept = self._random.random(len(history)) >= self._options.history_dropout
        return tuple(one for one, stays in zip(history, kept, strict=True) if stays) or history[-1:]

    def _drop_fields(self, item_id: str, fields: Sequence[str]) -> str:
        if not self._options.field_dropout or len(fields) < 2:
            return item_id
        dropped = [name for name in fields if self._happens(self._options.field_dropout)]
        return item_id if len(dropped) == len(fields) else without_fields(item_id, dropped)

    def _happens(self, probability: float) -> bool:
        """Draws nothing where the option is off, so that switching one kind on does not change another's draws."""
        return probability > 0 and float(self._random.random()) < probability


def keep_probability(item_id: str, popularity: Mapping[str, int], power: float) -> float:
    """The probability to take a positive: at most 1, popularity / median popularity to the power of minus ``power``."""
    if not power:
        return 1.0
    median = float(np.median([count for count in popularity.values() if count] or [1]))
    return float(min(1.0, (max(1, popularity.get(item_id, 0)) / median) ** -power))
