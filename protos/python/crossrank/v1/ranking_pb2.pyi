import datetime

from crossrank.v1 import types_pb2 as _types_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Priority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIORITY_UNSPECIFIED: _ClassVar[Priority]
    PRIORITY_INTERACTIVE: _ClassVar[Priority]
    PRIORITY_BATCH: _ClassVar[Priority]

class TruncationPolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TRUNCATION_POLICY_UNSPECIFIED: _ClassVar[TruncationPolicy]
    TRUNCATION_POLICY_CUT: _ClassVar[TruncationPolicy]
    TRUNCATION_POLICY_REJECT: _ClassVar[TruncationPolicy]

class Reading(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    READING_UNSPECIFIED: _ClassVar[Reading]
    READING_ALWAYS: _ClassVar[Reading]
    READING_NEVER: _ClassVar[Reading]

class ListStage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LIST_STAGE_UNSPECIFIED: _ClassVar[ListStage]
    LIST_STAGE_FIRST_STAGE: _ClassVar[ListStage]
    LIST_STAGE_RERANKED: _ClassVar[ListStage]

class DegradedReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DEGRADED_REASON_UNSPECIFIED: _ClassVar[DegradedReason]
    DEGRADED_REASON_MODEL_UNAVAILABLE: _ClassVar[DegradedReason]
    DEGRADED_REASON_DEADLINE: _ClassVar[DegradedReason]
    DEGRADED_REASON_SOURCE_UNAVAILABLE: _ClassVar[DegradedReason]
    DEGRADED_REASON_CANDIDATES_SHORT: _ClassVar[DegradedReason]
    DEGRADED_REASON_SCORE_INVALID: _ClassVar[DegradedReason]
    DEGRADED_REASON_HISTORY_UNAVAILABLE: _ClassVar[DegradedReason]
    DEGRADED_REASON_MODEL_OVERLOADED: _ClassVar[DegradedReason]
    DEGRADED_REASON_IMPRESSION_NOT_LOGGED: _ClassVar[DegradedReason]
    DEGRADED_REASON_SIGNALS_UNAVAILABLE: _ClassVar[DegradedReason]

class OrderedBy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORDERED_BY_UNSPECIFIED: _ClassVar[OrderedBy]
    ORDERED_BY_FIRST_STAGE: _ClassVar[OrderedBy]
    ORDERED_BY_TREES: _ClassVar[OrderedBy]
    ORDERED_BY_READER: _ClassVar[OrderedBy]
PRIORITY_UNSPECIFIED: Priority
PRIORITY_INTERACTIVE: Priority
PRIORITY_BATCH: Priority
TRUNCATION_POLICY_UNSPECIFIED: TruncationPolicy
TRUNCATION_POLICY_CUT: TruncationPolicy
TRUNCATION_POLICY_REJECT: TruncationPolicy
READING_UNSPECIFIED: Reading
READING_ALWAYS: Reading
READING_NEVER: Reading
LIST_STAGE_UNSPECIFIED: ListStage
LIST_STAGE_FIRST_STAGE: ListStage
LIST_STAGE_RERANKED: ListStage
DEGRADED_REASON_UNSPECIFIED: DegradedReason
DEGRADED_REASON_MODEL_UNAVAILABLE: DegradedReason
DEGRADED_REASON_DEADLINE: DegradedReason
DEGRADED_REASON_SOURCE_UNAVAILABLE: DegradedReason
DEGRADED_REASON_CANDIDATES_SHORT: DegradedReason
DEGRADED_REASON_SCORE_INVALID: DegradedReason
DEGRADED_REASON_HISTORY_UNAVAILABLE: DegradedReason
DEGRADED_REASON_MODEL_OVERLOADED: DegradedReason
DEGRADED_REASON_IMPRESSION_NOT_LOGGED: DegradedReason
DEGRADED_REASON_SIGNALS_UNAVAILABLE: DegradedReason
ORDERED_BY_UNSPECIFIED: OrderedBy
ORDERED_BY_FIRST_STAGE: OrderedBy
ORDERED_BY_TREES: OrderedBy
ORDERED_BY_READER: OrderedBy

class Context(_message.Message):
    __slots__ = ("user_id", "history", "query", "seed_item_id", "session_query", "surface", "locale", "features")
    class FeaturesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _types_pb2.AttributeValue
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_types_pb2.AttributeValue, _Mapping]] = ...) -> None: ...
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    SEED_ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_QUERY_FIELD_NUMBER: _ClassVar[int]
    SURFACE_FIELD_NUMBER: _ClassVar[int]
    LOCALE_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    history: History
    query: str
    seed_item_id: str
    session_query: str
    surface: str
    locale: str
    features: _containers.MessageMap[str, _types_pb2.AttributeValue]
    def __init__(self, user_id: _Optional[str] = ..., history: _Optional[_Union[History, _Mapping]] = ..., query: _Optional[str] = ..., seed_item_id: _Optional[str] = ..., session_query: _Optional[str] = ..., surface: _Optional[str] = ..., locale: _Optional[str] = ..., features: _Optional[_Mapping[str, _types_pb2.AttributeValue]] = ...) -> None: ...

