"""The gateway's candidate sources on tables in memory, so that lists can be made for every user and fold in minutes. A
test holds that they propose what gateway/candidates proposes. Knows no store."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gateway.candidates.item_neighbors import NEIGHBOR_SOURCES
from gateway.candidates.text_ann import COLD_ITEMS, TextAnnSettings
from gateway.catalog.relations import ItemRelations
from gateway.domain.history import History
from training.first_stage.cosine import Cosine
from training.first_stage.neighborhood import Neighborhood
from training.first_stage.popular import Popularity
from training.first_stage.source import FittedSource
from training.first_stage.training_interactions import Scores


@dataclass(frozen=True, slots=True)
class ColdItems:
    """A FittedSource: what ``text`` says of the items that nobody liked; ``users`` [items]."""

    text: FittedSource
    users: Scores
    name: str = COLD_ITEMS

    def score(self, histories: Sequence[History[int]]) -> Scores:
        """[histories, items]"""
        return np.where(self.users > 0, np.float32(-np.inf), self.text.score(histories))


def served_sources(relations: ItemRelations, vectors: Scores) -> list[FittedSource]:
    """``vectors`` [items, width]: unit vectors of the items' texts."""
    text = Cosine("text_ann", vectors, TextAnnSettings().history_items, pool="mean")
    return [
        text,
        *(
            Neighborhood(one.name, relations.sparse[one.relation], one.recency_decay, one.history_items)
            for one in NEIGHBOR_SOURCES
        ),
        Popularity(relations.users),
        ColdItems(text, relations.users),
    ]
