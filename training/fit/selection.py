"""Valid lists ranked by the logit alone while a model is trained, so that its best checkpoint is kept. Never sees a
test list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sentence_transformers.base.evaluation import BaseEvaluator

from training.lists.candidate_list import CandidateList
from training.metrics.ranking import ndcg, target_ranks
from training.model.cross_encoder import PairCrossEncoder
from training.model.pair_table import context_key
from training.options.fit import SelectOptions

METRIC = "ndcg@10"
BATCH_PAIRS = 512


@dataclass(frozen=True, slots=True)
class ListQuality:
    """NDCG@10 of every list, in their order, and how many pairs were scored."""

    ndcg_by_list: tuple[float, ...]
    pairs: int

    @property
    def ndcg(self) -> float:
        """Mean over lists."""
        return float(np.mean(self.ndcg_by_list))


class ListEvaluator(BaseEvaluator):
    """NDCG@10 of the logit's order. Equal logits are ordered at random (seeded), so a constant scorer gains nothing
    from the first stage's order."""

    def __init__(self, lists: Sequence[CandidateList], depth: int, seed: int) -> None:
        self.greater_is_better = True
        self.primary_metric = METRIC
        self._lists = lists
        self._depth = depth
        self._seed = seed

    def __call__(
        self, model: Any, output_path: str | None = None, epoch: float = -1, steps: int = -1
    ) -> dict[str, float]:
        """What the trainer asks for at every checkpoint."""
        return {METRIC: self.measure(model).ndcg}

    def measure(self, model: PairCrossEncoder) -> ListQuality:
        """Scores the first ``depth`` candidates of every list."""
        random = np.random.default_rng(self._seed)
        shuffled = []
        for one in self._lists:
            items = [candidate.item_id for candidate in one.candidates[: self._depth]]
            shuffled.append([items[place] for place in random.permutation(len(items))])
        pairs = [
            (context_key(one.history), item_id)
            for one, items in zip(self._lists, shuffled, strict=True)
            for item_id in items
        ]
        logits = model.predict(pairs, batch_size=BATCH_PAIRS, show_progress_bar=False) if pairs else np.zeros(0)
        ends = np.cumsum([len(items) for items in shuffled])
        values = []
        for one, items, scores in zip(self._lists, shuffled, np.split(logits, ends[:-1]), strict=True):
            ranked = [items[place] for place in np.argsort(-scores, kind="stable")]
            values.append(ndcg(target_ranks(ranked, one.targets), len(set(one.targets)), 10))
        return ListQuality(tuple(values), len(pairs))


def selection_lists(lists: Sequence[CandidateList], options: SelectOptions, seed: int) -> list[CandidateList]:
    """The valid lists of ``users`` users, drawn by the seed."""
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(lists))[: options.users]
    return [lists[place] for place in sorted(chosen)]
