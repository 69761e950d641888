"""The whole check of a card in order: its rate, how exact half precision is, how fast each shape. Knows no screen."""

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch

from gateway.domain.progress import Say
from training.gpu_check.card import PRODUCT_SIZE, find_device, measure_card
from training.gpu_check.exactness import measure_exactness
from training.gpu_check.report import CheckReport
from training.gpu_check.shapes import SHAPES, TINY
from training.gpu_check.speed import FULL, QUICK, Mode, Speed, measure_speed
from training.release.verification.lists import ListPlan

CPU_MODES = (Mode.PLAIN, Mode.PADDED)
QUICK_PRODUCT = 256
LISTS = ListPlan(lists=34, candidates=28, longest_history=12)
QUICK_LISTS = ListPlan(lists=2, candidates=6, longest_history=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPlan:
    """``device``: auto, cuda, cuda:N or cpu. ``quick`` tries the program on a tiny shape: its speeds say nothing.
    ``version``: the folder of a cross-encoder with real weights, whose logits are compared."""

    version: Path
    device: str = "auto"
    quick: bool = False


def run_check(plan: CheckPlan, say: Say) -> CheckReport:
    """Raises NoAccelerator. A mode that this machine cannot run is a fault of the report and harms no other."""
    device, quick = find_device(plan.device), plan.quick
    on_card, effort = device.type == "cuda", QUICK if quick else FULL
    if on_card:
        torch.cuda.set_device(device)  # that is the one that is waited for
    say("measuring products of matrices")
    card = measure_card(device, QUICK_PRODUCT if quick else PRODUCT_SIZE, effort.least_s)
    say("comparing logits with fp32")
    exactness = measure_exactness(plan.version, device, QUICK_LISTS if quick else LISTS)
    speeds: list[Speed] = []
    faults: list[str] = []
    for (name, shape), mode in product((TINY if quick else SHAPES).items(), Mode if on_card else CPU_MODES):
        say(f"timing {name}: {mode}")
        try:
            speeds += measure_speed(name, shape, card, mode, effort)
        except RuntimeError as fault:
            first_line = str(fault).strip().partition("\n")[0]
            faults.append(f"{name}, {mode}: {first_line.strip() or type(fault).__name__}")
        if on_card:
            torch.cuda.empty_cache()
    return CheckReport(card, tuple(exactness), tuple(speeds), tuple(faults), quick)
