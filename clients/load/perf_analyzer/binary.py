"""Triton's own load generator: finds or fetches the real binary and runs it within a time limit. Must not know what the
requests mean."""

import shutil
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

from deploy.local.errors import NotInstalled, StartFailed
from deploy.local.parts import shared_library
from deploy.local.process import process
from gateway.domain.files import replace_bytes

# The last wheel whose binary runs with glibc 2.34; from 2.52 on it wants 2.38, from 2.61 on there is none.
_WHEEL = "tritonclient==2.51.0"
_MEMBER = "tritonclient-2.51.0.data/data/bin/perf_analyzer"
_DOWNLOAD_TIMEOUT_S = 180.0
_START_ALLOWANCE_S = 30.0
_PROFILE = "profile.json"
_UNSTABLE = "Failed to obtain stable measurement"
ANY_PERCENT = 1_000_000
# What the binary is linked to, and where nvidia-pytriton carries the same library under a name of its own.
_LIBRARIES = {
    "libb64.so.0d": "libb64-*.so.0d",
    "libcudart.so.12": "libcudart-*.so.12.*",
    "libssl.so.3": "libssl-*.so.3",
    "libcrypto.so.3": "libcrypto-*.so.3",
}


@dataclass(frozen=True, slots=True)
class Load:
    """How much load, for how long. Closed loop with `concurrency` ("1:4:1"), or open loop with `request_rate`."""

    concurrency: str = "1:4:1"
    request_rate: str = ""
    window_ms: int = 2000
    max_windows: int = 8
    stability_percent: int = 25

    def options(self) -> list[str]:
        """As perf_analyzer's options."""
        if self.request_rate:
            kind = [f"--request-rate-range={self.request_rate}", "--request-distribution=poisson"]
        else:
            kind = [f"--concurrency-range={self.concurrency}"]
        return [
            *kind,
            f"--measurement-interval={self.window_ms}",
            f"--max-trials={self.max_windows}",
            f"--stability-percentage={self.stability_percent}",
        ]

    def longest_s(self) -> float:
        """An upper bound of the run's length: every level takes at most all its windows."""
        start, end, step = [*map(float, (self.request_rate or self.concurrency).split(":")), 0.0, 1.0][:3]
        levels = max(1, int((end - start) / (step or 1.0)) + 1) if end else 1
        return _START_ALLOWANCE_S + levels * (self.max_windows + 1) * self.window_ms / 1000 * 1.5


@dataclass(frozen=True, slots=True)
class Target:
    """What to load: a model on a Triton, requests of `rows` rows each."""

    url: str
    model: str
    inputs: Path
    rows: int


@dataclass(frozen=True, slots=True)
class PerfAnalyzer:
    """A binary that runs here."""

    executable: Path
    search_paths: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    """It asks Triton for statistics, which need the key of Triton's control."""

    def run(self, target: Target, load: Load, folder: Path) -> "Run":
        """Runs the load in `folder`. Raises StartFailed with perf_analyzer's words.

        perf_analyzer throws away what it measured when its windows differ too much, as on a busy machine; then the load
        runs once more without that condition, and the run says so.
        """
        try:
            return Run(self._run(target, load, folder), stable=True)
        except StartFailed as failure:
            if _UNSTABLE not in failure.message:
                raise
        return Run(self._run(target, replace(load, stability_percent=ANY_PERCENT), folder), stable=False)

    def _run(self, target: Target, load: Load, folder: Path) -> Path:
        report, profile = folder / "report.csv", folder / _PROFILE
        for left in (report, profile):
            left.unlink(missing_ok=True)
        options = [
            f"-m{target.model}",
            "-igrpc",
            f"-u{target.url}",
            f"-b{target.rows}",
            f"--input-data={target.inputs}",
            "--async",
            "--verbose-csv",
            f"-f{report}",
            *(f"-H{name}:{value}" for name, value in self.headers.items()),
            f"--profile-export-file={profile}",
            *load.options(),
        ]
        command = process.Command(
            arguments=(str(self.executable), *options),
            directory=folder,
            mark=f"perf_analyzer@{folder}",
            search_paths=self.search_paths,
        )
        process.run(command, log_file=folder / "perf_analyzer.log", timeout_s=load.longest_s())
        return report


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run: its CSV report, and whether its windows agreed."""

    report: Path
    stable: bool

    @property
    def profile(self) -> Path:
        """Every request with its times; of the last level where there were several."""
        return self.report.with_name(_PROFILE)


def find_perf_analyzer(directory: Path) -> PerfAnalyzer:
    """The one on PATH, else one unpacked once below `directory`. Raises NotInstalled or StartFailed."""
    installed = shutil.which("perf_analyzer")
    if installed:
        return PerfAnalyzer(Path(installed))
    executable = directory / "perf_analyzer"
    if not executable.exists():
        _download(executable)
    return PerfAnalyzer(executable, {"LD_LIBRARY_PATH": _lay_out_libraries(directory / "libraries")})


def _download(executable: Path) -> None:
    folder = executable.parent / "download"
    download = process.Command(
        arguments=(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest=.", _WHEEL),
        directory=folder,
        mark=f"perf_analyzer@{executable.parent}",
    )
    process.run(download, log_file=executable.parent / "download.log", timeout_s=_DOWNLOAD_TIMEOUT_S)
    (wheel,) = folder.glob("tritonclient-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        replace_bytes(executable, archive.read(_MEMBER), mode=0o755)
    shutil.rmtree(folder)


def _lay_out_libraries(folder: Path) -> str:
    """Gives every missing library its usual name in `folder`; returns the search path."""
    package = find_spec("pytriton")
    if package is None or package.origin is None:
        raise NotInstalled(
            "perf_analyzer needs the libraries of nvidia-pytriton", remedy='pip install "crossrank[local]"'
        )
    carried = Path(package.origin).parents[1] / "nvidia_pytriton.libs"
    folder.mkdir(parents=True, exist_ok=True)
    for soname, pattern in _LIBRARIES.items():
        link = folder / soname
        link.unlink(missing_ok=True)
        if shared_library.find(soname) is None:
            link.symlink_to(next(carried.glob(pattern)))
    return f"{folder}:{carried}"
