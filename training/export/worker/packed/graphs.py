"""Forward passes over tensors of fixed sizes, recorded as CUDA graphs: a small batch costs its computation, not its
launches. Must not know models, and imports nothing of the project."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from .batch import PackedBatch

Forward = Callable[[Tensor, Tensor, int], Tensor]
"""Tokens [3, T], bounds [R + 1] and a bound of the longest row to logits [R]."""
Recorder = Callable[[Callable[[], Tensor]], Callable[[], Tensor]]
"""Makes of a computation over fixed tensors one that repeats it."""
GRAPH_TOKENS = (256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192)
"""Steps of a third to a half, so little of a graph is computed in vain. Larger batches keep the card busy while they
are launched."""
GRAPH_LONGEST = (128, 256)
"""Flash Attention's grid grows with the longest row: one block is 128 tokens. The model's own limit is added."""
TOKENS_PER_ROW = 8
"""A graph has room for one row to this many tokens; batches of shorter rows take a larger graph."""


class Size(NamedTuple):
    """What fits into one graph."""

    tokens: int
    longest: int
    rows: int

    def fits(self, batch: PackedBatch) -> bool:
        """Whether the graph can compute the batch."""
        return batch.tokens <= self.tokens and batch.longest <= self.longest and batch.rows <= self.rows


def graph_sizes(max_tokens: int, rows: int) -> list[Size]:
    """From the smallest to the largest, for rows of at most ``max_tokens`` and batches of at most ``rows``."""
    steps = [*(one for one in GRAPH_LONGEST if one < max_tokens), max_tokens]
    room = {tokens: min(rows, tokens // TOKENS_PER_ROW) for tokens in GRAPH_TOKENS}
    return sorted({Size(tokens, min(longest, tokens), room[tokens]) for tokens in room for longest in steps})


class StaticBatch:
    """Tensors of one size that stay where they are, and the forward pass over them."""

    def __init__(self, forward: Forward, size: Size, device: torch.device, record: Recorder) -> None:
        self._size = size
        self._tokens_3t = torch.zeros((3, size.tokens), dtype=torch.int32, device=device)
        self._bounds_r1 = torch.zeros(size.rows + 1, dtype=torch.int32, device=device)
        self._repeat = record(lambda: forward(self._tokens_3t, self._bounds_r1, size.longest))

    def run(self, batch: PackedBatch) -> Tensor:
        """Logits [R], overwritten by the next run of any batch. What stands behind the batch's own is never read."""
        bounds_r1 = np.full(self._size.rows + 1, batch.tokens, np.int32)  # the rows that are missing are empty
        bounds_r1[: batch.rows + 1] = batch.bounds_r1
        self._tokens_3t[:, : batch.tokens].copy_(torch.from_numpy(batch.tokens_3t))
        self._bounds_r1.copy_(torch.from_numpy(bounds_r1))
        return self._repeat()[: batch.rows]


def cuda_recorder() -> Recorder:
    """Records on the current card. All graphs share one pool of memory, so only one may be in use at a time."""
    pool: Any = torch.cuda.graph_pool_handle()

    def record(compute: Callable[[], Tensor]) -> Callable[[], Tensor]:
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(2):  # libraries choose kernels and take their work space, which a recording must not
                compute()
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=pool):
            logits_r = compute()

        def repeat() -> Tensor:
            graph.replay()
            return logits_r

        return repeat

    return record
