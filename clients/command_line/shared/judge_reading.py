"""What is left to do for a new version: to judge for which requests reading pays. Must not judge."""

from pathlib import Path

from clients.command_line.shared import console
from training.release.release import MODEL
from training.release.repository.model_folder import ModelFolder


def say_not_judged(version: Path, tables: str = "--items ITEMS --interactions INTERACTIONS") -> None:
    """Names the command for a version folder ``<repository>/<model>/<number>``. ``tables``: options that name them."""
    console.say("for which requests reading pays is not judged: beside a fitted ranker this version reads no list")
    repository, model = version.parents[1], version.parent.name
    if model != MODEL:
        console.say(f"crossrank eval judges models that are called {MODEL}, not {model}")
    elif ModelFolder(version.parent).serving() != version:
        console.say("crossrank eval judges what serves in a repository: give this version one of its own")
    else:
        console.say(f"next: crossrank eval --model-repository {repository} {tables} --record")
