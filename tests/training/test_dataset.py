"""The protocol: who is tested on what, and that nothing of the future is known."""

import random
from datetime import timedelta

import pytest

from tests.training.synthetic import START, synthetic_tables
from training.data.tables import InteractionRow, ItemRow, Tables
from training.dataset import Dataset, Phase, Protocol

PROTOCOL = Protocol(min_positives=12, held_out=3)


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
    assert data.case("u", Phase.TEST).history == tuple("ABCDEFGHIJK")
    assert data.case("u", Phase.VALID).targets == ("I", "J", "K")
    assert data.case("u", Phase.VALID).history == tuple("ABCDEFGH")


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


def test_a_repeated_positive_counts_the_first_time() -> None:
    assert dataset(rows("u", "ABCDEFGHIJKLMNA")).case("u", Phase.TEST).targets == ("L", "M", "N")


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_store_of_a_phase_knows_nothing_from_the_first_target_on(phase: Phase, seed: int) -> None:
    tables = synthetic_tables(seed=seed)
    shuffled = list(tables.interactions)
    random.Random(seed).shuffle(shuffled)
    data = Dataset(Tables(tables.items, shuffled), PROTOCOL)
    stored = data.interactions(phase)
    assert data.evaluated_users, f"seed {seed}: nobody is evaluated"
    for case in data.cases(phase):
        mine = [row for row in stored if row.user_id == case.user_id]
        assert [row.item_id for row in mine if row.weight > 0] == list(case.history), f"seed {seed}"
        assert {row.item_id for row in mine} == case.seen, f"seed {seed}"
        assert not {row.item_id for row in mine} & set(case.targets), f"seed {seed}"


def test_the_test_store_holds_the_valid_targets_and_all_of_the_other_users() -> None:
    data = dataset(rows("many", "ABCDEFGHIJKLMN"), rows("few", "ABCx"))
    stored = data.interactions(Phase.TEST)
    assert [row.item_id for row in stored if row.user_id == "many"] == list("ABCDEFGHIJK")
    assert [row.item_id for row in stored if row.user_id == "few"] == list("ABCX")
