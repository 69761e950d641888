"""Lists to rank as perf_analyzer's input files for the gateway's open inference façade. Must not know where they come
from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ListRequest:
    """A history, most recent first, and the items to rank for it, as text fields."""

    history: Sequence[Fields]
    items: Sequence[Fields]


def write_lists(file: Path, requests: Sequence[ListRequest]) -> None:
    """One step of perf_analyzer per request; after the last it begins again."""
    steps = [{"history": _texts(request.history), "items": _texts(request.items)} for request in requests]
    file.write_text(json.dumps({"data": steps}))


def unsent(requests: Sequence[ListRequest], sent: int, count: int) -> list[ListRequest]:
    """The next `count` requests after the first `sent`; from the first again when all were sent. One that is sent again
    meets the gateway's cache."""
    return [requests[(sent + place) % len(requests)] for place in range(min(count, len(requests)))]


def _texts(fields: Sequence[Fields]) -> dict[str, object]:
    return {"content": [json.dumps(dict(one), ensure_ascii=False) for one in fields], "shape": [len(fields)]}
