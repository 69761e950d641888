"""The numbers of a verification: bounds, and a verdict that cannot miss a wrong one."""

import pytest

from training.release.verification.verify import VerificationReport


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


def test_both_bounds_can_be_broken_at_once_and_exactly_on_the_bound_is_good() -> None:
    assert len(report(fp32=1.0, tau=0.5).faults) == 2
    assert report(fp32=1e-4, tau=0.98).faults == []
