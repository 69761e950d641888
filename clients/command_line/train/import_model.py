"""crossrank import: a cross-encoder from a hub or a folder to a model version. Must not load or convert it itself."""

import sys
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson
from clients.command_line.shared.new_version import complete, say_not_judged
from training.export.precision import Device, Precision
from training.importing.checkpoint import open_checkpoint
from training.importing.importer import STEPS, Imported, ImportPlan, import_checkpoint
from training.importing.text import PairText
from training.model.source import find_source


@dataclass(frozen=True, slots=True)
class CheckpointChoice:
    """Which checkpoint."""

    model: Annotated[str, typer.Option(help="owner/model of a hub, or a folder. Safetensors only; no code is run.")]
    revision: Annotated[str | None, typer.Option(help="Branch, tag or commit on the hub. Default: its newest.")] = None
    positive_label: Annotated[
        int | None, typer.Option(help="Of a model with two labels: the one that means relevant.", min=0, max=1)
    ] = None


@dataclass(frozen=True, slots=True)
class TextChoice:
    """What it reads."""

    fields: Annotated[str, typer.Option(help="Fields of an item, in order, with commas: title,genres.")]
    history_fields: Annotated[str, typer.Option(help="Fields of a history item. Default: the first field.")] = ""
    history_items: Annotated[int, typer.Option(help="History items in the context, at most.")] = 8
    history_item_tokens: Annotated[int, typer.Option(help="Tokens of one history item, at most.")] = 16
    context_tokens: Annotated[int, typer.Option(help="Tokens of query and history, at most.")] = 96
    item_tokens: Annotated[int, typer.Option(help="Tokens of an item, at most; longer ones are cut.")] = 128


@dataclass(frozen=True, slots=True)
class TargetChoice:
    """Where the version goes and in which form."""

    model_repository: Annotated[Path, typer.Option(help="Repository to write into.")]
    version: Annotated[int, typer.Option(help="Version to write; it must not exist.", min=1)] = 1
    name: Annotated[str, typer.Option(help="The model's name on Triton.")] = "cross_encoder"
    precision: Annotated[
        Precision,
        typer.Option(help="int8 needs a CPU, bf16 a GPU. On GPUs fp16 and bf16 are computed without padding."),
    ] = Precision.FP32
    device: Annotated[Device, typer.Option(help="What will serve it.")] = Device.CPU


def import_model(checkpoint: CheckpointChoice, text: TextChoice, target: TargetChoice, as_json: AsJson = False) -> None:
    """Import a cross-encoder as it is: BERT, DistilBERT, ELECTRA, RoBERTa, XLM-RoBERTa or ModernBERT with one label."""
    plan = _plan(text, target)
    plan.check()
    with redirect_stdout(sys.stderr):
        source = find_source(checkpoint.model, checkpoint.revision)
        model = open_checkpoint(source, checkpoint.positive_label)
        with console.progress_bar(f"importing {source.name}", len(STEPS), quiet=as_json) as bar:
            imported = import_checkpoint(model, plan, bar)
    complete(plan.repository)
    _tell(imported, model.licence, as_json)


def _plan(text: TextChoice, target: TargetChoice) -> ImportPlan:
    return ImportPlan(
        repository=target.model_repository,
        name=target.name,
        version=target.version,
        precision=target.precision,
        device=target.device,
        text=PairText(
            fields=_names(text.fields),
            history_fields=_names(text.history_fields),
            history_items=text.history_items,
            history_item_tokens=text.history_item_tokens,
            context_tokens=text.context_tokens,
            item_tokens=text.item_tokens,
        ),
    )


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _tell(imported: Imported, licence: str, as_json: bool) -> None:
    exactness = imported.exactness
    if as_json:
        console.print_json({"version": str(imported.folder), "licence": licence or None, **asdict(exactness)})
        return
    console.say(f"written: {imported.folder}")
    console.say(
        f"{exactness.precision} differs from transformers by up to {exactness.max_abs_dlogit:.2g} on {exactness.pairs} "
        f"pairs; licence: {licence or 'not stated, see the card'}"
    )
    say_not_judged(imported.folder)
