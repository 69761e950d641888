"""Variants of a configuration: values as in TOML, one key at a time or all together, wrong ones refused by name."""

from typing import Any

import pytest

from training.ablation.variants import BASE, Varied, base_of, parse_varied, variants
from training.errors import ConfigInvalid
from training.options.config import TrainingConfig
from training.options.presets import preset_text
from training.options.text import TextOptions

CONFIG = TrainingConfig(name="mine", layers=3)


@pytest.mark.parametrize(
    ("text", "key", "values"),
    [
        ("layers=6,3,2", "layers", (6, 3, 2)),
        ("augment.history_dropout=0,0.2", "augment.history_dropout", (0, 0.2)),
        ("fit.loss=listnet,lambda", "fit.loss", ("listnet", "lambda")),
        ('text.item_fields=["title"],["title","year"]', "text.item_fields", (["title"], ["title", "year"])),
        ("bf16 = true, false", "bf16", (True, False)),
        ("base_model=a-b,3", "base_model", ("a-b", 3)),
    ],
)
def test_values_are_read_as_in_a_file(text: str, key: str, values: tuple[Any, ...]) -> None:
    assert parse_varied(text) == Varied(key, values)


@pytest.mark.parametrize("text", ["layers", "=3", "layers=", "  =  "])
def test_a_key_without_values_is_refused(text: str) -> None:
    with pytest.raises(ConfigInvalid, match="write KEY=VALUE"):
        parse_varied(text)


def test_one_key_changes_at_a_time_and_the_base_stands_first() -> None:
    found = variants(CONFIG, [Varied("layers", (3, 2)), Varied("text.history_items", (2, 4))])
    assert [one.name for one in found] == [BASE, "layers=2", "text.history_items=2", "text.history_items=4"]
    assert [one.config.layers for one in found] == [3, 2, 3, 3]
    assert [one.config.text.history_items for one in found] == [8, 8, 2, 4]


def test_a_grid_holds_every_combination_once() -> None:
    found = variants(CONFIG, [Varied("layers", (3, 2)), Varied("text.history_items", (2, 8))], grid=True)
    assert len(found) == 4
    assert {(one.config.layers, one.config.text.history_items) for one in found} == {(3, 8), (3, 2), (2, 2), (2, 8)}
    assert found[0].name == BASE


def test_without_anything_varied_the_base_is_left() -> None:
    assert [one.config for one in variants(CONFIG, [])] == [CONFIG]


def test_a_preset_changes_what_is_read() -> None:
    found = variants(CONFIG, [parse_varied("text.preset=commerce,news")])
    assert [one.name for one in found] == [BASE, "text.preset=commerce", "text.preset=news"]
    for one, name in zip(found[1:], ("commerce", "news"), strict=True):
        assert one.config.text == TextOptions(**preset_text(name)) != CONFIG.text
    with pytest.raises(ConfigInvalid, match="no preset 'shop'"):
        variants(CONFIG, [parse_varied("text.preset=shop")])


def test_lists_become_a_name_and_a_tuple() -> None:
    [_, found] = variants(CONFIG, [parse_varied('text.item_fields=["title","year"]')])
    assert found.name == "text.item_fields=title+year"
    assert found.config.text.item_fields == ("title", "year")


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("layer", 3, "--vary layer: unknown key layer"),
        ("fit.lr", 3, "--vary fit.lr: unknown key fit.lr"),
        ("fitt.lr", 3, "unknown key fitt.lr"),
        ("fit", 3, r"write a table \[fit\]"),
        ("fit.loss", "hinge", "fit.loss is 'hinge'"),
        ("augment.shuffle", 2, "augment.shuffle is 2"),
    ],
)
def test_a_wrong_key_or_value_is_refused_by_name(key: str, value: Any, told: str) -> None:
    with pytest.raises(ConfigInvalid, match=told):
        variants(CONFIG, [Varied(key, (value,))])


def test_what_is_set_is_the_same_in_the_base_and_in_all_variants() -> None:
    base = base_of(CONFIG, [Varied("fit.lists", (70,)), Varied("layers", (6,))])
    found = variants(base, [Varied("layers", (6, 2))])
    assert [(one.name, one.config.layers, one.config.fit.lists) for one in found] == [
        (BASE, 6, 70),
        ("layers=2", 2, 70),
    ]


def test_a_key_is_set_to_one_value() -> None:
    with pytest.raises(ConfigInvalid, match="layers is set to 2 values"):
        base_of(CONFIG, [Varied("layers", (3, 2))])
