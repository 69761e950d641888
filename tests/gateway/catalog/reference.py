"""Random interactions of a small catalogue, and popularity and neighbours of them in numpy, without a database."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from gateway.catalog.rebuild import RebuildSettings
from gateway.catalog.relations import SMALLEST, ItemRelations, RelationSettings, relate_items
from gateway.domain.history import History
from gateway.domain.values import Interaction
from tests.fakes.catalogues import did

IDS = [f"i{number:02d}" for number in range(40)]
USERS = 30


@dataclass(frozen=True)
class Reference:
    """The same numbers, counted another way: a matrix of users by items. ``histories``: newest first, by user."""

    users: dict[str, int]
    weights: dict[str, dict[str, float]]
    histories: dict[str, list[str]]

    def relations(self, settings: RelationSettings) -> tuple[list[str], ItemRelations]:
        """Of the same histories, without a database; and the ids in the order of its axes."""
        item_ids = sorted(self.users)
        places = {item_id: place for place, item_id in enumerate(item_ids)}
        histories = [
            History.from_newest_first([places[item_id] for item_id in self.histories[user_id]])
            for user_id in sorted(self.histories)
        ]
        return item_ids, relate_items(histories, len(item_ids), settings)


def count(interactions: Sequence[Interaction], settings: RebuildSettings) -> Reference:
    """Popularity and neighbours of interactions in the order in which they are stored."""
    liked: dict[str, dict[str, tuple[float, int]]] = {}
    for place, one in enumerate(interactions):
        if one.weight > settings.weight_above:
            items = liked.setdefault(one.user_id, {})
            items[one.item_id] = max(items.get(one.item_id, (0.0, 0)), (one.time.timestamp(), place))
    all_ui = np.zeros((len(liked), len(IDS)))
    recent_ui = np.zeros_like(all_ui)
    histories = {}
    for row, (user_id, items) in enumerate(liked.items()):
        newest_first = sorted(items, key=lambda item_id: items[item_id], reverse=True)
        histories[user_id] = newest_first
        recent = newest_first[: settings.relations.user_items]
        all_ui[row, [IDS.index(item_id) for item_id in newest_first]] = 1
        recent_ui[row, [IDS.index(item_id) for item_id in recent]] = 1
    users_i = all_ui.sum(axis=0)
    related = settings.relations
    recent_i = recent_ui.sum(axis=0)
    most_liked = sorted(np.flatnonzero(recent_i), key=lambda place: (-recent_i[place], place))[: related.ease_items]
    weights_ii = regressed(recent_ui, sorted(most_liked), related.ridge)
    kept = {}
    for place, item_id in enumerate(IDS):
        order = sorted(range(len(IDS)), key=lambda other: (-weights_ii[place, other], IDS[other]))
        best = [other for other in order if weights_ii[place, other] > SMALLEST][: related.neighbors]
        kept[item_id] = {IDS[other]: float(weights_ii[place, other]) for other in best}
    users = {item_id: int(number) for item_id, number in zip(IDS, users_i, strict=True) if number}
    return Reference(users, {item_id: neighbors for item_id, neighbors in kept.items() if neighbors}, histories)


def regressed(liked_ui: npt.NDArray[np.float64], places: Sequence[int], ridge: float) -> npt.NDArray[np.float64]:
    """[items, items]: each item's column by a ridge regression on the other items (Steck, WWW 2019, equation 4), 0 for
    items that are not in ``places``."""
    weights_ii = np.zeros((liked_ui.shape[1], liked_ui.shape[1]))
    for target in places:
        others = [place for place in places if place != target]
        features = liked_ui[:, others]
        gram = features.T @ features + ridge * np.eye(len(others))
        weights_ii[others, target] = np.linalg.solve(gram, features.T @ liked_ui[:, target])
    return weights_ii


def drawn(seed: int) -> list[Interaction]:
    """Random interactions: liked, merely seen, repeated, at the same moments; popular items and rare ones."""
    draw = random.Random(seed)
    interactions: dict[tuple[str, str, datetime], Interaction] = {}
    for _ in range(500):
        item_id = IDS[min(int(draw.expovariate(0.1)), len(IDS) - 2)]
        one = did(f"u{draw.randrange(USERS)}", item_id, draw.randrange(200), draw.choice([0.0, 0.5, 1.0, 1.0]))
        interactions.setdefault((one.user_id, one.item_id, one.time), one)
    return list(interactions.values())
