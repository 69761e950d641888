"""Leak guards: each planted leak is caught by name, and what the protocol gives passes all of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from gateway.domain.history import History
from tests.training.histories import oldest_first
from tests.training.synthetic import synthetic_tables
from training.data.tables import InteractionRow, Tables
from training.errors import Leak
from training.options.protocol import Protocol
from training.protocol.dataset import Dataset, Phase, UserCase
from training.protocol.leaks import Fingerprint, check_fit, check_history, check_lists, check_training, fingerprint

PROTOCOL = Protocol(min_positives=12, held_out=3, min_history=3)
TABLES = synthetic_tables(users=12)
DATA = Dataset(TABLES, PROTOCOL)
FOLDS = range(DATA.folds("u0"))


@dataclass(frozen=True, slots=True)
class Listed:
    """A list as a first stage hands it on."""

    user_id: str
    history: History[str]
    targets: tuple[str, ...]


def lists_of(fold: int) -> list[Listed]:
    return [Listed(case.user_id, case.history, case.targets) for case in DATA.cases(fold)]


def fitted_for(fold: int) -> Fingerprint:
    return fingerprint(fold, DATA.interactions(fold))


def liked(case: UserCase, item_id: str) -> InteractionRow:
    """The row that tells of a target."""
    return next(
        row for row in TABLES.interactions if (row.user_id, row.item_id) == (case.user_id, item_id) and row.weight > 0
    )


def with_list(lists: Sequence[Listed], changed: Listed) -> list[Listed]:
    return [changed if one.user_id == changed.user_id else one for one in lists]


def test_there_are_training_folds_to_guard() -> None:
    assert len(FOLDS) > Phase.VALID + 1


@pytest.mark.parametrize("fold", FOLDS)
def test_what_the_protocol_gives_passes_every_guard(fold: int) -> None:
    check_fit(DATA.interactions(fold), DATA.cases(fold))
    check_lists(lists_of(fold), fitted_for(fold), DATA, fold)
    if fold > Phase.VALID:
        check_training(lists_of(fold), DATA)
    for later in range(fold):
        check_fit(DATA.interactions(fold), DATA.cases(later))


@pytest.mark.parametrize("fold", FOLDS)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_target_in_a_fit_is_caught_with_user_and_item(fold: int, place: int) -> None:
    case = DATA.cases(fold)[4]
    planted = liked(case, case.targets[place])
    with pytest.raises(Leak, match=f"user {case.user_id}: item {planted.item_id} is to be predicted") as caught:
        check_fit([*DATA.interactions(fold), planted], DATA.cases(fold))
    assert "known_positives" in caught.value.remedy


def test_a_fit_on_all_interactions_is_caught() -> None:
    with pytest.raises(Leak, match="is to be predicted"):
        check_fit(TABLES.interactions, DATA.cases(Phase.TEST))


def test_a_target_of_another_user_or_one_that_was_only_seen_is_no_leak() -> None:
    case = DATA.cases(Phase.TEST)[0]
    row = liked(case, case.targets[0])
    others = replace(row, user_id="nobody")
    seen = replace(row, weight=0.0)
    check_fit([others, seen], [case])


@pytest.mark.parametrize("fold", FOLDS[1:])
def test_lists_of_a_later_fit_are_caught(fold: int) -> None:
    with pytest.raises(Leak, match=f"lists of fold {fold} were made by a first stage fitted for fold {fold - 1}"):
        check_lists(lists_of(fold), fitted_for(fold - 1), DATA, fold)


def test_lists_of_an_earlier_fit_pass() -> None:
    check_lists(lists_of(Phase.TEST), fitted_for(Phase.VALID), DATA, Phase.TEST)


def test_a_fit_that_lies_about_its_fold_is_caught_by_its_digest() -> None:
    liar = replace(fitted_for(Phase.TEST), fold=Phase.VALID)
    with pytest.raises(Leak, match="fitted on other rows than fold 1 has"):
        check_lists(lists_of(Phase.VALID), liar, DATA, Phase.VALID)


def test_lists_of_tables_that_changed_since_are_caught() -> None:
    *kept, last = TABLES.interactions
    moved = replace(last, user_id="newcomer", time=last.time + timedelta(days=1))
    changed = Dataset(Tables(TABLES.items, [*kept, moved]), PROTOCOL)
    with pytest.raises(Leak, match="make the lists again"):
        check_lists(lists_of(Phase.TEST), fitted_for(Phase.TEST), changed, Phase.TEST)


def test_lists_of_another_fold_are_caught_whatever_fit_made_them() -> None:
    with pytest.raises(Leak, match="are not those of fold 2"):
        check_lists(lists_of(Phase.TEST), fitted_for(2), DATA, 2)
    for targets in (("i1",), ()):
        with pytest.raises(Leak, match="user stranger"):
            check_lists([*lists_of(2), Listed("stranger", oldest_first(), targets)], fitted_for(2), DATA, 2)


@pytest.mark.parametrize("fold", FOLDS)
def test_a_history_beyond_the_event_is_caught(fold: int) -> None:
    one = lists_of(fold)[3]
    beyond = replace(one, history=oldest_first(*one.history.oldest_first, one.targets[-1]))
    with pytest.raises(Leak, match=f"holds item {one.targets[-1]}, which was liked not before it"):
        check_lists(with_list(lists_of(fold), beyond), fitted_for(fold), DATA, fold)


def test_a_history_may_be_a_part_but_no_invention_and_in_no_other_order() -> None:
    case = DATA.case("u3", Phase.TEST)
    liked = case.history.oldest_first
    check_history(DATA, "u3", oldest_first(*liked[1::2]), case.targets[0])
    check_history(DATA, "u3", oldest_first(), case.targets[0])
    check_history(DATA, "u3", oldest_first(*liked, case.targets[0]), case.targets[1])
    with pytest.raises(Leak, match="liked never"):
        check_history(DATA, "u3", oldest_first(*liked, "i-unknown"), case.targets[0])
    with pytest.raises(Leak, match="oldest first"):
        check_history(DATA, "u3", History.from_newest_first(liked), case.targets[0])
    with pytest.raises(Leak, match="liked not before it"):
        check_history(DATA, "u3", oldest_first(case.targets[0]), case.targets[0])


@pytest.mark.parametrize("phase", Phase)
def test_a_training_list_that_holds_an_evaluation_target_is_caught(phase: Phase) -> None:
    train = lists_of(2)
    target = DATA.case(train[5].user_id, phase).targets[1]
    learned = replace(train[5], targets=(*train[5].targets, target))
    shown = replace(train[5], history=oldest_first(*train[5].history.oldest_first, target))
    for planted in (learned, shown):
        with pytest.raises(Leak, match=f"a training list holds item {target}, a {phase.name.lower()} target"):
            check_training(with_list(train, planted), DATA)
    elsewhere = replace(train[6], targets=(*train[6].targets, "i-of-somebody-else"))
    check_training(with_list(train, elsewhere), DATA)


def test_a_fingerprint_tells_rows_apart_and_not_their_order() -> None:
    rows = DATA.interactions(Phase.TEST)
    assert fingerprint(0, rows) == fingerprint(0, rows[::-1])
    assert fingerprint(0, rows) != fingerprint(1, rows)
    assert fingerprint(0, rows) != fingerprint(0, rows[1:])
    for change in ({"weight": 2.5}, {"event": "else"}, {"user_id": "v"}, {"time": rows[0].time + timedelta(seconds=1)}):
        changed = replace(rows[0], **change)
        assert fingerprint(0, [changed, *rows[1:]]) != fingerprint(0, rows), change
    shifted = [replace(rows[0], user_id="ab", item_id="c")], [replace(rows[0], user_id="a", item_id="bc")]
    assert fingerprint(0, shifted[0]) != fingerprint(0, shifted[1])
