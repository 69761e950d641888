"""A ranker that was fitted and judged on a team's own interactions: what can order a list, and what was measured of
each order. Kept beside the catalogue that it belongs to. Knows no store."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Literal

from gateway.ranker.fused_score import Fusion
from gateway.ranker.spec import FusionTerm, LinearFusion, SpecInvalid, parse_fusion
from gateway.ranker.trees import read_trees

Order = Literal["own", "default", "first_stage"]
"""What orders a list: trees fitted on the team's data, trees that ship for any catalogue, or the best first stage."""

BLEND = "blend"
CALLER = "caller"
"""The first stage of candidates that the caller brings: their order in the request."""

FIRST_STAGE: Order = "first_stage"
ORDERS: tuple[Order, ...] = ("own", "default", FIRST_STAGE)


@dataclass(frozen=True, slots=True)
class MeasuredOrder:
    """NDCG@10 of one order on held-out users with its 95 % interval, and its paired difference to the best first stage:
    95 % interval, and p after Holm's correction."""

    name: str
    ndcg: float
    low: float
    high: float
    difference: float = 0.0
    difference_low: float = 0.0
    difference_high: float = 0.0
    p: float = 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What orders the lists, and why. ``users``: on how many it was measured, 0: on none. ``first_stage``: the source
    whose order was best on other lists, or the blend of all."""

    serves: Order
    reason: str
    users: int = 0
    first_stage: str = BLEND
    rows: tuple[MeasuredOrder, ...] = ()


@dataclass(frozen=True)
class FittedRanker:
    """``trees`` are those that the verdict serves; None where it serves first-stage order. They read no logit."""

    verdict: Verdict
    trees: Fusion | None = None

    @cached_property
    def version(self) -> str:
        """Twelve hexadecimal digits; equal rankers have the same."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    @cached_property
    def first_stage(self) -> Fusion:
        """The order of the best first stage; behind what a single source proposes follows the blend."""
        return first_stage_fusion(self.verdict.first_stage)

    def without_trees(self, why: str) -> "FittedRanker":
        """The same where first-stage order is wanted, for the reason ``why``."""
        if self.trees is None:
            return self
        measured = f"{why}: first-stage order ({self.verdict.first_stage}), measured on {self.verdict.users} users"
        return FittedRanker(replace(self.verdict, serves=FIRST_STAGE, reason=measured))

    def to_json(self) -> str:
        """All of it, keys sorted."""
        trees = None
        if self.trees and self.trees.trees:
            trees = {"spec": asdict(self.trees.spec), "text": self.trees.trees.text}
        return json.dumps({"verdict": asdict(self.verdict), "trees": trees}, sort_keys=True)


def first_stage_fusion(name: str) -> Fusion:
    """The order of a source, or of the blend, as a fused score."""
    if name == BLEND:
        return Fusion(LinearFusion((FusionTerm("first_stage", 1.0),)))
    # Less than what tells two neighbouring ranks up to 1,000 apart.
    return Fusion(LinearFusion((FusionTerm(f"reciprocal_rank:{name}", 1.0), FusionTerm("first_stage", 1e-5))))


def parse_ranker(text: str) -> FittedRanker:
    """What to_json wrote. Raises SpecInvalid."""
    try:
        data: Mapping[str, Any] = json.loads(text)
        verdict, trees = data["verdict"], data["trees"]
        rows = tuple(MeasuredOrder(**row) for row in verdict["rows"])
        fusion = trees and Fusion(parse_fusion(trees["spec"]), read_trees(trees["text"]))
        return FittedRanker(Verdict(**{**verdict, "rows": rows}), fusion)
    except SpecInvalid:
        raise
    except (KeyError, TypeError, ValueError) as fault:
        raise SpecInvalid(f"the stored ranker cannot be read: {fault!r}; fit it again: crossrank index") from fault
