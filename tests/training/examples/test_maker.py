"""What training may know, and the examples made of it: impressions become negatives first, the future stays out."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.training.popular_lists import popular_lists
from tests.training.synthetic import synthetic_tables
from training.data.impressions import ImpressionRow
from training.data.tables import InteractionRow, Tables
from training.errors import RunIncomplete
from training.examples.example import RankingExample
from training.examples.maker import ExampleMaker, example_rows, known_to_training
from training.lists.candidate_list import CandidateList
from training.model.references import parse_reference
from training.options.config import TrainingConfig
from training.options.fit import AugmentOptions, FitOptions, NegativeOptions, TeacherOptions
from training.options.protocol import Protocol
from training.protocol.dataset import Dataset, Phase

PROTOCOL = Protocol(min_positives=12, held_out=3, min_history=3)
WORLD = synthetic_tables(users=16)
TABLES = replace(WORLD, interactions=[row for row in WORLD.interactions if row.weight > 0])
USER = "u0"
LATER = timedelta(days=3650)


def config(
    negatives: NegativeOptions = NegativeOptions(count=4, ranges=((1, 20, 2),)),
    fit: FitOptions = FitOptions(),
    augment: AugmentOptions = AugmentOptions(),
    seed: int = 1,
) -> TrainingConfig:
    return TrainingConfig("tiny", seed=seed, protocol=PROTOCOL, negatives=negatives, fit=fit, augment=augment)


def never_met(dataset: Dataset, count: int) -> list[str]:
    met = {row.item_id for row in TABLES.interactions if row.user_id == USER}
    return [item_id for item_id in dataset.fields if item_id not in met][:count]


def shown(items: Sequence[str], *, weight: float = 0.0, after: timedelta = timedelta(seconds=1)) -> Tables:
    """The tables with one list of these items that the user was shown after the first event."""
    first = min(row.time for row in TABLES.interactions if row.user_id == USER)
    rows = [
        ImpressionRow("token", USER, first + after, item_id, rank, rank, "click" if weight else "", weight, 0.5)
        for rank, item_id in enumerate(items, start=1)
    ]
    return replace(TABLES, impressions=rows)


def training_lists(dataset: Dataset) -> list[CandidateList]:
    deepest = max(dataset.folds(user_id) for user_id in dataset.users)
    return [one for fold in range(Phase.VALID + 1, deepest) for one in popular_lists(dataset, fold)]


def examples_of(tables: Tables, made_with: TrainingConfig) -> list[RankingExample]:
    dataset = Dataset(tables, PROTOCOL)
    return ExampleMaker(made_with, known_to_training(dataset)).make(training_lists(dataset))


def negatives_of(examples: Sequence[RankingExample], user_id: str) -> list[tuple[str, ...]]:
    return [one.items[1:] for one in examples if one.user_id == user_id]


def test_items_shown_and_not_wanted_are_the_first_negatives_of_their_user() -> None:
    dataset = Dataset(TABLES, PROTOCOL)
    near = {one.item_id for each in training_lists(dataset) for one in each.candidates[:20]}
    ignored = [item_id for item_id in never_met(dataset, len(dataset.fields)) if item_id not in near][:3]
    assert len(ignored) == 3
    wanted = config(NegativeOptions(count=4, shown=2, ranges=((1, 20, 2),)))
    examples = examples_of(shown(ignored), wanted)
    mine = negatives_of(examples, USER)
    assert mine
    assert all(set(items[:2]) <= set(ignored) and not set(items[2:]) & set(ignored) for items in mine)
    others = [items[:2] for user in ("u4", "u8") for items in negatives_of(examples, user)]
    assert not all(set(items) <= set(ignored) for items in others), "another user was not shown them"


def test_where_a_fusion_teaches_what_was_shown_in_vain_is_wanted_no_more_than_the_last_candidate() -> None:
    dataset = Dataset(TABLES, PROTOCOL)
    near = {one.item_id for each in training_lists(dataset) for one in each.candidates}
    ignored = [item_id for item_id in never_met(dataset, len(dataset.fields)) if item_id not in near][:3]
    assert ignored, "an item that the first stage does not propose"
    wanted = replace(config(NegativeOptions(count=4, shown=4, ranges=())), teacher=TeacherOptions(fusion=True))
    mine = [one for one in examples_of(shown(ignored), wanted) if one.user_id == USER]
    assert mine
    lists = [one for one in training_lists(dataset) if one.user_id == USER]
    lowest = {one.targets: min(candidate.score for candidate in one.candidates) for one in lists}
    for example in mine:
        taught = dict(zip(example.items, example.labels, strict=True))
        assert set(ignored) <= taught.keys()
        (least,) = {taught[item_id] for item_id in ignored}
        assert least in lowest.values()
        assert least == min(example.labels)


def test_without_the_option_impressions_choose_nothing() -> None:
    """The control of the test above."""
    ignored = set(never_met(Dataset(TABLES, PROTOCOL), 3))
    mine = negatives_of(examples_of(shown(sorted(ignored)), config()), USER)
    assert sum(set(items[:2]) <= ignored for items in mine) < len(mine) / 2


def test_what_was_chosen_of_a_shown_list_is_no_negative() -> None:
    dataset = Dataset(TABLES, PROTOCOL)
    liked = dataset.known_positives(USER, Phase.VALID)[0]
    tables = shown([liked], weight=1.0, after=timedelta(days=-1))
    assert known_to_training(Dataset(tables, PROTOCOL)).shown[USER] == known_to_training(dataset).shown[USER]


def test_an_item_that_was_shown_twice_was_more_likely_looked_at() -> None:
    once, twice = never_met(Dataset(TABLES, PROTOCOL), 2)
    first = shown([once, twice])
    again = replace(first.impressions[1], attribution_token="second", propensity=0.2)
    known = known_to_training(Dataset(replace(first, impressions=[*first.impressions, again]), PROTOCOL)).shown[USER]
    assert [known[once], known[twice]] == pytest.approx([0.5, 1 - 0.5 * 0.8])


def test_what_was_shown_once_the_valid_fold_began_is_not_known() -> None:
    dataset = Dataset(TABLES, PROTOCOL)
    ignored = never_met(dataset, 3)
    assert set(ignored) <= set(known_to_training(Dataset(shown(ignored), PROTOCOL)).shown[USER])
    late = Dataset(shown(ignored, after=LATER), PROTOCOL)
    assert not set(ignored) & set(known_to_training(late).shown[USER])


def test_an_item_shown_in_vain_and_liked_later_is_never_a_negative() -> None:
    liked = Dataset(TABLES, PROTOCOL).known_positives(USER, Phase.VALID)[-1]
    wanted = config(negatives=NegativeOptions(count=4, shown=4, ranges=()))
    examples = examples_of(shown([liked]), wanted)
    assert not any(liked in items for items in negatives_of(examples, USER))


def test_things_met_with_weight_0_count_as_shown() -> None:
    dataset = Dataset(TABLES, PROTOCOL)
    [place] = never_met(dataset, 1)
    first = min(row.time for row in TABLES.interactions if row.user_id == USER)
    viewed = InteractionRow(USER, place, "view", 0.0, first)
    more = replace(TABLES, interactions=[viewed, *TABLES.interactions])
    assert place in known_to_training(Dataset(more, PROTOCOL)).shown[USER]


def test_popularity_counts_what_may_be_known_and_names_every_item() -> None:
    dataset = Dataset(TABLES, PROTOCOL)
    knowledge = known_to_training(dataset)
    assert knowledge.popularity.keys() == dataset.fields.keys()
    known = sum(len(dataset.known_positives(user_id, Phase.VALID)) for user_id in dataset.users)
    assert sum(knowledge.popularity.values()) == known
    assert known < len(TABLES.interactions), "held-out positives are not counted"


def test_every_positive_is_learned_once_an_epoch_with_other_negatives() -> None:
    lists = training_lists(Dataset(TABLES, PROTOCOL))
    places = sorted((one.user_id, target) for one in lists for target in one.targets)
    examples = examples_of(TABLES, config(fit=FitOptions(epochs=2)))
    first, second = examples[: len(places)], examples[len(places) :]
    for epoch in (first, second):
        assert sorted((one.user_id, one.items[0]) for one in epoch) == places
    assert [one.items for one in first] != [one.items for one in second]


@pytest.mark.parametrize("wanted", [1, 7, 500])
def test_a_number_of_lists_is_kept_exactly(wanted: int) -> None:
    examples = examples_of(TABLES, config(fit=FitOptions(lists=wanted)))
    assert len(examples) == wanted
    assert all(one.labels == (1.0, 0.0, 0.0, 0.0, 0.0) and len(set(one.items)) == 5 for one in examples)


def test_the_same_seed_makes_the_same_examples_and_another_seed_others() -> None:
    assert examples_of(TABLES, config()) == examples_of(TABLES, config())
    assert examples_of(TABLES, config()) != examples_of(TABLES, config(seed=2))


def test_popular_positives_are_taken_less_often_when_asked() -> None:
    knowledge = known_to_training(Dataset(TABLES, PROTOCOL))

    def mean_popularity(power: float) -> float:
        made = examples_of(TABLES, config(augment=AugmentOptions(positive_power=power), fit=FitOptions(lists=400)))
        return sum(knowledge.popularity[parse_reference(one.items[0])[0]] for one in made) / len(made)

    assert mean_popularity(1.0) < mean_popularity(0.0)


def test_nothing_to_learn_from_is_said() -> None:
    knowledge = known_to_training(Dataset(TABLES, PROTOCOL))
    with pytest.raises(RunIncomplete, match="no candidate list to train on; lower protocol"):
        ExampleMaker(config(), knowledge).make([])


def test_the_trainer_gets_one_row_a_list() -> None:
    examples = examples_of(TABLES, config())[:3]
    rows = example_rows(examples)
    assert rows.column_names == ["context", "items", "label"]
    assert [tuple(items) for items in rows["items"]] == [one.items for one in examples]
    assert [text.split("\x1f") if text else [] for text in rows["context"]] == [
        list(one.history.oldest_first) for one in examples
    ]
