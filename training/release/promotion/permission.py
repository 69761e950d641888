"""May a version serve? What the gate recorded of it, and whether that is still about these files and this champion.
Changes nothing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from training.release.errors import PromotionRefused
from training.release.gate.check import Outcome
from training.release.gate.gate import Evidence, read_gate, run_gate


def check_permission(
    folder: Path, champion: str, *, allow_incomplete: bool = False, champion_fingerprint: str | None = None
) -> str:
    """The verdict. ``champion`` is the number of the version that serves, "" for none; ``champion_fingerprint`` that of
    its encoding, when it is to be held against the record too. Raises PromotionRefused.

    What the gate can tell without lists is asked again now: files, fingerprint, tokens, golden logits.
    """
    record = read_gate(folder)
    judge = f"crossrank gate {folder}"
    if record is None:
        raise PromotionRefused(f"{folder} was never judged", judge)
    now = run_gate(folder, Evidence())
    if now.failed:
        raise PromotionRefused(f"{folder}: {now.failed[0].name}: {now.failed[0].detail}", "export the version again")
    if record["encoding_fingerprint"] != now.fingerprint:
        raise PromotionRefused(f"{folder} was judged with another encoding than it has", judge)
    _check_verdict(folder, record, allow_incomplete)
    if record["champion"] != champion:
        against, serving = record["champion"] or "none", champion or "none"
        raise PromotionRefused(f"{folder} was judged against version {against}, but {serving} serves", judge)
    if champion_fingerprint is not None and record.get("champion_fingerprint", "") != champion_fingerprint:
        other = f"{folder} was judged against a version {champion} other than the one that serves"
        raise PromotionRefused(other, judge)
    return str(record["verdict"])


def _check_verdict(folder: Path, record: Mapping[str, Any], allow_incomplete: bool) -> None:
    if record["verdict"] == "refused":
        failed = _checks(record, Outcome.FAILED)
        raise PromotionRefused(f"the gate refused {folder}: {failed}", "train or export a better version")
    if record["verdict"] != "passed" and not allow_incomplete:
        raise PromotionRefused(
            f"the gate could not check everything of {folder}: {_checks(record, Outcome.SKIPPED)}",
            f"crossrank gate {folder} --run … --config … checks the rest; --allow-incomplete does without",
        )


def _checks(record: Mapping[str, Any], outcome: Outcome) -> str:
    return "; ".join(f"{one['name']}: {one['detail']}" for one in record["checks"] if one["outcome"] == outcome)
