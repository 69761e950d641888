"""crossrank data: fetches data sets and checks tables. Must not know what a model is."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson, CommandFailed, StateDirectory
from clients.command_line.shared.running_stack import running_url

if TYPE_CHECKING:
    from training.data.tables import Tables


class Source(StrEnum):
    """Where MovieLens comes from."""

    RECBOLE = "recbole"
    OFFICIAL = "official"


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    data = typer.Typer(no_args_is_help=True, help="Fetch a data set, or check your own tables.")
    data.command("movielens-100k")(movielens)
    data.command("goodbooks")(goodbooks)
    data.command()(export)
    data.command()(check)
    app.add_typer(data, name="data")


def movielens(
    source: Annotated[
        Source, typer.Option(help="The wheel of recbole, or the address of its makers.")
    ] = Source.RECBOLE,
    path: Annotated[
        Path | None, typer.Option("--from", help="Your own copy: a folder or archive, recbole's files or the original.")
    ] = None,
    state_dir: StateDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Write MovieLens 100K as items.csv and interactions.csv. Research licence: do not redistribute it."""
    from deploy.local import stack
    from training.data import movielens as reader
    from training.data.tables import write_tables
    from training.errors import TrainingError

    state = state_dir or stack.default_state_directory()
    folder = state / "data" / "movielens-100k"
    try:
        if path is not None:
            tables = reader.from_path(path)
        elif source is Source.OFFICIAL:
            tables = reader.from_official_address()
        else:
            tables = reader.from_recbole(state / "downloads")
    except TrainingError as fault:
        raise CommandFailed(fault.message, remedy=fault.remedy) from fault
    write_tables(folder, tables)
    _print_facts(tables, folder, as_json=as_json)


def goodbooks(
    data_dir: Annotated[Path, typer.Option(help="Your copy: a folder with items.csv.gz and interactions.csv.gz.")],
    mini: Annotated[bool, typer.Option("--mini", help="The small sample: mini_items and mini_interactions.")] = False,
    state_dir: StateDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Write goodbooks-10k as items.csv and interactions.csv. CC BY-SA 4.0: name its maker when you pass it on."""
    from deploy.local import stack
    from training.data import goodbooks as reader
    from training.data.tables import write_tables
    from training.errors import TrainingError

    folder = (state_dir or stack.default_state_directory()) / "data" / ("goodbooks-mini" if mini else "goodbooks")
    try:
        tables = reader.from_folder(data_dir, mini=mini)
    except TrainingError as fault:
        raise CommandFailed(fault.message, remedy=fault.remedy) from fault
    write_tables(folder, tables)
    _print_facts(tables, folder, as_json=as_json)


def export(
    folder: Annotated[Path, typer.Option(help="Folder to write items, interactions and impressions (.csv) into.")],
    database_url: Annotated[str, typer.Option(help="PostgreSQL. Default: that of the stack that runs here.")] = "",
    state_dir: StateDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Write what was indexed, shown and done as tables to train on: every list that was shown, with what was chosen."""
    from deploy.local import stack
    from training.data.feedback import export_feedback, open_feedback
    from training.errors import TrainingError

    state = state_dir or stack.default_state_directory()
    url = database_url or running_url(state, "postgres", "--database-url")
    try:
        with open_feedback(url) as reader:
            with console.progress_bar("exporting rows", reader.counts.rows, quiet=as_json) as advance:
                export_feedback(reader, folder, advance)
            counts = asdict(reader.counts)
    except TrainingError as fault:
        raise CommandFailed(fault.message, remedy=fault.remedy) from fault
    if as_json:
        console.print_json({**counts, "folder": str(folder)})
    else:
        console.print_table(("", "rows"), [(name.replace("_", " "), f"{number:,}") for name, number in counts.items()])


def check(
    items: Annotated[Path, typer.Option(help="Items: .csv or .parquet with item_id and text columns.")],
    interactions: Annotated[Path, typer.Option(help="user_id, item_id, event, weight, time: .csv or .parquet.")],
    impressions: Annotated[
        Path | None, typer.Option(help="What was shown, as crossrank data export writes it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check your own tables: every fault is named with file, row, column and remedy."""
    from training.data.tables import read_tables
    from training.errors import TrainingError

    try:
        tables = read_tables(items, interactions, impressions)
    except TrainingError as fault:
        raise CommandFailed(fault.message, remedy=fault.remedy) from fault
    _print_facts(tables, items.parent, as_json=as_json)


def _print_facts(tables: "Tables", folder: Path, *, as_json: bool) -> None:
    facts: dict[str, object] = {
        "items": len(tables.items),
        "interactions": len(tables.interactions),
        "positives": sum(row.weight > 0 for row in tables.interactions),
        "impressions": len(tables.impressions),
        "users": len({row.user_id for row in tables.interactions}),
        "fields": list(tables.items[0].fields) if tables.items else [],
        "folder": str(folder),
    }
    if as_json:
        console.print_json(facts)
    else:
        console.print_table(("", ""), [(name, str(value)) for name, value in facts.items()])
