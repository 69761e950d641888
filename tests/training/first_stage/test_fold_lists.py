"""The lists of a fold: complete, fused by reciprocal rank, and made of what the fold may know."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from gateway.catalog.writer import CatalogWriter
from gateway.domain.budget import Budget
from gateway.domain.values import Item
from gateway.encoding.pair_encoder import PairEncoder
from gateway.ranker.features import RANK_OFFSET
from tests.fakes.embedders import HashingEmbedder
from tests.fakes.specs import small_spec
from tests.fakes.stores import Memory, MemoryItemStore
from tests.fakes.tokenizers import bert_like
from tests.training.first_stage.by_hand import hashed_vectors
from tests.training.histories import oldest_first
from tests.training.synthetic import synthetic_tables
from training.data.tables import ItemRow, Tables
from training.errors import ConfigInvalid, Leak
from training.first_stage import fold_lists
from training.first_stage.fold_lists import FoldLists
from training.first_stage.training_interactions import Scores, TrainingInteractions, known_in
from training.lists.candidate_list import CandidateList
from training.options.protocol import Protocol
from training.options.sources import SourceOptions
from training.protocol.dataset import Dataset, Phase

PROTOCOL = Protocol(min_positives=12, held_out=3, min_history=3)
OPTIONS = SourceOptions(factors=4, iterations=3, depth=20)
TABLES = synthetic_tables(users=60, items=96)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return Dataset(TABLES, PROTOCOL)


@pytest.fixture(scope="module")
def valid(dataset: Dataset) -> list[CandidateList]:
    return FoldLists(dataset, OPTIONS, lambda _: None, hashed_vectors)(Phase.VALID)


def test_every_user_of_the_fold_has_a_list_with_the_folds_targets(dataset: Dataset, valid: list[CandidateList]) -> None:
    assert [(one.user_id, one.history, one.targets) for one in valid] == [
        (case.user_id, case.history, case.targets) for case in dataset.cases(Phase.VALID)
    ]


def test_nothing_that_the_user_had_met_is_proposed(dataset: Dataset, valid: list[CandidateList]) -> None:
    for one in valid:
        proposed = {candidate.item_id for candidate in one.candidates}
        assert not proposed & (dataset.case(one.user_id, Phase.VALID).seen | set(one.history.oldest_first))


def test_candidates_are_numbered_from_one_best_first_and_differ(valid: list[CandidateList]) -> None:
    for one in valid:
        assert [candidate.rank for candidate in one.candidates] == list(range(1, len(one.candidates) + 1))
        scores = [candidate.score for candidate in one.candidates]
        assert scores == sorted(scores, reverse=True)
        assert len({candidate.item_id for candidate in one.candidates}) == len(one.candidates) <= OPTIONS.depth


def test_the_fused_score_is_the_sum_of_reciprocal_ranks_of_the_fused_sources(valid: list[CandidateList]) -> None:
    for candidate in valid[0].candidates:
        expected = sum(1 / (RANK_OFFSET + hit.rank) for hit in candidate.hits if hit.source in OPTIONS.fused)
        assert candidate.score == pytest.approx(expected)


def test_candidates_carry_the_hits_of_sources_that_are_not_fused(valid: list[CandidateList]) -> None:
    named = {hit.source for one in valid for candidate in one.candidates for hit in candidate.hits}
    assert named > {*OPTIONS.fused, "popular", "ease_recent", "follows", "item_knn_recent"}


def test_lists_are_better_than_chance(valid: list[CandidateList]) -> None:
    found = sum(len({candidate.item_id for candidate in one.candidates} & set(one.targets)) for one in valid)
    assert found / sum(len(one.targets) for one in valid) > 1.3 * OPTIONS.depth / len(TABLES.items)


def test_every_source_alone_is_told_in_the_order_of_its_own_ranks(valid: list[CandidateList]) -> None:
    for one in valid:
        assert one.by_source.keys() >= {*OPTIONS.fused, "popular", "ease"}
        for name, alone in one.by_source.items():
            ranks = {item.item_id: hit.rank for item in one.candidates for hit in item.hits if hit.source == name}
            told = [ranks[item_id] for item_id in alone if item_id in ranks]
            assert told == sorted(told), name
            assert len(alone) <= OPTIONS.depth


def test_a_source_alone_may_propose_what_the_fused_list_has_no_room_for(valid: list[CandidateList]) -> None:
    beyond = [set(one.by_source["popular"]) - {item.item_id for item in one.candidates} for one in valid]
    assert any(beyond)


def test_the_same_options_give_the_same_lists(dataset: Dataset, valid: list[CandidateList]) -> None:
    assert FoldLists(dataset, OPTIONS, lambda _: None, hashed_vectors)(Phase.VALID) == valid


def test_a_fit_that_knows_the_targets_is_caught(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    lists = FoldLists(dataset, OPTIONS, lambda _: None, hashed_vectors)
    everything = dataset.interactions(Phase.TEST)
    monkeypatch.setattr(dataset, "interactions", lambda fold: everything)
    with pytest.raises(Leak, match="is to be predicted, and the fit holds it"):
        lists(Phase.VALID)


@pytest.mark.parametrize("fold", [Phase.VALID, 2])
def test_sources_that_are_fitted_on_a_later_fold_are_caught_though_the_rows_are_right(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, fold: int
) -> None:
    """Of fold 2, what is planted are the targets of valid: none of its own."""
    lists = FoldLists(dataset, OPTIONS, lambda _: None, hashed_vectors)
    monkeypatch.setattr(fold_lists, "known_in", lambda data, fold: known_in(data, fold - 1))
    with pytest.raises(Leak, match="is to be predicted, and the fit holds it"):
        lists(fold)


def test_one_test_item_in_the_fit_of_a_training_fold_is_caught(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = dataset.cases(Phase.TEST)[3]
    place = [item.item_id for item in dataset.items].index(case.targets[1])

    def planted(data: Dataset, fold: int) -> TrainingInteractions:
        known = known_in(data, fold)
        user = known.users.index(case.user_id)
        histories = [
            oldest_first(*one.oldest_first, place) if number == user else one
            for number, one in enumerate(known.histories)
        ]
        return replace(known, histories=tuple(histories))

    monkeypatch.setattr(fold_lists, "known_in", planted)
    with pytest.raises(Leak, match=f"user {case.user_id}: item {case.targets[1]} is to be predicted"):
        FoldLists(dataset, OPTIONS, lambda _: None, hashed_vectors)(2)


async def test_training_embeds_the_texts_that_the_index_embeds() -> None:
    """Fields in the table's order, which is not the text's."""
    rows = [ItemRow(one.item_id, dict(reversed(list(one.fields.items())))) for one in TABLES.items]
    read: list[str] = []

    def embedded(texts: Sequence[str]) -> Scores:
        read.extend(texts)
        return hashed_vectors(texts)

    FoldLists(Dataset(replace(TABLES, items=rows), PROTOCOL), OPTIONS, lambda _: None, embedded)(Phase.VALID)
    index = HashingEmbedder()
    writer = CatalogWriter(MemoryItemStore(Memory()), index, lambda: PairEncoder(small_spec(), bert_like()))
    await writer.upsert([Item(one.item_id, one.fields) for one in rows], Budget(10))
    assert read == index.texts
    assert read[1] == "film 1 space, space"


def test_a_catalogue_that_would_not_fit_into_memory_is_refused(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold_lists, "MAX_ITEMS", 95)
    with pytest.raises(ConfigInvalid, match=r"the catalogue has 96 items; .* at most 95"):
        FoldLists(dataset, OPTIONS, lambda _: None, hashed_vectors)


def test_a_small_catalogue_gives_what_is_open() -> None:
    few = Dataset(Tables(TABLES.items, TABLES.interactions), PROTOCOL)
    deep = replace(OPTIONS, depth=1000)
    for one in FoldLists(few, deep, lambda _: None, hashed_vectors)(Phase.TEST)[:5]:
        assert len(one.candidates) <= len(TABLES.items) - len(one.history)
