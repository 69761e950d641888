"""The protocol: who is tested on what, and that nothing of the future is known."""

import random
from datetime import timedelta

import pytest

from tests.training.synthetic import START, synthetic_tables
from training.data.tables import InteractionRow, ItemRow, Tables
from training.errors import ConfigInvalid, TooFewUsers
from training.options.protocol import Protocol
from training.protocol.dataset import Dataset, Phase

PROTOCOL = Protocol(min_positives=12, held_out=3, min_history=2)


def rows(user_id: str, likes: str, *, reverse: bool = False) -> list[InteractionRow]:
    """One row a minute: a capital letter is a liked item, a small one only seen."""
    found = [
        InteractionRow(user_id, letter.upper(), "rating", float(letter.isupper()), START + timedelta(minutes=place))
        for place, letter in enumerate(likes)
    ]
    return found[::-1] if reverse else found


def dataset(*interactions: list[InteractionRow], protocol: Protocol = PROTOCOL) -> Dataset:
    items = [ItemRow(chr(code), {"title": chr(code)}) for code in range(ord("A"), ord("Z") + 1)]
    return Dataset(Tables(items, [row for user in interactions for row in user]), protocol)


def test_the_last_positives_are_test_and_those_before_valid() -> None:
    data = dataset(rows("u", "ABCDEFGHIJKLMN"))
    assert data.case("u", Phase.TEST).targets == ("L", "M", "N")
    assert data.case("u", Phase.TEST).history.oldest_first == tuple("ABCDEFGHIJK")
    assert data.case("u", Phase.VALID).targets == ("I", "J", "K")
    assert data.case("u", Phase.VALID).history.oldest_first == tuple("ABCDEFGH")


def test_users_with_few_positives_are_all_train() -> None:
    data = dataset(rows("many", "ABCDEFGHIJKLMN"), rows("few", "ABCDEFGHIJK"))
    assert data.evaluated_users == ["many"]
    assert data.known_positives("few", Phase.VALID) == list("ABCDEFGHIJK")


def test_what_was_seen_before_the_first_target_is_never_a_candidate() -> None:
    case = dataset(rows("u", "ABCxDEFGHIJKyLzMN")).case("u", Phase.TEST)
    assert case.seen == frozenset("ABCXDEFGHIJKY")
    assert not case.seen & set(case.targets)


def test_order_is_by_time_and_ties_keep_the_order_of_the_file() -> None:
    forwards = dataset(rows("u", "ABCDEFGHIJKLMN"))
    assert dataset(rows("u", "ABCDEFGHIJKLMN", reverse=True)).case("u", Phase.TEST) == forwards.case("u", Phase.TEST)
    tied = [InteractionRow("u", letter, "rating", 1.0, START) for letter in "NMLKJIHGFEDCBA"]
    assert dataset(tied).case("u", Phase.TEST).targets == ("C", "B", "A")


def test_a_repeated_positive_is_a_target_the_first_time() -> None:
    assert dataset(rows("u", "ABCDEFGHIJKLMNA")).case("u", Phase.TEST).targets == ("L", "M", "N")


def test_a_repeated_positive_stands_in_a_history_where_it_was_liked_last() -> None:
    data = dataset(rows("u", "ABACDEFBGHIJKLMNC"))
    assert data.case("u", Phase.TEST).history.oldest_first == tuple("ACDEFBGHIJK")
    assert data.history("u", "C").oldest_first == ("B", "A")
    assert data.history("u", "N").oldest_first[-3:] == ("K", "L", "M")
    assert len(data.history("u", "unknown")) == 0


def test_folds_before_valid_are_earlier_blocks_while_enough_history_stays() -> None:
    data = dataset(rows("u", "ABCDEFGHIJKLMN"), rows("few", "ABCDEFGHIJK"))
    assert data.folds("u") == 4
    assert [data.case("u", fold).targets for fold in range(4)] == [
        ("L", "M", "N"),
        ("I", "J", "K"),
        ("F", "G", "H"),
        ("C", "D", "E"),
    ]
    assert data.case("u", 3).history.oldest_first == ("A", "B")
    assert data.folds("few") == 0
    with pytest.raises(IndexError, match="has 4 folds, none with number 4"):
        data.case("u", 4)


