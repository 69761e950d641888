"""The gate that a version must pass before it serves: all checks in order and their record. Moves no version."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError
from onnxruntime.capi import onnxruntime_pybind11_state as runtime_errors

from gateway.domain.files import replace_json
from gateway.domain.progress import Advance
from gateway.encoding.bundle import fingerprint_of
from training.errors import TrainingError
from training.protocol.dataset import Dataset, Phase
from training.protocol.leaks import MadeList
from training.ranker.lists import users_by_item
from training.ranker.table import ScoredList
from training.release.gate.check import Check, Outcome, judged, skipped
from training.release.gate.list_checks import (
    CHAMPION,
    COLD,
    LABELS,
    LEAK,
    RANKS,
    Scored,
    check_champion,
    check_cold,
    check_labels,
    check_leak,
    check_ranks,
)
from training.release.gate.version import Fp32, OpenVersion, open_fp32
from training.release.gate.version_checks import (
    check_files,
    check_fingerprint,
    check_logits,
    check_reading,
    check_tokens,
)
from training.release.repository.manifest import enter_file

GATE_FILE = "gate.json"
LOADABLE = "loadable"
_UNUSABLE: tuple[type[Exception], ...] = (
    OSError,
    ValueError,
    KeyError,
    TrainingError,
    DecodeError,
    *(kind for kind in vars(runtime_errors).values() if isinstance(kind, type) and issubclass(kind, Exception)),
)
"""What opening a broken version raises; ONNX Runtime's errors have no common base class."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a version is judged by; without a part of it the checks that need it are skipped.

    ``checkpoint``: folder with the trained fp32 weights and their tokenizer. ``lists``: users' candidates, targets and
    histories; ``learned`` and ``dataset``: what the run trained on, and the protocol's held-out targets.
    """

    champion: Path | None = None
    checkpoint: Path | None = None
    lists: Sequence[ScoredList] = ()
    learned: Sequence[MadeList] | None = None
    dataset: Dataset | None = None
    margin: float = 0.0


@dataclass(frozen=True, slots=True)
class GateReport:
    """All checks of one version, in order."""

    version: str
    fingerprint: str
    champion: str
    checked_at: str
    checks: tuple[Check, ...]
    champion_fingerprint: str = ""
    """Of the champion's encoding: a number alone does not tell which repository's version it was."""

    @property
    def failed(self) -> list[Check]:
        """Checks that refuse the version."""
        return [one for one in self.checks if one.outcome is Outcome.FAILED]

    @property
    def skipped(self) -> list[Check]:
        """Checks that could not be made."""
        return [one for one in self.checks if one.outcome is Outcome.SKIPPED]

    @property
    def verdict(self) -> str:
        """``passed``, ``refused``, or ``incomplete`` when nothing failed but something was skipped."""
        return "refused" if self.failed else "incomplete" if self.skipped else "passed"

    def to_json(self) -> dict[str, Any]:
        """Plain data, verdict first."""
        return {
            "verdict": self.verdict,
            "version": self.version,
            "encoding_fingerprint": self.fingerprint,
            "champion": self.champion,
            "champion_fingerprint": self.champion_fingerprint,
            "checked_at": self.checked_at,
            "checks": [asdict(one) for one in self.checks],
        }

    def write(self, folder: Path) -> Path:
        """Records it as ``gate.json`` in the version folder, and in its manifest; it is no part of the fingerprint."""
        replace_json(folder / GATE_FILE, self.to_json(), indent=1)
        enter_file(folder, GATE_FILE)
        return folder / GATE_FILE


def run_gate(folder: Path, evidence: Evidence, advance: Advance = lambda done: None) -> GateReport:
    """Judges the version folder ``<repository>/<model>/<number>``; ``advance`` gets the lists done, once for
    each of the models that score them: the version, its champion, the fp32 weights."""
    folder = folder.resolve()
    checks = [check_files(folder), check_fingerprint(folder)]
    try:
        checks += _checks_of(OpenVersion(folder), evidence, advance)
    except _UNUSABLE as fault:
        checks.append(judged(LOADABLE, [f"{folder} cannot be used: {fault}"], ""))
    return GateReport(
        version=folder.name,
        fingerprint=_fingerprint(folder),
        champion=evidence.champion.name if evidence.champion else "",
        checked_at=datetime.now(UTC).isoformat(timespec="seconds"),
        checks=tuple(checks),
        champion_fingerprint=_fingerprint(evidence.champion) if evidence.champion else "",
    )


def _checks_of(version: OpenVersion, evidence: Evidence, advance: Advance) -> list[Check]:
    needs_fp32 = evidence.checkpoint is not None or evidence.lists
    fp32 = open_fp32(version, evidence.checkpoint) if needs_fp32 else None
    tokens = check_tokens(version, evidence.checkpoint)
    logits = check_logits(version, fp32 if evidence.checkpoint else None)
    if fp32 is None or not evidence.lists:
        on_lists = [skipped(name, "no lists were given") for name in (RANKS, LABELS, CHAMPION, COLD)]
    else:
        on_lists = _list_checks(_score(version, evidence.lists, advance), fp32, evidence, advance)
    return [tokens, logits, *on_lists, _leak_check(evidence), check_reading(version)]


def _list_checks(served: Scored, fp32: Fp32, evidence: Evidence, advance: Advance) -> list[Check]:
    if evidence.champion is None:
        against = [judged(name, [], "there is no champion yet") for name in (CHAMPION, COLD)]
    else:
        against = _champion_checks(served, evidence.champion, evidence, advance)
    return [check_ranks(served, fp32, advance), check_labels(served), *against]


def _champion_checks(served: Scored, champion: Path, evidence: Evidence, advance: Advance) -> list[Check]:
    """A champion that cannot be opened is a fault of its own, and takes no answer away that needs none."""
    try:
        theirs = _score(OpenVersion(champion), evidence.lists, advance)
    except _UNUSABLE as fault:
        return [
            judged(CHAMPION, [f"the champion {champion} cannot be used: {fault}"], ""),
            skipped(COLD, "the champion cannot be used"),
        ]
    return [check_champion(served, theirs, evidence.margin), _cold_check(served, theirs, evidence.dataset)]


def _cold_check(served: Scored, champion: Scored, dataset: Dataset | None) -> Check:
    if dataset is None:
        return skipped(COLD, "no tables were given that tell what nobody had liked")
    return check_cold(served, champion, dataset.fields.keys() - users_by_item(dataset, Phase.TEST).keys())


def _leak_check(evidence: Evidence) -> Check:
    if evidence.learned is None or evidence.dataset is None:
        return skipped(LEAK, "no record of a training run was given")
    return check_leak(evidence.learned, evidence.dataset)


def _score(version: OpenVersion, lists: Sequence[ScoredList], advance: Advance) -> Scored:
    logits = []
    for one in lists:
        logits.append(version.logits(one))
        advance(1)
    return Scored(lists, logits, version)


def _fingerprint(folder: Path) -> str:
    try:
        return fingerprint_of(folder / "encoding")
    except OSError:
        return ""


def read_gate(folder: Path) -> dict[str, Any] | None:
    """What ``gate.json`` of a version says; None when it was never judged."""
    file = folder / GATE_FILE
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
