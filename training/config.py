"""The configuration of a training run: a small TOML file over these defaults. Knows no torch."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from gateway.encoding.spec import ContextSpec, EncodingSpec, FieldSpec, ItemSpec
from training.dataset import Protocol
from training.errors import ConfigInvalid
from training.first_stage import FirstStageOptions


@dataclass(frozen=True, slots=True)
class TextOptions:
    """What the model reads, in tokens and fields; becomes the encoding spec."""

    history_items: int = 8
    history_fields: tuple[str, ...] = ("title",)
    history_item_tokens: int = 8
    context_tokens: int = 48
    item_fields: tuple[str, ...] = ("title",)
    item_tokens: int = 24


@dataclass(frozen=True, slots=True)
class AlignOptions:
    """The first step: token states of a title learn the item's place among the others."""

    steps: int = 250
    batch: int = 48
    learning_rate: float = 3e-4
    width: int = 64


@dataclass(frozen=True, slots=True)
class ListOptions:
    """Training lists: one positive and ``negatives`` per list.

    ``near`` of them from the first ``near_rank`` ranks of the first stage, ``far`` down to ``far_rank``, the rest drawn
    by popularity. ``rank``: dimensions that the first stage's relations are smoothed to.
    """

    negatives: int = 11
    near: int = 5
    near_rank: int = 50
    far: int = 4
    far_rank: int = 250
    min_history: int = 5
    rank: int = 32


@dataclass(frozen=True, slots=True)
class FitOptions:
    """The second step: ``lists``, then ``settle_lists`` more without dropout and without the relations' labels."""

    lists: int = 3600
    settle_lists: int = 840
    batch_lists: int = 4
    learning_rate: float = 3e-4
    settle_learning_rate: float = 2e-4
    warmup_share: float = 0.06
    weight_decay: float = 0.01
    save_steps: int = 150
    log_steps: int = 25


@dataclass(frozen=True, slots=True)
class FusionOptions:
    """The fused score: first-stage ``features`` beside the logit (names: gateway/ranking.py; empty: all), and the
    ``ridge`` on standardised weights."""

    features: tuple[str, ...] = ()
    ridge: float = 0.05


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Everything that decides a run, with its seed."""

    name: str
    base_model: str = "all-MiniLM-L6-v2"
    layers: int = 3
    seed: int = 1
    threads: int = 1
    bf16: bool = True
    protocol: Protocol = field(default_factory=Protocol)
    first_stage: FirstStageOptions = field(default_factory=FirstStageOptions)
    text: TextOptions = field(default_factory=TextOptions)
    align: AlignOptions = field(default_factory=AlignOptions)
    lists: ListOptions = field(default_factory=ListOptions)
    fit: FitOptions = field(default_factory=FitOptions)
    fusion: FusionOptions = field(default_factory=FusionOptions)

    def encoding(self) -> EncodingSpec:
        """The encoding spec without fitted fusion."""
        text = self.text
        return EncodingSpec(
            template=self.name,
            context=ContextSpec(
                history_items=text.history_items,
                max_tokens=text.context_tokens,
                max_item_tokens=text.history_item_tokens,
                history_fields=tuple(FieldSpec(name) for name in text.history_fields),
            ),
            item=ItemSpec(max_tokens=text.item_tokens, fields=tuple(FieldSpec(name) for name in text.item_fields)),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for records of a run."""
        return asdict(self)


_SECTIONS: Mapping[str, type] = {
    "protocol": Protocol,
    "first_stage": FirstStageOptions,
    "text": TextOptions,
    "align": AlignOptions,
    "lists": ListOptions,
    "fit": FitOptions,
    "fusion": FusionOptions,
}


def read_config(file: Path) -> TrainingConfig:
    """The configuration of a file. Raises ConfigInvalid naming the key."""
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as fault:
        raise ConfigInvalid(f"{file} cannot be read: {fault}", "see training/configs for examples") from fault
    data.setdefault("name", file.stem)
    values = {key: _section(file, key, value) for key, value in data.items()}
    return TrainingConfig(**_checked(file, "", TrainingConfig, values))


def _section(file: Path, key: str, value: Any) -> Any:
    section = _SECTIONS.get(key)
    if section is None:
        return value
    if not isinstance(value, dict):
        raise ConfigInvalid(f"{file}: {key} is {value!r}", f"write a table [{key}]")
    lists = {name: tuple(one) if isinstance(one, list) else one for name, one in value.items()}
    return section(**_checked(file, f"{key}.", section, lists))


def _checked(file: Path, prefix: str, section: type, values: Mapping[str, Any]) -> dict[str, Any]:
    known = {one.name for one in fields(section)}
    for name in values:
        if name not in known:
            raise ConfigInvalid(f"{file}: unknown key {prefix}{name}", f"known: {', '.join(sorted(known))}")
    return dict(values)
