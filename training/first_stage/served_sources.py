"""The gateway's candidate sources on tables in memory, so that lists can be made for every user and fold in minutes. A
test holds that they propose what gateway/candidates proposes. Knows no store."""

from collections.abc import Mapping

from gateway.candidates.item_neighbors import NEIGHBOR_SOURCES
from gateway.candidates.text_ann import TextAnnSettings
from gateway.catalog.relations import ItemRelations
from training.first_stage.cosine import Cosine
from training.first_stage.neighborhood import Neighborhood
from training.first_stage.popular import Popularity
from training.first_stage.source import FittedSource
from training.first_stage.training_interactions import Scores

SERVED_WEIGHTS: Mapping[str, float] = {one.name: one.weight for one in NEIGHBOR_SOURCES}
"""Of sources in the blend; 1 for the others."""


def served_sources(relations: ItemRelations, vectors: Scores) -> list[FittedSource]:
    """``vectors`` [items, width]: unit vectors of the items' texts."""
    return [
        Cosine("text_ann", vectors, TextAnnSettings().history_items, pool="mean"),
        *(
            Neighborhood(one.name, relations.sparse[one.relation], one.recency_decay, one.history_items)
            for one in NEIGHBOR_SOURCES
        ),
        Popularity(relations.users),
    ]
