"""Promotes a version folder into the repository that serves, and rolls back: all or nothing, also when the running
stack does not take it. Knows neither gate nor stack; whoever calls it says how a version comes to serve."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from training.release.errors import NothingToRollBackTo, PromotionRefused
from training.release.repository.model_folder import ModelFolder
from training.release.repository.state import ReleaseState

KEPT_VERSIONS = 3
Switch = Callable[[int], None]
"""Returns when the version serves; raises NotServed when it does not come to."""
Permit = Callable[[str], str]
"""Told the number of the version that serves, "" for none; gives the gate's verdict, or raises PromotionRefused when it
may not be replaced so."""


@dataclass(frozen=True, slots=True)
class Change:
    """What was done. ``replaced`` is None for the first version of a model; ``verdict``: by which it was permitted."""

    serving: int
    replaced: int | None
    removed: tuple[int, ...] = ()
    verdict: str = ""


def promote(
    model: ModelFolder,
    source: Path,
    switch: Switch | None = None,
    keep: int = KEPT_VERSIONS,
    permit: Permit = lambda champion: "",
) -> Change:
    """Makes ``source`` the version that serves: under the next number, or under its own when it is in the repository
    already. The newest ``keep`` versions stay, and in any case the one that serves and the one to roll back to.

    ``permit`` is asked once nobody else can change what serves, before anything is changed.

    Raises PromotionRefused, PromotionBusy, RepositoryBroken, OSError, and what ``permit`` and ``switch`` raise; then
    the version before serves, and a copy is taken away again.
    """
    source = source.resolve()
    with _made(model.root), model.locked():
        before = model.state()
        verdict = permit(str(before.serving) if before else "")
        own = int(source.name) if source.parent == model.root.resolve() and source.name.isdecimal() else None
        if before is not None:
            if own == before.serving:
                raise PromotionRefused(f"version {own} serves already", "give another version folder")
            model.write_state(before)  # names the version that serves, so that no newer folder serves by being there
        else:
            model.configure_as(source)
        version = own or _added(model, source, before)
        after = before.promoted(version) if before else ReleaseState(version, (version,))
        _carry_out(model, before, after, None if own else version, switch)
        removed = _prune(model, after, keep)
    return Change(version, before.serving if before else None, removed, verdict)


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """A folder that is not there yet is made, and taken away again when nothing came into it."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        if not any(folder.iterdir()):
            folder.rmdir()


def _added(model: ModelFolder, source: Path, before: ReleaseState | None) -> int:
    """The number of the copy. A model that gets no first version keeps no configuration either."""
    try:
        return model.add(source)
    except (OSError, PromotionRefused):
        if before is None:
            model.unconfigure()
        raise


def roll_back(model: ModelFolder, switch: Switch | None = None) -> Change:
    """Makes the version serve that served before. Raises NothingToRollBackTo, PromotionBusy, RepositoryBroken, and what
    ``switch`` raises; then nothing has changed."""
    with model.locked():
        before = model.state()
        previous = before.previous(model.versions()) if before else None
        if before is None or previous is None:
            raise NothingToRollBackTo(f"{model.root} has no version that served before", "promote another version")
        _carry_out(model, before, before.rolled_back(previous), None, switch)
    return Change(previous, before.serving)


def _carry_out(
    model: ModelFolder, before: ReleaseState | None, after: ReleaseState, added: int | None, switch: Switch | None
) -> None:
    """``after`` serves; else, also when somebody interrupts, ``before`` serves again, and the folder that was ``added``
    goes when nothing asks it any more."""
    with ExitStack() as undo:
        if added is not None:
            undo.callback(model.remove, added)
        undo.callback(_go_back, model, before, switch)
        model.write_state(after)
        if switch is not None:
            switch(after.serving)
        undo.pop_all()


def _go_back(model: ModelFolder, before: ReleaseState | None, switch: Switch | None) -> None:
    if before is None:
        model.unconfigure()
        return
    model.write_state(before)
    if switch is not None:
        switch(before.serving)


def _prune(model: ModelFolder, state: ReleaseState, keep: int) -> tuple[int, ...]:
    present = model.versions()
    needed = {*present[-keep:], *state.loaded, state.previous(present)}
    removed = tuple(one for one in present if one not in needed)
    for version in removed:
        model.remove(version)
    if removed:
        model.write_state(state)
    return removed