class History(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[HistoryEvent]
    def __init__(self, events: _Optional[_Iterable[_Union[HistoryEvent, _Mapping]]] = ...) -> None: ...

class HistoryEvent(_message.Message):
    __slots__ = ("item_id", "fields")
    class FieldsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    item_id: str
    fields: _containers.ScalarMap[str, str]
    def __init__(self, item_id: _Optional[str] = ..., fields: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Candidate(_message.Message):
    __slots__ = ("item_id", "fields", "first_stage_score")
    class FieldsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    FIRST_STAGE_SCORE_FIELD_NUMBER: _ClassVar[int]
    item_id: str
    fields: _containers.ScalarMap[str, str]
    first_stage_score: float
    def __init__(self, item_id: _Optional[str] = ..., fields: _Optional[_Mapping[str, str]] = ..., first_stage_score: _Optional[float] = ...) -> None: ...

class RankingOptions(_message.Message):
    __slots__ = ("top_n", "min_score", "priority", "require_rerank", "return_items", "truncation_policy", "model", "explain", "diversity_cap", "reading", "first_stage_order")
    TOP_N_FIELD_NUMBER: _ClassVar[int]
    MIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    REQUIRE_RERANK_FIELD_NUMBER: _ClassVar[int]
    RETURN_ITEMS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATION_POLICY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    DIVERSITY_CAP_FIELD_NUMBER: _ClassVar[int]
    READING_FIELD_NUMBER: _ClassVar[int]
    FIRST_STAGE_ORDER_FIELD_NUMBER: _ClassVar[int]
    top_n: int
    min_score: float
    priority: Priority
    require_rerank: bool
    return_items: bool
    truncation_policy: TruncationPolicy
    model: str
    explain: bool
    diversity_cap: DiversityCap
    reading: Reading
    first_stage_order: bool
    def __init__(self, top_n: _Optional[int] = ..., min_score: _Optional[float] = ..., priority: _Optional[_Union[Priority, str]] = ..., require_rerank: _Optional[bool] = ..., return_items: _Optional[bool] = ..., truncation_policy: _Optional[_Union[TruncationPolicy, str]] = ..., model: _Optional[str] = ..., explain: _Optional[bool] = ..., diversity_cap: _Optional[_Union[DiversityCap, _Mapping]] = ..., reading: _Optional[_Union[Reading, str]] = ..., first_stage_order: _Optional[bool] = ...) -> None: ...

class DiversityCap(_message.Message):
    __slots__ = ("attribute", "maximum")
    ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_FIELD_NUMBER: _ClassVar[int]
    attribute: str
    maximum: int
    def __init__(self, attribute: _Optional[str] = ..., maximum: _Optional[int] = ...) -> None: ...

class RerankRequest(_message.Message):
    __slots__ = ("context", "candidates", "options")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    context: Context
    candidates: _containers.RepeatedCompositeFieldContainer[Candidate]
    options: RankingOptions
    def __init__(self, context: _Optional[_Union[Context, _Mapping]] = ..., candidates: _Optional[_Iterable[_Union[Candidate, _Mapping]]] = ..., options: _Optional[_Union[RankingOptions, _Mapping]] = ...) -> None: ...

class RerankResponse(_message.Message):
    __slots__ = ("items", "metadata")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[RankedItem]
    metadata: RankingMetadata
    def __init__(self, items: _Optional[_Iterable[_Union[RankedItem, _Mapping]]] = ..., metadata: _Optional[_Union[RankingMetadata, _Mapping]] = ...) -> None: ...

class RecommendRequest(_message.Message):
    __slots__ = ("context", "candidates", "options")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    context: Context
    candidates: CandidateOptions
    options: RankingOptions
    def __init__(self, context: _Optional[_Union[Context, _Mapping]] = ..., candidates: _Optional[_Union[CandidateOptions, _Mapping]] = ..., options: _Optional[_Union[RankingOptions, _Mapping]] = ...) -> None: ...

class CandidateOptions(_message.Message):
    __slots__ = ("sources", "limit", "filters", "exclude_item_ids", "include_seen")
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    FILTERS_FIELD_NUMBER: _ClassVar[int]
    EXCLUDE_ITEM_IDS_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_SEEN_FIELD_NUMBER: _ClassVar[int]
    sources: _containers.RepeatedScalarFieldContainer[str]
    limit: int
    filters: _containers.RepeatedCompositeFieldContainer[_types_pb2.Filter]
    exclude_item_ids: _containers.RepeatedScalarFieldContainer[str]
    include_seen: bool
    def __init__(self, sources: _Optional[_Iterable[str]] = ..., limit: _Optional[int] = ..., filters: _Optional[_Iterable[_Union[_types_pb2.Filter, _Mapping]]] = ..., exclude_item_ids: _Optional[_Iterable[str]] = ..., include_seen: _Optional[bool] = ...) -> None: ...

class RecommendResponse(_message.Message):
    __slots__ = ("items", "metadata")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[RankedItem]
    metadata: RankingMetadata
    def __init__(self, items: _Optional[_Iterable[_Union[RankedItem, _Mapping]]] = ..., metadata: _Optional[_Union[RankingMetadata, _Mapping]] = ...) -> None: ...

class SimilarItemsRequest(_message.Message):
    __slots__ = ("item_id", "candidates", "options")
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    item_id: str
    candidates: CandidateOptions
    options: RankingOptions
    def __init__(self, item_id: _Optional[str] = ..., candidates: _Optional[_Union[CandidateOptions, _Mapping]] = ..., options: _Optional[_Union[RankingOptions, _Mapping]] = ...) -> None: ...

class SimilarItemsResponse(_message.Message):
    __slots__ = ("items", "metadata")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[RankedItem]
    metadata: RankingMetadata
    def __init__(self, items: _Optional[_Iterable[_Union[RankedItem, _Mapping]]] = ..., metadata: _Optional[_Union[RankingMetadata, _Mapping]] = ...) -> None: ...

class RecommendStreamRequest(_message.Message):
    __slots__ = ("context", "candidates", "options")
    CONTEXT_FIELD_NUMBER: _ClassVar[int]
    CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    context: Context
    candidates: CandidateOptions
    options: RankingOptions
    def __init__(self, context: _Optional[_Union[Context, _Mapping]] = ..., candidates: _Optional[_Union[CandidateOptions, _Mapping]] = ..., options: _Optional[_Union[RankingOptions, _Mapping]] = ...) -> None: ...

class RecommendStreamResponse(_message.Message):
    __slots__ = ("items", "metadata", "stage")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[RankedItem]
    metadata: RankingMetadata
    stage: ListStage
    def __init__(self, items: _Optional[_Iterable[_Union[RankedItem, _Mapping]]] = ..., metadata: _Optional[_Union[RankingMetadata, _Mapping]] = ..., stage: _Optional[_Union[ListStage, str]] = ...) -> None: ...

class RankedItem(_message.Message):
    __slots__ = ("item_id", "rank", "first_stage_rank", "logit", "score", "truncated", "tokens", "sources", "cached", "score_invalid", "fields", "contributions")
    class FieldsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    RANK_FIELD_NUMBER: _ClassVar[int]
    FIRST_STAGE_RANK_FIELD_NUMBER: _ClassVar[int]
    LOGIT_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    TOKENS_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    CACHED_FIELD_NUMBER: _ClassVar[int]
    SCORE_INVALID_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTIONS_FIELD_NUMBER: _ClassVar[int]
    item_id: str
    rank: int
    first_stage_rank: int
    logit: float
    score: float
    truncated: bool
    tokens: int
    sources: _containers.RepeatedScalarFieldContainer[str]
    cached: bool
    score_invalid: bool
    fields: _containers.ScalarMap[str, str]
    contributions: _containers.RepeatedCompositeFieldContainer[HistoryContribution]
    def __init__(self, item_id: _Optional[str] = ..., rank: _Optional[int] = ..., first_stage_rank: _Optional[int] = ..., logit: _Optional[float] = ..., score: _Optional[float] = ..., truncated: _Optional[bool] = ..., tokens: _Optional[int] = ..., sources: _Optional[_Iterable[str]] = ..., cached: _Optional[bool] = ..., score_invalid: _Optional[bool] = ..., fields: _Optional[_Mapping[str, str]] = ..., contributions: _Optional[_Iterable[_Union[HistoryContribution, _Mapping]]] = ...) -> None: ...

class HistoryContribution(_message.Message):
    __slots__ = ("item_id", "logit_difference")
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    LOGIT_DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    item_id: str
    logit_difference: float
    def __init__(self, item_id: _Optional[str] = ..., logit_difference: _Optional[float] = ...) -> None: ...

class Degradation(_message.Message):
    __slots__ = ("reason", "detail")
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    reason: DegradedReason
    detail: str
    def __init__(self, reason: _Optional[_Union[DegradedReason, str]] = ..., detail: _Optional[str] = ...) -> None: ...

class RankingMetadata(_message.Message):
    __slots__ = ("request_id", "attribution_token", "model", "model_version", "encoding_fingerprint", "degraded", "candidate_count", "scored_count", "cache_hits", "coalesced", "stages", "total", "usage", "ordered_by", "ordered_by_version", "unread_fields")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_VERSION_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_COUNT_FIELD_NUMBER: _ClassVar[int]
    SCORED_COUNT_FIELD_NUMBER: _ClassVar[int]
    CACHE_HITS_FIELD_NUMBER: _ClassVar[int]
    COALESCED_FIELD_NUMBER: _ClassVar[int]
    STAGES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    ORDERED_BY_FIELD_NUMBER: _ClassVar[int]
    ORDERED_BY_VERSION_FIELD_NUMBER: _ClassVar[int]
    UNREAD_FIELDS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    attribution_token: str
    model: str
    model_version: str
    encoding_fingerprint: str
    degraded: _containers.RepeatedCompositeFieldContainer[Degradation]
    candidate_count: int
    scored_count: int
    cache_hits: int
    coalesced: int
    stages: _containers.RepeatedCompositeFieldContainer[StageTime]
    total: _duration_pb2.Duration
    usage: Usage
    ordered_by: OrderedBy
    ordered_by_version: str
    unread_fields: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, request_id: _Optional[str] = ..., attribution_token: _Optional[str] = ..., model: _Optional[str] = ..., model_version: _Optional[str] = ..., encoding_fingerprint: _Optional[str] = ..., degraded: _Optional[_Iterable[_Union[Degradation, _Mapping]]] = ..., candidate_count: _Optional[int] = ..., scored_count: _Optional[int] = ..., cache_hits: _Optional[int] = ..., coalesced: _Optional[int] = ..., stages: _Optional[_Iterable[_Union[StageTime, _Mapping]]] = ..., total: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., usage: _Optional[_Union[Usage, _Mapping]] = ..., ordered_by: _Optional[_Union[OrderedBy, str]] = ..., ordered_by_version: _Optional[str] = ..., unread_fields: _Optional[_Iterable[str]] = ...) -> None: ...

class StageTime(_message.Message):
    __slots__ = ("stage", "duration")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    stage: str
    duration: _duration_pb2.Duration
    def __init__(self, stage: _Optional[str] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Usage(_message.Message):
    __slots__ = ("context_tokens", "scored_tokens", "model_requests")
    CONTEXT_TOKENS_FIELD_NUMBER: _ClassVar[int]
    SCORED_TOKENS_FIELD_NUMBER: _ClassVar[int]
    MODEL_REQUESTS_FIELD_NUMBER: _ClassVar[int]
    context_tokens: int
    scored_tokens: int
    model_requests: int
    def __init__(self, context_tokens: _Optional[int] = ..., scored_tokens: _Optional[int] = ..., model_requests: _Optional[int] = ...) -> None: ...

class GetInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetInfoResponse(_message.Message):
    __slots__ = ("version", "limits", "models", "candidate_sources", "ranker")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    CANDIDATE_SOURCES_FIELD_NUMBER: _ClassVar[int]
    RANKER_FIELD_NUMBER: _ClassVar[int]
    version: str
    limits: Limits
    models: _containers.RepeatedCompositeFieldContainer[ModelInfo]
    candidate_sources: _containers.RepeatedScalarFieldContainer[str]
    ranker: RankerInfo
    def __init__(self, version: _Optional[str] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., models: _Optional[_Iterable[_Union[ModelInfo, _Mapping]]] = ..., candidate_sources: _Optional[_Iterable[str]] = ..., ranker: _Optional[_Union[RankerInfo, _Mapping]] = ...) -> None: ...

class RankerInfo(_message.Message):
    __slots__ = ("version", "serves", "reason", "users", "measured", "first_stage")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    SERVES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    USERS_FIELD_NUMBER: _ClassVar[int]
    MEASURED_FIELD_NUMBER: _ClassVar[int]
    FIRST_STAGE_FIELD_NUMBER: _ClassVar[int]
    version: str
    serves: str
    reason: str
    users: int
    measured: _containers.RepeatedCompositeFieldContainer[MeasuredOrder]
    first_stage: str
    def __init__(self, version: _Optional[str] = ..., serves: _Optional[str] = ..., reason: _Optional[str] = ..., users: _Optional[int] = ..., measured: _Optional[_Iterable[_Union[MeasuredOrder, _Mapping]]] = ..., first_stage: _Optional[str] = ...) -> None: ...

class MeasuredOrder(_message.Message):
    __slots__ = ("name", "ndcg", "low", "high", "difference", "p")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NDCG_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    P_FIELD_NUMBER: _ClassVar[int]
    name: str
    ndcg: float
    low: float
    high: float
    difference: float
    p: float
    def __init__(self, name: _Optional[str] = ..., ndcg: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., difference: _Optional[float] = ..., p: _Optional[float] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_candidates", "max_history_events", "max_field_bytes", "max_pair_tokens", "default_deadline", "max_deadline", "default_candidates", "default_top_n", "max_request_bytes")
    MAX_CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    MAX_HISTORY_EVENTS_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_PAIR_TOKENS_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_DEADLINE_FIELD_NUMBER: _ClassVar[int]
    MAX_DEADLINE_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_CANDIDATES_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_TOP_N_FIELD_NUMBER: _ClassVar[int]
    MAX_REQUEST_BYTES_FIELD_NUMBER: _ClassVar[int]
    max_candidates: int
    max_history_events: int
    max_field_bytes: int
    max_pair_tokens: int
    default_deadline: _duration_pb2.Duration
    max_deadline: _duration_pb2.Duration
    default_candidates: int
    default_top_n: int
    max_request_bytes: int
    def __init__(self, max_candidates: _Optional[int] = ..., max_history_events: _Optional[int] = ..., max_field_bytes: _Optional[int] = ..., max_pair_tokens: _Optional[int] = ..., default_deadline: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_deadline: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., default_candidates: _Optional[int] = ..., default_top_n: _Optional[int] = ..., max_request_bytes: _Optional[int] = ...) -> None: ...

class ModelInfo(_message.Message):
    __slots__ = ("name", "version", "encoding_fingerprint", "template", "item_fields", "ready", "reading_pays", "reading_judged")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    TEMPLATE_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELDS_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    READING_PAYS_FIELD_NUMBER: _ClassVar[int]
    READING_JUDGED_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    encoding_fingerprint: str
    template: str
    item_fields: _containers.RepeatedScalarFieldContainer[str]
    ready: bool
    reading_pays: _containers.RepeatedScalarFieldContainer[str]
    reading_judged: bool
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., encoding_fingerprint: _Optional[str] = ..., template: _Optional[str] = ..., item_fields: _Optional[_Iterable[str]] = ..., ready: _Optional[bool] = ..., reading_pays: _Optional[_Iterable[str]] = ..., reading_judged: _Optional[bool] = ...) -> None: ...
