"""An ablation on a tiny model: every variant has a result, tested against the base's on the same users; a second start
trains nothing; files tell the same."""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.training.popular_lists import popular_lists
from tests.training.run_tiny import TABLES, tiny_config
from training.ablation.ablation import Ablation, folder_name
from training.ablation.plot import quality_against_speed, undominated, write_plot
from training.ablation.table import COLUMNS, AblationRow, VariantResult, compare
from training.ablation.variants import Variant, parse_varied, variants
from training.fit import trainer
from training.lists.candidate_list import CandidateList
from training.options.config import TrainingConfig
from training.options.fit import SelectOptions
from training.protocol.dataset import Dataset


def lists_for(config: TrainingConfig) -> Callable[[int], Sequence[CandidateList]]:
    dataset = Dataset(TABLES, config.protocol)
    return lambda fold: popular_lists(dataset, fold)


@pytest.fixture(scope="module", autouse=True)
def threads_of_other_tests() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> list[Variant]:
    config = tiny_config(tmp_path_factory.mktemp("model"))
    short = replace(config, threads=1, fit=replace(config.fit, lists=64, save_steps=50))
    return variants(short, [parse_varied("layers=1"), parse_varied("text.history_items=1")])


@pytest.fixture(scope="module")
def ablation(tmp_path_factory: pytest.TempPathFactory) -> Ablation:
    folder = tmp_path_factory.mktemp("ablation")
    return Ablation(folder, TABLES, lists_for, SelectOptions(users=10, depth=30), lambda _: None)


@pytest.fixture(scope="module")
def rows(ablation: Ablation, chosen: list[Variant]) -> list[AblationRow]:
    return ablation.run(chosen)


def by_hand(variant: str, ndcg_by_user: dict[str, float], speed: float = 50) -> VariantResult:
    return VariantResult(variant, 1, ndcg_by_user, 40.0, speed, 100)


def test_every_variant_is_trained_and_measured_on_the_same_lists(rows: list[AblationRow]) -> None:
    results = [one.result for one in rows]
    assert [one.variant for one in results] == ["base", "layers=1", "text.history_items=1"]
    assert [one.layers for one in results] == [2, 1, 2]
    assert {(frozenset(one.ndcg_by_user), one.pairs) for one in results} == {(frozenset(results[0].ndcg_by_user), 300)}
    assert len(results[0].ndcg_by_user) == 10
    assert all(0 <= one.ndcg.mean <= 1 and one.result.pairs_per_s > 0 for one in rows)


def test_a_model_that_is_trained_already_is_measured_with_as_many_threads_as_trained_it(
    ablation: Ablation, rows: list[AblationRow], chosen: list[Variant]
) -> None:
    assert rows, "trained before"
    others, threads = torch.get_num_threads() + 1, chosen[0].config.threads
    torch.set_num_threads(others)
    replace(ablation, measured=SelectOptions(users=11, depth=20)).run(chosen[:1])
    assert torch.get_num_threads() == threads != others


def test_another_seed_is_measured_on_the_users_that_the_base_is_measured_on(
    ablation: Ablation, rows: list[AblationRow], chosen: list[Variant]
) -> None:
    [base, seeded] = ablation.run(variants(chosen[0].config, [parse_varied("seed=6")]))
    assert base == rows[0]
    assert seeded.against_base is not None
    ablation.run(chosen)


def test_a_shorter_history_has_fewer_tokens(rows: list[AblationRow]) -> None:
    base, _, shorter = rows
    assert shorter.result.tokens_per_pair < base.result.tokens_per_pair


