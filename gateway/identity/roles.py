"""The one table of who may call what: each method of each service, the role that it needs, and what it writes. Knows
no caller. A method that is not in the table needs the role ADMIN; a test finds it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a caller may do. ADMIN may do all."""

    READ = "read"
    FEEDBACK = "feedback"
    CATALOGUE = "catalogue"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Access:
    """What a method needs. ``writes``: the request's repeated field whose entries it stores or deletes; a call of such
    a method is written to the audit log."""

    role: Role
    writes: str = ""


_READ = Access(Role.READ)
OPEN_PREFIX = "/grpc.health.v1.Health/"
"""Health is open: probes and balancers have no credential."""

TABLE: Mapping[str, Access] = {
    "/crossrank.v1.RankingService/Rerank": _READ,
    "/crossrank.v1.RankingService/Recommend": _READ,
    "/crossrank.v1.RankingService/RecommendStream": _READ,
    "/crossrank.v1.RankingService/SimilarItems": _READ,
    "/crossrank.v1.RankingService/GetInfo": _READ,
    "/crossrank.v1.CatalogService/GetItems": _READ,
    "/crossrank.v1.CatalogService/ListItems": _READ,
    "/crossrank.v1.CatalogService/UpsertItems": Access(Role.CATALOGUE, writes="items"),
    "/crossrank.v1.CatalogService/DeleteItems": Access(Role.CATALOGUE, writes="item_ids"),
    "/crossrank.v1.FeedbackService/RecordInteractions": Access(Role.FEEDBACK, writes="interactions"),
    "/inference.GRPCInferenceService/ServerLive": _READ,
    "/inference.GRPCInferenceService/ServerReady": _READ,
    "/inference.GRPCInferenceService/ServerMetadata": _READ,
    "/inference.GRPCInferenceService/ModelReady": _READ,
    "/inference.GRPCInferenceService/ModelMetadata": _READ,
    "/inference.GRPCInferenceService/ModelConfig": _READ,
    "/inference.GRPCInferenceService/ModelStatistics": _READ,
    "/inference.GRPCInferenceService/ModelInfer": _READ,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": Access(Role.ADMIN),
}
_UNKNOWN = Access(Role.ADMIN)


def access_to(method: str) -> Access:
    """What "/package.Service/Method" needs."""
    return TABLE.get(method, _UNKNOWN)
