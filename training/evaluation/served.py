"""Lists as the gateway served them to lists that can be evaluated: one row per source, the blend, the same-field rules,
the logit alone, fusions without it, and the served order. Knows no stack."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.domain.history import History
from gateway.ranker.fused_score import Fusion
from training.evaluation.evaluate import evaluate
from training.evaluation.evaluation import Evaluation
from training.evaluation.fields import KNOWN_FIELDS, Items, SharedField, present, same_field_order
from training.evaluation.lists import EvaluatedList
from training.evaluation.plan import CROSS_ENCODER, READER, RERANKED, EvaluationPlan
from training.evaluation.reading import judge_reading
from training.first_stage.baselines import Orders
from training.lists.served import BLEND, ServedList
from training.metrics.ties import order_by_score
from training.protocol.dataset import Dataset, Phase
from training.ranker.lists import order_by, scored_lists

Fusions = Mapping[str, Fusion]
"""Row name to a fused score; those that read no logit are what a cross-encoder has to beat."""


def evaluate_served(
    served: Sequence[ServedList],
    dataset: Dataset,
    learned: Fusions,
    *,
    offline: Orders | None = None,
    shared: Sequence[SharedField] = KNOWN_FIELDS,
    seed: int = 1,
) -> Evaluation:
    """Served test lists of a data set. ``offline``: rows of first stages that the gateway has not. Fields of ``shared``
    that no item has are left out."""
    fields = present(shared, dataset.fields)
    if offline:
        served = [replace(one, by_source={**one.by_source, **offline[one.user_id]}) for one in served]
    lists = []
    for one, scored in zip(served, scored_lists(served, dataset, Phase.TEST), strict=True):
        history = dataset.case(one.user_id, Phase.TEST).history
        orders = {name: order_by(fusion, scored.given) for name, fusion in learned.items()}
        lists.append(to_evaluated(one, history, dataset.fields, fields, orders, seed))
    popularity = Counter(row.item_id for row in dataset.interactions(Phase.TEST))
    plan = plan_for(served[0].by_source, fields, learned)
    reading = judge_reading(lists, seed) if READER in learned else ()
    return replace(evaluate(lists, plan, dataset.fields, popularity, seed), reading=reading)


def plan_for(sources: Mapping[str, object], shared: Sequence[SharedField], learned: Fusions) -> EvaluationPlan:
    """The parts that the rows of to_evaluated play."""
    without = tuple(name for name, fusion in learned.items() if not fusion.reads_logit)
    first_stage = (*sources, *(field.row for field in shared))
    return EvaluationPlan(first_stage=first_stage, learned_without=without, shared=tuple(shared))


def to_evaluated(
    one: ServedList,
    history: History[str],
    items: Items,
    shared: Sequence[SharedField],
    learned: Mapping[str, tuple[str, ...]],
    seed: int,
) -> EvaluatedList:
    """One served list with all its rows; ``learned`` are orders. The logit alone breaks ties at random, for it knows no
    first stage."""
    logits = {candidate.item_id: logit for candidate, logit in zip(one.candidates, one.logits, strict=bool(one.logits))}
    alone = {CROSS_ENCODER: order_by_score(logits, one.user_id, seed)} if logits else {}
    blend = one.by_source[BLEND]
    return EvaluatedList(
        user_id=one.user_id,
        targets=one.targets,
        history=history.oldest_first,
        orders={
            **one.by_source,
            **{field.row: same_field_order(field, blend, history, items) for field in shared},
            **alone,
            **learned,
            RERANKED: one.ranked,
        },
    )
