"""How the worker cuts the rows of many requests into runs of its graph."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tests.training.export import backend

LONGEST = 64
DESCRIPTIONS = 15, 3, 0.5
"""Tokens of a context, and mean and spread of the logarithm of an item's."""


@dataclass(frozen=True)
class Asked:
    """What a request is to this: the lengths of its rows."""

    lengths: tuple[int, ...]
    error: Any = None


@pytest.fixture
def worker() -> Iterator[Any]:
    with backend.worker_module() as module:
        yield module


def sizes(worker: Any, lengths: tuple[int, ...], threads: int = 1) -> list[int]:
    """Rows of each micro-batch of a request."""
    options = worker.Options(threads, 8, 1024, on_gpu=False)
    return [len(batch) for batch in worker.micro_batches([Asked(lengths)], options)]


def list_of_60(seed: int) -> tuple[int, ...]:
    draw = np.random.default_rng(seed)
    context, mean, spread = DESCRIPTIONS
    return tuple(np.clip(context + draw.lognormal(mean, spread, 60), 3, LONGEST).astype(int).tolist())


def test_limits_are_kept_and_no_row_is_lost(worker: Any) -> None:
    draw = np.random.default_rng(4)
    jobs = [Asked(tuple(draw.integers(1, LONGEST, draw.integers(1, 17)).tolist())) for _ in range(9)]
    batches = list(worker.micro_batches(jobs, worker.Options(2, 4, 100, on_gpu=False)))
    for batch in batches:
        longest = max(row.length for row in batch)
        assert len(batch) <= 4
        assert len(batch) == 1 or len(batch) * longest <= 100
    rows = [(id(row.job), row.index) for batch in batches for row in batch]
    assert len(rows) == len(set(rows)) == sum(len(job.lengths) for job in jobs)
    assert all(row.job.lengths[row.index] == row.length for batch in batches for row in batch)
    lengths = [row.length for batch in batches for row in batch]
    assert lengths == sorted(lengths, reverse=True)


def test_a_request_that_has_failed_is_left_out(worker: Any) -> None:
    jobs = [Asked((5, 6), error="refused"), Asked((7,))]
    (batch,) = worker.micro_batches(jobs, worker.Options(1, 8, 1024, on_gpu=False))
    assert [row.job for row in batch] == [jobs[1]]


@pytest.mark.parametrize(
    ("lengths", "expected"), [((60, 10, 10, 10), [1, 3]), ((14, 12, 11, 10, 9), [5]), ((60,) * 3 + (59,) * 3, [6])]
)
def test_one_long_row_does_not_pad_the_short_ones_and_a_little_padding_is_no_reason_to_split(
    worker: Any, lengths: tuple[int, ...], expected: list[int]
) -> None:
    assert sizes(worker, lengths) == expected


@pytest.mark.parametrize(
    ("rows", "threads", "expected"), [(8, 4, [2, 2] + [1] * 4), (20, 2, [8, 6, 3, 2, 1]), (40, 1, [8] * 5)]
)
def test_a_batch_is_at_most_a_share_of_what_is_left(worker: Any, rows: int, threads: int, expected: list[int]) -> None:
    assert sizes(worker, (5,) * rows, threads=threads) == expected


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("threads", [2, 4])
def test_no_thread_waits_long_for_another(worker: Any, threads: int, seed: int) -> None:
    """A run of the graph takes as long as its tokens and some more."""
    busy = [0] * threads
    options = worker.Options(threads, 8, 1024, on_gpu=False)
    for batch in worker.micro_batches([Asked(list_of_60(seed))], options):
        busy[busy.index(min(busy))] += len(batch) * batch[0].length + worker.RUN_TOKENS
    assert sum(busy) > 0.96 * threads * max(busy), f"seed {seed}: {busy}"
