"""Items whose texts are alike, mined once per catalogue with sentence_transformers.util.mine_hard_negatives: near
duplicates, which are never negatives, and the nearest others, which are hard ones. Knows no user."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from datasets import Dataset as Rows
from sentence_transformers import SentenceTransformer
from sentence_transformers.util import mine_hard_negatives

NEAREST = 20
"""SemanticNeighbors per item."""
MOST_DUPLICATES = 50
"""Near duplicates per item that are looked for."""


@dataclass(frozen=True, slots=True)
class SemanticNeighbors:
    """By item: its near duplicates, and the items nearest in text that are none."""

    duplicates: Mapping[str, frozenset[str]] = field(default_factory=dict)
    similar: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


NO_LOOKALIKES = SemanticNeighbors()


def find_lookalikes(
    texts: Mapping[str, str], embedder: SentenceTransformer, duplicate_similarity: float
) -> SemanticNeighbors:
    """``texts`` by item. Items of one and the same text are duplicates of each other."""
    items_of: dict[str, list[str]] = defaultdict(list)
    for item_id, text in texts.items():
        items_of[text].append(item_id)
    corpus = list(items_of)
    near = _mine(corpus, embedder, min_score=duplicate_similarity, num_negatives=MOST_DUPLICATES)
    other = _mine(corpus, embedder, max_score=duplicate_similarity, num_negatives=NEAREST)
    duplicates, similar = {}, {}
    for text, items in items_of.items():
        alike = [*items, *(one for found in near.get(text, ()) for one in items_of[found])]
        for item_id in items:
            duplicates[item_id] = frozenset(alike) - {item_id}
            similar[item_id] = tuple(one for found in other.get(text, ()) for one in items_of[found])
    return SemanticNeighbors(duplicates, similar)


def _mine(
    corpus: Sequence[str],
    embedder: SentenceTransformer,
    *,
    num_negatives: int,
    min_score: float | None = None,
    max_score: float | None = None,
) -> Mapping[str, Sequence[str]]:
    """Texts within the bounds of every text, nearest first."""
    wanted = min(num_negatives, len(corpus) - 1)
    if wanted < 1:
        return {}
    mined = mine_hard_negatives(
        Rows.from_dict({"anchor": list(corpus), "positive": list(corpus)}),
        embedder,
        corpus=list(corpus),
        range_max=min(4 * wanted, len(corpus) - 1),
        min_score=min_score,
        max_score=max_score,
        num_negatives=wanted,
        output_format="labeled-list",
        faiss_batch_size=1024,
        verbose=False,
    )
    return {row["anchor"]: row["positive"][1:] for row in mined}
