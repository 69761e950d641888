"""Every family's tiny checkpoint, imported once per session."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.training.importing.checkpoints import FAMILIES, save_checkpoint
from training.importing.checkpoint import Checkpoint, open_checkpoint
from training.importing.importer import STEPS, Imported, ImportPlan, import_checkpoint
from training.importing.text import PairText
from training.model.source import find_source

TEXT = PairText(fields=("title", "genres"), history_items=4, context_tokens=48, item_tokens=64)


@dataclass(frozen=True)
class ImportedFamily:
    """A checkpoint and the version made of it, in fp32."""

    checkpoint: Checkpoint
    imported: Imported
    steps: int


def open_folder(folder: Path, positive_label: int | None = None) -> Checkpoint:
    """The checkpoint of a folder."""
    return open_checkpoint(find_source(str(folder)), positive_label)


@pytest.fixture(scope="session")
def families(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, ImportedFamily]:
    """All families, as models of one repository."""
    checkpoints, repository = tmp_path_factory.mktemp("checkpoints"), tmp_path_factory.mktemp("repository")
    made = {}
    for family in FAMILIES:
        checkpoint = open_folder(save_checkpoint(checkpoints / family, family))
        plan = ImportPlan(repository=repository, version=1, text=TEXT, name=family)
        steps: list[int] = []
        imported = import_checkpoint(checkpoint, plan, steps.append)
        made[family] = ImportedFamily(checkpoint, imported, len(steps))
    assert {one.steps for one in made.values()} == {len(STEPS)}
    return made


@pytest.fixture(params=list(FAMILIES))
def family(families: Mapping[str, ImportedFamily], request: pytest.FixtureRequest) -> ImportedFamily:
    """One family after the other."""
    return families[request.param]
