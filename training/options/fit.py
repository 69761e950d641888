"""Options of training on candidate lists: negatives, augmentation, fit, selection, teacher. Knows no torch."""

from typing import Annotated, Literal, get_args

from pydantic import Field, Strict
from pydantic.dataclasses import dataclass

from training.errors import ConfigInvalid
from training.options.validation import Count, Options, Positive, Rate, Share, Weight, require_within

BUNDLED_MODEL = "all-MiniLM-L6-v2"
"""The weights that a package brings, to start from."""
DISTIL = "distil"
"""The loss with lists, steps and labels of its own (training/fit/distillation_steps.py)."""
TEACHER_LOSSES = ("margin_mse", "mse")
"""They need a teacher."""
UNTAUGHT_LOSSES = ("bce", "lambda")
"""They read labels as relevance of 0 and more, which the log-odds of a teacher are not."""
Loss = Literal["listnet", "lambda", "plistmle", "bce", "margin_mse", "mse", "distil"]
LOSSES: tuple[Loss, ...] = get_args(Loss)

Margin = Annotated[float | None, Field(ge=0, le=10)]
Cosine = Annotated[float | None, Field(ge=0, le=1)]
RankRanges = Annotated[tuple[Annotated[tuple[int, ...], Strict(False)], ...], Strict(False)]


@dataclass(frozen=True)
class NegativeOptions(Options, section="negatives"):
    """Negatives of a list with one positive, chosen in this order: those shown; of ranges of the first stage, or of the
    teacher's order; nearest to the positive in text; by popularity."""

    count: Annotated[int, Field(ge=1, le=1000, description="Negatives of a list in all.")] = 11
    shown: Annotated[int, Field(description="Most that were shown to the user and not wanted; 0 to `count`.")] = 0
    ranges: Annotated[RankRanges, Field(description="[first rank, last rank, how many].")] = ((1, 50, 5), (51, 200, 4))
    semantic_neighbors: Annotated[int, Field(description="Most of the nearest in text; 0 to `count`.")] = 0
    popular_power: Annotated[float, Field(ge=0, le=4, description="Power of popularity that draws the rest.")] = 0.5
    margin: Annotated[Margin, Field(description="Share of its score that a positive must lead by.")] = None
    duplicate_similarity: Annotated[Cosine, Field(description="Items as near in text are no negatives.")] = None

    def __post_init__(self) -> None:
        """Raises ConfigInvalid."""
        require_within("negatives.shown", self.shown, 0, self.count)
        require_within("negatives.semantic_neighbors", self.semantic_neighbors, 0, self.count)
        if self.semantic_neighbors and self.duplicate_similarity is None:
            raise ConfigInvalid("negatives.semantic_neighbors needs a bound", "set negatives.duplicate_similarity")
        for one in self.ranges:
            if len(one) != 3 or not 1 <= one[0] <= one[1] or one[2] < 0:
                raise ConfigInvalid(f"negatives.ranges has {list(one)}", "write [first rank, last rank, how many]")


@dataclass(frozen=True)
class AugmentOptions(Options, section="augment"):
    """Random changes of training lists, never of lists that are measured."""

    positions: Annotated[Share, Field(description="Chance that the history goes on to just before the positive.")] = 0.0
    positive_power: Annotated[float, Field(ge=0, le=2, description="Popular positives are thinned by this power.")] = (
        0.0
    )
    subsample: Annotated[Share, Field(description="Chance that only a random run of the history is left.")] = 0.0
    history_dropout: Annotated[Share, Field(description="Chance of each item of the history to be left out.")] = 0.0
    shuffle: Annotated[Share, Field(description="Chance that the history loses its order.")] = 0.0
    field_dropout: Annotated[Share, Field(description="Chance of each text field of an item to be left out.")] = 0.0


@dataclass(frozen=True)
class FitOptions(Options, section="fit"):
    """The fit: loss, batches, learning rates, checkpoints."""

    loss: Annotated[Loss, Field(description="See training/fit/losses.py.")] = "listnet"
    folds: Annotated[int, Field(ge=0, le=10_000, description="Folds before valid to learn from; 0: all.")] = 3
    lists: Annotated[Count, Field(description="Training lists in all; 0: every positive `epochs` times.")] = 0
    epochs: Annotated[int, Field(ge=1, le=1000, description="How often each positive is learned from.")] = 1
    settle_lists: Annotated[Count, Field(description='Lists at the end without dropout; "distil" only.')] = 0
    batch_lists: Annotated[int, Field(ge=1, le=4096, description="Lists of a step of one process.")] = 4
    chunk_pairs: Annotated[int, Field(ge=0, le=1_000_000, description="Pairs of a forward pass; 0: all.")] = 16
    dropout: Annotated[bool, Field(description="Whether there is any, here and in [align].")] = True
    learning_rate: Annotated[Rate, Field(description="Highest learning rate of the encoder.")] = 3e-4
    head_rate: Annotated[float, Field(ge=0, le=1000, description="That of the new head, as a multiple.")] = 3.0
    settle_learning_rate: Annotated[Rate, Field(description="That of the lists of `settle_lists`.")] = 2e-4
    positive_weight: Annotated[Weight, Field(description='Weight of positives in the loss; "bce" only.')] = 1.0
    ndcg_depth: Annotated[int, Field(ge=0, le=1000, description='NDCG is cut there; 0: nowhere; "lambda" only.')] = 0
    warmup_share: Annotated[float, Field(ge=0, le=0.9, description="Share of the steps that warm up.")] = 0.06
    weight_decay: Annotated[Share, Field(description="Of AdamW.")] = 0.01
    save_steps: Annotated[Positive, Field(description="Steps between two checkpoints.")] = 150
    log_steps: Annotated[Positive, Field(description="Steps between two lines of the log.")] = 25


@dataclass(frozen=True)
class SelectOptions(Options, section="select"):
    """At every checkpoint valid lists are ranked, and the best by NDCG@10 is kept."""

    users: Annotated[Count, Field(description="Valid lists to rank; 0: the last checkpoint is kept.")] = 0
    depth: Annotated[int, Field(ge=10, le=1000, description="Candidates of each list.")] = 100
    patience: Annotated[int, Field(ge=0, le=1000, description="Checkpoints without a gain; 0: never stop.")] = 0


@dataclass(frozen=True)
class TeacherOptions(Options, section="teacher"):
    """Whose scores of the training lists are their labels; nobody's by default. A fused score is fitted on other users'
    lists; negatives are then chosen by its order, and only positives among the candidates are learned from."""

    model: Annotated[str, Field(description="Folder of a trained cross-encoder whose logits teach.")] = ""
    fusion: Annotated[bool, Field(description="Whether the fused score teaches, fitted without a logit.")] = False
    share: Annotated[Share, Field(description='The teacher\'s part of the labels; below 1 for "listnet" only.')] = 1.0

    def __post_init__(self) -> None:
        """Raises ConfigInvalid."""
        if self.model and self.fusion:
            raise ConfigInvalid(f"teacher.model is {self.model!r} and teacher.fusion true", "keep one of the two")

    @property
    def teaches(self) -> bool:
        """Whether there is a teacher."""
        return bool(self.model) or self.fusion
