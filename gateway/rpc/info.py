"""What GetInfo tells about this server: supplied by whoever composes the gateway. Knows no message."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.domain.order import RequestKind
from gateway.domain.values import ModelIdentity
from gateway.ranker.fitted import FittedRanker


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A served model. ``ready``: its golden pairs were answered rightly a moment ago. ``reading``: kinds of request for
    which its reading was shown to pay; None where nobody judged it."""

    identity: ModelIdentity
    template: str
    item_fields: tuple[str, ...]
    max_pair_tokens: int
    ready: bool
    reading: frozenset[RequestKind] | None = None


class ServerInfo(Protocol):
    """Facts that callers may ask for; reading them does no I/O."""

    @property
    def version(self) -> str:
        """Version of the gateway."""

    @property
    def candidate_sources(self) -> Sequence[str]:
        """Names that CandidateOptions.sources may use."""

    def models(self) -> Sequence[ModelInfo]:
        """Models that RankingOptions.model may name, the default first; empty before the first verification."""

    def ranker(self) -> FittedRanker | None:
        """The ranker that was fitted on this catalogue; None before the first fit."""
