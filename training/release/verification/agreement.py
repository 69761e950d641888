"""How far served logits lie from the reference, in numbers. Knows no model and no server."""

from dataclasses import asdict, dataclass

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
