"""For which kinds of request a model version's reading was shown to pay: a file beside its encoding. Knows no test."""

import json
from pathlib import Path

from gateway.domain.values import RequestKind
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
