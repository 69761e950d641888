"""Default trees: every catalogue counts alike, a catalogue is judged by trees of the others, and what ships can be
read."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from gateway.domain.progress import Advance
from gateway.ranker.fitted import parse_ranker
from gateway.ranker.fused_score import Fusion
from tests.fakes.rankers import steps
from tests.training.synthetic import synthetic_tables
from tests.training.tables_by_hand import random_table
from training.options.config import FusionOptions
from training.ranker.feature_names import default_features
from training.ranker.lambdamart import fit_lambdamart
from training.ranker.table import FusionTable, joined
from training.trees import default
from training.trees.default import CatalogueLists, default_ranker, fit_default, leave_one_out, prepare
from training.trees.own import OwnRanker
from training.trees.own_lists import OwnOptions

TREES = FusionOptions(kind="lambdamart", bag=1, trees=5, leaves=4, leaf_items=5, patience=5, ridge=1.0)


@contextmanager
def nothing(title: str, count: int | None) -> Iterator[Advance]:
    yield lambda _: None


def catalogue(seed: int, users: int = 20) -> CatalogueLists:
    tables = synthetic_tables(users=users, seed=seed)
    genres = np.eye(4, dtype=np.float32)[np.arange(len(tables.items)) % 4]
    return prepare(OwnRanker(tables, genres, nothing, options=OwnOptions(depth=10, folds=2, trees=TREES)))


@pytest.fixture(scope="module")
def catalogues() -> dict[str, CatalogueLists]:
    return {"films": catalogue(1), "books": catalogue(2), "private": catalogue(3)}


def test_no_feature_bears_a_name_of_one_catalogue() -> None:
    assert not {"title", "genre", "item_neighbors"} & {
        part for name in default_features() for part in name.replace("/", ":").split(":")
    }


def test_every_catalogue_weighs_the_same_and_users_stay_apart() -> None:
    few, many = random_table(10, logit_quality=9.0, seed=1), random_table(40, logit_quality=9.0, seed=2)
    both = joined({"few": few, "many": many})
    assert both.weights is not None
    useful = np.where(both.hits > 0, both.weights, 0.0)
    assert useful[:10].sum() == pytest.approx(useful[10:].sum())
    assert both.users[0].startswith("few/")
    assert not set(both.users[:10]) & set(both.users[10:])
    chosen = both.of_lists(np.arange(50) % 2 == 0)
    assert chosen.weights is not None
    assert len(chosen.weights) == 25


def test_weights_change_what_is_fitted() -> None:
    table = random_table(60, logit_quality=1.0, seed=5)
    names = [name for name in table.names if name != "logit"]
    one = joined({"one": table.with_features(names)})
    heavy = replace(one, weights=np.where(np.arange(60) < 30, 5.0, 0.1))
    assert fit_default({"one": one}, TREES) == fit_default({"one": one}, TREES)
    assert fit_lambdamart(one, TREES, 1).trees != fit_lambdamart(heavy, TREES, 1).trees


def test_each_catalogue_is_judged_by_trees_of_the_others(
    catalogues: dict[str, CatalogueLists], monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[list[str]] = []

    def noted(tables: Mapping[str, FusionTable], options: FusionOptions) -> Fusion:
        fitted.append(sorted(tables))
        return steps("popularity", 2.0)

    monkeypatch.setattr(default, "fit_default", noted)
    verdicts = leave_one_out(catalogues, ["films", "books"], TREES)
    assert fitted == [["books"], ["films"], ["books", "films"]]
    assert all("default" in {row.name for row in verdict.rows} for verdict in verdicts.values())


def test_what_ships_is_fitted_on_the_learned_ones_alone_and_can_be_read(catalogues: dict[str, CatalogueLists]) -> None:
    ranker = default_ranker(catalogues, ["films", "books"], TREES)
    fewer = {name: catalogues[name] for name in ("films", "books")}
    assert ranker == default_ranker(fewer, ["films", "books"], TREES)
    assert parse_ranker(ranker.to_json()) == ranker
    assert ranker.trees is not None
    assert not ranker.trees.reads_logit
