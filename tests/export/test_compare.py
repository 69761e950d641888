"""Numbers on how far two models agree."""

import numpy as np
import pytest

from gateway.domain import EncodedPair
from tests.export.conftest import Exported
from tests.export.inputs import random_rows, reference_logits
from training.export.compare import agreement, score_graph


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


def test_lists_must_pair_up() -> None:
    one = np.zeros(2, np.float32)
    with pytest.raises(ValueError, match="shorter"):
        agreement([one, one], [one])


def test_pairs_are_scored_as_transformers_does(cross_encoder: Exported) -> None:
    rows = random_rows(30, 6)
    pairs = [
        EncodedPair(tuple(row["input_ids"].tolist()), tuple(row["token_type_ids"].tolist()), False) for row in rows
    ]
    expected = reference_logits(cross_encoder.model, rows)[:, 0]
    np.testing.assert_allclose(score_graph(cross_encoder.fp32, pairs), expected, atol=1e-4)
