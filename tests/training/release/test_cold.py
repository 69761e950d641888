"""Protocol cold end to end on a made-up world of genres: hidden items of a user's genre are found by their texts where
trees learned of such items; a cross-encoder reads only where it cannot have learned of them."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import pytest

from gateway.domain.progress import Advance
from tests.training.release.gate.tiny_release import TinyRelease
from tests.training.run_tiny import TABLES as TRAINED_TABLES
from tests.training.synthetic import GENRES, synthetic_tables
from training.data.tables import ItemRow, Tables
from training.evaluation.cold import COLD, WARM
from training.evaluation.evaluation import Evaluation
from training.evaluation.fields import SharedField
from training.evaluation.lists import ListsInvalid
from training.evaluation.plan import CROSS_ENCODER, RERANKED, WITHOUT_COLD
from training.first_stage.training_interactions import Scores
from training.lists.served import BLEND
from training.options.config import FusionOptions
from training.options.protocol import Protocol
from training.protocol.cold import ColdProtocol
from training.protocol.trained_on import TrainedOn
from training.release.cold import ColdEvaluation, open_reader
from training.release.pipeline import Measured
from training.trees.own_lists import OwnOptions

TABLES = synthetic_tables(users=30, items=120)
OPTIONS = OwnOptions(depth=20, folds=2, trees=FusionOptions(kind="lambdamart", bag=1, patience=5))


def nothing(title: str, count: int | None) -> AbstractContextManager[Advance]:
    return nullcontext(lambda _: None)


def vectors(items: Sequence[ItemRow]) -> Scores:
    """An axis for each genre."""
    return np.eye(4, dtype=np.float32)[[GENRES.index(item.fields["genre"]) for item in items]]


def measured(tables: Tables = TABLES, reader: Path | None = None, users: int = 0) -> Evaluation:
    on = Measured(tables, users=users, shared=[SharedField("genre")])
    return ColdEvaluation(on, reader, nothing, lambda note: None, OPTIONS, vectors).run()


@pytest.fixture(scope="module")
def found() -> Evaluation:
    return measured()


def test_both_trees_stand_beside_the_first_stage_as_rows(found: Evaluation) -> None:
    names = {one.name for one in found.methods}
    sources = {"text_ann", "item_neighbors", "item_knn", "follows", "popular", "cold_items"}
    assert names == {*sources, BLEND, "same_genre", WITHOUT_COLD, RERANKED}
    assert found.catalogue == 120


def test_cold_and_warm_items_are_told_apart(found: Evaluation) -> None:
    assert found.cold is not None
    assert found.cold.items == 12
    assert found.cold.row(COLD).lists < found.cold.row(WARM).lists == found.users
    assert {one.name for one in found.segments if one.group == "cold items"} == {"cold", "warm"}
    assert found.cold.unkept <= found.cold.listed <= found.cold.proposed
    assert found.to_dict()["cold"]["rows"]
    assert found.cold.sentence in [one.sentence for one in found.verdicts]


def test_where_nobody_liked_a_hidden_item_there_is_nothing_to_measure() -> None:
    with pytest.raises(ListsInvalid, match="nobody liked one of the 12 hidden items"):
        measured(ColdProtocol(TABLES).known)


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return TinyRelease.make(tmp_path_factory.mktemp("tiny")).version(tmp_path_factory.mktemp("repository"))


def test_a_version_that_was_trained_on_other_tables_reads_and_has_a_row(version: Path) -> None:
    TrainedOn.of(TRAINED_TABLES, Protocol()).write(version)
    found = measured(reader=version, users=20)
    assert CROSS_ENCODER in {one.name for one in found.methods}
    assert found.users == 20


def test_a_version_that_was_trained_on_these_tables_does_not_read(version: Path) -> None:
    TrainedOn.of(TABLES, Protocol()).write(version)
    notes: list[str] = []
    assert open_reader(version, TABLES, notes.append) is None
    assert "was trained on these tables: it may know the hidden items" in " ".join(notes)


def test_a_version_that_does_not_say_what_it_was_trained_on_does_not_read(version: Path) -> None:
    (version / "trained_on.json").unlink(missing_ok=True)
    notes: list[str] = []
    assert open_reader(version, TABLES, notes.append) is None
    assert "does not say what it was trained on" in " ".join(notes)
