"""What GetInfo tells of this gateway: the models that serve, the ranker, the candidate sources. Holds no part of its
own."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from gateway.domain.errors import ModelUnavailable
from gateway.models import Models
from gateway.ranker.fitted import FittedRanker
from gateway.ranking.current_ranker import CurrentRanker
from gateway.rpc.info import ModelInfo


@dataclass(frozen=True, slots=True)
class Info:
    """ServerInfo of this gateway."""

    models_side: Models
    current_ranker: CurrentRanker
    candidate_sources: Sequence[str]
    serving_window_s: float
    version: str = version("crossrank")

    def models(self) -> Sequence[ModelInfo]:
        """The served model; none before the first verification."""
        try:
            served = self.models_side.champion.verification.current()
        except ModelUnavailable:
            return ()
        spec = served.bundle.spec
        fields = tuple(field.name for field in spec.item.fields)
        ready = self.models_side.champion.endpoints.right_within(self.serving_window_s)
        longest = served.bundle.encoder.max_pair_tokens
        return (ModelInfo(served.identity, spec.template, fields, longest, ready, served.bundle.reading),)

    def ranker(self) -> FittedRanker | None:
        """The one that orders lists now."""
        return self.current_ranker.current()
