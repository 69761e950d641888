"""Where a run keeps what, and that one folder belongs to one configuration and one set of tables. Knows no step of a
run."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.domain.files import replace_text
from training.errors import ConfigInvalid, RunIncomplete
from training.options.config import TrainingConfig


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The paths of a run."""

    root: Path

    @property
    def lists(self) -> Path:
        """Lists of the loss "distil", one JSON document a line."""
        return self.root / "lists.jsonl"

    @property
    def examples(self) -> Path:
        """Examples of every other loss, one JSON document a line."""
        return self.root / "examples.jsonl"

    @property
    def aligned(self) -> Path:
        """The cross-encoder after the align step, where the configuration has one."""
        return self.root / "aligned"

    @property
    def model(self) -> Path:
        """The trained cross-encoder, as transformers saves it."""
        return self.root / "cross_encoder"

    @property
    def record(self) -> Path:
        """What was run: configuration and losses."""
        return self.root / "run.json"

    @property
    def config(self) -> Path:
        """The configuration that the folder was begun with."""
        return self.root / "config.json"

    @property
    def data(self) -> Path:
        """The digest of the tables that the folder was begun with."""
        return self.root / "tables.sha256"

    def served(self, phase: str, depth: int, device: str = "cpu") -> Path:
        """The lists of a phase as a version for a device served them, ``depth`` candidates each, one JSON document a
        line."""
        return self.root / f"served-{phase}-{device}-{depth}.jsonl"

    def deepest_served(self, phase: str) -> Path | None:
        """Of the greatest depth; None when there are none."""
        found = self.root.glob(f"served-{phase}-*.jsonl")
        return max(found, key=lambda file: int(file.stem.rpartition("-")[2]), default=None)

    def trained_model(self) -> Path:
        """The trained cross-encoder. Raises RunIncomplete."""
        if not (self.model / "config.json").is_file():
            raise RunIncomplete(f"{self.root} has no trained model", "run crossrank train with this folder first")
        return self.model

    def begin(self, config: TrainingConfig, data: str) -> None:
        """Makes the folder this configuration's and these tables' (``data``: training.data.digest). Raises
        ConfigInvalid as ``check`` does."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.check(config, data)
        _write_once(self.data, data + "\n")
        _write_once(self.config, json.dumps(config.to_dict(), indent=2) + "\n")

    def check(self, config: TrainingConfig, data: str) -> None:
        """Raises ConfigInvalid when the folder was begun with another configuration or other tables: what mixes two of
        them is neither, and what was held out of one may have been learned from in the other."""
        if self.config.is_file():
            begun = json.loads(self.config.read_text(encoding="utf-8"))
            if changed := _changed_keys(begun, json.loads(json.dumps(config.to_dict()))):
                raise ConfigInvalid(
                    f"{self.root} was begun with another configuration: {', '.join(changed)} changed",
                    "train in another folder (--run; of train-demo --folder), or remove this one",
                )
        if self.data.is_file() and self.data.read_text(encoding="utf-8").strip() != data:
            raise ConfigInvalid(
                f"{self.root} was begun with other tables: items, interactions or impressions changed",
                "name the tables that it was trained on, or train in another folder (--run; of train-demo --folder)",
            )


def _write_once(file: Path, text: str) -> None:
    if not file.is_file():
        replace_text(file, text)


READ_LATER = frozenset({"fusion"})
"""Sections that no step of training reads, unless the fusion teaches: they may change between training and export."""


def _changed_keys(begun: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    later = frozenset() if ours["teacher"]["fusion"] else READ_LATER
    keys = sorted((begun.keys() | ours.keys()) - later)
    return [key for key in keys if begun.get(key) != ours.get(key)]
