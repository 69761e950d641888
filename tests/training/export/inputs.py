"""Random inputs of the tiny models and ways to run them."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import PreTrainedModel

from tests.training.export.conftest import MAX_TOKENS, VOCABULARY
from training.export.session import open_session

Array = npt.NDArray[Any]
Row = dict[str, Array]


def random_rows(seed: int, count: int, longest: int = MAX_TOKENS) -> list[Row]:
    """Rows of random lengths: token ids and segment ids, both [T]."""
    draw = np.random.default_rng(seed)
    rows = []
    for length in draw.integers(1, longest + 1, count):
        segments = (np.arange(length) >= draw.integers(0, length + 1)).astype(np.int32)
        rows.append({"input_ids": draw.integers(0, VOCABULARY, length, dtype=np.int32), "token_type_ids": segments})
    return rows


def batch_of(rows: list[Row], padding: int = 0) -> Row:
    """INT32 [B, T] inputs, ``padding`` tokens wider than the longest row; what stands in the padding is garbage."""
    longest = max(len(row["input_ids"]) for row in rows) + padding
    feed = {
        "input_ids": np.full((len(rows), longest), 3, np.int32),
        "attention_mask": np.zeros((len(rows), longest), np.int32),
        "token_type_ids": np.ones((len(rows), longest), np.int32),
    }
    for place, row in enumerate(rows):
        length = len(row["input_ids"])
        feed["input_ids"][place, :length] = row["input_ids"]
        feed["token_type_ids"][place, :length] = row["token_type_ids"]
        feed["attention_mask"][place, :length] = 1
    return feed


def run_graph(graph: Path, feed: Row) -> Array:
    """The graph's output for the inputs it takes."""
    session = open_session(graph)
    taken = {node.name: feed[node.name] for node in session.get_inputs()}
    result: Array = session.run(None, taken)[0]
    return result


def reference_logits(model: PreTrainedModel, rows: list[Row]) -> Array:
    """transformers in fp32, one row at a time, nothing padded: [n, 1]."""
    with torch.inference_mode():
        return np.concatenate(
            [model(**{name: torch.tensor([ids.tolist()]) for name, ids in row.items()}).logits.numpy() for row in rows]
        )
