"""What is left to do for a version that was just written, so that it can be served and is judged. Must not judge."""

import shutil
import tempfile
from pathlib import Path

from clients.command_line.shared import console
from clients.command_line.shared.hints import copyable
from deploy.local.parts.triton import PROJECT_REPOSITORY
from training.release.release import MODEL
from training.release.repository.model_folder import ModelFolder

BI_ENCODER = "bi_encoder"


def bi_encoder_for(repository: Path) -> Path:
    """That of the repository, else the shipped one."""
    own = repository / BI_ENCODER
    return own if own.is_dir() else PROJECT_REPOSITORY / BI_ENCODER


def complete(repository: Path) -> None:
    """Gives a repository that has no bi-encoder the shipped one, whole or not at all: nothing serves without."""
    source, own = bi_encoder_for(repository), repository / BI_ENCODER
    if source != own:
        with tempfile.TemporaryDirectory(dir=repository) as scratch:
            copied = shutil.copytree(source, Path(scratch) / BI_ENCODER, ignore=shutil.ignore_patterns("__pycache__"))
            copied.rename(own)


def say_not_judged(version: Path, tables: str = "--items ITEMS --interactions INTERACTIONS") -> None:
    """Names the command for a version folder ``<repository>/<model>/<number>``. ``tables``: options that name them."""
    console.say("for which requests reading pays is not judged: beside a fitted ranker this version reads no list")
    repository, model = version.parents[1], version.parent.name
    if model != MODEL:
        console.say(f"crossrank eval judges models that are called {MODEL}, not {model}")
    elif ModelFolder(version.parent).serving() != version:
        console.say("crossrank eval judges what serves in a repository: give this version one of its own")
    else:
        console.say(copyable(f"next: crossrank eval --model-repository {repository} {tables} --record"))
