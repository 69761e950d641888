"""A virtual environment of Infinity's own, made once: its packages do not agree with ours. Must not start it."""

import sys
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from deploy.local.errors import StartFailed
from deploy.local.process import process

PACKAGES = ("torch==2.13.0", "infinity-emb[torch,server,optimum]==0.0.78")
_SHOWN = ("infinity-emb", "torch", "transformers", "sentence-transformers", "optimum", "onnxruntime", "numpy")
_VENV_TIMEOUT_S, _INSTALL_TIMEOUT_S = 120.0, 1800.0


@dataclass(frozen=True, slots=True)
class InfinityEnvironment:
    """Where it is."""

    folder: Path

    @property
    def _python(self) -> Path:
        return self.folder / "venv" / "bin" / "python"

    @property
    def program(self) -> Path:
        """Infinity's command line."""
        return self.folder / "venv" / "bin" / "infinity_emb"

    def make(self) -> None:
        """Installs it unless that was done with the same packages. Raises StartFailed with the end of pip's words."""
        mark = self.folder / "packages"
        wanted = "\n".join(PACKAGES)
        if mark.is_file() and mark.read_text() == wanted and self.program.exists():
            return
        self._run((sys.executable, "-m", "venv", "--clear", str(self.folder / "venv")), _VENV_TIMEOUT_S)
        install = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES)
        self._run((str(self._python), *install), _INSTALL_TIMEOUT_S)
        if not self.program.exists():
            raise StartFailed(f"pip installed no {self.program.name}", remedy=f"read {self._log}")
        mark.write_text(wanted)

    def versions(self) -> dict[str, str]:
        """Of the packages that matter for its speed."""
        places = map(str, (self.folder / "venv" / "lib").glob("python*/site-packages"))
        found = {one.metadata["Name"].lower().replace("_", "-"): one.version for one in distributions(path=[*places])}
        return {name: found[name] for name in _SHOWN if name in found}

    @property
    def _log(self) -> Path:
        return self.folder / "install.log"

    def _run(self, arguments: tuple[str, ...], timeout_s: float) -> None:
        command = process.Command(arguments=arguments, directory=self.folder, mark=f"infinity@{self.folder}")
        process.run(command, log_file=self._log, timeout_s=timeout_s)
