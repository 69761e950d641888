"""For which kinds of request a model version's reading was shown to pay: a file beside its encoding. Knows no test."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gateway.domain.files import replace_text
from gateway.domain.order import RequestKind
from gateway.ranker.spec import SpecInvalid

READING_FILE = "reading.json"


def read_verdict(file: Path) -> frozenset[RequestKind] | None:
    """None where there is no file. Raises SpecInvalid."""
    if not file.is_file():
        return None
    try:
        return frozenset(RequestKind(kind) for kind in json.loads(file.read_text(encoding="utf-8"))["pays"])
    except (KeyError, TypeError, ValueError) as fault:
        known = ", ".join(kind.value for kind in RequestKind)
        raise SpecInvalid(f'{file.name} is no verdict on reading: {fault!r}; "pays" lists some of {known}') from fault


def write_verdict(file: Path, pays: Iterable[RequestKind], measured: Sequence[Mapping[str, object]]) -> None:
    """``measured``: the rows that the verdict rests on, for people."""
    verdict = {"pays": sorted(kind.value for kind in pays), "measured": list(measured)}
    replace_text(file, json.dumps(verdict, indent=2) + "\n")
