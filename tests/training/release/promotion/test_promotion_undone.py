"""A change that the stack does not take, or that is interrupted or killed, leaves a whole version serving."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.domain.manifest import manifest_faults
from tests.training.release.promotion.versions import (
    Stack,
    candidate,
    cards,
    hidden,
    model_of,
    promote_new,
    serving,
    write_version,
)
from training.release.errors import NotServed
from training.release.promotion.promotion import promote, roll_back
from training.release.repository.model_folder import ModelFolder


def test_a_version_that_the_stack_does_not_take_is_undone_and_the_one_before_is_asked_for_again(
    model: ModelFolder, tmp_path: Path
) -> None:
    stack = Stack(model, 1)
    with pytest.raises(NotServed, match="version 2 gives wrong logits"):
        promote(model, candidate(tmp_path, "second"), stack.switch)
    assert stack.asked == [(2, 2, [1, 2]), (1, 1, [1])]
    assert (serving(model), cards(model), hidden(model)) == (1, {1: "first"}, [])
    assert promote(model, candidate(tmp_path, "third"), Stack(model, 2).switch).serving == 2, "the number is free again"


def test_a_rollback_that_the_stack_does_not_take_leaves_what_serves(model: ModelFolder, tmp_path: Path) -> None:
    promote_new(model, tmp_path, "second")
    stack = Stack(model, 2)
    with pytest.raises(NotServed):
        roll_back(model, stack.switch)
    assert [version for version, _, _ in stack.asked] == [1, 2]
    assert (serving(model), sorted(cards(model))) == (2, [1, 2])


def test_an_interrupted_promotion_is_undone_too(model: ModelFolder, tmp_path: Path) -> None:
    def interrupted(version: int) -> None:
        if version == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        promote(model, candidate(tmp_path, "second"), interrupted)
    assert (serving(model), cards(model)) == (1, {1: "first"})


def test_a_first_version_that_the_stack_does_not_take_leaves_no_model(tmp_path: Path) -> None:
    model = model_of(tmp_path / "empty")
    with pytest.raises(NotServed):
        promote(model, candidate(tmp_path, "first"), Stack(model).switch)
    assert (model.versions(), model.configuration.exists()) == ([], False)


KILLED = """
import os, signal, sys
from pathlib import Path
from training.release.repository.model_folder import ModelFolder
from training.release.promotion.promotion import promote

def die_at(steps):
    def count(event, _):
        nonlocal steps
        if event in {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.copyfile", "shutil.rmtree"}:
            steps -= 1
            if steps < 0:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(count)

for steps, folder in enumerate(sys.argv[1:]):
    child = os.fork()
    if child == 0:
        die_at(steps)
        source = Path(folder, "third", "cross_encoder", "1")
        promote(ModelFolder(Path(folder, "serving", "cross_encoder")), source, keep=1)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_whenever_it_is_killed_a_whole_version_serves_and_the_next_promotion_works(tmp_path: Path) -> None:
    """Killed before every step of making, renaming and removing, one after the other, until it comes through."""
    folders = [tmp_path / str(steps) for steps in range(80)]
    for folder in folders:
        for number, card in enumerate(("first", "second"), start=1):
            version = write_version(folder / "serving", number, card)
        promote(model_of(folder / "serving"), version)
        candidate(folder, "third")
    done = subprocess.run([sys.executable, "-c", KILLED, *folders], check=True, capture_output=True, text=True)
    ends = [int(line) for line in done.stdout.split()]
    came_through = ends.index(0)
    assert set(ends[:came_through]) == {-signal.SIGKILL}
    assert set(ends[came_through:]) == {0}
    found = []
    for folder in folders[: came_through + 1]:
        model = model_of(folder / "serving")
        found.append(cards(model)[serving(model) or 0])
        assert set(cards(model)) <= {1, 2, 3}
        assert [fault for one in model.versions() for fault in manifest_faults(model.folder(one))] == []
        promote(model, candidate(folder, "fourth"))
        assert (cards(model)[serving(model) or 0], hidden(model)) == ("fourth", [])
    changes = [number for number in range(came_through) if found[number] != found[number + 1]]
    assert len(changes) == 1, f"from the old to the new version in one step: {found}"
    assert (found[0], found[-1]) == ("second", "third")
