"""Relations of a list to a history equal plain loops; what nobody knows is missing, not zero."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from gateway.ranker.signals import NOTHING, RELATIONS, SMOOTH, SPARSE, TEXT, ItemSignals, key_of, relate
from tests.fakes.signals import cold, liked

LIKED, COLD, UNKNOWN = [f"liked{number}" for number in range(12)], ["cold0", "cold1"], ["unknown"]
EVERY = [*LIKED, *COLD, *UNKNOWN]


def catalogue(seed: int) -> dict[str, ItemSignals]:
    """Each liked item has some of the others as neighbours, some of them in one relation only."""
    random = np.random.default_rng(seed)
    made = {}
    for item_id in LIKED:
        others = random.choice([one for one in LIKED if one != item_id], int(random.integers(0, 6)), replace=False)
        neighbors = {str(one): random.choice([0.0, 0.5, 2.0], len(SPARSE)).tolist() for one in others}
        made[item_id] = liked(random, neighbors, width=8)
    return made | {item_id: cold(random, width=8) for item_id in COLD}


def related(
    candidates: Sequence[str], history: Sequence[str], signals: Mapping[str, ItemSignals]
) -> dict[str, npt.NDArray[np.float64]]:
    """By relation [candidates, history]."""
    return dict(zip(RELATIONS, relate(candidates, history, signals), strict=True))


def by_hand(wanted: ItemSignals, given: ItemSignals, item_id: str) -> dict[str, float]:
    """What one item of a history says of one candidate, pair by pair."""
    told = dict.fromkeys(RELATIONS, math.nan)
    if wanted.smooth is not None and given.smooth is not None:
        weights = dict(zip(given.neighbors.tolist(), given.weights.tolist(), strict=True))
        told |= dict(zip(SPARSE, weights.get(key_of(item_id), [0.0] * len(SPARSE)), strict=True))
        for place, name in enumerate(SMOOTH):
            told[name] = sum(
                float(a) * float(b) for a, b in zip(given.smooth[place, 0], wanted.smooth[place, 1], strict=True)
            )
    if wanted.embedding is not None and given.embedding is not None:
        told[TEXT] = sum(float(a) * float(b) for a, b in zip(given.embedding, wanted.embedding, strict=True))
    return told


def check(candidates: Sequence[str], history: Sequence[str], signals: Mapping[str, ItemSignals]) -> None:
    found = related(candidates, history, signals)
    for row, item_id in enumerate(candidates):
        for column, other in enumerate(history):
            expected = by_hand(signals.get(item_id, NOTHING), signals.get(other, NOTHING), item_id)
            told = {name: float(found[name][row, column]) for name in RELATIONS}
            assert told == pytest.approx(expected, abs=1e-5, nan_ok=True), (item_id, other)
    assert all(matrix.shape == (len(candidates), len(history)) for matrix in found.values())


@pytest.mark.parametrize("seed", range(5))
def test_relations_equal_plain_loops_over_pairs(seed: int) -> None:
    random = np.random.default_rng(100 + seed)
    candidates, history = ([str(one) for one in random.permutation(EVERY)] for _ in range(2))
    check(candidates, history, catalogue(seed))
    check(candidates[:4], history[:6], catalogue(seed))


@pytest.mark.parametrize(
    ("candidates", "history"),
    [
        ([], LIKED),
        (LIKED, []),
        ([], []),
        (COLD, LIKED),
        (LIKED, COLD),
        (COLD, COLD),
        (UNKNOWN, UNKNOWN),
        (LIKED, [*LIKED[:2], *LIKED[:2]]),
    ],
)
def test_lists_of_one_kind_and_of_none_are_no_error(candidates: list[str], history: list[str]) -> None:
    check(candidates, history, catalogue(1))


def test_without_any_signals_everything_is_missing() -> None:
    assert all(np.isnan(matrix).all() for matrix in related(LIKED, LIKED, {}).values())


def test_a_liked_stranger_is_at_zero_and_a_cold_one_is_missing() -> None:
    signals = {"a": liked(np.random.default_rng(1), {}, width=8), **catalogue(1)}
    found = related(["liked0", "cold0"], ["a"], signals)
    assert [found[name][0, 0] for name in SPARSE] == [0.0] * len(SPARSE)
    assert all(math.isnan(found[name][1, 0]) for name in (*SPARSE, *SMOOTH))
    assert not math.isnan(found[TEXT][1, 0])


def test_an_item_without_a_text_has_its_other_relations() -> None:
    random = np.random.default_rng(2)
    whole = liked(random, {"b": [1.0, 2.0, 3.0]})
    textless = ItemSignals(whole.neighbors, whole.weights, whole.smooth)
    found = related(["b"], ["a"], {"a": textless, "b": liked(random)})
    assert [found[name][0, 0] for name in SPARSE] == [1.0, 2.0, 3.0]
    assert math.isnan(found[TEXT][0, 0])


def test_the_direction_of_a_relation_is_from_the_history_to_the_candidate() -> None:
    random = np.random.default_rng(3)
    signals = {"a": liked(random, {"b": [1.0, 2.0, 3.0]}), "b": liked(random)}
    assert related(["b"], ["a"], signals)["ease"].tolist() == [[1.0]]
    assert related(["a"], ["b"], signals)["ease"].tolist() == [[0.0]]


def test_keys_are_numbers_of_64_bits_that_ids_alone_decide() -> None:
    keys = [key_of(item_id) for item_id in ("", "a", "A", "日本語 🎬")]
    assert len(set(keys)) == 4
    assert all(0 <= key < 2**64 for key in keys)
    assert key_of("a") == 0x2F42665B399EF840, "the same in every process, and in every database"
