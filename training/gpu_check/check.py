"""The whole check of a card in order: its rate, how exact half precision is, how fast each shape. Knows no screen."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from gateway.domain.progress import Say
from training.gpu_check.card import PRODUCT_SIZE, find_device, measure_card
from training.gpu_check.exactness import measure_exactness
from training.gpu_check.report import CheckReport
from training.gpu_check.shapes import SHAPES, TINY, Shape
from training.gpu_check.speed import FULL, QUICK, Effort, Mode, Speed, measure_speed

CPU_MODES = (Mode.PLAIN, Mode.PADDED)
QUICK_PRODUCT = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPlan:
    """``device``: auto, cuda, cuda:N or cpu. ``quick`` tries the program on a tiny shape: its speeds say nothing.
    ``version``: the folder of a cross-encoder with real weights, whose logits are compared."""

    version: Path
    device: str = "auto"
    quick: bool = False

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """That are timed."""
        return (TINY,) if self.quick else SHAPES

    @property
    def effort(self) -> Effort:
        """How long."""
        return QUICK if self.quick else FULL


def run_check(plan: CheckPlan, say: Say) -> CheckReport:
    """Raises NoAccelerator. A mode that this machine cannot run is a fault of the report and harms no other."""
    device = find_device(plan.device)
    say("measuring products of matrices")
    card = measure_card(device, QUICK_PRODUCT if plan.quick else PRODUCT_SIZE, plan.effort.least_s)
    say("comparing logits with fp32")
    lists, items = (2, 6) if plan.quick else (24, 40)
    exactness = measure_exactness(plan.version, device, lists, items)
    speeds: list[Speed] = []
    faults: list[str] = []
    for shape in plan.shapes:
        for mode in CPU_MODES if device.type == "cpu" else Mode:
            say(f"timing {shape.name}: {mode}")
            try:
                speeds += measure_speed(shape, card, [mode], plan.effort)
            except RuntimeError as fault:
                faults.append(f"{shape.name}, {mode}: {_first_line(fault)}")
            if device.type == "cuda":
                torch.cuda.empty_cache()
    return CheckReport(card, tuple(exactness), tuple(speeds), tuple(faults), plan.quick)


def _first_line(fault: Exception) -> str:
    lines: Iterator[str] = (line.strip() for line in str(fault).splitlines())
    return next((line for line in lines if line), type(fault).__name__)
