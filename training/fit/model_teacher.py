"""A trained cross-encoder's logits as labels for a smaller one. Computed once per run; the examples that carry them are
kept in the run's folder."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.special import softmax

from training.errors import ConfigInvalid
from training.examples.example import RankingExample
from training.model.cross_encoder import open_cross_encoder
from training.model.pair_table import PairTable, context_key
from training.model.references import whole

BATCH_PAIRS = 512
CHUNK_PAIRS = 32
SMALLEST_PROBABILITY = 1e-9


def labelled_by_teacher(
    examples: Sequence[RankingExample], folder: str, table: PairTable, device: str
) -> list[RankingExample]:
    """The examples with the teacher's logits for labels. The teacher reads whole items, whatever fields the examples
    leave out. Raises ConfigInvalid when there is no trained model in ``folder``."""
    if not (Path(folder) / "config.json").is_file():
        raise ConfigInvalid(
            f"teacher.model {folder!r} holds no trained model", "name the cross_encoder folder of a run"
        )
    teacher = open_cross_encoder(folder, table, device=device)
    teacher.chunk_pairs = CHUNK_PAIRS
    pairs = [(context_key(example.history.map(whole)), whole(item)) for example in examples for item in example.items]
    logits = np.split(teacher.predict(pairs, batch_size=BATCH_PAIRS, show_progress_bar=None), _ends(examples))
    return [
        replace(example, labels=tuple(float(logit) for logit in own))
        for example, own in zip(examples, logits, strict=True)
    ]


def share_with_positive(examples: Sequence[RankingExample], share: float) -> list[RankingExample]:
    """Labels whose softmax is ``share`` times that of the teacher's, and for the rest the positive's alone: what a user
    liked next tells what the teacher does not know, the teacher what one item out of twelve does not."""
    return [replace(one, labels=_shared(np.array(one.labels), share)) for one in examples]


def _shared(labels: npt.NDArray[np.float64], share: float) -> tuple[float, ...]:
    probabilities = share * softmax(labels)
    probabilities[0] += 1 - share  # the positive comes first
    return tuple(np.log(np.maximum(probabilities, SMALLEST_PROBABILITY)).tolist())


def _ends(examples: Sequence[RankingExample]) -> list[int]:
    return [int(end) for end in np.cumsum([len(example.items) for example in examples])[:-1]]
