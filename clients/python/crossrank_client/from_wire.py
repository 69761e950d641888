"""Protobuf messages to frozen values. Unknown enum numbers of a newer service become "UNKNOWN_<number>"."""

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.wrappers_pb2 import Int32Value

from crossrank.v1 import catalog_pb2, feedback_pb2, ranking_pb2, types_pb2
from crossrank_client.catalog import AttributeValue, DeleteCounts, FoundItems, Item, RecordCounts, UpsertCounts
from crossrank_client.results import (
    Contribution,
    Degradation,
    Health,
    Limits,
    ListStage,
    MeasuredOrder,
    Model,
    RankedItem,
    RankedList,
    Ranker,
    RankingMetadata,
    ServiceInfo,
    StageTime,
    StreamedList,
    Usage,
)

RankedMessage = (
    ranking_pb2.RerankResponse
    | ranking_pb2.RecommendResponse
    | ranking_pb2.SimilarItemsResponse
    | ranking_pb2.RecommendStreamResponse
)


def ranked_list(message: RankedMessage) -> RankedList:
    """The list of any ranking answer."""
    return RankedList(tuple(_ranked_item(one) for one in message.items), _metadata(message.metadata))


def streamed_list(message: ranking_pb2.RecommendStreamResponse) -> StreamedList:
    """One answer of a stream."""
    reranked = message.stage == ranking_pb2.LIST_STAGE_RERANKED
    return StreamedList(ListStage.RERANKED if reranked else ListStage.FIRST_STAGE, ranked_list(message))


def service_info(message: ranking_pb2.GetInfoResponse) -> ServiceInfo:
    """Limits and versions."""
    limits = message.limits
    return ServiceInfo(
        version=message.version,
        limits=Limits(
            max_candidates=limits.max_candidates,
            max_history_events=limits.max_history_events,
            max_field_bytes=limits.max_field_bytes,
            max_pair_tokens=limits.max_pair_tokens,
            default_deadline_s=_seconds(limits.default_deadline),
            max_deadline_s=_seconds(limits.max_deadline),
            default_candidates=limits.default_candidates,
            default_top_n=limits.default_top_n,
            max_request_bytes=limits.max_request_bytes,
        ),
        models=tuple(_model(one) for one in message.models),
        candidate_sources=tuple(message.candidate_sources),
        ranker=_ranker(message.ranker) if message.HasField("ranker") else None,
    )


def item(message: types_pb2.Item) -> Item:
    """A catalogue item."""
    return Item(
        item_id=message.item_id,
        fields=dict(message.fields),
        attributes={name: _attribute(value) for name, value in message.attributes.items()},
    )


def found_items(message: catalog_pb2.GetItemsResponse) -> FoundItems:
    """Items and unknown ids."""
    return FoundItems(tuple(item(one) for one in message.items), tuple(message.unknown_item_ids))


def page(message: catalog_pb2.ListItemsResponse) -> tuple[tuple[Item, ...], str]:
    """Items of a page, and the token of the next ("" after the last)."""
    return tuple(item(one) for one in message.items), message.next_page_token


def upsert_counts(message: catalog_pb2.UpsertItemsResponse) -> UpsertCounts:
    """What an upsert did."""
    return UpsertCounts(inserted=message.inserted, updated=message.updated, unchanged=message.unchanged)


def delete_counts(message: catalog_pb2.DeleteItemsResponse) -> DeleteCounts:
    """What a delete did."""
    return DeleteCounts(deleted=message.deleted, unknown=message.unknown)


def record_counts(message: feedback_pb2.RecordInteractionsResponse) -> RecordCounts:
    """What became of interactions."""
    return RecordCounts(recorded=message.recorded, duplicates=message.duplicates, attributed=message.attributed)


def health(message: Int32Value) -> Health:
    """grpc.health.v1's ServingStatus."""
    return {1: Health.SERVING, 2: Health.NOT_SERVING}.get(message.value, Health.UNKNOWN)


def _ranked_item(message: ranking_pb2.RankedItem) -> RankedItem:
    return RankedItem(
        item_id=message.item_id,
        rank=message.rank,
        first_stage_rank=message.first_stage_rank,
        logit=message.logit if message.HasField("logit") else None,
        score=message.score if message.HasField("score") else None,
        truncated=message.truncated,
        tokens=message.tokens,
        sources=tuple(message.sources),
        cached=message.cached,
        score_invalid=message.score_invalid,
        fields=dict(message.fields),
        contributions=tuple(Contribution(one.item_id, one.logit_difference) for one in message.contributions),
    )


def _metadata(message: ranking_pb2.RankingMetadata) -> RankingMetadata:
    return RankingMetadata(
        request_id=message.request_id,
        attribution_token=message.attribution_token,
        model=message.model,
        model_version=message.model_version,
        encoding_fingerprint=message.encoding_fingerprint,
        degraded=tuple(
            Degradation(_name(ranking_pb2.DegradedReason.DESCRIPTOR, one.reason), one.detail)
            for one in message.degraded
        ),
        candidate_count=message.candidate_count,
        scored_count=message.scored_count,
        cache_hits=message.cache_hits,
        coalesced=message.coalesced,
        stages=tuple(StageTime(one.stage, _seconds(one.duration)) for one in message.stages),
        total_s=_seconds(message.total),
        usage=Usage(
            context_tokens=message.usage.context_tokens,
            scored_tokens=message.usage.scored_tokens,
            model_requests=message.usage.model_requests,
        ),
        ordered_by=_name(ranking_pb2.OrderedBy.DESCRIPTOR, message.ordered_by),
        ordered_by_version=message.ordered_by_version,
        unread_fields=tuple(message.unread_fields),
    )


def _ranker(message: ranking_pb2.RankerInfo) -> Ranker:
    return Ranker(
        version=message.version,
        serves=message.serves,
        reason=message.reason,
        users=message.users,
        measured=tuple(
            MeasuredOrder(one.name, one.ndcg, one.low, one.high, one.difference, one.p) for one in message.measured
        ),
        first_stage=message.first_stage,
    )


def _model(message: ranking_pb2.ModelInfo) -> Model:
    return Model(
        name=message.name,
        version=message.version,
        encoding_fingerprint=message.encoding_fingerprint,
        template=message.template,
        item_fields=tuple(message.item_fields),
        ready=message.ready,
        reading_pays=tuple(message.reading_pays),
        reading_judged=message.reading_judged,
    )


def _name(enum: EnumDescriptor, number: int) -> str:
    """Of an enum's value, without the enum's own name before it."""
    known, prefix = enum.values_by_number.get(number), enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return known.name.removeprefix(prefix) if known is not None else f"UNKNOWN_{number}"


def _attribute(message: types_pb2.AttributeValue) -> AttributeValue:
    match message.WhichOneof("kind"):
        case "number":
            return message.number
        case "flag":
            return message.flag
        case "labels":
            return tuple(message.labels.values)
    return message.text


def _seconds(duration: Duration) -> float:
    return duration.seconds + duration.nanos / 1e9
