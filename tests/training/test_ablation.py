"""An ablation on a tiny model: every variant has a result, a second start trains nothing, files tell the same."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.popular_lists import popular_lists
from tests.training.run_tiny import TABLES, tiny_config
from training import fit
from training.ablation import Ablation, VariantResult, folder_name
from training.ablation_plot import undominated, write_plot
from training.candidates.lists import CandidateList
from training.config import TrainingConfig
from training.dataset import Dataset
from training.options import SelectOptions
from training.variants import Variant, parse_varied, variants


def lists_for(config: TrainingConfig) -> Callable[[int], Sequence[CandidateList]]:
    dataset = Dataset(TABLES, config.protocol)
    return lambda fold: popular_lists(dataset, fold)


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> list[Variant]:
    config = tiny_config(tmp_path_factory.mktemp("model"))
    short = replace(config, fit=replace(config.fit, lists=64, save_steps=50))
    return variants(short, [parse_varied("layers=1"), parse_varied("text.history_items=1")])


@pytest.fixture(scope="module")
def ablation(tmp_path_factory: pytest.TempPathFactory) -> Ablation:
    folder = tmp_path_factory.mktemp("ablation")
    return Ablation(folder, TABLES, lists_for, SelectOptions(users=10, depth=30), lambda _: None)


@pytest.fixture(scope="module")
def results(ablation: Ablation, chosen: list[Variant]) -> list[VariantResult]:
    return ablation.run(chosen)


def test_every_variant_is_trained_and_measured_on_the_same_lists(results: list[VariantResult]) -> None:
    assert [one.variant for one in results] == ["base", "layers=1", "text.history_items=1"]
    assert [one.layers for one in results] == [2, 1, 2]
    assert {(one.lists, one.pairs) for one in results} == {(10, 300)}
    assert all(0 <= one.ndcg <= 1 and one.pairs_per_s > 0 for one in results)


def test_a_shorter_history_has_fewer_tokens(results: list[VariantResult]) -> None:
    base, _, shorter = results
    assert shorter.tokens_per_pair < base.tokens_per_pair


def test_a_second_start_trains_nothing_and_tells_the_same(
    ablation: Ablation, results: list[VariantResult], chosen: list[Variant], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> fit.Outcome:
        raise AssertionError("a finished variant was trained again")

    monkeypatch.setattr(fit, "run_step", refuse)
    assert ablation.run(chosen) == results


def test_a_second_start_on_more_lists_measures_again_and_trains_nothing(
    ablation: Ablation, results: list[VariantResult], chosen: list[Variant]
) -> None:
    [again] = replace(ablation, measured=SelectOptions(users=12, depth=20)).run(chosen[:1])
    assert (again.lists, again.pairs) == (12, 240)
    assert ablation.run(chosen) == results, "and the table tells of all again"


def test_the_table_is_written_for_programs_and_for_people(ablation: Ablation, results: list[VariantResult]) -> None:
    with (ablation.folder / "ablation.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["variant"] for row in rows] == [one.variant for one in results]
    assert [float(row["ndcg"]) for row in rows] == [one.ndcg for one in results]
    lines_of = (ablation.folder / "ablation.md").read_text(encoding="utf-8").splitlines()
    assert len(lines_of) == 2 + len(results)
    assert len({line.count("|") for line in lines_of}) == 1


def test_the_picture_is_written_twice(results: list[VariantResult], tmp_path: Path) -> None:
    svg, png = write_plot(tmp_path, results)
    assert svg.read_bytes().startswith(b"<?xml")
    assert png.read_bytes().startswith(b"\x89PNG")


def test_only_variants_that_no_other_beats_are_joined() -> None:
    def one(name: str, ndcg: float, speed: float) -> VariantResult:
        return VariantResult(name, 1, ndcg, 40.0, speed, 10, 100)

    fast, good, beaten, twin = one("fast", 0.1, 90), one("good", 0.2, 30), one("bad", 0.1, 30), one("twin", 0.2, 30)
    assert [each.variant for each in undominated([good, fast, beaten, twin])] == ["good", "twin", "fast"]


def test_a_name_becomes_a_folder() -> None:
    assert folder_name("text.item_fields=title+year fit.loss=a/b") == "text.item_fields=title+year_fit.loss=a_b"
