"""Numbers on how far two models agree."""

import numpy as np
import pytest

from gateway.domain.values import EncodedPair
from tests.training.export.conftest import Exported
from tests.training.export.inputs import Row, random_rows, reference_logits
from training.export.compare import BATCH_PAIRS, agreement, score_batches, score_graph
from training.export.session import open_session


def test_equal_lists_agree_fully() -> None:
    lists = [np.array([1.0, 3.0, 2.0], np.float32), np.array([0.5, -0.5], np.float32)]
    found = agreement(lists, lists)
    assert (found.pairs, found.max_abs_dlogit, found.lowest_kendall_tau, found.mean_kendall_tau) == (5, 0, 1, 1)


def test_the_worst_list_is_told() -> None:
    reference = [np.array([1.0, 2.0, 3.0], np.float32), np.array([1.0, 2.0], np.float32)]
    other = [np.array([1.0, 2.0, 3.5], np.float32), np.array([2.0, 1.0], np.float32)]
    found = agreement(reference, other)
    assert found.lowest_kendall_tau == pytest.approx(-1)
    assert found.mean_kendall_tau == pytest.approx(0)
    assert found.max_abs_dlogit == 1
    assert found.mean_abs_dlogit == pytest.approx(2.5 / 5)


def test_an_answer_that_is_no_number_is_infinitely_far() -> None:
    expected = [np.array([3.0, 1.0, 2.0], np.float32), np.array([0.5, -0.5], np.float32)]
    broken = np.array([3.0, np.nan, 2.0], np.float32)
    assert agreement(expected, [broken, expected[1]]).max_abs_dlogit == float("inf")
    assert agreement(expected, [expected[0] * np.inf, expected[1]]).max_abs_dlogit == float("inf")


def test_an_answer_without_an_order_cannot_hide_behind_a_good_list() -> None:
    """NaN would: the minimum of numbers passes over a NaN that does not come first."""
    expected = [np.array([3.0, 1.0, 2.0], np.float32), np.array([0.5, -0.5], np.float32)]
    for bad in (np.zeros(2, np.float32), np.array([np.nan, 1.0], np.float32)):
        found = agreement(expected, [expected[0], bad])
        assert (found.lowest_kendall_tau, found.mean_kendall_tau) == pytest.approx((0.0, 0.5))


def test_a_list_of_one_pair_agrees_in_order_whatever_its_logit() -> None:
    assert agreement([np.array([1.0], np.float32)], [np.array([1.5], np.float32)]).lowest_kendall_tau == 1.0


def test_lists_must_pair_up() -> None:
    one = np.zeros(2, np.float32)
    with pytest.raises(ValueError, match="shorter"):
        agreement([one, one], [one])


def pairs_of(rows: list[Row]) -> list[EncodedPair]:
    return [EncodedPair(tuple(row["input_ids"].tolist()), tuple(row["token_type_ids"].tolist()), False) for row in rows]


def test_pairs_are_scored_as_transformers_does(cross_encoder: Exported) -> None:
    rows = random_rows(30, 6)
    expected = reference_logits(cross_encoder.model, rows)[:, 0]
    np.testing.assert_allclose(score_graph(cross_encoder.fp32, pairs_of(rows)), expected, atol=1e-4)


@pytest.mark.parametrize("graph", ["fp32", "int8"])
def test_batches_of_similar_length_give_each_pair_its_own_logit_in_the_order_of_the_pairs(
    cross_encoder: Exported, graph: str
) -> None:
    file, pairs = getattr(cross_encoder, graph), pairs_of(random_rows(31, 2 * BATCH_PAIRS + 3))
    assert len({len(pair.token_ids) for pair in pairs}) > BATCH_PAIRS
    alone = score_graph(file, pairs)
    assert np.abs(np.diff(alone)).min() > 1e-4
    np.testing.assert_allclose(score_batches(open_session(file), pairs), alone, atol=1e-5)


def test_no_pairs_have_no_logits(cross_encoder: Exported) -> None:
    assert score_batches(open_session(cross_encoder.fp32), []).shape == (0,)
