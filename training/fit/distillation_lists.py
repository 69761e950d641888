"""Training lists: a position of a user's history, its positive, negatives by rank and popularity, what the
first stage says of them. Knows no
text and no model."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.first_stage.cooccurrence import Cooccurrence, Scores, SmoothCooccurrence
from training.options.config import ListOptions
from training.protocol.dataset import Dataset, Phase


@dataclass(frozen=True, slots=True)
class TrainingList:
    """``history`` oldest first; ``items`` with the positive first. ``beliefs``: the first stage's, one per item.
    ``relations``: of each item to each recent history item, [items][recent, newest first][2].
    ``user_id``: whose, so that a gate can hold it against what that user is evaluated on."""

    history: tuple[str, ...]
    items: tuple[str, ...]
    beliefs: tuple[float, ...]
    relations: tuple[tuple[tuple[float, ...], ...], ...]
    user_id: str = ""

    @property
    def targets(self) -> tuple[str, ...]:
        """What the user liked next."""
        return self.items[:1]


@dataclass(frozen=True, slots=True)
class Belief:
    """How much the first stage believes (a log-linear score) in an item after a history, oldest first."""

    history: tuple[str, ...]
    item_id: str
    belief: float


@dataclass(frozen=True, slots=True)
class Position:
    """The user's positive number ``number`` (from 0) in the train part, to be predicted from those before it."""

    user_id: str
    number: int


@dataclass(frozen=True, slots=True)
class _Open:
    """What may be proposed at a position: ``closed`` is what the user had met or will like later."""

    history: list[int]
    positive: int
    own: list[int]
    closed: list[int]


class ListMaker:
    """Makes training lists from a train-only first stage."""

    def __init__(
        self, dataset: Dataset, options: ListOptions, first_stage: Cooccurrence | SmoothCooccurrence, seed: int
    ) -> None:
        self._dataset = dataset
        self._options = options
        self._first_stage = first_stage
        self._item_ids = [item.item_id for item in dataset.items]
        self._random = np.random.default_rng(seed)
        chances = np.sqrt(first_stage.popular + 1)
        self._chances = chances / chances.sum()
        self._weights = np.ones(3)

    def positions(self) -> list[Position]:
        """All positions with enough history before them, in random order."""
        found = [
            Position(user_id, number)
            for user_id in self._dataset.users
            for number in range(self._options.min_history, len(self._dataset.known_positives(user_id, Phase.VALID)))
        ]
        return [found[place] for place in self._random.permutation(len(found))]

    def fit_soft_label(self, positions: Sequence[Position]) -> Scores:
        """Weights of the first stage's features, by maximum likelihood of the positives among all open items."""
        from scipy.optimize import minimize

        cases = [self._case_features(position) for position in positions]

        def loss(weights: Scores) -> tuple[float, Scores]:
            total, slope = 0.0, np.zeros(3)
            for features, positive in cases:
                scores = features @ weights
                scores -= scores.max()
                chances = np.exp(scores) / np.exp(scores).sum()
                total -= float(np.log(chances[positive]))
                slope += chances @ features - features[positive]
            return total / len(cases), slope / len(cases)

        self._weights = minimize(loss, np.ones(3), jac=True, method="L-BFGS-B").x
        return self._weights

    def make(self, positions: Sequence[Position]) -> Iterator[TrainingList]:
        """One list per position."""
        return (self._make(position) for position in positions)

    def beliefs(self, position: Position) -> list[Belief]:
        """Four items with the first stage's belief: one of its best 30, one of its best 300, two by popularity."""
        case = self._open(position)
        belief = self._first_stage.features(case.history, case.own) @ self._weights
        ranked = np.argsort(-belief, kind="stable")
        places = [
            ranked[self._random.integers(min(30, len(ranked)))],
            ranked[self._random.integers(min(300, len(ranked)))],
            *self._random.choice(len(ranked), size=2, p=self._chances),
        ]
        history = self._names(case.history)
        return [Belief(history, self._item_ids[place], float(belief[place])) for place in places]

    def _names(self, places: Sequence[int]) -> tuple[str, ...]:
        return tuple(self._item_ids[place] for place in places)

    def _make(self, position: Position) -> TrainingList:
        case = self._open(position)
        belief = self._first_stage.features(case.history, case.own) @ self._weights
        places = [case.positive, *self._negatives(case, belief)]
        relations = self._first_stage.relations(case.history, places, case.own)
        return TrainingList(
            self._names(case.history),
            self._names(places),
            tuple(belief[places].tolist()),
            tuple(tuple(tuple(pair) for pair in row) for row in relations.tolist()),
            position.user_id,
        )

    def _negatives(self, case: _Open, belief: Scores) -> list[int]:
        options, closed = self._options, set(case.closed) | {case.positive}
        ranked = [int(place) for place in np.argsort(-belief, kind="stable") if int(place) not in closed]
        near, far = ranked[: options.near_rank], ranked[options.near_rank : options.far_rank]
        chosen = [*self._sample(near, options.near), *self._sample(far, options.far)]
        left = [place for place in ranked if place not in chosen]
        chances = self._chances[left]
        count = min(options.negatives - len(chosen), len(left))
        drawn = self._random.choice(len(left), size=count, replace=False, p=chances / chances.sum())
        return [*chosen, *(left[number] for number in drawn)]

    def _sample(self, places: Sequence[int], count: int) -> list[int]:
        return [int(one) for one in self._random.choice(places, size=min(count, len(places)), replace=False)]

    def _open(self, position: Position) -> _Open:
        positives = self._dataset.known_positives(position.user_id, Phase.VALID)
        target = positives[position.number]
        own = self._first_stage.places(positives)
        history = self._first_stage.places(self._dataset.history(position.user_id, target))
        seen = self._first_stage.places(sorted(self._dataset.seen_before(position.user_id, target)))
        return _Open(history, own[position.number], own, [*seen, *own[position.number + 1 :]])

    def _case_features(self, position: Position) -> tuple[Scores, int]:
        """Features of the open items, and the row of the positive."""
        case = self._open(position)
        is_open = np.ones(len(self._item_ids), bool)
        is_open[case.closed] = False
        features = self._first_stage.features(case.history, case.own)[is_open]
        return features, int(is_open[: case.positive].sum())


def write_lists(file: Path, lists: Sequence[TrainingList]) -> None:
    """One JSON document a line; complete or not there."""
    partial = file.with_suffix(".partial")
    partial.write_text("".join(json.dumps(asdict(one)) + "\n" for one in lists), encoding="utf-8")
    partial.replace(file)


def read_lists(file: Path) -> list[TrainingList]:
    """What write_lists wrote."""
    return [_parse(json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]


def _parse(data: dict[str, Any]) -> TrainingList:
    relations = tuple(tuple(tuple(pair) for pair in row) for row in data["relations"])
    beliefs = tuple(data["beliefs"])
    return TrainingList(tuple(data["history"]), tuple(data["items"]), beliefs, relations, data["user_id"])
