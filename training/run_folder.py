"""Where a run keeps what, and that one folder belongs to one configuration. Knows no step of a run."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.config import TrainingConfig
from training.errors import ConfigInvalid, RunIncomplete


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

    def trained_model(self) -> Path:
        """The trained cross-encoder. Raises RunIncomplete."""
        if not (self.model / "config.json").is_file():
            raise RunIncomplete(f"{self.root} has no trained model", "run crossrank train with this folder first")
        return self.model

    def begin(self, config: TrainingConfig) -> None:
        """Makes the folder this configuration's. Raises ConfigInvalid when it was begun with another one: a resumed run
        that mixes two is neither."""
        self.root.mkdir(parents=True, exist_ok=True)
        ours = json.loads(json.dumps(config.to_dict()))
        if self.config.is_file():
            begun = json.loads(self.config.read_text(encoding="utf-8"))
            if changed := _changed_keys(begun, ours):
                raise ConfigInvalid(
                    f"{self.root} was begun with another configuration: {', '.join(changed)} changed",
                    "train in another folder (--run), or remove this one",
                )
            return
        partial = self.config.with_name(self.config.name + ".partial")
        partial.write_text(json.dumps(ours, indent=2) + "\n", encoding="utf-8")
        partial.replace(self.config)


READ_LATER = frozenset({"fusion"})
"""Sections that no step of training reads: they may change between training and export."""


def _changed_keys(begun: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    keys = sorted((begun.keys() | ours.keys()) - READ_LATER)
    return [key for key in keys if begun.get(key) != ours.get(key)]
