"""Fitted rankers in memory, and small ones made by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.domain.budget import Budget
from gateway.domain.errors import StoreUnavailable
from gateway.ports import KeptRanker
from gateway.ranker.fitted import BLEND, FittedRanker, MeasuredOrder, Verdict, parse_ranker
from gateway.ranker.fused_score import Fusion
from gateway.ranker.spec import SpecInvalid, TreeFusion
from gateway.ranker.trees import file_name_of, read_trees
from gateway.store.rankers import MOST

_HEADER = "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\n"
_SHAPE = "num_leaves=2\nnum_cat=0\nsplit_feature=0\nleft_child=-1\nright_child=-2\nis_linear=0"
MISSING_LEFT, MISSING_RIGHT = 10, 8
"""Decision types: what is missing counts as below every threshold, or above."""


@dataclass
class MemoryRankers:
    """RankerStore in memory, as texts, so that tests can put in what cannot be read; counts what it was asked for.
    ``away`` fails."""

    texts: dict[str, str] = field(default_factory=dict)
    away: bool = False
    read: list[str] = field(default_factory=list)
    held: set[str] = field(default_factory=set)

    async def keep(self, ranker: FittedRanker, budget: Budget) -> None:
        self._check(budget)
        self.texts.pop(ranker.version, None)
        self.texts[ranker.version] = ranker.to_json()
        for version in list(self.texts)[:-MOST]:
            if version not in self.held:
                del self.texts[version]

    async def hold(self, version: str, budget: Budget) -> None:
        self._check(budget)
        self.held.add(version)

    async def newest(self, budget: Budget) -> str:
        self._check(budget)
        return next(reversed(self.texts), "")

    async def get(self, version: str, budget: Budget) -> FittedRanker | None:
        self._check(budget)
        self.read.append(version)
        return parse_ranker(self.texts[version]) if version in self.texts else None

    async def kept(self, budget: Budget) -> Sequence[KeptRanker]:
        self._check(budget)
        return [KeptRanker(one, datetime.now(UTC), _readable(text)) for one, text in reversed(self.texts.items())]

    def _check(self, budget: Budget) -> None:
        if self.away or budget.spent:
            raise StoreUnavailable("the rankers are away")


def _readable(text: str) -> FittedRanker | None:
    try:
        return parse_ranker(text)
    except SpecInvalid:
        return None


def steps(feature: str, *thresholds: float, missing: int = MISSING_LEFT) -> Fusion:
    """Trees that read one feature: a step up at every threshold, from -1 to 1 each."""
    trees = [
        f"Tree={number}\n{_SHAPE}\nthreshold={threshold!r}\ndecision_type={missing}\nleaf_value=-1 1\n"
        for number, threshold in enumerate(thresholds)
    ]
    header = f"{_HEADER}feature_names={file_name_of(feature)}\n"
    return Fusion(TreeFusion((feature,), 1.0, 0.0), read_trees("\n".join([header, *trees, "end of trees\n"])))


def with_trees(trees: Fusion, first_stage: str = BLEND) -> FittedRanker:
    """A ranker whose own trees serve."""
    rows = (MeasuredOrder(first_stage, 0.1, 0.05, 0.15), MeasuredOrder("own", 0.2, 0.15, 0.25, 0.1, 0.05, 0.15, 0.001))
    return FittedRanker(Verdict("own", "they were better", 300, first_stage, rows), trees)


def without_trees(first_stage: str = BLEND, reason: str = "nothing was better") -> FittedRanker:
    """A ranker that serves first-stage order."""
    rows = (MeasuredOrder(first_stage, 0.1, 0.05, 0.15),)
    return FittedRanker(Verdict("first_stage", reason, 300, first_stage, rows))
