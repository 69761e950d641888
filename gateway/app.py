"""The composition root: builds the adapters from the settings, wires them, owns their lifetimes. Holds no logic."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from prometheus_client import CollectorRegistry

from gateway.budget import Budget
from gateway.cache.local import LocalScoreCache
from gateway.candidates.blend import Blend
from gateway.candidates.item_neighbors import ItemNeighbors
from gateway.candidates.popular import Popular
from gateway.candidates.text_ann import TextAnn
from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.text_encoder import TextEncoder
from gateway.errors import ModelUnavailable
from gateway.indexing.catalog_writer import CatalogWriter
from gateway.limits import Limits
from gateway.pipeline import Defaults, Parts, Pipeline
from gateway.rpc.catalog import CatalogServicer
from gateway.rpc.feedback import FeedbackServicer
from gateway.rpc.info import ModelInfo
from gateway.rpc.ranking import RankingServicer
from gateway.scoring.admission import Admission
from gateway.scoring.coalesced import ChunkLimits, CoalescedScorer
from gateway.scoring.cross_encoder import CrossEncoder
from gateway.scoring.embedder import BiEncoder
from gateway.scoring.endpoints import Endpoints
from gateway.scoring.triton import TritonConnection
from gateway.scoring.verification import Verification, VerificationPlan
from gateway.server import ServerSettings, Services, TlsFiles, serve
from gateway.settings import Settings
from gateway.store.feedback import PostgresFeedbackStore
from gateway.store.histories import PostgresHistoryStore
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database
from gateway.store.schema import apply_schema
from gateway.telemetry.endpoint import metrics_endpoint
from gateway.telemetry.metrics import Metrics

START_TIMEOUT_S = 30.0
"""How long a gateway that starts waits for PostgreSQL."""


@dataclass(frozen=True, slots=True)
class Models:
    """Triton's side: endpoints, the proof that they are right, and the two models on them."""

    endpoints: Endpoints
    verification: Verification
    cross_encoder: CrossEncoder
    bi_encoder: BiEncoder

    def encoder(self) -> PairEncoder:
        """Of the served version. Raises ModelUnavailable."""
        return self.verification.current().bundle.encoder


@dataclass(frozen=True, slots=True)
class Info:
    """ServerInfo of this gateway."""

    models_side: Models
    candidate_sources: Sequence[str]
    serving_window_s: float
    version: str = version("crossrank")

    def models(self) -> Sequence[ModelInfo]:
        """The served model; none before the first verification."""
        try:
            served = self.models_side.verification.current()
        except ModelUnavailable:
            return ()
        spec = served.bundle.spec
        fields = tuple(field.name for field in spec.item.fields)
        ready = self.models_side.endpoints.right_within(self.serving_window_s)
        longest = served.bundle.encoder.max_pair_tokens
        return (ModelInfo(served.identity, spec.template, fields, longest, ready),)


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """The database, with its schema. Raises StoreUnavailable."""
    database = Database(settings.postgres_url, settings.postgres_connections)
    try:
        await database.open()
        await apply_schema(database, Budget(START_TIMEOUT_S))
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def open_models(settings: Settings) -> AsyncIterator[Models]:
    """Connections to Triton, verified once before use and then again and again in the background."""
    connections = [TritonConnection(url.strip()) for url in settings.triton_urls.split(",") if url.strip()]
    endpoints = Endpoints(connections)
    repository = Path(settings.model_repository)
    verification = Verification(
        endpoints,
        VerificationPlan(
            settings.model,
            repository / settings.model,
            interval_s=settings.verify_interval_s,
            timeout_s=settings.verify_timeout_s,
            patience_s=settings.serving_window_s,
        ),
    )
    text_encoder = TextEncoder(repository / settings.embedding_model / "1" / "tokenizer.json")
    await verification.verify_all()
    rounds = asyncio.create_task(verification.run())
    try:
        yield Models(
            endpoints,
            verification,
            CrossEncoder(endpoints, verification),
            BiEncoder(endpoints, text_encoder, settings.embedding_model),
        )
    finally:
        rounds.cancel()
        with suppress(asyncio.CancelledError):
            await rounds
        for connection in connections:
            await connection.close()


