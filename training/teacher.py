"""A trained cross-encoder's logits as labels for a smaller one. Computed once per run; the examples that carry them are
kept in the run's folder."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from training.errors import ConfigInvalid
from training.examples import RankingExample, parse_reference
from training.model import open_cross_encoder
from training.pair_table import PairTable, context_key

BATCH_PAIRS = 512
CHUNK_PAIRS = 32


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
    pairs = [
        (context_key([whole(one) for one in example.history]), whole(item))
        for example in examples
        for item in example.items
    ]
    logits = np.split(teacher.predict(pairs, batch_size=BATCH_PAIRS, show_progress_bar=None), _ends(examples))
    return [
        replace(example, labels=tuple(float(logit) for logit in own))
        for example, own in zip(examples, logits, strict=True)
    ]


def whole(reference: str) -> str:
    """The item id of a reference."""
    return parse_reference(reference)[0]


def _ends(examples: Sequence[RankingExample]) -> list[int]:
    return [int(end) for end in np.cumsum([len(example.items) for example in examples])[:-1]]
