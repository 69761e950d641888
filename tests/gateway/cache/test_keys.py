"""Two different pairs never share a key because their parts run into each other."""

import random

from gateway.cache.keys import PairKeys
from gateway.domain.values import ModelIdentity

MODEL = ModelIdentity("cross_encoder", "1", "f")


def test_equal_pairs_have_equal_keys() -> None:
    assert PairKeys(MODEL, (1, 2, 3)).of((4, 5)) == PairKeys(MODEL, [1, 2, 3]).of([4, 5])


def test_everything_that_changes_the_score_changes_the_key() -> None:
    keys = {
        PairKeys(MODEL, (1, 2)).of((3,)),
        PairKeys(MODEL, (1,)).of((2, 3)),
        PairKeys(MODEL, (1, 2, 3)).of(()),
        PairKeys(MODEL, ()).of((1, 2, 3)),
        PairKeys(MODEL, (2, 1)).of((3,)),
        PairKeys(ModelIdentity("cross_encoder", "2", "f"), (1, 2)).of((3,)),
        PairKeys(ModelIdentity("cross_encoder", "1", "g"), (1, 2)).of((3,)),
        PairKeys(ModelIdentity("cross_encode", "r1", "f"), (1, 2)).of((3,)),
        PairKeys(ModelIdentity("cross_encoder1", "", "f"), (1, 2)).of((3,)),
    }
    assert len(keys) == 9


def test_a_hundred_thousand_adversarial_splits_give_no_wrong_hit() -> None:
    seed = 20261123
    draw = random.Random(seed)
    seen: dict[bytes, tuple[tuple[int, ...], tuple[int, ...]]] = {}
    for _ in range(20_000):
        row = tuple(draw.choices((0, 1, 101, 102, 256), k=draw.randint(1, 8)))
        for cut in range(5):
            pair = (row[:cut], row[cut:])
            key = PairKeys(MODEL, pair[0]).of(pair[1])
            assert seen.setdefault(key, pair) == pair, f"seed {seed}: {pair} and {seen[key]} share a key"