def test_a_second_start_trains_nothing_and_tells_the_same(
    ablation: Ablation, rows: list[AblationRow], chosen: list[Variant], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> trainer.Outcome:
        raise AssertionError("a finished variant was trained again")

    monkeypatch.setattr(trainer, "run_step", refuse)
    assert ablation.run(chosen) == rows


def test_a_second_start_on_more_lists_measures_again_and_trains_nothing(
    ablation: Ablation, rows: list[AblationRow], chosen: list[Variant]
) -> None:
    [again] = replace(ablation, measured=SelectOptions(users=12, depth=20)).run(chosen[:1])
    assert (len(again.result.ndcg_by_user), again.result.pairs) == (12, 240)
    assert ablation.run(chosen) == rows, "and the table tells of all again"


def test_a_variant_that_is_better_for_nearly_everybody_is_told_from_the_base() -> None:
    base = {f"u{number}": 0.1 + number / 1000 for number in range(100)}
    better = {user: value + (0.05 if number % 10 else -0.02) for number, (user, value) in enumerate(base.items())}
    [of_base, of_better] = compare([by_hand("base", base), by_hand("better", dict(reversed(better.items())))], seed=3)
    assert of_base.against_base is None
    assert of_better.against_base is not None
    assert of_better.against_base.difference == pytest.approx(0.043)
    assert 0 < of_better.against_base.low < 0.043 < of_better.against_base.high
    assert of_better.against_base.p < 0.001
    assert of_better.ndcg.low < of_better.ndcg.mean < of_better.ndcg.high


def test_a_variant_that_differs_by_chance_is_not_told_from_the_base() -> None:
    base = {f"u{number}": 0.1 for number in range(100)}
    shaken = {user: value + (0.05 if number % 2 else -0.05) for number, (user, value) in enumerate(base.items())}
    [_, row] = compare([by_hand("base", base), by_hand("shaken", shaken)], seed=3)
    assert row.against_base is not None
    assert row.against_base.p > 0.9


def test_lists_of_other_users_are_not_compared_and_leave_their_cells_empty() -> None:
    rows = compare([by_hand("base", {"a": 0.1, "b": 0.2}), by_hand("others", {"a": 0.1, "c": 0.9})], seed=3)
    assert [row.against_base for row in rows] == [None, None]
    assert all(len(row.cells()) == len(COLUMNS) and row.to_dict()["p"] is None for row in rows)
    assert rows[1].cells()[COLUMNS.index("gain")] == ""


def test_the_table_is_written_for_programs_and_for_people(ablation: Ablation, rows: list[AblationRow]) -> None:
    with (ablation.folder / "ablation.csv").open(encoding="utf-8", newline="") as lines:
        written = list(csv.DictReader(lines))
    assert [row["variant"] for row in written] == [one.result.variant for one in rows]
    assert [float(row["ndcg"]) for row in written] == [one.ndcg.mean for one in rows]
    assert [row["p"] for row in written] == [str(one.against_base.p) if one.against_base else "" for one in rows]
    lines_of = (ablation.folder / "ablation.md").read_text(encoding="utf-8").splitlines()
    assert len(lines_of) == 2 + len(rows)
    assert len({line.count("|") for line in lines_of}) == 1


def test_the_picture_is_written_twice(rows: list[AblationRow], tmp_path: Path) -> None:
    svg, png = write_plot(tmp_path, rows)
    assert svg.read_bytes().startswith(b"<?xml")
    assert png.read_bytes().startswith(b"\x89PNG")


def test_every_name_stands_within_the_axes() -> None:
    numbers = {"text.history_order=oldest_first": 100, "base": 325, "text.history_choice=distinct": 573}
    figure = quality_against_speed(
        compare([by_hand(name, {"a": speed / 1000}, speed) for name, speed in numbers.items()], seed=3)
    )
    figure.draw_without_rendering()
    [axes] = figure.axes
    for text in axes.texts:
        box = text.get_window_extent()
        assert axes.bbox.x0 <= box.x0 < box.x1 <= axes.bbox.x1, text.get_text()


def test_only_variants_that_no_other_beats_are_joined() -> None:
    numbers = {"good": (0.2, 30), "fast": (0.1, 90), "bad": (0.1, 30), "twin": (0.2, 30)}
    rows = compare([by_hand(name, {"a": ndcg}, speed) for name, (ndcg, speed) in numbers.items()], seed=3)
    assert [each.result.variant for each in undominated(rows)] == ["good", "twin", "fast"]


def test_a_name_becomes_a_folder() -> None:
    assert folder_name("text.item_fields=title+year fit.loss=a/b") == "text.item_fields=title+year_fit.loss=a_b"
