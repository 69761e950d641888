"""Triton's side of the gateway, built from the settings: which models serve, verified as long as they are open."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from gateway.encoding.embedding import open_embedding
from gateway.encoding.pair_encoder import PairEncoder
from gateway.scoring.admission import Admission, AdmissionLimits
from gateway.scoring.coalesced import ChunkLimits, CoalescedScorer
from gateway.scoring.embedder import BiEncoder
from gateway.scoring.embedding_check import EmbeddingCheck
from gateway.scoring.endpoints import Endpoints
from gateway.scoring.rounds import RoundTimes, renewed
from gateway.scoring.triton import TritonConnection
from gateway.scoring.verification import VerificationPlan
from gateway.scoring.verified_model import VerifiedModel, open_verified
from gateway.settings import Settings, encodings_folder, ranker_on_trial
from gateway.store.schema import EMBEDDING_DIMENSION


@dataclass(frozen=True, slots=True)
class Models:
    """The cross-encoder that serves, the bi-encoder, and a cross-encoder on trial where there is one."""

    champion: VerifiedModel
    bi_encoder: BiEncoder
    challenger: VerifiedModel | None = None

    def encoder(self) -> PairEncoder:
        """Of the served version. Raises ModelUnavailable."""
        return self.champion.verification.current().bundle.encoder


@asynccontextmanager
async def open_models(settings: Settings) -> AsyncIterator[Models]:
    """Connections to Triton, and the models over them, verified as long as they are open."""
    connections = [TritonConnection(url.strip()) for url in settings.triton_urls.split(",") if url.strip()]
    embedding = Path(settings.model_repository) / settings.embedding_model / "1"
    async with AsyncExitStack() as opened:
        for connection in connections:
            opened.push_async_callback(connection.close)
        champion = await opened.enter_async_context(open_verified(connections, champion_plan(settings)))
        challenger = None
        if settings.challenger and not ranker_on_trial(settings):
            challenger = await opened.enter_async_context(open_verified(connections, challenger_plan(settings)))
        endpoints = Endpoints(connections)
        opening = partial(open_embedding, embedding)
        embedder = BiEncoder(endpoints, opening, EMBEDDING_DIMENSION, settings.embedding_model)
        times = RoundTimes(settings.verify_interval_s, settings.serving_window_s)
        check = EmbeddingCheck(endpoints, embedder, times, settings.verify_timeout_s)
        await opened.enter_async_context(renewed(check))
        yield Models(champion, embedder, challenger)


def admission_limits(settings: Settings) -> AdmissionLimits:
    """What the model may have before it: half of a usual call's time, so that the other half is left to score it."""
    return AdmissionLimits(
        settings.max_tokens_in_flight,
        settings.batch_share,
        settings.overload_retry_after_s,
        drained_in_s=settings.default_deadline_s / 2,
    )


def build_scorer(settings: Settings, model: VerifiedModel, admission: Admission) -> CoalescedScorer:
    """Scores lists with a model."""
    limits = ChunkLimits(settings.chunk_tokens, settings.chunk_pairs, settings.batch_chunks)
    return CoalescedScorer(model.scorer, admission, limits)


def champion_plan(settings: Settings) -> VerificationPlan:
    """The newest version of the model, but for the one on trial."""
    return VerificationPlan(
        settings.model,
        encodings_folder(settings),
        interval_s=settings.verify_interval_s,
        timeout_s=settings.verify_timeout_s,
        patience_s=settings.serving_window_s,
        chunk_pairs=settings.chunk_pairs,
        never=settings.challenger if settings.challenger.isdecimal() else "",
    )


def challenger_plan(settings: Settings) -> VerificationPlan:
    """The version of the model that is on trial, or the newest version of another model."""
    plan = replace(champion_plan(settings), never="")
    if settings.challenger.isdecimal():
        return replace(plan, only=settings.challenger)
    return replace(plan, model=settings.challenger, encodings=Path(settings.model_repository) / settings.challenger)
