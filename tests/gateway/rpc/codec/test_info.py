"""What GetInfo tells of models and of the ranker that was fitted: judged is not the same as paying."""

from crossrank.v1 import ranking_pb2
from gateway.domain.limits import Limits
from gateway.domain.order import RequestKind
from gateway.ranker.fitted import FittedRanker, MeasuredOrder, Verdict
from gateway.rpc.codec.info import encode_info
from tests.fakes.rankers import steps, with_trees, without_trees
from tests.gateway.rpc.fakes import FakeInfo

OWN = MeasuredOrder("own", 0.25, 0.125, 0.375, 0.0625, 0.03125, 0.09375, 0.001)
BLEND = MeasuredOrder("blend", 0.1875, 0.125, 0.25)


def told(info: FakeInfo) -> ranking_pb2.GetInfoResponse:
    return encode_info(info, Limits())


def test_a_version_that_nobody_judged_is_told_apart_from_one_that_never_pays() -> None:
    verdicts = [None, frozenset[RequestKind](), frozenset({RequestKind.WARM, RequestKind.INLINE})]
    models = [told(FakeInfo(reading=one)).models[0] for one in verdicts]
    assert [(one.reading_judged, list(one.reading_pays)) for one in models] == [
        (False, []),
        (True, []),
        (True, ["inline", "warm"]),
    ]


def test_before_the_first_fit_there_is_no_ranker() -> None:
    assert not told(FakeInfo()).HasField("ranker")


def test_a_ranker_is_told_with_all_that_was_measured_and_why_it_serves() -> None:
    trees = steps("relation_sum:ease", 0.5)
    fitted = FittedRanker(Verdict("own", "it was better", 300, "blend", (BLEND, OWN)), trees)
    ranker = told(FakeInfo(fitted=fitted)).ranker
    assert (ranker.version, ranker.serves, ranker.reason, ranker.users) == (fitted.version, "own", "it was better", 300)
    assert ranker.first_stage == "blend"
    assert [(one.name, one.ndcg, one.low, one.high, one.difference, one.p) for one in ranker.measured] == [
        ("blend", 0.1875, 0.125, 0.25, 0.0, 1.0),
        ("own", 0.25, 0.125, 0.375, 0.0625, 0.001),
    ]


def test_a_ranker_without_trees_serves_the_first_stage_whatever_its_verdict_was() -> None:
    assert told(FakeInfo(fitted=without_trees("popular"))).ranker.serves == "first_stage"
    forced = FittedRanker(with_trees(steps("relation_sum:ease", 0.5)).verdict)
    assert told(FakeInfo(fitted=forced)).ranker.serves == "first_stage"
