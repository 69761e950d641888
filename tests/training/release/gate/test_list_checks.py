"""The gate's checks on lists, with logits written by hand: ties, lists that say nothing, too few lists."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from gateway.domain.values import Candidate
from gateway.ranker.features import FusionInput
from tests.training.histories import oldest_first
from tests.training.release.gate.tiny_release import TinyRelease
from training.export.compare import Logits
from training.lists.candidate_list import CandidateList
from training.protocol.dataset import Phase
from training.ranker.table import ScoredList
from training.release.gate.check import Check, Outcome
from training.release.gate.list_checks import Scored, check_champion, check_cold, check_labels, check_leak, check_ranks
from training.release.gate.version import Fp32, OpenVersion, ndcg_of_logits, open_fp32


@pytest.fixture(scope="module")
def version(champion: Path) -> OpenVersion:
    return OpenVersion(champion)


@pytest.fixture(scope="module")
def fp32(version: OpenVersion) -> Fp32:
    return open_fp32(version, None)


@pytest.fixture(scope="module")
def lists(tiny: TinyRelease) -> list[ScoredList]:
    return tiny.lists()[:8]


def by_hand(targets: str, candidates: str = "abcd", user_id: str = "u") -> ScoredList:
    """Candidates with ids of one letter."""
    made = [Candidate(item_id, rank, 1 / rank) for rank, item_id in enumerate(candidates, start=1)]
    return ScoredList(user_id, FusionInput(made, {}, {item_id: {} for item_id in candidates}, []), frozenset(targets))


def logits(*values: float) -> Logits:
    return np.array(values, np.float32)


def of_targets(lists: Sequence[ScoredList], liked: float) -> list[Logits]:
    """``liked`` for targets, 0 for the others."""
    return [logits(*(liked * (each.item_id in one.targets) for each in one.given.candidates)) for one in lists]


def test_the_chance_of_a_target_above_another_is_counted_by_pairs(version: OpenVersion) -> None:
    lists = [by_hand("a"), by_hand("ab")]
    found = check_labels(Scored(lists, [logits(2, 3, 1, 0), logits(3, 1, 2, 0)], version))
    assert found.figures["auc"] == pytest.approx((2 / 3 + 3 / 4) / 2)


def test_a_model_that_says_the_same_of_all_items_is_no_better_than_chance(version: OpenVersion) -> None:
    found = check_labels(Scored([by_hand("a"), by_hand("bc")], [logits(1, 1, 1, 1)] * 2, version))
    assert found.outcome is Outcome.FAILED
    assert found.figures["auc"] == found.figures["low"] == 0.5


def test_lists_of_targets_only_or_of_none_say_nothing_about_labels(version: OpenVersion) -> None:
    silent = [by_hand("abcd"), by_hand("x"), by_hand("")]
    answers = [logits(0, 1, 2, 3)] * 3
    found = check_labels(Scored([*silent, by_hand("a")], [*answers, logits(9, 1, 2, 3)], version))
    assert found.outcome is Outcome.SKIPPED
    assert found.detail == "1 lists hold both a target and another candidate; 2 are needed"
    two = [by_hand("a"), by_hand("b")]
    counted = check_labels(Scored([*silent, *two], [*answers, logits(9, 0, 0, 0), logits(0, 9, 0, 0)], version))
    assert (counted.outcome, counted.figures["lists"]) == (Outcome.PASSED, 2)


def test_ties_are_broken_alike_whatever_order_the_candidates_came_in() -> None:
    one, other = by_hand("a", "abcd"), by_hand("a", "dcba")
    assert ndcg_of_logits(one, logits(1, 1, 1, 1)) == ndcg_of_logits(other, logits(1, 1, 1, 1))


def test_a_target_that_is_no_candidate_lowers_what_the_best_order_reaches() -> None:
    best = logits(4, 3, 2, 1)
    assert ndcg_of_logits(by_hand("a"), best) == 1.0
    assert 0 < ndcg_of_logits(by_hand("ax"), best) < 1.0
    assert ndcg_of_logits(by_hand("x"), best) == 0.0


def test_one_logit_too_few_is_an_error_and_no_shorter_list() -> None:
    with pytest.raises(ValueError, match="zip"):
        ndcg_of_logits(by_hand("a"), logits(1, 2, 3))


def test_a_logit_that_is_no_number_names_the_list_and_the_item() -> None:
    with pytest.raises(ValueError, match=r"list u7: the score of 'b' is not a number"):
        ndcg_of_logits(by_hand("a", user_id="u7"), logits(1, np.nan, 3, 4))


def test_reversed_logits_fail_the_ranks_and_keep_the_worst_list_in_the_figures(
    version: OpenVersion, fp32: Fp32, lists: list[ScoredList]
) -> None:
    right = [version.logits(one) for one in lists]
    found = check_ranks(Scored(lists, [-right[0], *right[1:]], version), fp32)
    assert found.outcome is Outcome.FAILED
    assert "mean Kendall tau of served and fp32 logits is" in found.detail
    assert "at least .98" in found.detail
    assert float(found.figures["kendall_tau_min"]) < -0.9


def test_a_list_of_one_candidate_has_no_order_to_disagree_about(
    version: OpenVersion, fp32: Fp32, lists: list[ScoredList]
) -> None:
    full = lists[0].given
    short = FusionInput(full.candidates[:1], {}, full.items, full.history)
    one = ScoredList(lists[0].user_id, short, lists[0].targets)
    rounded = version.logits(one) + np.float32(0.01)
    found = check_ranks(Scored([one], [rounded], version), fp32)
    assert found.outcome is Outcome.PASSED
    assert found.figures["kendall_tau_min"] == 1.0


def test_equal_logits_for_all_items_do_not_agree_with_an_order(
    version: OpenVersion, fp32: Fp32, lists: list[ScoredList]
) -> None:
    flat = [np.zeros(len(one.given.candidates), np.float32) for one in lists]
    found = check_ranks(Scored(lists, flat, version), fp32)
    assert found.figures["kendall_tau_mean"] == 0.0
    assert found.outcome is Outcome.FAILED


def test_a_better_challenger_passes_and_a_worse_one_fails_for_both_reasons(
    version: OpenVersion, lists: list[ScoredList]
) -> None:
    good, bad = (Scored(lists, of_targets(lists, liked), version) for liked in (5.0, -5.0))
    better, worse = check_champion(good, bad, 0.0), check_champion(bad, good, 0.0)
    assert better.outcome is Outcome.PASSED
    assert float(better.figures["low"]) > 0
    assert worse.outcome is Outcome.FAILED
    assert "lies below -0 (2 in all)" in worse.detail
    assert worse.figures["difference"] == pytest.approx(-float(better.figures["difference"]))
    assert worse.figures["lists"] == len(lists)


def test_the_same_lists_give_the_same_interval_every_time(version: OpenVersion, lists: list[ScoredList]) -> None:
    good, bad = (Scored(lists, of_targets(lists, liked), version) for liked in (5.0, -5.0))
    assert check_champion(good, bad, 0.0) == check_champion(good, bad, 0.0)


def reversed_logits(lists: Sequence[ScoredList]) -> list[Logits]:
    """Of lists of candidates in the order of their logits: the last one first."""
    return [np.arange(len(one.given.candidates), dtype=np.float32) for one in lists]


def cold_pair(count: int, cold: str, version: OpenVersion) -> Check:
    """A challenger that puts d last, against a champion that puts it first; d and b were liked next."""
    lists = [by_hand("bd", user_id=f"u{number}") for number in range(count)]
    champion = reversed_logits(lists)
    return check_cold(Scored(lists, [-one for one in champion], version), Scored(lists, champion, version), cold)


def test_a_challenger_that_buries_cold_targets_is_refused_and_its_loss_told(version: OpenVersion) -> None:
    found = cold_pair(12, "d", version)
    assert found.outcome is Outcome.FAILED
    assert found.detail.startswith("the AUC of targets that nobody had liked is 0.000 against 1.000, 12 lists: lower")
    assert (found.figures["difference"], found.figures["lists"]) == (-1.0, 12)


def test_few_lists_refuse_nothing_and_none_are_nothing_to_judge(version: OpenVersion) -> None:
    assert cold_pair(1, "d", version).outcome is Outcome.PASSED
    none = cold_pair(12, "", version)
    assert (none.outcome, none.detail) == (Outcome.PASSED, "no test list holds a target that nobody had liked")


def test_warm_targets_say_nothing_of_cold_ones(version: OpenVersion) -> None:
    lists = [by_hand("bd", user_id=f"u{number}") for number in range(12)]
    b_above_d, d_above_b = [logits(1, 3, 0, 2)] * 12, [logits(1, 2, 0, 3)] * 12
    found = check_cold(Scored(lists, b_above_d, version), Scored(lists, d_above_b, version), "d")
    assert (found.outcome, found.figures["auc"], found.figures["auc_champion"]) == (Outcome.PASSED, 1.0, 1.0)


def test_a_run_that_recorded_no_list_proves_nothing_about_leaks(tiny: TinyRelease) -> None:
    found = check_leak([], tiny.dataset)
    assert found.outcome is Outcome.FAILED
    assert found.detail == "the record of the run holds no training list: train again"


def test_a_leak_tells_the_item_and_its_fold_and_how_many_lists_were_searched(tiny: TinyRelease) -> None:
    case = tiny.dataset.cases(Phase.VALID)[0]
    liked = case.history.oldest_first
    clean = CandidateList(case.user_id, oldest_first(liked[0]), tuple(liked[1:2]), ())
    found = check_leak([clean, CandidateList(case.user_id, oldest_first(), case.targets[-1:], ())], tiny.dataset)
    assert found.detail == f"user {case.user_id}: a training list holds item {case.targets[-1]}, a valid target"
    assert found.figures == {"lists": 2}
    assert check_leak([clean], tiny.dataset).outcome is Outcome.PASSED
