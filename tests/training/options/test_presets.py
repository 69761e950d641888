"""Presets: their documented examples are what is rendered, in training as in serving, and fit their token budgets."""

import json
import re
from pathlib import Path

import pytest

from clients.command_line.shared.console import ExitCode
from gateway.domain.values import Context, HistoryEvent
from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.tokenizer import open_tokenizer
from gateway.ranking.rendering import context_fields
from tests.clients.command_line.program import crossrank
from tests.training.histories import oldest_first
from training.errors import ConfigInvalid
from training.model.cross_encoder import base_model_path, tokenizer_path
from training.model.pair_table import PairTable, context_key
from training.options.config import TrainingConfig, read_config
from training.options.presets import PRESETS, preset_example, preset_names, preset_text, with_preset
from training.options.text import TextOptions

NAMES = ("commerce", "news", "streaming")
README = (PRESETS / "README.md").read_text(encoding="utf-8")


def config_of(name: str) -> TrainingConfig:
    return TrainingConfig(name, text=TextOptions(**preset_text(name)))


def section(name: str) -> str:
    return README.split(f"\n## {name}\n")[1].split("\n## ")[0]


def rows_of(text: str) -> dict[str, dict[str, str]]:
    """A Markdown table by its first column."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    header, _, *rows = lines
    return {row[0]: dict(zip(header[1:], row[1:], strict=True)) for row in rows}


def test_there_is_a_preset_for_each_product_and_a_chapter_for_each_preset() -> None:
    assert preset_names() == sorted(NAMES)
    assert re.findall(r"^## (.*)$", README, re.MULTILINE) == ["streaming", "commerce", "news"]


@pytest.mark.parametrize("name", NAMES)
def test_the_documented_rows_give_the_documented_texts(name: str) -> None:
    example = preset_example(name)
    assert rows_of(section(name)) == {item_id: dict(fields) for item_id, fields in example.items.items()}
    context, item = example.texts(config_of(name).encoding())
    assert f"context: {context}\nitem:    {item}\n" in section(name)
    first, last = example.history
    assert re.search(rf"Somebody \w+ {first}, then .*{last}.*; item {example.candidate} is proposed", section(name))


@pytest.mark.parametrize("name", NAMES)
def test_training_and_serving_read_the_same_tokens_of_the_example(name: str) -> None:
    config = config_of(name)
    example = preset_example(name)
    encoder = PairEncoder(config.encoding(), open_tokenizer(tokenizer_path(base_model_path(config.base_model))))
    trained = PairTable(encoder, example.items).encode(context_key(oldest_first(*example.history)), example.candidate)
    events = [HistoryEvent(item_id, example.items[item_id]) for item_id in reversed(example.history)]
    context = encoder.encode_context(context_fields(Context(history=tuple(events)), events))
    served = encoder.join(context, encoder.encode_item(example.items[example.candidate]))
    assert trained == served
    assert not served.truncated
    assert context.text == example.texts(config.encoding())[0]


@pytest.mark.parametrize("name", NAMES)
def test_every_field_of_a_preset_stands_in_its_example(name: str) -> None:
    text = preset_text(name)
    shown = set(text["item_fields"]) | set(text["history_fields"])
    assert all(set(fields) == shown for fields in preset_example(name).items.values())


def test_keys_of_ones_own_stand_above_those_of_the_preset() -> None:
    chosen = with_preset({"preset": "news", "item_tokens": 200})
    assert chosen == {**preset_text("news"), "item_tokens": 200}
    assert with_preset({"item_tokens": 7}) == {"item_tokens": 7}


def test_a_configuration_names_a_preset(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text('[text]\npreset = "commerce"\nhistory_items = 3\n', encoding="utf-8")
    config = read_config(tmp_path / "shop.toml")
    assert config.text.item_fields == ("category", "brand", "title")
    assert (config.text.history_items, config.text.item_tokens) == (3, 64)
    (tmp_path / "shop.toml").write_text('[text]\npreset = "bakery"\n', encoding="utf-8")
    with pytest.raises(ConfigInvalid, match="there is no preset 'bakery'; use one of commerce, news, streaming"):
        read_config(tmp_path / "shop.toml")


def test_the_command_shows_spec_and_example() -> None:
    done = crossrank("spec", "show", "commerce", "--json")
    assert done.exit_code == ExitCode.OK, done.notes
    assert [field["name"] for field in done.document["spec"]["item"]["fields"]] == ["category", "brand", "title"]
    assert done.document["example"]["item"] == "Jackets, Fjellvik, Rain jacket with hood"
    assert json.loads(crossrank("spec", "list", "--json").output).keys() == set(NAMES)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "told"),
    [
        (("bakery",), ExitCode.FAILURE, "use one of commerce, news, streaming"),
        ((), ExitCode.USAGE, "name either a preset or a configuration"),
        (("news", "--config", "x.toml"), ExitCode.USAGE, "name either a preset or a configuration"),
    ],
)
def test_a_wrong_question_is_answered_with_what_there_is(
    arguments: tuple[str, ...], exit_code: ExitCode, told: str
) -> None:
    done = crossrank("spec", "show", *arguments)
    assert done.exit_code == exit_code
    assert told in " ".join(done.notes.split())
