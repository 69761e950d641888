"""crossrank spec: what a model reads, by preset or configuration file. Must not know a tokenizer or a model."""

import json
from pathlib import Path
from typing import Annotated

import typer

from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson, CommandFailed, ExitCode
from training.options.config import TrainingConfig, read_config
from training.options.presets import preset_example, preset_names, preset_text
from training.options.text import TextOptions


def list_presets(as_json: AsJson = False) -> None:
    """The ready-made presets: name one in a configuration as preset = "NAME" under [text]."""
    presets = {name: preset_text(name) for name in preset_names()}
    if as_json:
        console.print_json(presets)
        return
    rows = [(name, " ".join(text["item_fields"]), " ".join(text["history_fields"])) for name, text in presets.items()]
    console.print_table(("preset", "of an item", "of the history"), rows)


def show(
    preset: Annotated[str, typer.Argument(help="Name of a preset; see crossrank spec list.")] = "",
    config: Annotated[Path | None, typer.Option(help="Instead: a training configuration.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the encoding spec of a preset, with its example, or of a training configuration."""
    if bool(preset) == (config is not None):
        remedy = "crossrank spec show NAME, or --config FILE"
        raise CommandFailed("name either a preset or a configuration", remedy=remedy, exit_code=ExitCode.USAGE)
    if config is not None:
        _print(read_config(config), None, as_json=as_json)
    else:
        chosen = TrainingConfig(preset, text=TextOptions(**preset_text(preset)))
        _print(chosen, preset_example(preset).texts(chosen.encoding()), as_json=as_json)


def _print(config: TrainingConfig, example: tuple[str, str] | None, *, as_json: bool) -> None:
    spec = config.encoding()
    if as_json:
        texts = {} if example is None else {"example": dict(zip(("context", "item"), example, strict=True))}
        console.print_json({"spec": json.loads(spec.to_json()), **texts})
        return
    context = spec.context
    rows = [
        ("history items", f"{context.history_items}, {context.history_choice}, {context.history_order}"),
        ("of the history", " ".join(field.name for field in context.history_fields)),
        ("tokens of the context", f"{context.max_tokens}, {context.max_item_tokens} of an item"),
        ("of an item", " ".join(field.name for field in spec.item.fields)),
        ("tokens of the item", str(spec.item.max_tokens)),
    ]
    if example is not None:
        rows += [("example, context", example[0]), ("example, item", example[1])]
    console.print_table(("", spec.template), rows)
