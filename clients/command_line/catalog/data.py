"""crossrank data: fetches data sets and checks tables. Must not know what a model is."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson, StateDirectory
from clients.command_line.shared.run_choice import MOVIELENS, read_tables
from clients.command_line.shared.running_stack import running_url
from deploy.local import stack
from training.data import goodbooks as goodbooks_reader
from training.data import movielens as movielens_reader
from training.data.feedback import export_feedback, open_feedback
from training.data.tables import Tables, write_tables


class Source(StrEnum):
    """Where MovieLens comes from."""

    RECBOLE = "recbole"
    OFFICIAL = "official"


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
    state = state_dir or stack.default_state_directory()
    folder = state / "data" / MOVIELENS
    if path is not None:
        tables = movielens_reader.from_path(path)
    elif source is Source.OFFICIAL:
        tables = movielens_reader.from_official_address()
    else:
        tables = movielens_reader.from_recbole(state / "downloads")
    write_tables(folder, tables)
    _print_facts(tables, folder, as_json=as_json)


def goodbooks(
    data_dir: Annotated[Path, typer.Option(help="Your copy: a folder with items.csv.gz and interactions.csv.gz.")],
    mini: Annotated[bool, typer.Option("--mini", help="The small sample: mini_items and mini_interactions.")] = False,
    state_dir: StateDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Write goodbooks-10k as items.csv and interactions.csv. CC BY-SA 4.0: name its maker when you pass it on."""
    folder = (state_dir or stack.default_state_directory()) / "data" / ("goodbooks-mini" if mini else "goodbooks")
    tables = goodbooks_reader.from_folder(data_dir, mini=mini)
    write_tables(folder, tables)
    _print_facts(tables, folder, as_json=as_json)


def export(
    folder: Annotated[Path, typer.Option(help="Folder to write items, interactions and impressions (.csv) into.")],
    database_url: Annotated[str, typer.Option(help="PostgreSQL. Default: that of the stack that runs here.")] = "",
    state_dir: StateDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Write what was indexed, shown and done as tables to train on: every list that was shown, with what was chosen."""
    state = state_dir or stack.default_state_directory()
    url = database_url or running_url(state, "postgres", "--database-url")
    with open_feedback(url) as reader:
        with console.progress_bar("exporting rows", reader.counts.rows, quiet=as_json) as advance:
            export_feedback(reader, folder, advance)
        counts = asdict(reader.counts)
    if as_json:
        console.print_json({**counts, "folder": str(folder)})
    else:
        console.print_table(("", "rows"), [(name.replace("_", " "), f"{number:,}") for name, number in counts.items()])


def check(
    items: Annotated[
        Path | None,
        typer.Option(
            help="Items: .csv or .parquet with item_id and text columns. Default: MovieLens 100K of the state."
        ),
    ] = None,
    interactions: Annotated[
        Path | None,
        typer.Option(help="user_id, item_id, event, weight, time: .csv or .parquet. Default: as for items."),
    ] = None,
    impressions: Annotated[
        Path | None, typer.Option(help="What was shown, as crossrank data export writes it.")
    ] = None,
    skip_unknown: Annotated[
        bool, typer.Option("--skip-unknown", help="Leave out interactions with items that the items table has not.")
    ] = False,
    state_dir: StateDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Check your own tables: faults are counted by kind, the first of each named with file, line, column and remedy."""
    state = state_dir or stack.default_state_directory()
    found = read_tables(items, interactions, state, impressions, skip_unknown=skip_unknown)
    _print_facts(found, items.parent if items else state / "data" / MOVIELENS, as_json=as_json)


def _print_facts(tables: Tables, folder: Path, *, as_json: bool) -> None:
    facts: dict[str, object] = {
        "items": len(tables.items),
        "interactions": len(tables.interactions),
        "left_out": tables.left_out,
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
