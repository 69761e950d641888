"""The configuration of a training run: a small TOML file over these defaults. Knows no torch."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

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
)
from training.options.presets import with_preset
from training.options.protocol import Protocol
from training.options.sources import SourceOptions
from training.options.text import TextOptions
from training.options.validation import MANY, Count, Options, Positive, Rate, Seed, Texts, Weight, require_within


@dataclass(frozen=True)
class AlignOptions(Options, section="align"):
    """A step before the fit: token states of a title learn the item's place among the others."""

    steps: Annotated[Count, Field(description="Steps of the optimiser; 0: no such step.")] = 0
    batch: Annotated[int, Field(ge=1, le=4096, description="Sequences of a step.")] = 48
    learning_rate: Annotated[Rate, Field(description="Highest learning rate.")] = 3e-4
    width: Annotated[int, Field(ge=1, le=4096, description="Dimensions of an item's place.")] = 64


@dataclass(frozen=True)
class ListOptions(Options, section="lists"):
    """Lists of the loss "distil": one positive, and negatives that are near, far and, for the rest, popular."""

    negatives: Annotated[int, Field(ge=1, le=1000, description="Negatives of a list in all.")] = 11
    near: Annotated[int, Field(description="Of the first `near_rank` ranks; 0 to `negatives`.")] = 5
    near_rank: Annotated[Positive, Field(description="Last rank of the near ones in the first stage.")] = 50
    far: Annotated[int, Field(description="Of the ranks after them; 0 to `negatives` less `near`.")] = 4
    far_rank: Annotated[int, Field(description="Last rank of the far ones; `near_rank` or more.")] = 250
    min_history: Annotated[Count, Field(description="Positives before the one of a list, at least.")] = 5
    rank: Annotated[int, Field(ge=1, le=4096, description="Dimensions that the first stage is smoothed to.")] = 32

    def __post_init__(self) -> None:
        """Raises ConfigInvalid."""
        require_within("lists.near", self.near, 0, self.negatives)
        require_within("lists.far", self.far, 0, self.negatives - self.near)
        require_within("lists.far_rank", self.far_rank, self.near_rank, MANY)


@dataclass(frozen=True)
class FusionOptions(Options, section="fusion"):
    """The fused score. LambdaMART is a bag of boosters that see no feature of the logit; those join the trees with
    weights of their own."""

    kind: Annotated[Literal["linear", "lambdamart"], Field(description="What is fitted.")] = "linear"
    features: Annotated[Texts, Field(description="Of gateway/ranker/features.py; none: all that fit.")] = ()
    more_features: Annotated[Texts, Field(description="Features beside those.")] = ()
    ridge: Annotated[Weight, Field(description="L2 regularisation of standardised weights or leaves.")] = 0.05
    bag: Annotated[int, Field(ge=1, le=100, description="Boosters of LambdaMART.")] = 5
    trees: Annotated[int, Field(ge=1, le=100_000, description="Most trees of a booster.")] = 500
    leaves: Annotated[int, Field(ge=2, le=4096, description="Most leaves of a tree.")] = 15
    leaf_items: Annotated[Positive, Field(description="Fewest items of a leaf.")] = 50
    learning_rate: Annotated[Rate, Field(description="Of the boosters.")] = 0.05
    feature_share: Annotated[Rate, Field(description="Share of the features that a tree sees.")] = 0.5
    negative_share: Annotated[Rate, Field(description="Share of what was no target that a booster sees.")] = 1.0
    patience: Annotated[int, Field(ge=1, le=100_000, description="Trees without a gain to stop after.")] = 50

    def __post_init__(self) -> None:
        """Raises ConfigInvalid."""
        try:
            check_features((*self.features, *self.more_features))
        except FeatureUnknown as fault:
            raise ConfigInvalid(
                f"fusion.features: {fault}", "see gateway/ranker/features.py for what there is"
            ) from fault


@dataclass(frozen=True)
class TrainingConfig(Options):
    """Everything that decides a run. With one thread a run repeats itself exactly."""

    name: Annotated[str, Field(description="Of the run and its model; by default that of the file.")]
    base_model: Annotated[str, Field(description="The bundled weights, or a folder of others.")] = BUNDLED_MODEL
    layers: Annotated[int, Field(ge=1, le=48, description="Layers of the base model to keep.")] = 3
    seed: Annotated[Seed, Field(description="Of all that is random.")] = 1
    threads: Annotated[int, Field(ge=0, le=4096, description="Of a process; 0: OMP_NUM_THREADS or one per core.")] = 1
    device: Annotated[Literal["auto", "cpu"], Field(description='"auto" takes a GPU where there is one.')] = "auto"
    bf16: Annotated[bool, Field(description="Products in bfloat16 where the device has instructions for them.")] = True
    protocol: Protocol = Protocol()  # from here on: sections of the file
    first_stage: CooccurrenceOptions = CooccurrenceOptions()
    text: TextOptions = TextOptions()
    align: AlignOptions = AlignOptions()
    candidates: SourceOptions = SourceOptions()
    lists: ListOptions = ListOptions()
    negatives: NegativeOptions = NegativeOptions()
    augment: AugmentOptions = AugmentOptions()
    fit: FitOptions = FitOptions()
    select: SelectOptions = SelectOptions()
    teacher: TeacherOptions = TeacherOptions()
    fusion: FusionOptions = FusionOptions()

    def __post_init__(self) -> None:
        """Raises ConfigInvalid for sections that contradict each other."""
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

    def encoding(self) -> EncodingSpec:
        """The encoding spec without fitted fusion."""
        return self.text.spec(self.name)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for records of a run."""
        return asdict(self)


def read_config(file: Path) -> TrainingConfig:
    """The configuration of a file. Raises ConfigInvalid naming the key."""
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise ConfigInvalid(
            f"{file} cannot be read: {fault}", "write TOML in UTF-8; see training/configs for examples"
        ) from fault
    return parse_config({"name": file.stem, **data}, str(file))


def parse_config(data: Mapping[str, Any], source: str) -> TrainingConfig:
    """The configuration of plain data; ``source`` is what errors name. Raises ConfigInvalid."""
    text = data.get("text")
    try:
        return TrainingConfig(**{**data, "text": with_preset(text)} if isinstance(text, dict) else data)
    except ConfigInvalid as fault:
        raise ConfigInvalid(f"{source}: {fault.message}", fault.remedy) from fault
