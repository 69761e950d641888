"""Puts items and interactions into PostgreSQL, ready to be served. A run that broke off is simply repeated: what is
stored already is left alone. Must not know files or how progress is shown."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from clients.command_line.catalog.retry import PatientEmbedder, patiently
from gateway.app import open_database
from gateway.catalog.analyze import refresh_statistics
from gateway.catalog.bulk_load import BatchLimits, InteractionCounts, load_interactions, load_items
from gateway.catalog.rebuild import RelationCounts, rebuild_relations
from gateway.catalog.turn import only_run
from gateway.catalog.writer import CatalogWriter
from gateway.domain.budget import Budget
from gateway.domain.progress import Progress, Say
from gateway.domain.values import Interaction, Item, WriteCounts
from gateway.encoding.pair_encoder import PairEncoder
from gateway.models import open_models
from gateway.ports import ServedModel
from gateway.settings import Settings
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database

# Small enough that 64 of the longest texts are embedded in time on one slow core, with room for a restart of Triton.
ITEM_BATCHES = BatchLimits(items=64, seconds=30.0)
INTERACTION_BATCHES = BatchLimits(interactions=20_000, seconds=60.0)
RELATIONS_S = 3600.0
STATISTICS_S = 300.0
MODELS_S = 15.0
"""How long the models may take until they answer rightly."""


@dataclass(frozen=True, slots=True)
class IndexParts:
    """Where an index is written, and what makes vectors and token ids."""

    database: Database
    embedder: PatientEmbedder
    served: Callable[[], ServedModel]
    embedding_model: str

    def encoder(self) -> PairEncoder:
        """Of the served version. Raises ModelUnavailable."""
        return self.served().bundle.encoder


@dataclass(frozen=True, slots=True)
class IndexCounts:
    """What a run did. ``embedded``: texts that went through the bi-encoder."""

    items: WriteCounts
    embedded: int
    interactions: InteractionCounts
    relations: RelationCounts


@asynccontextmanager
async def open_parts(settings: Settings, say: Say = lambda _: None) -> AsyncIterator[IndexParts]:
    """Connections to PostgreSQL (with its schema) and Triton, once no other run fills the catalogue: ``say`` is told
    when one does. Raises StoreUnavailable or ModelUnavailable."""
    async with (
        open_database(settings) as database,
        only_run(settings.postgres_url, say),
        open_models(settings) as models,
    ):
        served = models.champion.verification.current
        await patiently(lambda: _answers(served), Budget(MODELS_S))
        yield IndexParts(database, PatientEmbedder(models.bi_encoder), served, settings.embedding_model)


async def index_tables(
    items: Sequence[Item], interactions: Sequence[Interaction], parts: IndexParts, progress: Progress
) -> IndexCounts:
    """Embeds what is new, adds the interactions, makes popularity and relations anew; in batches, each whole or not.

    Raises StoreUnavailable, ModelUnavailable, DeadlineTooShort, InvalidRequest; what was stored until then stays.
    """
    embedded_before = parts.embedder.embedded
    writer = CatalogWriter(PostgresItemStore(parts.database), parts.embedder, parts.encoder, parts.embedding_model)
    with progress("embedding items", len(items)) as advance:
        item_counts = await load_items(writer, items, advance, ITEM_BATCHES)
    with progress("adding interactions", len(interactions)) as advance:
        interaction_counts = await load_interactions(parts.database, interactions, advance, INTERACTION_BATCHES)
    with progress("relating items", None):
        relations = await rebuild_relations(parts.database, Budget(RELATIONS_S))
        await refresh_statistics(parts.database, Budget(STATISTICS_S))
    return IndexCounts(item_counts, parts.embedder.embedded - embedded_before, interaction_counts, relations)


async def _answers(served: Callable[[], ServedModel]) -> None:
    served()
