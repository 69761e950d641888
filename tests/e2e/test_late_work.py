"""Work whose deadline has passed leaves the real Triton's queue without being computed: nobody waits behind it."""

import asyncio
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from clients.load.bench.systems.served_stack import triton_alone
from deploy.local.parts.triton import PROJECT_REPOSITORY, Triton
from gateway.domain.budget import Budget
from gateway.domain.errors import DeadlineTooShort
from gateway.domain.values import EncodedPair
from gateway.scoring.triton import Inference, TritonConnection, pair_tensors

pytestmark = pytest.mark.whole  # starts programs, or commands that import what is slow

MODEL = "cross_encoder"
REQUESTS, PAIRS, TOKENS = 150, 32, 54
UNDER_WAY_PAIRS = 5 * 64
"""One batch that runs, two that Triton prepares ahead for an instance, and what a deadline cuts in two."""


async def ask(connection: TritonConnection, pairs: Sequence[EncodedPair], seconds: float) -> None:
    await connection.infer(Inference(MODEL, "", pair_tensors(pairs), "logit", Budget(seconds)))


def computed_tokens(triton: Triton) -> float:
    """By the worker's own count."""
    with urllib.request.urlopen(triton.metrics_url, timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    labels = (f'model="{MODEL}"', 'kind="real"')
    counted = [one for one in lines if one.startswith("crossrank_worker_tokens_total")]
    return sum(float(one.split()[-1]) for one in counted if all(label in one for label in labels))


async def overload(triton: Triton) -> tuple[int, float]:
    """Requests that were late, and tokens computed for all of them and for one that came last and was patient."""
    draw = np.random.default_rng(20261125)
    ids = draw.integers(1000, 20_000, (PAIRS, TOKENS))
    pairs = [EncodedPair(tuple(row), (0,) * TOKENS, truncated=False) for row in ids.tolist()]
    connection = TritonConnection(triton.url)
    try:
        await ask(connection, pairs, 30)
        before = computed_tokens(triton)
        answers = await asyncio.gather(*(ask(connection, pairs, 0.3) for _ in range(REQUESTS)), return_exceptions=True)
        await ask(connection, pairs, 60)
        faults = [one for one in answers if one is not None]
        assert {type(one) for one in faults} == {DeadlineTooShort}
        return len(faults), computed_tokens(triton) - before
    finally:
        await connection.close()


def test_late_requests_are_not_computed(tmp_path: Path) -> None:
    with triton_alone(tmp_path, PROJECT_REPOSITORY) as (triton, _):
        late, tokens = asyncio.run(overload(triton))
    assert late > REQUESTS // 10, "the load must be more than this machine can do in time"
    in_time = REQUESTS - late + 1
    assert tokens >= in_time * PAIRS * TOKENS, "what was answered was counted"
    assert tokens <= (in_time * PAIRS + UNDER_WAY_PAIRS) * TOKENS
