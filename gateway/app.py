"""The composition root: builds the adapters from the settings, wires them, owns their lifetimes. Holds no logic."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry

from gateway.cache.counted import CountedScoreCache
from gateway.cache.items import CachedItems
from gateway.cache.local import LocalScoreCache
from gateway.cache.redis import TIER, RedisLimits, RedisScoreCache
from gateway.cache.signals import CachedSignals
from gateway.cache.tiered import TieredScoreCache
from gateway.cache.token_ids import TokenIdCache
from gateway.candidates.blend import Blend
from gateway.candidates.item_neighbors import NEIGHBOR_SOURCES, ItemNeighbors
from gateway.candidates.popular import Popular
from gateway.candidates.served import served_blend
from gateway.candidates.text_ann import OF_COLD_ITEMS, TEXT_ANN, TextAnn
from gateway.catalog.writer import CatalogWriter
from gateway.domain.background import in_background
from gateway.domain.budget import Budget
from gateway.domain.limits import Limits
from gateway.domain.order import RANKER, Orderer, Reading
from gateway.identity.gate import Gate, GateSettings, OpenGate, open_gate
from gateway.identity.json_web_token import TokenRules
from gateway.info import Info
from gateway.models import Models, admission_limits, build_scorer, open_models
from gateway.pipeline import Defaults, Parts, Pipeline
from gateway.ports import ScoreCache
from gateway.ranking.current_ranker import CurrentRanker, looking_up
from gateway.rpc.catalog import CatalogServicer
from gateway.rpc.feedback import FeedbackServicer
from gateway.rpc.open_inference import OpenInferenceServicer
from gateway.rpc.ranking import Ranker, RankingServicer
from gateway.scoring.admission import Admission
from gateway.server.gc_tuning import tuned_gc
from gateway.server.grpc_server import ServerSettings, Services, serve
from gateway.server.tls import TlsFiles
from gateway.settings import Settings, ranker_on_trial
from gateway.store.comparisons import PostgresComparisonStore
from gateway.store.feedback import PostgresFeedbackStore
from gateway.store.histories import PostgresHistoryStore
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database
from gateway.store.rankers import PostgresRankerStore
from gateway.store.retention import PostgresRetention
from gateway.store.schema import TRY_S, apply_schema, applying_schema
from gateway.store.signals import PostgresSignalStore
from gateway.telemetry.endpoint import metrics_endpoint
from gateway.telemetry.loop_lag import watch_loop_lag
from gateway.telemetry.metrics import Metrics
from gateway.trial.shadow import ShadowLimits
from gateway.trial.trial import OnTrial, TrialPlan, open_trial
from gateway.warm_up import WarmUp, unseen, warming


class Stores:
    """All that PostgreSQL keeps, built once."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.items = PostgresItemStore(database)
        self.histories = PostgresHistoryStore(database)
        self.feedback = PostgresFeedbackStore(database)
        self.comparisons = PostgresComparisonStore(database)
        self.signals = PostgresSignalStore(database)
        self.rankers = PostgresRankerStore(database)
        self.retention = PostgresRetention(database)


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """The database, with its schema. Raises StoreUnavailable."""
    async with Database(settings.postgres_url, settings.postgres_connections) as database:
        await apply_schema(database, Budget(TRY_S))
        yield database


async def run(settings: Settings) -> None:
    """Serves until told to stop; without PostgreSQL, too: calls that need it are UNAVAILABLE until it is there, with
    its tables. Raises CannotListen, IdentitiesInvalid, or SchemaTooNew, also in mid-service."""
    metrics = Metrics(CollectorRegistry())
    with metrics_endpoint(settings.metrics_listen, metrics.registry):
        async with (
            choose_gate(settings) as gate,
            watch_loop_lag(metrics.loop_lag_seconds.observe),
            Database(settings.postgres_url, settings.postgres_connections) as database,
            applying_schema(database),
            open_models(settings) as models,
            open_cache(settings, metrics) as cache,
        ):
            stores = Stores(database)
            parts = build_parts(settings, stores, models, cache, metrics)
            async with (
                looking_up(parts.ranker, settings.ranker_interval_s),
                in_background(stores.retention.keep_clear(settings.impression_days)),
                open_ranker(settings, parts, stores, models, metrics) as ranker,
                open_warm_up(settings, parts, models, metrics),
            ):
                services = replace(build_services(settings, stores, parts, models, metrics, ranker), gate=gate)
                with tuned_gc():
                    await serve(services, server_settings(settings))


@asynccontextmanager
async def choose_gate(settings: Settings) -> AsyncIterator[Gate]:
    """Who calls is asked where there are identities. Raises IdentitiesInvalid."""
    if not settings.identities:
        yield OpenGate()
        return
    rules = TokenRules(settings.jwt_issuer, settings.jwt_audience) if settings.jwt_keys else None
    places = GateSettings(Path(settings.identities), rules, settings.jwt_keys, bool(settings.tls_client_ca))
    async with open_gate(places) as gate:
        yield gate


def build_candidates(database: Database, by_text: TextAnn, cold_items: TextAnn, cold_share: float) -> Blend:
    """All candidate sources. To add one, add it here."""
    popular = Popular(database)
    neighbors = [ItemNeighbors(database, source) for source in NEIGHBOR_SOURCES]
    cold = [cold_items] if cold_share else []
    return Blend((by_text, *neighbors, popular, *cold), served_blend(cold_share), fallback=popular)