def test_test_and_valid_exist_even_where_the_history_is_short() -> None:
    data = dataset(rows("u", "ABCDEFGH"), protocol=Protocol(min_positives=8, held_out=3, min_history=7))
    assert data.folds("u") == 2
    assert data.case("u", Phase.VALID).history.oldest_first == ("A", "B")


def test_a_fold_that_a_user_lacks_knows_no_more_of_the_user_than_the_earliest_fold() -> None:
    long, short = rows("long", "ABCDEFGHIJKLMNOPQRST"), rows("short", "ABCDEFGHIJKL")
    data = dataset(long, short)
    assert (data.folds("long"), data.folds("short")) == (6, 3)
    assert [case.user_id for case in data.cases(2)] == ["long", "short"]
    assert [case.user_id for case in data.cases(5)] == ["long"]
    assert data.known_positives("short", 5) == data.known_positives("short", 2) == ["A", "B", "C"]
    assert [row.item_id for row in data.interactions(5) if row.user_id == "short"] == ["A", "B", "C"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_fold_knows_a_part_of_what_the_lower_folds_know(seed: int) -> None:
    data = Dataset(synthetic_tables(seed=seed), PROTOCOL)
    for fold in range(1, 7):
        lower = {(row.user_id, row.item_id, row.time) for row in data.interactions(fold - 1)}
        mine = {(row.user_id, row.item_id, row.time) for row in data.interactions(fold)}
        assert mine <= lower, f"seed {seed}, fold {fold}"
        for user_id in data.users:
            known = data.known_positives(user_id, fold)
            assert list(data.known_positives(user_id, fold - 1))[: len(known)] == known, f"seed {seed}"


def test_a_target_that_was_only_seen_before_can_still_be_proposed() -> None:
    data = dataset(rows("u", "ABmnCDEFGHIJKLMN"))
    case = data.case("u", Phase.TEST)
    assert case.targets == ("L", "M", "N")
    assert not case.seen & set(case.targets)
    assert not {row.item_id for row in data.interactions(Phase.TEST)} & set(case.targets)


def test_too_few_evaluated_users_are_refused_with_their_number_and_the_minimum() -> None:
    users = [rows(f"u{number}", "ABCDEFGHIJKLMN") for number in range(4)] + [rows("few", "ABC")]
    data = dataset(*users, protocol=Protocol(min_positives=12, held_out=3, min_users=5))
    with pytest.raises(TooFewUsers, match="4 of 5 users have 12 positives or more; at least 5"):
        data.require_users()
    dataset(*users, protocol=Protocol(min_positives=12, held_out=3, min_users=4)).require_users()


@pytest.mark.parametrize(("min_positives", "held_out"), [(10, 5), (20, 0)])
def test_a_protocol_that_leaves_no_history_is_refused(min_positives: int, held_out: int) -> None:
    with pytest.raises(ConfigInvalid, match=f"held_out is {held_out} and min_positives {min_positives}"):
        Protocol(min_positives=min_positives, held_out=held_out)


@pytest.mark.parametrize("phase", [*Phase, 2, 3])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_store_of_a_phase_knows_nothing_from_the_first_target_on(phase: int, seed: int) -> None:
    tables = synthetic_tables(seed=seed)
    shuffled = list(tables.interactions)
    random.Random(seed).shuffle(shuffled)
    data = Dataset(Tables(tables.items, shuffled), PROTOCOL)
    stored = data.interactions(phase)
    assert data.evaluated_users, f"seed {seed}: nobody is evaluated"
    for case in data.cases(phase):
        mine = [row for row in stored if row.user_id == case.user_id]
        assert [row.item_id for row in mine if row.weight > 0] == list(case.history.oldest_first), f"seed {seed}"
        assert {row.item_id for row in mine} == case.seen, f"seed {seed}"
        assert not {row.item_id for row in mine} & set(case.targets), f"seed {seed}"


def test_the_test_store_holds_the_valid_targets_and_all_of_the_other_users() -> None:
    data = dataset(rows("many", "ABCDEFGHIJKLMN"), rows("few", "ABCx"))
    stored = data.interactions(Phase.TEST)
    assert [row.item_id for row in stored if row.user_id == "many"] == list("ABCDEFGHIJK")
    assert [row.item_id for row in stored if row.user_id == "few"] == list("ABCX")
