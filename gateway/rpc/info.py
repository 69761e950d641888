"""What GetInfo tells about this server: supplied by whoever composes the gateway. Knows no message."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.domain.values import ModelIdentity


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A served model. ``ready``: its golden pairs were answered rightly a moment ago."""

    identity: ModelIdentity
    template: str
    item_fields: tuple[str, ...]
    max_pair_tokens: int
    ready: bool


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
