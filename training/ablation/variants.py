"""Variants of a configuration for an ablation: which keys take which values. Knows no training."""

import itertools
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.errors import ConfigInvalid
from training.options.config import TrainingConfig, parse_config
from training.options.presets import PRESET, preset_text

BASE = "base"


@dataclass(frozen=True, slots=True)
class Varied:
    """One key of the configuration, such as ``text.history_items``, and the values it takes."""

    key: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Variant:
    """The base configuration with some keys changed. ``name`` tells them apart."""

    name: str
    changes: Mapping[str, Any]
    config: TrainingConfig


def parse_varied(text: str) -> Varied:
    """``KEY=VALUE,VALUE…``: values as in TOML; bare words count as text. Raises ConfigInvalid."""
    key, equals, values = text.partition("=")
    if not equals or not key.strip() or not values.strip():
        raise ConfigInvalid(f"{text!r} varies nothing", "write KEY=VALUE,VALUE, such as text.history_items=2,4,8")
    try:
        parsed = tomllib.loads(f"values = [{values}]")["values"]
    except tomllib.TOMLDecodeError:
        parsed = [_value(one.strip()) for one in values.split(",")]
    return Varied(key.strip(), tuple(parsed))


def base_of(config: TrainingConfig, given: Sequence[Varied]) -> TrainingConfig:
    """The configuration with keys changed for all variants. Raises ConfigInvalid, also for a key with two values."""
    for one in given:
        if len(one.values) != 1:
            raise ConfigInvalid(f"{one.key} is set to {len(one.values)} values", f"vary it: --vary {one.key}=...")
        config = with_value(config, one.key, one.values[0])
    return config


def variants(base: TrainingConfig, varied: Sequence[Varied], *, grid: bool = False) -> list[Variant]:
    """The base itself, then one key changed at a time, or (``grid``) every combination; no configuration stands twice.
    Raises ConfigInvalid for a key that does not exist and a value that it cannot have."""
    found = {BASE: Variant(BASE, {}, base)}
    combined = itertools.product(*([(one.key, value) for value in one.values] for one in varied))
    single = (((one.key, value),) for one in varied for value in one.values)
    chosen: Iterator[tuple[tuple[str, Any], ...]] = iter(combined) if grid else single
    for changes in chosen:
        config = base
        for key, value in changes:
            config = with_value(config, key, value)
        if config not in {one.config for one in found.values()}:
            name = " ".join(f"{key}={_told(value)}" for key, value in changes)
            found[name] = Variant(name, dict(changes), config)
    return list(found.values())


def with_value(config: TrainingConfig, key: str, value: Any) -> TrainingConfig:
    """The configuration with one key changed; a preset changes all keys of [text] that it has. Raises ConfigInvalid."""
    data = config.to_dict()
    section, dot, name = key.partition(".")
    if key == f"text.{PRESET}":
        data["text"] |= preset_text(value)
    elif dot and isinstance(data.get(section), dict):
        data[section][name] = value
    else:
        data[key] = value
    return parse_config(data, f"--vary {key}")


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _told(value: Any) -> str:
    return "+".join(map(str, value)) if isinstance(value, list) else str(value)
