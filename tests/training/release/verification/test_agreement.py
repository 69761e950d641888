"""The numbers of a verification: the worst pair, the worst list, and a verdict that cannot miss a wrong one."""

import numpy as np
import pytest

from training.release.verification.agreement import VerificationReport, kendall_taus, max_abs_difference

EXPECTED = [np.array([3.0, 1.0, 2.0], np.float32), np.array([0.5, -0.5], np.float32)]


def report(fp32: float = 1e-6, tau: float = 0.999) -> VerificationReport:
    return VerificationReport(
        max_abs_dlogit_fp32=fp32,
        max_abs_dlogit_int8=0.02,
        kendall_tau_int8=tau,
        kendall_tau_int8_mean=0.9995,
        pairs=5,
        lists=2,
        reference="trained checkpoint",
        model="cross_encoder",
        model_version="1",
        encoding_fingerprint="f",
    )


def test_the_largest_difference_of_any_answer_counts() -> None:
    close, far = EXPECTED[0] + np.float32(0.01), EXPECTED[0] - np.float32(0.25)
    assert max_abs_difference(EXPECTED, [[close, far], [EXPECTED[1]]]) == pytest.approx(0.25)


def test_an_answer_that_is_no_number_is_infinitely_far() -> None:
    broken = np.array([3.0, np.nan, 2.0], np.float32)
    assert max_abs_difference(EXPECTED, [[EXPECTED[0]], [EXPECTED[1]]]) == 0.0
    assert max_abs_difference(EXPECTED, [[broken], [EXPECTED[1]]]) == float("inf")


def test_a_reversed_list_has_tau_minus_one_and_an_equal_one_has_one() -> None:
    assert kendall_taus(EXPECTED, [[EXPECTED[0], -EXPECTED[0]], [EXPECTED[1]]]) == pytest.approx([1.0, -1.0, 1.0])


def test_a_report_within_its_bounds_has_no_faults() -> None:
    assert report().faults == []
    assert report().to_json()["faults"] == []


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (report(fp32=2e-4), "fp32 logits differ by 2.00e-04; at most 0.0001"),
        (report(fp32=float("nan")), "fp32 logits differ"),
        (report(tau=0.97), "a list has Kendall tau 0.9700; at least 0.98"),
        (report(tau=float("nan")), "a list has Kendall tau"),
    ],
)
def test_a_report_beyond_a_bound_says_which(bad: VerificationReport, expected: str) -> None:
    (fault,) = bad.faults
    assert expected in fault


def test_an_answer_without_an_order_cannot_hide_behind_a_good_list() -> None:
    """NaN would: the minimum of numbers passes over a NaN that does not come first."""
    flat, broken = np.zeros(2, np.float32), np.array([np.nan, 1.0], np.float32)
    for bad in (flat, broken):
        assert kendall_taus(EXPECTED, [[EXPECTED[0]], [bad]]) == pytest.approx([1.0, 0.0])


def test_a_list_of_one_pair_agrees_in_order_whatever_its_logit() -> None:
    assert kendall_taus([np.array([1.0], np.float32)], [[np.array([1.5], np.float32)]]) == [1.0]


def test_a_missing_answer_is_an_error_and_no_better_number() -> None:
    with pytest.raises(ValueError, match="zip"):
        max_abs_difference(EXPECTED, [[EXPECTED[0]]])
    with pytest.raises(ValueError, match="zip"):
        kendall_taus(EXPECTED, [[EXPECTED[0]]])


def test_both_bounds_can_be_broken_at_once_and_exactly_on_the_bound_is_good() -> None:
    assert len(report(fp32=1.0, tau=0.5).faults) == 2
    assert report(fp32=1e-4, tau=0.98).faults == []
