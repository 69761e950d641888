"""The result of an evaluation, and what it says. Knows no list: numbers only."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from training.evaluation.beyond_accuracy import BeyondAccuracy
from training.evaluation.cold import ColdResult
from training.evaluation.movement import Movement
from training.evaluation.plan import EvaluationPlan
from training.evaluation.reading import ReadingRow
from training.evaluation.segments import SegmentResult
from training.metrics.ranking import DECIDING
from training.metrics.significance import SIGNIFICANCE, Interval, PairedDifference
from training.ranker.cross_fit import Ablation


@dataclass(frozen=True, slots=True)
class Method:
    """One row: its means with intervals, by metric, and what its lists are like."""

    name: str
    intervals: Mapping[str, Interval]
    beyond: BeyondAccuracy


@dataclass(frozen=True, slots=True)
class Verdict:
    """``good``: the final row is significantly better than all that the sentence names."""

    good: bool
    sentence: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All rows, and what they say. ``paired``: the final row less each other, on NDCG@10. ``changes``: the final row
    less the base row, by metric. ``base``: the row that the final one is shown as a change of, the best of the first
    stage."""

    plan: EvaluationPlan
    users: int
    candidates: int
    catalogue: int
    methods: Sequence[Method]
    base: str
    paired: Mapping[str, PairedDifference]
    changes: Mapping[str, PairedDifference]
    segments: Sequence[SegmentResult]
    movement: Movement
    random_ndcg: float
    fusion_ablation: Sequence[Ablation] = ()
    """What each family of features is worth to the fused score, on the lists that it is fitted on; none where that is
    not known."""
    reading: Sequence[ReadingRow] = ()
    """Whether reading pays, by kind of request; none where the lists were not read, or nothing else orders them."""
    cold: ColdResult | None = None
    """What trees that learned of cold items are worth; None where no items were hidden from them."""

    def method(self, name: str) -> Method:
        """A row. Raises KeyError for a name that was not evaluated."""
        return {one.name: one for one in self.methods}[name]

    def mean(self, name: str, metric: str = DECIDING) -> float:
        """A row's mean."""
        return self.method(name).intervals[metric].mean

    @property
    def final(self) -> str:
        """The row that is compared with every other."""
        return self.plan.final

    @property
    def p_values(self) -> Mapping[str, float]:
        """The final row against each other row, on NDCG@10, uncorrected."""
        return {name: one.p for name, one in self.paired.items()}

    @property
    def beats_first_stage(self) -> bool:
        """The final row is significantly better than every first-stage row."""
        return self._beats(self.plan.first_stage)

    @property
    def beats_learned_without(self) -> bool | None:
        """The final row is significantly better than every row that is learned without the cross-encoder; None when
        there is no such row."""
        return self._beats(self.plan.learned_without) if self.plan.learned_without else None

    def _beats(self, names: Sequence[str]) -> bool:
        """Uncorrected on purpose: to claim that it beats all, each single test must reject."""
        return all(self.paired[name].difference > 0 and self.paired[name].p < SIGNIFICANCE for name in names)

    @property
    def verdicts(self) -> list[Verdict]:
        """What the numbers say: of the first stage, of what is learned without the logit, and of cold items, where
        there are such."""
        first = f"every first-stage method (best: {self.base}); random order: {self.random_ndcg:.4f}"
        found = [self._verdict(self.beats_first_stage, first)]
        if self.beats_learned_without is not None:
            learned = f"what is learned without the logit ({', '.join(self.plan.learned_without)})"
            found.append(self._verdict(self.beats_learned_without, learned))
        if self.cold is not None:
            found.append(Verdict(self.cold.good, self.cold.sentence))
        return found

    def _verdict(self, good: bool, others: str) -> Verdict:
        return Verdict(good, f"{self.final} is {'' if good else 'NOT '}significantly better than {others}")

    def change(self, name: str, metric: str = DECIDING) -> float | None:
        """The final row against another in per cent; None against 0."""
        before = self.mean(name, metric)
        return 100 * (self.mean(self.final, metric) / before - 1) if before else None

    def to_dict(self) -> dict[str, Any]:
        """Plain data for --json and report.json."""
        return {
            "users": self.users,
            "candidates": self.candidates,
            "catalogue": self.catalogue,
            "methods": [_method(one) for one in self.methods],
            "best_first_stage": self.base,
            "base": self.base,
            "reranked": self.final,
            "p_value": self.paired[self.base].p,
            "p_values": dict(self.p_values),
            "reranked_beats_every_first_stage_method": self.beats_first_stage,
            "reranked_beats_every_learned_method_without_cross_encoder": self.beats_learned_without,
            "random_ndcg@10": self.random_ndcg,
            "reading": [{**asdict(one), "pays": one.pays} for one in self.reading],
            "cold": self.cold.to_dict() if self.cold else None,
            "paired": {name: _paired(one) for name, one in self.paired.items()},
            "base_to_reranked": {
                metric: {**_paired(one), "change_percent": self.change(self.base, metric)}
                for metric, one in self.changes.items()
            },
            "segments": [_segment(one) for one in self.segments],
            "beyond_accuracy": {one.name: asdict(one.beyond) for one in self.methods},
            "rank_movement": asdict(self.movement),
            "fusion_ablation": [asdict(one) for one in self.fusion_ablation],
        }


def _method(one: Method) -> dict[str, Any]:
    return {
        "name": one.name,
        **{metric: interval.mean for metric, interval in one.intervals.items()},
        "intervals_95": {metric: [interval.low, interval.high] for metric, interval in one.intervals.items()},
    }


def _paired(one: PairedDifference) -> dict[str, Any]:
    return {"difference": one.difference, "interval_95": [one.low, one.high], "p": one.p, "p_holm": one.p_holm}


def _segment(one: SegmentResult) -> dict[str, Any]:
    names = {"group": one.group, "name": one.name, "lists": one.lists, "targets": one.targets}
    return {**names, "base": one.base, "reranked": one.final, **_paired(one.paired)}
