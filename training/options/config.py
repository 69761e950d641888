"""The configuration of a training run: a small TOML file over these defaults. Knows no torch."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from gateway.encoding.spec import EncodingSpec
from gateway.ranker.features import FeatureUnknown, check_features
from training.errors import ConfigInvalid
from training.options.cooccurrence import CooccurrenceOptions
from training.options.fit import (
    BUNDLED_MODEL,
    DISTIL,
    TEACHER_LOSSES,
    UNTAUGHT_LOSSES,
    AugmentOptions,
    FitOptions,
    NegativeOptions,
    SelectOptions,
    TeacherOptions,
    check_bounds,
)
from training.options.presets import with_preset
from training.options.sources import SourceOptions
from training.options.text import TextOptions
from training.protocol.dataset import Protocol

DEVICES = ("auto", "cpu")
FUSION_KINDS = ("linear", "lambdamart")


@dataclass(frozen=True, slots=True)
class AlignOptions:
    """A step before the fit: token states of a title learn the item's place among the others. 0 ``steps``: none."""

    steps: int = 0
    batch: int = 48
    learning_rate: float = 3e-4
    width: int = 64


@dataclass(frozen=True, slots=True)
class ListOptions:
    """Lists of the loss "distil": one positive and ``negatives`` per list.

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

    def __post_init__(self) -> None:
        """Raises ConfigInvalid."""
        bounds = {
            "negatives": (self.negatives, 1, 1000),
            "near": (self.near, 0, self.negatives),
            "far": (self.far, 0, self.negatives - self.near),
            "near_rank": (self.near_rank, 1, 1e9),
            "far_rank": (self.far_rank, self.near_rank, 1e9),
            "min_history": (self.min_history, 0, 1e9),
            "rank": (self.rank, 1, 4096),
        }
        check_bounds("lists.", bounds)


@dataclass(frozen=True, slots=True)
class FusionOptions:
    """The fused score: ``kind`` ("linear" or "lambdamart") over the ``features`` named (gateway/ranker/features.py;
    empty: all that fit; those of the logit are added where none is named) and ``more_features``, with the ``ridge`` on
    standardised weights or leaves.

    For LambdaMART: a ``bag`` of boosters of at most ``trees`` trees with ``leaves`` of at least ``leaf_items`` items
    each; one stops after ``patience`` trees without a gain. A tree sees ``feature_share`` of the features, but none
    of the logit's, which join the trees with weights of their own.
    """

    kind: str = "linear"
    features: tuple[str, ...] = ()
    more_features: tuple[str, ...] = ()
    ridge: float = 0.05
    bag: int = 5
    trees: int = 500
    leaves: int = 15
    leaf_items: int = 50
    learning_rate: float = 0.05
    feature_share: float = 0.5
    patience: int = 50

    def __post_init__(self) -> None:
        """Raises ConfigInvalid."""
        if self.kind not in FUSION_KINDS:
            raise ConfigInvalid(f"fusion.kind is {self.kind!r}", f"use one of {', '.join(FUSION_KINDS)}")
        bounds = {
            "ridge": (self.ridge, 0, 1e6),
            "bag": (self.bag, 1, 100),
            "trees": (self.trees, 1, 100_000),
            "leaves": (self.leaves, 2, 4096),
            "leaf_items": (self.leaf_items, 1, 1e9),
            "learning_rate": (self.learning_rate, 1e-9, 1),
            "feature_share": (self.feature_share, 1e-9, 1),
            "patience": (self.patience, 1, 100_000),
        }
        check_bounds("fusion.", bounds)
        try:
            check_features((*self.features, *self.more_features))
        except FeatureUnknown as fault:
            raise ConfigInvalid(
                f"fusion.features: {fault}", "see gateway/ranker/features.py for what there is"
            ) from fault


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Everything that decides a run, with its seed. ``device``: "cpu", or "auto" for a GPU where there is one.
    ``bf16``: products in bfloat16 where the device has instructions for them, in fp32 elsewhere. ``threads`` of one
    process; 0: one per core, or OMP_NUM_THREADS, which torchrun sets to 1. With one a run repeats itself exactly."""

    name: str
    base_model: str = BUNDLED_MODEL
    layers: int = 3
    seed: int = 1
    threads: int = 1
    device: str = "auto"
    bf16: bool = True
    protocol: Protocol = field(default_factory=Protocol)
    first_stage: CooccurrenceOptions = field(default_factory=CooccurrenceOptions)
    text: TextOptions = field(default_factory=TextOptions)
    align: AlignOptions = field(default_factory=AlignOptions)
    candidates: SourceOptions = field(default_factory=SourceOptions)
    lists: ListOptions = field(default_factory=ListOptions)
    negatives: NegativeOptions = field(default_factory=NegativeOptions)
    augment: AugmentOptions = field(default_factory=AugmentOptions)
    fit: FitOptions = field(default_factory=FitOptions)
    select: SelectOptions = field(default_factory=SelectOptions)
    teacher: TeacherOptions = field(default_factory=TeacherOptions)
    fusion: FusionOptions = field(default_factory=FusionOptions)

    def __post_init__(self) -> None:
        """Raises ConfigInvalid."""
        if self.device not in DEVICES:
            raise ConfigInvalid(f"device is {self.device!r}", f"use one of {', '.join(DEVICES)}")
        if self.fit.loss in TEACHER_LOSSES and not self.teacher.teaches:
            raise ConfigInvalid(
                f"fit.loss {self.fit.loss!r} needs a teacher",
                "name its folder: teacher.model, or teacher.fusion = true",
            )
        if self.fit.loss in UNTAUGHT_LOSSES and self.teacher.teaches:
            raise ConfigInvalid(
                f"fit.loss {self.fit.loss!r} cannot learn from a teacher's log-odds",
                f"use one of listnet, plistmle, {', '.join(TEACHER_LOSSES)}, or no teacher",
            )
        if self.fit.loss == DISTIL and not self.fit.lists:
            raise ConfigInvalid(f"fit.loss is {DISTIL!r} and fit.lists 0", "say how many lists: fit.lists = 3600")
        if self.teacher.share < 1 and self.fit.loss != "listnet":
            raise ConfigInvalid(
                f"teacher.share is {self.teacher.share} and fit.loss {self.fit.loss!r}",
                'only "listnet" learns from chances: set fit.loss = "listnet" or teacher.share = 1.0',
            )
        self.candidates.require_known()
        check_bounds("", {"layers": (self.layers, 1, 48), "threads": (self.threads, 0, 4096)})

    def encoding(self) -> EncodingSpec:
        """The encoding spec without fitted fusion."""
        return self.text.spec(self.name)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for records of a run."""
        return asdict(self)


_SECTIONS: Mapping[str, type] = {
    "protocol": Protocol,
    "first_stage": CooccurrenceOptions,
    "text": TextOptions,
    "align": AlignOptions,
    "candidates": SourceOptions,
    "lists": ListOptions,
    "negatives": NegativeOptions,
    "augment": AugmentOptions,
    "fit": FitOptions,
    "select": SelectOptions,
    "teacher": TeacherOptions,
    "fusion": FusionOptions,
}


def read_config(file: Path) -> TrainingConfig:
    """The configuration of a file. Raises ConfigInvalid naming the key."""
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise ConfigInvalid(
            f"{file} cannot be read: {fault}", "write TOML in UTF-8; see training/configs for examples"
        ) from fault
    data.setdefault("name", file.stem)
    return parse_config(data, str(file))


def parse_config(data: Mapping[str, Any], source: str) -> TrainingConfig:
    """The configuration of plain data; ``source`` is what errors name. Raises ConfigInvalid."""
    values = {key: _section(source, key, value) for key, value in data.items()}
    return TrainingConfig(**_checked(source, "", TrainingConfig, values))


def _section(source: str, key: str, value: Any) -> Any:
    section = _SECTIONS.get(key)
    if section is None:
        return value
    if not isinstance(value, dict):
        raise ConfigInvalid(f"{source}: {key} is {value!r}", f"write a table [{key}]")
    chosen = with_preset(value) if section is TextOptions else value
    return section(**_checked(source, f"{key}.", section, {name: _frozen(one) for name, one in chosen.items()}))


def _frozen(value: Any) -> Any:
    """Lists of any depth as tuples."""
    return tuple(_frozen(one) for one in value) if isinstance(value, list | tuple) else value


def _checked(source: str, prefix: str, section: type, values: Mapping[str, Any]) -> dict[str, Any]:
    known = get_type_hints(section)
    for name, value in values.items():
        if name not in known:
            raise ConfigInvalid(f"{source}: unknown key {prefix}{name}", f"known: {', '.join(sorted(known))}")
        if not _is_a(value, known[name]):
            wanted = " or ".join(_WRITTEN.get(one, "a list") for one in _kinds(known[name]) if one is not NoneType)
            raise ConfigInvalid(f"{source}: {prefix}{name} is {value!r}", f"write {wanted}")
    return dict(values)


_WRITTEN: Mapping[Any, str] = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def _kinds(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if isinstance(hint, UnionType) else (hint,)


def _is_a(value: Any, hint: Any) -> bool:
    """Whether a value is of a field's type; a whole number is a number, true is none."""
    if isinstance(hint, UnionType):
        return any(_is_a(value, one) for one in get_args(hint))
    if get_origin(hint) is tuple:
        return isinstance(value, tuple) and all(_is_a(one, get_args(hint)[0]) for one in value)
    if isinstance(value, bool) or hint is bool:
        return isinstance(value, bool) and hint is bool
    return isinstance(value, int | float if hint is float else hint)
