"""The fused score of a served list reads the logits, the history, the items' fields and their popularity."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.domain.errors import StoreUnavailable
from gateway.domain.values import Candidate, CandidateOptions, Context, HistoryEvent, Item, RankingOptions
from gateway.ranker.spec import FusionTerm, LinearFusion
from gateway.ranking.order import sigmoid
from tests.fakes.specs import small_spec
from tests.gateway.rig import CATALOGUE, Rig, call

ALL = RankingOptions(top_n=100)


def rig_of(folder: Path, *weights: tuple[str, float]) -> Rig:
    return Rig(folder, small_spec(fusion=LinearFusion(tuple(FusionTerm(name, weight) for name, weight in weights))))


def with_genres(rig: Rig, **genres: str) -> None:
    for item_id, genre in genres.items():
        rig.shelf.items[item_id] = Item(item_id, {**CATALOGUE[item_id].fields, "genres": genre})


async def test_an_item_that_shares_a_field_with_the_recent_history_comes_first(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, ("recency:genres", 1.0))
    with_genres(rig, m0="crime", m1="war|space", m5="space", m4="crime, drama")
    answer = await rig.pipeline.recommend(Context(user_id="u1"), CandidateOptions(), ALL, call())
    assert [one.item_id for one in answer.items[:2]] == ["m4", "m5"]
    assert [one.score for one in answer.items[:3]] == pytest.approx([sigmoid(1), sigmoid(1 / 2), 0.5])


async def test_popularity_is_that_of_the_items_that_were_read(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, ("popularity", 1.0))
    rig.shelf.items["m6"] = replace(CATALOGUE["m6"], popularity=3)
    answer = await rig.pipeline.recommend(Context(user_id="u1"), CandidateOptions(), ALL, call())
    assert answer.items[0].item_id == "m6"
    assert answer.items[0].score == pytest.approx(4 / 5)


async def test_candidates_given_inline_without_hits_are_ranked_with_a_history_given_inline(tmp_path: Path) -> None:
    names = ("sources", "best_rank", "score:popular", "popularity", "recency:genres")
    rig = rig_of(tmp_path, *((name, 1.0) for name in names))
    rig.shelf.faults = {name: StoreUnavailable("no database") for name in ("get", "recent", "fetch")}
    given = [
        Candidate(f"c{rank}", rank, -float(rank), item=Item(f"c{rank}", {"title": genre, "genres": genre}))
        for rank, genre in enumerate(["war", "crime"], start=1)
    ]
    history = (HistoryEvent("h", {"title": "heat", "genres": "crime"}),)
    answer = await rig.pipeline.rerank(Context(history=history), given, ALL, call())
    assert [one.item_id for one in answer.items] == ["c2", "c1"]
    assert [one.score for one in answer.items] == pytest.approx([sigmoid(1), 0.5])


async def test_a_history_that_cannot_be_read_leaves_its_features_neutral(tmp_path: Path) -> None:
    rig = rig_of(tmp_path, ("history_length", 1.0), ("recency:genres", 1.0))
    with_genres(rig, m0="crime", m4="crime")
    rig.shelf.faults["recent"] = StoreUnavailable("away")
    answer = await rig.pipeline.recommend(Context(user_id="u1"), CandidateOptions(), ALL, call())
    assert {one.score for one in answer.items} == {0.5}
    assert [one.rank for one in answer.items] == [one.first_stage_rank for one in answer.items]
