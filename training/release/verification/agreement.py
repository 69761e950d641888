"""How far served logits lie from the reference, in numbers. Knows no model and no server."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from training.export.compare import kendall_tau
from training.release.verification.reference import Logits

MAX_DLOGIT_FP32 = 1e-4
MIN_KENDALL_TAU_INT8 = 0.98


@dataclass(frozen=True, slots=True)
class VerificationReport:
    """What `crossrank verify` prints. Kendall's τ-b is the lowest of all lists; the mean stands beside it."""

    max_abs_dlogit_fp32: float
    max_abs_dlogit_int8: float
    kendall_tau_int8: float
    kendall_tau_int8_mean: float
    pairs: int
    lists: int
    reference: str
    model: str
    model_version: str
    encoding_fingerprint: str

    @property
    def faults(self) -> list[str]:
        """Which bounds do not hold; empty when the model serves what was trained."""
        found = []
        if not self.max_abs_dlogit_fp32 <= MAX_DLOGIT_FP32:
            found.append(f"fp32 logits differ by {self.max_abs_dlogit_fp32:.2e}; at most {MAX_DLOGIT_FP32:g}")
        if not self.kendall_tau_int8 >= MIN_KENDALL_TAU_INT8:
            found.append(f"a list has Kendall tau {self.kendall_tau_int8:.4f}; at least {MIN_KENDALL_TAU_INT8:g}")
        return found

    def to_json(self) -> dict[str, object]:
        """The report with its verdict."""
        return {**asdict(self), "faults": self.faults}


def max_abs_difference(reference: Sequence[Logits], others: Sequence[Sequence[Logits]]) -> float:
    """Largest |Δlogit| over all lists and all answers to each; infinite when an answer is not finite."""
    differences = [
        float(np.max(np.abs(answer - expected)))
        for expected, answers in zip(reference, others, strict=True)
        for answer in answers
    ]
    return max(difference if np.isfinite(difference) else float("inf") for difference in differences)


def kendall_taus(reference: Sequence[Logits], others: Sequence[Sequence[Logits]]) -> list[float]:
    """Kendall's τ-b of every answer to every list, never NaN."""
    return [
        kendall_tau(expected, answer) for expected, answers in zip(reference, others, strict=True) for answer in answers
    ]
