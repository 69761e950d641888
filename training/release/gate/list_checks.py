"""Checks of a version on lists of users: does int8 rank as fp32, is it no worse than the champion, is it so on cold
items, is its sign right, were the lists kept out of its training. Knows no files of a version."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from gateway.domain.progress import Advance
from training.errors import Leak
from training.export.compare import Logits, kendall_tau, score_batches
from training.metrics.significance import SIGNIFICANCE, bootstrap_intervals, paired_differences
from training.protocol.dataset import Dataset
from training.protocol.leaks import MadeList, check_training
from training.ranker.table import ScoredList
from training.release.gate.check import Check, Outcome, judged, skipped
from training.release.gate.version import Fp32, OpenVersion, ndcg_as_served, ndcg_of_logits, order_as_served

RANKS, CHAMPION, COLD, LABELS, LEAK = "rank agreement", "champion", "cold items", "labels", "leak"
MIN_MEAN_TAU = 0.98
MAX_INT8_LOSS = 0.005
MAX_RELATIVE_LOSS = 0.01
SEED = 1
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scored:
    """Lists and a version's logits of each."""

    lists: Sequence[ScoredList]
    logits: Sequence[Logits]
    version: OpenVersion

    def ndcg_of_logits(self) -> Values:
        """[lists]: NDCG@10 by the logit alone."""
        return np.array([ndcg_of_logits(*one) for one in zip(self.lists, self.logits, strict=True)])

    def ndcg_as_served(self) -> Values:
        """[lists]: NDCG@10 of the order that the gateway would serve."""
        bundle = self.version.bundle
        return np.array([ndcg_as_served(*one, bundle) for one in zip(self.lists, self.logits, strict=True)])

    def areas_as_served(self, items: Collection[str]) -> list[float | None]:
        """By list: chance that a target among ``items`` stands above a candidate that is no target; None where there is
        no such pair."""
        found = []
        for one, logits in zip(self.lists, self.logits, strict=True):
            order = order_as_served(one, logits, self.version.bundle)
            kept = [item_id in one.targets for item_id in order if item_id in items or item_id not in one.targets]
            found.append(_area(np.array(kept, bool), -np.arange(len(kept), dtype=float)))
        return found


def check_ranks(served: Scored, fp32: Fp32, advance: Advance = lambda done: None) -> Check:
    """Mean Kendall's τ-b of the version's and fp32's logits is at least .98, and NDCG@10 by the version's logits is not
    lower than fp32's by more than .5 %, unless the 95 % interval of the paired difference holds 0: in few lists, single
    targets that change places make that much."""
    exact = []
    for one in served.lists:
        exact.append(score_batches(fp32.session, served.version.pairs(one)))
        advance(1)
    taus = [kendall_tau(one, other) for one, other in zip(exact, served.logits, strict=True)]
    ours, theirs = served.ndcg_of_logits(), Scored(served.lists, exact, served.version).ndcg_of_logits()
    found, expected, tau = float(ours.mean()), float(theirs.mean()), float(np.mean(taus))
    [lost] = paired_differences(ours[:, None], theirs[:, None], SEED)
    faults = []
    if not tau >= MIN_MEAN_TAU:
        remedy = "a model that has learned more tells items further apart; or export with --precision fp32"
        faults.append(f"mean Kendall tau of served and fp32 logits is {tau:.4f}; at least .98: {remedy}")
    if found < expected * (1 - MAX_INT8_LOSS) and lost.high < 0:
        faults.append(f"NDCG@10 by served logits is {found:.4f}, by fp32 {expected:.4f}: more than .5 % lower")
    figures = {
        "kendall_tau_mean": tau,
        "kendall_tau_min": min(taus),
        "ndcg@10": found,
        "ndcg@10_fp32": expected,
        "low": lost.low,
        "high": lost.high,
    }
    return judged(RANKS, faults, f"mean Kendall tau {tau:.4f}, NDCG@10 {found:.4f} (fp32 {expected:.4f})", figures)


