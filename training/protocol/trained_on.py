"""What a version was trained on, recorded beside it, so that nobody measures it on what it learned from. Knows no
model."""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from gateway.domain.files import replace_json
from training.data.digest import tables_digest
from training.data.tables import Tables
from training.errors import Leak
from training.options.protocol import Protocol

FILE = "trained_on.json"


@dataclass(frozen=True, slots=True)
class TrainedOn:
    """``protocol``: what of the tables was held out; ``tables``: their digest, impressions not counted, which nothing
    is measured on."""

    protocol: Protocol
    tables: str

    @classmethod
    def of(cls, tables: Tables, protocol: Protocol) -> Self:
        """Of a run on these tables."""
        return cls(protocol, tables_digest(replace(tables, impressions=())))

    @classmethod
    def read(cls, version: Path) -> Self | None:
        """Of a version folder; None for one that does not say."""
        file = version / FILE
        if not file.is_file():
            return None
        found = json.loads(file.read_text(encoding="utf-8"))
        return cls(Protocol(**found["protocol"]), found["tables"])

    def write(self, folder: Path) -> Path:
        """The file, to be shipped with a version."""
        replace_json(folder / FILE, asdict(self))
        return folder / FILE


def measured_protocol(version: Path, tables: Tables, chosen: Protocol | None) -> Protocol:
    """The protocol to measure a version by on these tables: on those that it was trained on the one that held out what
    it did not see, else the one that was ``chosen``, or the default. Raises Leak when another one was chosen."""
    trained = TrainedOn.read(version)
    if trained is None or TrainedOn.of(tables, trained.protocol) != trained:
        return chosen or Protocol()
    if chosen not in (None, trained.protocol):
        raise Leak(
            f"{version} was trained on these tables with {trained.protocol}: measured with {chosen}, "
            "it would meet what it learned from",
            "name the --config that it was trained with, or none",
        )
    return trained.protocol
