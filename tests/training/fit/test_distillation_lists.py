"""Training lists: the positive first, negatives that the user neither met nor will like, and what
the first stage says of them."""

from pathlib import Path

import numpy as np
import pytest

from tests.training.histories import oldest_first
from tests.training.synthetic import synthetic_tables
from training.first_stage.cooccurrence import Cooccurrence
from training.fit.distillation_lists import ListMaker, read_lists, write_lists
from training.options.config import ListOptions
from training.options.cooccurrence import CooccurrenceOptions
from training.options.protocol import Protocol
from training.protocol.dataset import Dataset, Phase

OPTIONS = ListOptions(negatives=7, near=3, near_rank=6, far=2, far_rank=20, min_history=3)


def list_maker(seed: int, options: ListOptions = OPTIONS) -> tuple[Dataset, ListMaker]:
    data = Dataset(synthetic_tables(seed=seed), Protocol(min_positives=12, held_out=3))
    histories = [oldest_first(*data.known_positives(user_id, Phase.VALID)) for user_id in data.users]
    first_stage = Cooccurrence([item.item_id for item in data.items], histories, CooccurrenceOptions())
    return data, ListMaker(data, options, first_stage, seed)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_list_holds_the_next_positive_and_nothing_the_user_met_or_will_like(seed: int) -> None:
    data, maker = list_maker(seed)
    positions = maker.positions()[:40]
    for position, made in zip(positions, maker.make(positions), strict=True):
        positives = data.known_positives(position.user_id, Phase.VALID)
        assert made.history == oldest_first(*positives[: position.number]), f"seed {seed}"
        assert made.items[0] == positives[position.number], f"seed {seed}"
        negatives = set(made.items[1:])
        assert len(negatives) == OPTIONS.negatives, f"seed {seed}: negatives repeat"
        assert not negatives & set(positives), f"seed {seed}"
        assert not negatives & data.seen_before(position.user_id, made.items[0]), f"seed {seed}"


def test_no_position_is_of_a_held_out_positive() -> None:
    data, maker = list_maker(1)
    held_out = {(case.user_id, target) for phase in Phase for case in data.cases(phase) for target in case.targets}
    positives = {user_id: data.known_positives(user_id, Phase.VALID) for user_id in data.users}
    learned = {(one.user_id, positives[one.user_id][one.number]) for one in maker.positions()}
    assert learned
    assert not learned & held_out


def test_relations_tell_of_every_item_and_the_recent_history() -> None:
    data, maker = list_maker(1)
    position = maker.positions()[0]
    [made] = maker.make([position])
    shape = np.shape(made.relations)
    recent = min(CooccurrenceOptions().recent_items, len(made.history))
    assert shape == (len(made.items), recent, 2)
    assert np.isfinite(made.relations).all()
    assert data.known_positives(position.user_id, Phase.VALID)


def test_lists_are_read_back_as_written(tmp_path: Path) -> None:
    _, maker = list_maker(1)
    lists = list(maker.make(maker.positions()[:5]))
    write_lists(tmp_path / "lists.jsonl", lists)
    assert read_lists(tmp_path / "lists.jsonl") == lists


def test_the_same_seed_makes_the_same_lists() -> None:
    first, second = (list(maker.make(maker.positions()[:10])) for _, maker in (list_maker(5), list_maker(5)))
    assert first == second


def test_the_fitted_soft_label_prefers_what_users_like_next() -> None:
    _, maker = list_maker(2)
    positions = maker.positions()
    weights = maker.fit_soft_label(positions[:60])
    assert weights[:2].max() > 0
    ranks = []
    for position in positions[60:120]:
        made = next(maker.make([position]))
        ranks.append(int(np.argsort(-np.array(made.soft_labels)).tolist().index(0)))
    assert np.mean(ranks) < OPTIONS.negatives / 2


def test_soft_labels_are_of_four_items_after_the_same_history() -> None:
    _, maker = list_maker(1)
    made = maker.soft_labels(maker.positions()[0])
    assert len(made) == 4
    assert len({one.history for one in made}) == 1
    assert all(np.isfinite(one.score) for one in made)
