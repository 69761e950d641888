"""Options of training on candidate lists: negatives, augmentation, fit, selection, teacher. Each refuses numbers that
make no sense. Knows no torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from training.errors import ConfigInvalid

BUNDLED_MODEL = "all-MiniLM-L6-v2"
"""The weights that a package brings, to start from."""
DISTIL = "distil"
"""The loss with lists, steps and labels of its own (training/fit/distillation_steps.py)."""
TEACHER_LOSSES = ("margin_mse", "mse")
"""They need a teacher."""
UNTAUGHT_LOSSES = ("bce", "lambda")
"""They read labels as relevance of 0 and more, which the log-odds of a teacher are not."""
LOSSES = ("listnet", "lambda", "plistmle", "bce", *TEACHER_LOSSES, DISTIL)


def check_bounds(prefix: str, bounds: Mapping[str, tuple[float, float, float]]) -> None:
    """``bounds``: value, lowest, highest by key. Raises ConfigInvalid naming the key and what is expected."""
    for key, (value, lowest, highest) in bounds.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
            raise ConfigInvalid(f"{prefix}{key} is {value!r}", f"use a number from {lowest:g} to {highest:g}")


@dataclass(frozen=True, slots=True)
class NegativeOptions:
    """Negatives of a list with one positive, ``count`` in all, chosen in this order (training/examples/negatives.py).

    ``shown``: at most so many that the user was shown and did not want, drawn by the chance that they were looked at.
    ``ranges``: [first rank, last rank, how many] of the first stage. ``semantic_neighbors``: so many whose text is
    nearest to the positive's. The rest is drawn by popularity to the power of ``popular_power``. ``margin``: a
    candidate counts only with a first-stage score below the positive's by this share of it. ``duplicate_similarity``:
    items as near in text to the positive (cosine) are never negatives.
    """

    count: int = 11
    shown: int = 0
    ranges: tuple[tuple[int, int, int], ...] = ((1, 50, 5), (51, 200, 4))
    semantic_neighbors: int = 0
    popular_power: float = 0.5
    margin: float | None = None
    duplicate_similarity: float | None = None

    def __post_init__(self) -> None:
        """Raises ConfigInvalid."""
        bounds = {
            "count": (self.count, 1, 1000),
            "shown": (self.shown, 0, self.count),
            "semantic_neighbors": (self.semantic_neighbors, 0, self.count),
            "popular_power": (self.popular_power, 0, 4),
        }
        check_bounds("negatives.", bounds)
        if self.semantic_neighbors and self.duplicate_similarity is None:
            raise ConfigInvalid("negatives.semantic_neighbors needs a bound", "set negatives.duplicate_similarity")
        for one in self.ranges:
            if len(one) != 3 or not 1 <= one[0] <= one[1] or one[2] < 0:
                raise ConfigInvalid(f"negatives.ranges has {list(one)}", "write [first rank, last rank, how many]")


@dataclass(frozen=True, slots=True)
class AugmentOptions:
    """Changes of training lists, never of lists that are measured; shares and chances between 0 and 1.

    ``positions``: the history goes on to just before the positive, instead of to the start of its block.
    ``positive_power``: a positive is taken with a chance of its popularity to the power of minus this.
    ``subsample``: only a random run of the history is left. ``history_dropout``: an item of the history is left out.
    ``shuffle``: the history loses its order. ``field_dropout``: a text field of an item is left out.
    """

    positions: float = 0.0
    positive_power: float = 0.0
    subsample: float = 0.0
    history_dropout: float = 0.0
    shuffle: float = 0.0
    field_dropout: float = 0.0

    def __post_init__(self) -> None:
        """Raises ConfigInvalid."""
        highest = {"positive_power": 2.0}
        chances = {name: (value, 0.0, highest.get(name, 1.0)) for name, value in asdict(self).items()}
        check_bounds("augment.", chances)


@dataclass(frozen=True, slots=True)
class FitOptions:
    """The fit. ``loss``: one of training/fit/losses.py, or "distil".

    ``folds`` is how many folds before valid are learned from (0: all that there are); ``lists`` how many lists are
    trained on in all, 0: every positive of the candidate lists ``epochs`` times; ``batch_lists`` of them are one step
    of one process, ``chunk_pairs`` of similar length one forward pass (0: all).
    ``head_rate``: the learning rate of the new head, as a multiple. ``positive_weight`` is for "bce", ``ndcg_depth``
    for "lambda" (0: whole list). ``dropout``: whether there is any (lists that are seen once need none), here and in
    align.
    ``settle_lists``: so many at the end without dropout ("distil" only).
    """

    loss: str = "listnet"
    folds: int = 3
    lists: int = 0
    epochs: int = 1
    settle_lists: int = 0
    batch_lists: int = 4
    chunk_pairs: int = 16
    dropout: bool = True
    learning_rate: float = 3e-4
    head_rate: float = 3.0
    settle_learning_rate: float = 2e-4
    positive_weight: float = 1.0
    ndcg_depth: int = 0
    warmup_share: float = 0.06
    weight_decay: float = 0.01
    save_steps: int = 150
    log_steps: int = 25

    def __post_init__(self) -> None:
        """Raises ConfigInvalid."""
        if self.loss not in LOSSES:
            raise ConfigInvalid(f"fit.loss is {self.loss!r}", f"use one of {', '.join(LOSSES)}")
        bounds = {
            "folds": (self.folds, 0, 10_000),
            "lists": (self.lists, 0, 1e9),
            "epochs": (self.epochs, 1, 1000),
            "batch_lists": (self.batch_lists, 1, 4096),
            "chunk_pairs": (self.chunk_pairs, 0, 1e6),
            "learning_rate": (self.learning_rate, 1e-9, 1),
            "warmup_share": (self.warmup_share, 0, 0.9),
            "save_steps": (self.save_steps, 1, 1e9),
        }
        check_bounds("fit.", bounds)


@dataclass(frozen=True, slots=True)
class SelectOptions:
    """Valid lists of ``users`` (0: no selection) are ranked, ``depth`` candidates each, at every checkpoint; the best
    by NDCG@10 is kept. ``patience``: stop after so many checkpoints without a gain (0: never)."""

    users: int = 0
    depth: int = 100
    patience: int = 0

    def __post_init__(self) -> None:
        """Raises ConfigInvalid."""
        bounds = {"users": (self.users, 0, 1e9), "depth": (self.depth, 10, 1000), "patience": (self.patience, 0, 1000)}
        check_bounds("select.", bounds)


@dataclass(frozen=True, slots=True)
class TeacherOptions:
    """Whose scores of the training lists are their labels; nobody's by default.

    ``model``: the logits of a trained cross-encoder (its folder). ``fusion``: the fused score without a logit, fitted
    on other users' training lists; negatives are then chosen by its order, and only positives among the candidates are
    learned from. ``share``: how much of a list's labels is the teacher's; the rest is the positive's ("listnet" only).
    """

    model: str = ""
    fusion: bool = False
    share: float = 1.0

    def __post_init__(self) -> None:
        """Raises ConfigInvalid."""
        check_bounds("teacher.", {"share": (self.share, 0, 1)})
        if self.model and self.fusion:
            raise ConfigInvalid(f"teacher.model is {self.model!r} and teacher.fusion true", "keep one of the two")

    @property
    def teaches(self) -> bool:
        """Whether there is a teacher."""
        return bool(self.model) or self.fusion
