"""Ranked lists to messages: the answer of every ranking method."""

import time
from typing import TypedDict

from google.protobuf.duration_pb2 import Duration

from crossrank.v1 import ranking_pb2
from gateway.domain.values import Degradation, RankedList, ScoredItem


class Answer(TypedDict):
    """The fields that every answering message has."""

    items: list[ranking_pb2.RankedItem]
    metadata: ranking_pb2.RankingMetadata


def encode_list(ranked: RankedList, started: float) -> Answer:
    """The list with its metadata. ``started``: what perf_counter said at the beginning of the call."""
    metadata = _encode_metadata(ranked, time.perf_counter() - started)
    return {"items": [_encode_ranked(item) for item in ranked.items], "metadata": metadata}


def duration(seconds: float) -> Duration:
    """A Duration, to the nanosecond."""
    message = Duration()
    message.FromNanoseconds(round(seconds * 1e9))
    return message


def _encode_ranked(item: ScoredItem) -> ranking_pb2.RankedItem:
    return ranking_pb2.RankedItem(
        item_id=item.item_id,
        rank=item.rank,
        first_stage_rank=item.first_stage_rank,
        logit=item.logit,
        score=item.score,
        truncated=item.truncated,
        tokens=item.tokens,
        sources=item.sources,
        cached=item.cached,
        score_invalid=item.score_invalid,
        fields=item.item.fields if item.item else None,
        contributions=[
            ranking_pb2.HistoryContribution(item_id=item_id, logit_difference=difference)
            for item_id, difference in item.contributions
        ],
    )


def _encode_metadata(ranked: RankedList, total_s: float) -> ranking_pb2.RankingMetadata:
    return ranking_pb2.RankingMetadata(
        request_id=ranked.request_id,
        attribution_token=ranked.attribution_token,
        model=ranked.model.name,
        model_version=ranked.model.version,
        encoding_fingerprint=ranked.model.fingerprint,
        degraded=[_encode_degradation(one) for one in ranked.degraded],
        candidate_count=ranked.candidate_count,
        scored_count=ranked.scored_count,
        cache_hits=ranked.cache_hits,
        coalesced=ranked.coalesced,
        stages=[ranking_pb2.StageTime(stage=name, duration=duration(seconds)) for name, seconds in ranked.stages],
        total=duration(total_s),
        usage=ranking_pb2.Usage(
            context_tokens=ranked.usage.context_tokens,
            scored_tokens=ranked.usage.scored_tokens,
            model_requests=ranked.usage.model_requests,
        ),
        ordered_by=f"ORDERED_BY_{ranked.ranked_by.by.value}",
        ordered_by_version=ranked.ranked_by.version,
        unread_fields=ranked.unread_fields,
    )


def _encode_degradation(one: Degradation) -> ranking_pb2.Degradation:
    return ranking_pb2.Degradation(reason=f"DEGRADED_REASON_{one.reason.value}", detail=one.detail)
