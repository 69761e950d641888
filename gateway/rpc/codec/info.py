"""Limits and versions to messages."""

from crossrank.v1 import ranking_pb2
from gateway.domain.limits import Limits
from gateway.ranker.fitted import FIRST_STAGE, FittedRanker
from gateway.rpc.codec.answers import duration
from gateway.rpc.info import ModelInfo, ServerInfo


def encode_info(info: ServerInfo, limits: Limits) -> ranking_pb2.GetInfoResponse:
    """The answer of GetInfo. The longest pair is the default model's; 0 before its first verification."""
    models = info.models()
    return ranking_pb2.GetInfoResponse(
        version=info.version,
        limits=_encode_limits(limits, models[0].max_pair_tokens if models else 0),
        models=[_encode_model(model) for model in models],
        candidate_sources=info.candidate_sources,
        ranker=_encode_ranker(ranker) if (ranker := info.ranker()) else None,
    )


def _encode_limits(limits: Limits, max_pair_tokens: int) -> ranking_pb2.Limits:
    return ranking_pb2.Limits(
        max_candidates=limits.max_candidates,
        max_history_events=limits.max_history_events,
        max_field_bytes=limits.max_field_bytes,
        max_pair_tokens=max_pair_tokens,
        default_deadline=duration(limits.default_deadline_s),
        max_deadline=duration(limits.max_deadline_s),
        default_candidates=limits.default_candidates,
        default_top_n=limits.default_top_n,
        max_request_bytes=limits.max_request_bytes,
    )


def _encode_model(model: ModelInfo) -> ranking_pb2.ModelInfo:
    return ranking_pb2.ModelInfo(
        name=model.identity.name,
        version=model.identity.version,
        encoding_fingerprint=model.identity.fingerprint,
        template=model.template,
        item_fields=model.item_fields,
        ready=model.ready,
        reading_pays=sorted(kind.value for kind in model.reading or ()),
        reading_judged=model.reading is not None,
    )


def _encode_ranker(ranker: FittedRanker) -> ranking_pb2.RankerInfo:
    verdict = ranker.verdict
    return ranking_pb2.RankerInfo(
        version=ranker.version,
        serves=verdict.serves if ranker.trees else FIRST_STAGE,
        reason=verdict.reason,
        users=verdict.users,
        measured=[
            ranking_pb2.MeasuredOrder(
                name=row.name, ndcg=row.ndcg, low=row.low, high=row.high, difference=row.difference, p=row.p
            )
            for row in verdict.rows
        ],
        first_stage=verdict.first_stage,
    )
