"""Lists made by hand for feature tests."""

from collections.abc import Sequence

from gateway.domain.values import Candidate, HistoryEvent, SourceHit
from gateway.ranker.features import FusionInput, feature_matrix

Fields = dict[str, str]


def candidate(item_id: str, rank: int, **hits: tuple[int, float]) -> Candidate:
    """With a hit (rank, score) per source."""
    return Candidate(item_id, rank, 1 / (60 + rank), tuple(SourceHit(source, *hit) for source, hit in hits.items()))


def texts(items: Sequence[Fields], history: Sequence[Fields | None] = ()) -> FusionInput:
    """Items "0", "1", … with these fields, and a history, most recent first."""
    return FusionInput(
        [candidate(str(place), place + 1) for place in range(len(items))],
        logits={},
        items={str(place): fields for place, fields in enumerate(items)},
        history=[HistoryEvent(f"h{place}", fields) for place, fields in enumerate(history)],
    )


def column(name: str, given: FusionInput) -> list[float]:
    """One feature of every candidate."""
    values: list[float] = feature_matrix([name], given)[:, 0].tolist()
    return values
