"""What orders a list, for every kind of request, with and without a ranker and a verdict on reading."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from gateway.domain.order import OrderedBy, RankedBy, Reading, RequestKind
from gateway.domain.values import Candidate, Context, HistoryEvent, Item, ModelIdentity, SourceHit
from gateway.ports import ServedModel
from gateway.ranker.features import FusionInput
from gateway.ranker.fitted import BLEND, CALLER, FittedRanker
from gateway.ranker.signals import SPARSE, ItemSignals
from gateway.ranking.order import sigmoid
from gateway.ranking.ordering import Ordering, kind_of, of_reader, place, reader_orders, reads, without_reader
from tests.fakes.rankers import steps, with_trees, without_trees
from tests.fakes.signals import liked
from tests.fakes.specs import small_bundle

EVENTS = (HistoryEvent("h"),)
STORED, INLINE = Candidate("a", 1, 1.0), Candidate("b", 2, 0.5, item=Item("b", {}))
PROPOSED = Candidate("a", 1, 1.0, (SourceHit("text_ann", 1, 0.5),))
TREES, FIRST_STAGE = with_trees(steps("relation_sum:ease", 0.5, 1.5), "knn"), without_trees("knn")
RANKERS = (None, TREES, FIRST_STAGE)


@pytest.mark.parametrize(
    ("context", "history", "candidates", "kind"),
    [
        (Context(user_id="u"), EVENTS, [STORED], RequestKind.WARM),
        (Context(seed_item_id="h"), EVENTS, [STORED, INLINE], RequestKind.WARM),
        (Context(user_id="u"), EVENTS, [], RequestKind.WARM),
        (Context(user_id="u"), (), [STORED], RequestKind.NEW_USER),
        (Context(user_id="u", session_query="war"), (), [STORED], RequestKind.NEW_USER),
        (Context(query="war"), (), [PROPOSED, STORED], RequestKind.QUERY),
        (Context(query="war"), (), [], RequestKind.QUERY),
        (Context(query="war"), (), [STORED], RequestKind.QUERY),
        (Context(query="war"), (), [STORED, INLINE], RequestKind.QUERY),
        (Context(user_id="u", session_query="war"), EVENTS, [STORED], RequestKind.QUERY_AND_HISTORY),
        (Context(user_id="u"), EVENTS, [INLINE, INLINE], RequestKind.INLINE),
        (Context(query="war"), (), [INLINE], RequestKind.QUERY),
        (Context(user_id="u"), (), [INLINE], RequestKind.INLINE),
    ],
)
def test_a_request_is_of_the_kind_of_what_is_known_of_it(
    context: Context, history: tuple[HistoryEvent, ...], candidates: list[Candidate], kind: RequestKind
) -> None:
    assert kind_of(context, history, candidates) is kind


@pytest.fixture(scope="module")
def unjudged(tmp_path_factory: pytest.TempPathFactory) -> ServedModel:
    """A version whose reading nobody judged."""
    bundle = small_bundle(tmp_path_factory.mktemp("version"))
    return ServedModel(ModelIdentity("cross_encoder", "7", bundle.fingerprint), bundle)


def judged(model: ServedModel, *pays: RequestKind) -> ServedModel:
    """The version with a verdict."""
    return replace(model, bundle=replace(model.bundle, reading=frozenset(pays)))


@pytest.mark.parametrize(("kind", "ranker"), [*product(RequestKind, RANKERS)])
def test_a_version_that_nobody_judged_reads_where_nothing_was_fitted(
    kind: RequestKind, ranker: FittedRanker | None, unjudged: ServedModel
) -> None:
    assert reader_orders(kind, unjudged, ranker) is (ranker is None)
    assert reader_orders(kind, None, ranker) is (ranker is None), "an absent reader is missed where it would order"


@pytest.mark.parametrize(("kind", "ranker"), [*product(RequestKind, RANKERS)])
def test_a_version_that_was_judged_reads_where_that_pays_and_nowhere_else_whatever_was_fitted(
    kind: RequestKind, ranker: FittedRanker | None, unjudged: ServedModel
) -> None:
    assert reader_orders(kind, judged(unjudged, kind), ranker)
    assert not reader_orders(kind, judged(unjudged, *(one for one in RequestKind if one is not kind)), ranker)
    assert not reader_orders(kind, judged(unjudged), ranker), "it pays for nothing"


def test_reading_may_be_forced_and_forbidden_whatever_orders() -> None:
    assert [reads(one, orders=True) for one in Reading] == [True, True, False, True]
    assert [reads(one, orders=False) for one in Reading][:3] == [False, True, False]


BY_BLEND = RankedBy(OrderedBy.FIRST_STAGE, BLEND)
SIGNALS = {item_id: liked(np.random.default_rng(1)) for item_id in "abc"}


@pytest.mark.parametrize("kind", [*RequestKind])
@pytest.mark.parametrize(
    ("ranker", "signals", "by"),
    [
        (None, SIGNALS, BY_BLEND),
        (TREES, SIGNALS, RankedBy(OrderedBy.TREES, TREES.version)),
        (TREES, {}, RankedBy(OrderedBy.FIRST_STAGE, "knn")),
        (FIRST_STAGE, SIGNALS, RankedBy(OrderedBy.FIRST_STAGE, "knn")),
        (FIRST_STAGE, {}, RankedBy(OrderedBy.FIRST_STAGE, "knn")),
        (without_trees(), {}, BY_BLEND),
    ],
)
def test_without_the_reader_only_what_was_measured_orders_what_it_was_measured_on(
    kind: RequestKind, ranker: FittedRanker | None, signals: dict[str, ItemSignals], by: RankedBy
) -> None:
    ordering = without_reader(kind, ranker, signals=bool(signals))
    assert ordering.by == (by if kind is RequestKind.WARM else BY_BLEND)
    assert not ordering.fusion.reads_logit


@pytest.mark.parametrize("kind", [*RequestKind])
@pytest.mark.parametrize("first_stage", [CALLER, "text_ann"])
def test_a_first_stage_that_is_not_the_blend_is_called_by_its_name_and_no_source_takes_its_place(
    kind: RequestKind, first_stage: str
) -> None:
    by_name = RankedBy(OrderedBy.FIRST_STAGE, first_stage)
    for ranker in (None, FIRST_STAGE):
        ordering = without_reader(kind, ranker, first_stage)
        assert ordering.by == by_name
        assert [item_id for item_id, *_ in order(ordering, given())] == ["a", "b", "c"]
    trees = without_reader(RequestKind.WARM, TREES, first_stage)
    assert trees.by.by is OrderedBy.TREES


def given(logits: dict[str, float] | None = None) -> FusionInput:
    """Of a, b, c in first-stage order the history speaks most for c; the source knn proposed b alone."""
    random = np.random.default_rng(2)
    signals = {item_id: liked(random) for item_id in "abc"}
    signals["h"] = liked(random, {"c": [2.0] * len(SPARSE), "b": [1.0] * len(SPARSE)})
    candidates = [
        Candidate(item_id, rank, 1 / (60 + rank), (SourceHit("knn", 1, 1.0),) if item_id == "b" else ())
        for rank, item_id in enumerate("abc", start=1)
    ]
    return FusionInput(candidates, logits or {}, history=EVENTS, signals=signals)


def order(ordering: Ordering, one: FusionInput) -> list[tuple[str, float | None, float | None]]:
    return [(placed.candidate.item_id, placed.logit, placed.score) for placed in place(ordering, one)]


def test_trees_order_and_score_and_logits_stand_beside_them() -> None:
    ordering = without_reader(RequestKind.WARM, TREES)
    scores = [sigmoid(2.0), sigmoid(0.0), sigmoid(-2.0)]
    assert order(ordering, given()) == list(zip("cba", [None] * 3, scores, strict=True))
    read = given({"a": 9.0, "b": -1.0})
    assert order(ordering, read) == list(zip("cba", [None, -1.0, 9.0], scores, strict=True))


def test_first_stage_order_has_logits_where_they_are_known_and_never_a_score() -> None:
    blend = without_reader(RequestKind.WARM, None, signals=False)
    assert order(blend, given({"c": 9.0})) == [("a", None, None), ("b", None, None), ("c", 9.0, None)]
    best = without_reader(RequestKind.WARM, FIRST_STAGE, signals=False)
    assert order(best, given()) == [("b", None, None), ("a", None, None), ("c", None, None)]


def test_the_reader_orders_by_its_logits_and_says_which_version_it_is(unjudged: ServedModel) -> None:
    ordering = of_reader(unjudged)
    assert ordering.by == RankedBy(OrderedBy.READER, "7")
    expected = [("c", 2.0, sigmoid(2.0)), ("a", 1.0, sigmoid(1.0)), ("b", None, None)]
    assert order(ordering, given({"a": 1.0, "c": 2.0})) == expected