async def run(settings: Settings) -> None:
    """Serves until told to stop. Raises StoreUnavailable or CannotListen when it cannot start."""
    metrics = Metrics(CollectorRegistry())
    with metrics_endpoint(settings.metrics_listen, metrics.registry):
        async with open_database(settings) as database, open_models(settings) as models:
            await serve(build_services(settings, database, models, metrics), server_settings(settings))


def build_candidates(settings: Settings, database: Database, models: Models) -> Blend:
    """All candidate sources. To add one, add it here."""
    popular = Popular(database)
    text_ann = TextAnn(database, models.bi_encoder, settings.embedding_model)
    return Blend((text_ann, ItemNeighbors(database), popular), fallback=popular)


def build_pipeline(settings: Settings, database: Database, models: Models, metrics: Metrics) -> Pipeline:
    """The pipeline over PostgreSQL and Triton."""
    admission = Admission(settings.max_tokens_in_flight, settings.batch_share, settings.overload_retry_after_s)
    cache = LocalScoreCache(settings.cache_entries)
    metrics.watch("tokens_in_flight", "Tokens of admitted work", lambda: admission.in_flight)
    metrics.watch("cache_entries", "Scores in the process cache", lambda: len(cache))
    parts = Parts(
        candidates=build_candidates(settings, database, models),
        items=PostgresItemStore(database),
        histories=PostgresHistoryStore(database),
        feedback=PostgresFeedbackStore(database),
        cache=cache,
        scorer=CoalescedScorer(
            models.cross_encoder, admission, ChunkLimits(settings.chunk_tokens, settings.chunk_pairs)
        ),
        admission=admission,
        observer=metrics,
    )
    defaults = Defaults(settings.model, settings.default_candidates, settings.default_top_n, settings.candidates_share)
    return Pipeline(parts, defaults)


def build_services(settings: Settings, database: Database, models: Models, metrics: Metrics) -> Services:
    """All servicers over one pipeline."""
    pipeline = build_pipeline(settings, database, models, metrics)
    limits = request_limits(settings)
    items = PostgresItemStore(database)
    writer = CatalogWriter(items, models.bi_encoder, models.encoder, settings.embedding_model)
    info = Info(models, pipeline.candidate_sources, settings.serving_window_s)

    def ranking_is_right() -> bool:
        return models.endpoints.right_within(settings.serving_window_s)

    metrics.watch("ranking_ready", "1 while golden pairs are answered rightly", lambda: float(ranking_is_right()))
    return Services(
        ranking=RankingServicer(pipeline, info, limits),
        catalog=CatalogServicer(writer, items, limits),
        feedback=FeedbackServicer(PostgresFeedbackStore(database), limits),
        metrics=metrics,
        ranking_is_right=ranking_is_right,
    )


def request_limits(settings: Settings) -> Limits:
    """The bounds of every request, as GetInfo publishes them."""
    return Limits(
        max_candidates=settings.max_candidates,
        max_request_bytes=settings.max_request_bytes,
        default_candidates=settings.default_candidates,
        default_top_n=settings.default_top_n,
        default_deadline_s=settings.default_deadline_s,
        max_deadline_s=settings.max_deadline_s,
        answer_reserve_s=settings.answer_reserve_s,
    )


def server_settings(settings: Settings) -> ServerSettings:
    """How to listen."""
    tls = None
    if settings.tls_certificate:
        client_ca = Path(settings.tls_client_ca) if settings.tls_client_ca else None
        tls = TlsFiles(Path(settings.tls_certificate), Path(settings.tls_key), client_ca)
    return ServerSettings(
        listen=settings.listen,
        limits=request_limits(settings),
        reflection=settings.reflection,
        tls=tls,
        drain_s=settings.drain_s,
        grace_s=settings.max_deadline_s + 1.0,
    )