@asynccontextmanager
async def open_cache(settings: Settings, metrics: Metrics) -> AsyncIterator[ScoreCache]:
    """The score cache of the process, before the one that all gateways share where there is one."""
    local = LocalScoreCache(settings.cache_entries)
    metrics.watch("cache_entries", "Scores in the process cache", lambda: len(local))
    near = CountedScoreCache("local", local, metrics)
    if not settings.cache_redis_url:
        yield near
        return
    limits = RedisLimits(settings.cache_redis_timeout_s, settings.cache_redis_ttl_s)
    redis = RedisScoreCache(settings.cache_redis_url, limits, metrics)
    tiered = TieredScoreCache(near, CountedScoreCache(TIER, redis, metrics))
    try:
        yield tiered
    finally:
        await tiered.close()
        await redis.close()


def build_parts(settings: Settings, stores: Stores, models: Models, cache: ScoreCache, metrics: Metrics) -> Parts:
    """The champion's pipeline over PostgreSQL and Triton, in parts."""
    admission = Admission(admission_limits(settings))
    metrics.watch("tokens_in_flight", "Tokens of admitted work that are not scored yet", lambda: admission.in_flight)
    metrics.watch("tokens_limit", "Tokens that may be in flight, at the speed measured last", admission.limit)
    items = CachedItems(stores.items, settings.item_bytes)
    metrics.watch("item_cache_bytes", "What items take that the process keeps", lambda: items.used_bytes)
    signals = CachedSignals(stores.signals, settings.signal_items)
    by_text, cold_items = (
        TextAnn(stores.database, models.bi_encoder, settings.embedding_model, one) for one in (TEXT_ANN, OF_COLD_ITEMS)
    )
    return Parts(
        candidates=build_candidates(stores.database, by_text, cold_items, settings.cold_share),
        by_text=by_text,
        items=items,
        histories=stores.histories,
        feedback=stores.feedback,
        cache=cache,
        token_ids=TokenIdCache(settings.item_text_bytes),
        scorer=build_scorer(settings, models.champion, admission),
        signals=signals,
        ranker=CurrentRanker(stores.rankers, signals, settings.ranker),
        observer=metrics,
    )


def build_pipeline(settings: Settings, parts: Parts) -> Pipeline:
    """A pipeline of these parts."""
    defaults = Defaults(
        settings.model,
        settings.default_candidates,
        settings.default_top_n,
        settings.candidates_share,
        Reading(settings.reading),
    )
    return Pipeline(parts, defaults)


@asynccontextmanager
async def open_warm_up(settings: Settings, parts: Parts, models: Models, metrics: Metrics) -> AsyncIterator[None]:
    """Fills the cache ahead of calls, where the settings ask for it."""
    if not settings.cache_warm_users:
        yield
        return
    pipeline, identity = build_pipeline(settings, unseen(parts)), models.champion.verification.identity
    warm_up = WarmUp(pipeline, parts.histories, identity, settings.cache_warm_users)
    metrics.watch("warmed_lists", "Lists ranked ahead of calls for the version that serves", lambda: warm_up.warmed)
    async with warming(warm_up):
        yield


@asynccontextmanager
async def open_ranker(
    settings: Settings, parts: Parts, stores: Stores, models: Models, metrics: Metrics
) -> AsyncIterator[Ranker]:
    """The champion's pipeline; with a challenger its shadow and its canary around it."""
    build = partial(build_pipeline, settings)
    if not settings.challenger:
        yield build(parts)
        return
    limits = ShadowLimits(settings.shadow_lists, settings.shadow_waiting, settings.shadow_deadline_s)
    plan = TrialPlan(settings.challenger, settings.shadow_share, settings.canary_share, limits)
    async with (
        open_challenger(settings, parts, stores, models) as on_trial,
        open_trial(plan, parts, on_trial, build, stores.comparisons, metrics) as ranker,
    ):
        metrics.watch("challenger_ready", "1 while the challenger may answer", lambda: float(on_trial.ready()))
        yield ranker


@asynccontextmanager
async def open_challenger(settings: Settings, parts: Parts, stores: Stores, models: Models) -> AsyncIterator[OnTrial]:
    """The champion's parts but for the one that is on trial: a model, or a ranker."""
    if model := models.challenger:
        scorer, identity = build_scorer(settings, model, parts.scorer.admission), model.verification.identity
        yield OnTrial(
            replace(parts, scorer=scorer),
            lambda: Orderer(identity().name, identity().version),
            lambda: model.endpoints.right_within(settings.serving_window_s),
        )
        return
    ranker = CurrentRanker(stores.rankers, parts.signals, wanted := ranker_on_trial(settings))
    async with looking_up(ranker, settings.ranker_interval_s):
        yield OnTrial(replace(parts, ranker=ranker), lambda: Orderer(RANKER, wanted), lambda: ranker.found)


def build_services(
    settings: Settings, stores: Stores, parts: Parts, models: Models, metrics: Metrics, ranker: Ranker
) -> Services:
    """All servicers over one ranker."""
    limits = request_limits(settings)
    writer = CatalogWriter(stores.items, models.bi_encoder, models.encoder, settings.embedding_model)
    info = Info(models, parts.ranker, parts.candidates.names, settings.serving_window_s)

    def ranking_is_right() -> bool:
        return models.champion.endpoints.right_within(settings.serving_window_s)

    metrics.watch("ranking_ready", "1 while golden pairs are answered rightly", lambda: float(ranking_is_right()))
    return Services(
        ranking=RankingServicer(ranker, info, limits),
        catalog=CatalogServicer(writer, stores.items, limits),
        feedback=FeedbackServicer(stores.feedback, limits),
        open_inference=OpenInferenceServicer(ranker, info, limits),
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
        health_listen=settings.health_listen,
        drain_s=settings.drain_s,
        grace_s=settings.max_deadline_s + 1.0,
        shares_port=settings.processes > 1,
    )
