"""Measured throughput and latency from a JSON file of a benchmark. Must not compute with them.

A section is an object with `pairs_per_s`, and `p50` and `p99` in milliseconds, themselves or in an object `latency`.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local.errors import LocalStackError

_RATE = "pairs_per_s"
_MOST_NAMED = 12


class TimesUnreadable(LocalStackError):
    """A file without usable measurements."""


@dataclass(frozen=True, slots=True)
class ServiceTimes:
    """Of one measured load. Latencies are 0 where the file has none."""

    pairs_per_s: float
    p50_ms: float = 0.0
    p99_ms: float = 0.0


def read_times(file: Path, section: str) -> ServiceTimes:
    """The section "a/b/c" of the file, "" for the whole. Raises TimesUnreadable naming the sections there are."""
    document = _read(file)
    found: Any = document
    for name in filter(None, section.split("/")):
        found = found.get(name) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping) or _RATE not in found:
        known = list(_sections(document, ""))
        named = ", ".join(known[:_MOST_NAMED]) + (f" and {len(known) - _MOST_NAMED} more" * (len(known) > _MOST_NAMED))
        raise TimesUnreadable(
            f"{file} has no {_RATE} in section {section!r}",
            remedy=f"choose one of {named}" if known else "give --pairs-per-s instead of a file",
        )
    latency = found.get("latency", found)
    where = f"{file}, section {section!r}"
    return ServiceTimes(
        pairs_per_s=_positive(found[_RATE], f"{_RATE} of {where}"),
        p50_ms=_latency(latency, "p50", where),
        p99_ms=_latency(latency, "p99", where),
    )


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as fault:
        raise TimesUnreadable(f"{file} cannot be read: {fault.strerror}", remedy="give --pairs-per-s") from fault
    except ValueError as fault:
        raise TimesUnreadable(f"{file} is no JSON: {fault}", remedy="give --pairs-per-s") from fault


def _sections(document: Any, path: str) -> Iterator[str]:
    if isinstance(document, Mapping):
        if _RATE in document:
            yield path or '""'
        for name, value in document.items():
            yield from _sections(value, f"{path}/{name}".lstrip("/"))


def _latency(latency: Any, name: str, where: str) -> float:
    if not isinstance(latency, Mapping):
        return 0.0
    value = latency.get(name, latency.get(f"{name}_ms"))
    return 0.0 if value is None else _positive(value, f"{name} of {where}")


def _positive(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
        raise TimesUnreadable(
            f"{name} is {value!r}; a finite number above 0", remedy="measure again, or correct the file"
        )
    return float(value)