def check_champion(challenger: Scored, champion: Scored, margin: float) -> Check:
    """NDCG@10 as served, on the same candidates of the same users.

    Refused when the 95 % interval of (challenger - champion) lies below -``margin`` (its upper end does), or when the
    mean is lower than the champion's by more than 1 % of it and ``margin``. Else it passes: few lists cannot refuse a
    challenger by the interval, but they can by the mean.
    """
    ours, theirs = challenger.ndcg_as_served(), champion.ndcg_as_served()
    first = np.stack([ours, challenger.ndcg_of_logits()], axis=1)
    second = np.stack([theirs, champion.ndcg_of_logits()], axis=1)
    found, by_logit = paired_differences(first, second, SEED)
    mean, old = float(ours.mean()), float(theirs.mean())
    faults = []
    if found.high < -margin:
        faults.append(
            f"NDCG@10 {mean:.4f} against {old:.4f}: the interval {found.low:+.4f} to {found.high:+.4f} lies below "
            f"{-margin:g}"
        )
    if found.difference < -(MAX_RELATIVE_LOSS * old + margin):
        faults.append(f"NDCG@10 {mean:.4f} against {old:.4f}: lower by more than 1 %")
    figures = {
        "ndcg@10": mean,
        "ndcg@10_champion": old,
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "difference_by_logit": by_logit.difference,
        "margin": margin,
        "lists": len(challenger.lists),
    }
    good = f"NDCG@10 {mean:.4f} against {old:.4f} ({found.low:+.4f} to {found.high:+.4f})"
    return judged(CHAMPION, faults, good, figures)


def check_cold(challenger: Scored, champion: Scored, cold: Collection[str]) -> Check:
    """Targets among the items ``cold``, which nobody had liked when the lists were made, stand no lower than the
    champion puts them. Refused when a paired test says that they do; few lists refuse nothing."""
    pairs = zip(challenger.areas_as_served(cold), champion.areas_as_served(cold), strict=True)
    known = np.array([(ours, theirs) for ours, theirs in pairs if ours is not None and theirs is not None])
    if not len(known):
        return judged(COLD, [], "no test list holds a target that nobody had liked", {"lists": 0})
    [found] = paired_differences(known[:, :1], known[:, 1:], SEED)
    mean, old = (float(one) for one in known.mean(axis=0))
    told = f"the AUC of targets that nobody had liked is {mean:.3f} against {old:.3f}, {len(known)} lists"
    figures = {
        "auc": mean,
        "auc_champion": old,
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "p": found.p,
        "lists": len(known),
    }
    lower = found.difference < 0 and found.p < SIGNIFICANCE
    return judged(COLD, [f"{told}: lower, p {found.p:.4f}"] if lower else [], told, figures)


def check_labels(served: Scored) -> Check:
    """The logit ranks what users liked next above the other candidates more often than chance: the lower end of the
    95 % interval of the mean AUC over lists is above .5. A swapped label or sign gives the opposite."""
    areas = [_area(_is_target(one), logits) for one, logits in zip(served.lists, served.logits, strict=True)]
    known = np.array([area for area in areas if area is not None])
    if len(known) < 2:
        return skipped(LABELS, f"{len(known)} lists hold both a target and another candidate; 2 are needed")
    [found] = bootstrap_intervals(known[:, None], SEED)
    fault = (
        f"the AUC of known positives is {found.mean:.3f} ({found.low:.3f} to {found.high:.3f}): no better than chance"
    )
    good = f"AUC of known positives {found.mean:.3f} ({found.low:.3f} to {found.high:.3f})"
    figures = {"auc": found.mean, "low": found.low, "high": found.high, "lists": len(known)}
    return judged(LABELS, [] if found.low > 0.5 else [fault], good, figures)


def check_leak(learned: Sequence[MadeList], dataset: Dataset) -> Check:
    """No list that the model was trained on holds a valid or test target of its own user."""
    if not learned:
        return Check(LEAK, Outcome.FAILED, "the record of the run holds no training list: train again")
    if any(not one.user_id for one in learned):
        return Check(LEAK, Outcome.FAILED, "training lists without a user cannot be checked: train again")
    try:
        check_training(learned, dataset)
    except Leak as fault:
        return Check(LEAK, Outcome.FAILED, fault.message, {"lists": len(learned)})
    good = f"no valid or test target in {len(learned)} training lists"
    return judged(LEAK, [], good, {"lists": len(learned)})


def _is_target(one: ScoredList) -> npt.NDArray[np.bool_]:
    return np.array([candidate.item_id in one.targets for candidate in one.given.candidates], bool)


def _area(liked: npt.NDArray[np.bool_], values: Logits | Values) -> float | None:
    """Chance that the value of one that is ``liked`` is above another's, ties half; None where there is no such
    pair."""
    positives, negatives = int(liked.sum()), int((~liked).sum())
    if not positives or not negatives:
        return None
    ranks = rankdata(values)
    return float((ranks[liked].sum() - positives * (positives + 1) / 2) / (positives * negatives))
