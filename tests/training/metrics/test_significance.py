"""Intervals, paired tests and corrections against scipy and against known answers."""

import numpy as np
import pytest
from scipy import stats

from training.metrics import significance
from training.metrics.significance import (
    Interval,
    PairedDifference,
    bootstrap_intervals,
    holm,
    paired_differences,
    randomisation_p_values,
)


def interval(values: np.ndarray[tuple[int], np.dtype[np.float64]], seed: int = 1) -> Interval:
    return bootstrap_intervals(values[:, None], seed)[0]


def p_value(differences: np.ndarray[tuple[int], np.dtype[np.float64]], seed: int = 1, samples: int = 10_000) -> float:
    return randomisation_p_values(differences[:, None], seed, samples)[0]


@pytest.mark.parametrize("seed", range(3))
def test_an_interval_is_that_of_scipy(seed: int) -> None:
    values = np.random.default_rng(seed).exponential(size=150)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=seed).confidence_interval
    ours = interval(values, seed)
    assert ours.mean == pytest.approx(values.mean())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.03), f"seed {seed}"


@pytest.mark.parametrize(("seed", "shift"), [(0, 0.0), (1, 0.15), (2, 0.25), (3, 0.4)])
def test_a_p_value_is_that_of_scipy(seed: int, shift: float) -> None:
    first, second = np.random.default_rng(seed).normal(size=(2, 60))
    theirs = stats.permutation_test(
        (first + shift, second),
        lambda one, other: np.mean(one - other),
        permutation_type="samples",
        n_resamples=4000,
        rng=seed,
    )
    assert p_value(first + shift - second, seed) == pytest.approx(theirs.pvalue, abs=0.02), f"seed {seed}"


def test_an_interval_holds_the_mean_and_narrows_with_more_lists() -> None:
    random = np.random.default_rng(1)
    few, many = (interval(random.random(count)) for count in (30, 3000))
    assert few.low < few.mean < few.high
    assert many.high - many.low < (few.high - few.low) / 4


def test_an_interval_covers_the_truth_about_95_times_in_100() -> None:
    random = np.random.default_rng(6)
    found = bootstrap_intervals(random.exponential(size=(100, 400)), seed=6)
    assert np.mean([one.low <= 1 <= one.high for one in found]) == pytest.approx(0.94, abs=0.03)


def test_columns_share_draws_but_not_results() -> None:
    values = np.random.default_rng(5).random((80, 3))
    for column, one in enumerate(bootstrap_intervals(values, seed=5)):
        alone = interval(values[:, column], seed=5)
        assert (one.mean, one.low, one.high) == pytest.approx((alone.mean, alone.low, alone.high))
    differences = values - 0.47
    assert randomisation_p_values(differences, 5) == [p_value(differences[:, column], 5) for column in range(3)]


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    differences = np.random.default_rng(8).normal(0.1, 1, size=(90, 2))
    whole = paired_differences(differences, np.zeros_like(differences), seed=8)
    monkeypatch.setattr(significance, "_CELLS_AT_ONCE", 90 * 7)
    parts = paired_differences(differences, np.zeros_like(differences), seed=8)
    for one, other in zip(whole, parts, strict=True):
        assert (one.low, one.high, one.p) == pytest.approx((other.low, other.high, other.p), abs=0.02)


def test_lists_outside_a_column_count_neither_in_its_mean_nor_in_its_test() -> None:
    random = np.random.default_rng(9)
    values, zeros = random.normal(0.4, 1, size=(120, 1)), np.zeros((120, 1))
    inside = np.zeros((120, 1))
    inside[:40] = 1
    masked = paired_differences(values, zeros, 9, inside)[0]
    alone = paired_differences(values[:40], zeros[:40], 9)[0]
    assert masked.difference == pytest.approx(alone.difference)
    assert (masked.low, masked.high) == pytest.approx((alone.low, alone.high), abs=0.06)
    assert masked.p == pytest.approx(alone.p, abs=0.02)


def test_a_column_of_a_single_list_has_its_value_as_its_interval() -> None:
    inside = np.zeros((50, 1))
    inside[7] = 1
    found = bootstrap_intervals(np.arange(50.0)[:, None], 1, inside)[0]
    assert (found.mean, found.low, found.high) == (7, 7, 7)


def test_a_column_without_lists_has_no_mean() -> None:
    for values, members in ((np.zeros((0, 1)), None), (np.zeros((3, 1)), np.zeros((3, 1)))):
        with pytest.raises(ValueError, match="at least one list"):
            bootstrap_intervals(values, 1, members)


def test_equal_methods_are_never_told_apart_and_different_ones_are() -> None:
    random = np.random.default_rng(2)
    assert p_value(np.zeros(200)) == 1
    assert p_value(0.05 + random.normal(0, 0.05, 200)) == pytest.approx(1 / 10_001)


def test_the_paired_test_is_rarely_wrong_about_noise() -> None:
    noise = np.random.default_rng(4).normal(size=(80, 600))
    wrong = np.mean(np.array(randomisation_p_values(noise, seed=4, samples=2000)) < 0.05)
    assert 0.02 < wrong < 0.08


def test_a_test_that_ignored_the_pairs_would_miss_a_small_steady_gain() -> None:
    random = np.random.default_rng(11)
    users = random.normal(0, 1, 200)
    gained = users + 0.05 + random.normal(0, 0.05, 200)
    assert stats.ttest_ind(gained, users).pvalue > 0.5
    assert p_value(gained - users) < 0.001


def test_holm_corrects_as_in_the_textbook() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]


def test_holm_keeps_false_alarms_rare_where_uncorrected_tests_do_not() -> None:
    random = np.random.default_rng(12)
    tables = random.random((400, 14))
    assert np.mean([min(table) < 0.05 for table in tables]) > 0.4
    assert np.mean([min(holm(table)) < 0.05 for table in tables.tolist()]) < 0.08


@pytest.mark.parametrize(("p", "mark"), [(0.005, "**"), (0.01, "*"), (0.04, "*"), (0.05, ""), (1.0, "")])
def test_a_mark_says_how_sure_it_is_after_correction(p: float, mark: str) -> None:
    assert PairedDifference(0.1, 0.0, 0.2, p=0.0001, p_holm=p).mark == mark


def test_lists_of_different_number_cannot_be_paired() -> None:
    with pytest.raises(ValueError, match="2 and 3 lists"):
        paired_differences(np.zeros((2, 1)), np.zeros((3, 1)), seed=1)
