"""What all options share: fields that are bounded and frozen, and refusals of one form however options are made."""

from collections.abc import Iterator
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import pytest
from pydantic.fields import FieldInfo

from training.errors import ConfigInvalid
from training.options.config import TrainingConfig, parse_config
from training.options.fit import FitOptions, NegativeOptions, SelectOptions
from training.options.validation import Options, bounds_of

CONFIG = TrainingConfig(name="mine")
VALUES = {one.name: getattr(CONFIG, one.name) for one in fields(CONFIG)}
SECTIONS = {name: value for name, value in VALUES.items() if isinstance(value, Options)}
BOUND_BY_OTHERS = {
    "protocol.min_positives",
    "protocol.held_out",
    "text.history_item_tokens",
    "lists.near",
    "lists.far",
    "lists.far_rank",
    "negatives.shown",
    "negatives.semantic_neighbors",
}


def numbers() -> Iterator[tuple[str, FieldInfo]]:
    """Every field of every section that is a number."""
    for name, options in SECTIONS.items():
        for key, field in options.__pydantic_fields__.items():
            if field.annotation in (int, float, float | None):
                yield f"{name}.{key}", field


def test_a_section_is_told_by_the_name_that_it_has_in_a_configuration() -> None:
    assert {name: options.section for name, options in SECTIONS.items()} == {name: name for name in SECTIONS}
    assert len(SECTIONS) == 12


def test_every_number_has_a_lowest_and_a_highest_but_those_that_another_field_bounds() -> None:
    assert {key for key, field in numbers() if " to " not in bounds_of(field)} == BOUND_BY_OTHERS


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), True, "1"])
def test_no_field_takes_what_is_no_finite_number(value: Any) -> None:
    for key, _ in numbers():
        section, _, name = key.partition(".")
        with pytest.raises(ConfigInvalid, match=f"mine: {key} is {value!r}; (use a number from|write a)"):
            parse_config({"name": "mine", section: {name: value}}, "mine")


def test_options_made_by_hand_or_by_replace_are_refused_in_the_same_words() -> None:
    told = "select.depth is 3; use a number from 10 to 1000"
    with pytest.raises(ConfigInvalid, match=f"^{told}$"):
        SelectOptions(5, 3)
    with pytest.raises(ConfigInvalid, match=f"^{told}$"):
        replace(SelectOptions(), depth=3)
    with pytest.raises(ConfigInvalid, match=f"^mine.toml: {told}$"):
        parse_config({"name": "mine", "select": {"depth": 3}}, "mine.toml")


def test_a_bound_that_another_field_sets_holds_for_replace_too() -> None:
    with pytest.raises(ConfigInvalid, match=r"negatives\.shown is 9; use a number from 0 to 4"):
        replace(NegativeOptions(shown=9), count=4)


def test_a_configuration_without_a_name_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match="there: name is missing; write name ="):
        parse_config({"layers": 2}, "there")


def test_options_cannot_be_changed() -> None:
    options = FitOptions()
    with pytest.raises(FrozenInstanceError):
        options.__setattr__("epochs", 2)
