"""A model in the repository that Triton serves: version folders by number, and the configuration that says which of
them serves. Every change is one rename. Knows no gate and no running server."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.domain.files import clear_leftovers, replace_bytes
from gateway.domain.manifest import manifest_faults
from gateway.encoding.bundle import fingerprint_of
from training.release.errors import PromotionBusy, PromotionRefused, RepositoryBroken
from training.release.repository.lock import sole_change
from training.release.repository.recover import GRAPH_FILE
from training.release.repository.state import ReleaseState
from training.release.repository.triton_config import ServingOptions, Signature, model_config, read_config, to_text
from training.release.repository.version import CONFIGURATION, ENCODING_FOLDER, with_fingerprints

_SCRATCH = ".promotion-"
"""Triton takes only numbers for versions, so what bears this name is never loaded."""


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """``root`` is ``<repository>/<model>``."""

    root: Path

    @property
    def configuration(self) -> Path:
        """The model's `config.pbtxt`."""
        return self.root / CONFIGURATION

    def folder(self, version: int) -> Path:
        """Where a version is, or would be."""
        return self.root / str(version)

    def versions(self) -> list[int]:
        """Numbers of the versions that are there, oldest first."""
        return sorted(int(one.name) for one in self.root.glob("*") if one.is_dir() and one.name.isdecimal())

    def fingerprint(self, version: int) -> str:
        """Of the encoding of a version. Raises OSError."""
        return fingerprint_of(self.folder(version) / ENCODING_FOLDER)

    def state(self) -> ReleaseState | None:
        """Which version serves; None when there is no version. Raises RepositoryBroken."""
        present = self.versions()
        if not present:
            return None
        if not self.configuration.is_file():
            raise RepositoryBroken(f"{self.root} has versions but no {CONFIGURATION}", "export into a new repository")
        config = read_config(self.configuration)
        state = ReleaseState.named(config) or ReleaseState.newest(config, present)
        if state.serving not in present:
            raise RepositoryBroken(
                f"{self.configuration} wants version {state.serving} to serve, which is not there", "put it back"
            )
        return state

    def serving(self) -> Path | None:
        """The folder of the version that serves; None when there is no version. Raises RepositoryBroken."""
        state = self.state()
        return self.folder(state.serving) if state else None

    def write_state(self, state: ReleaseState) -> None:
        """Rewrites the configuration in one step: tensors are those of the serving version, all else stays."""
        config, present = read_config(self.configuration), self.versions()
        signature = Signature.of(self.folder(state.serving) / GRAPH_FILE)
        fresh = model_config(self.root.name, signature, ServingOptions(), {})
        del config.input[:], config.output[:]
        config.input.extend(fresh.input)
        config.output.extend(fresh.output)
        config.name = self.root.name
        with_fingerprints(config, {version: self.fingerprint(version) for version in present}, state.serving)
        state.write(config, present)
        replace_bytes(self.configuration, to_text(config).encode())

    def configure_as(self, source: Path) -> None:
        """Gives a model that has no configuration yet that of the model of ``source``."""
        for name in ("warmup", CONFIGURATION):
            if not (source.parent / name).exists():
                raise RepositoryBroken(f"{source.parent} has no {name}", "give a version that crossrank export wrote")
        shutil.copytree(source.parent / "warmup", self.root / "warmup", dirs_exist_ok=True)
        replace_bytes(self.configuration, (source.parent / CONFIGURATION).read_bytes())

    def unconfigure(self) -> None:
        """Takes away what ``configure_as`` gave to a model that gets no version."""
        self.configuration.unlink(missing_ok=True)
        shutil.rmtree(self.root / "warmup", ignore_errors=True)

    def add(self, source: Path) -> int:
        """Copies a version folder under the next number, which it returns; whole or not at all. Raises PromotionRefused
        when the copy is not what the version was written with."""
        number = max(self.versions(), default=0) + 1
        with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=self.root) as scratch:
            staged = Path(scratch) / "version"
            shutil.copytree(source, staged, ignore=shutil.ignore_patterns("__pycache__"))
            if faults := manifest_faults(staged):
                raise PromotionRefused(f"{source}: {faults[0]} ({len(faults)} in all)", "export the version again")
            staged.rename(self.folder(number))
        return number

    def remove(self, version: int) -> None:
        """Takes a version away: first its number, then its files."""
        with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=self.root) as scratch:
            self.folder(version).rename(Path(scratch) / "version")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """No other promotion of this model meanwhile; clears away what a killed one left. Raises PromotionBusy,
        RepositoryBroken."""
        with ExitStack() as held:
            try:
                held.enter_context(sole_change(self.root, wait=False))
            except BlockingIOError:
                raise PromotionBusy(
                    f"{self.root} is being changed by another command", "wait until it has ended"
                ) from None
            except OSError as fault:
                raise RepositoryBroken(
                    f"{self.root} cannot be opened: {fault.strerror}", "name the repository"
                ) from fault
            for left in self.root.glob(f"{_SCRATCH}*"):
                shutil.rmtree(left)
            clear_leftovers(self.root)
            yield
