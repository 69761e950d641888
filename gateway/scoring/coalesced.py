"""Scores many keyed pairs: identical pairs in flight share one computation, the rest goes out in chunks.

Knows the Scorer port only. A failed chunk costs its own pairs, never the list.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field

from gateway.domain.budget import Budget
from gateway.domain.errors import CrossrankError, DeadlineTooShort
from gateway.domain.values import EncodedPair, Priority
from gateway.encoding.chunks import chunk_by_tokens
from gateway.ports import Scorer, ServedModel
from gateway.scoring.admission import Admission, Held


@dataclass(frozen=True, slots=True)
class ScoringWork:
    """Pairs to score, by cache key, under one model version."""

    model: ServedModel
    pairs: Mapping[bytes, EncodedPair]
    priority: Priority
    budget: Budget


@dataclass(slots=True)
class ScoringOutcome:
    """What came of it: logits by key (not finite where the model gave no number), and why pairs are missing."""

    logits: dict[bytes, float] = field(default_factory=dict)
    faults: list[CrossrankError] = field(default_factory=list)
    coalesced: int = 0
    model_requests: int = 0
    scored_tokens: int = 0
    padded_tokens: int = 0


@dataclass(frozen=True, slots=True)
class ChunkLimits:
    """Bounds of one model request, and how many of batch priority the model has at a time: what an interactive request
    may find before it."""

    max_tokens: int
    max_pairs: int
    batch_chunks: int


class CoalescedScorer:
    """Raises Overloaded when admission refuses; everything else that goes wrong is in the outcome."""

    def __init__(self, scorer: Scorer, admission: Admission, limits: ChunkLimits) -> None:
        self._scorer = scorer
        self.admission = admission
        self._limits = limits
        self._turns: Mapping[Priority, AbstractAsyncContextManager[None]] = {
            Priority.INTERACTIVE: nullcontext(),
            Priority.BATCH: asyncio.Semaphore(limits.batch_chunks),
        }
        self._in_flight: dict[bytes, asyncio.Future[float]] = {}

    def current(self) -> ServedModel:
        """The version to use now. Raises ModelUnavailable before the first verification."""
        return self._scorer.current()

    async def score(self, work: ScoringWork) -> ScoringOutcome:
        """Logits of as many pairs as the budget allows; those that another request is computing are awaited, not asked
        for again."""
        outcome = ScoringOutcome()
        shared = {key: self._in_flight[key] for key in work.pairs if key in self._in_flight}
        await self._compute(work, [key for key in work.pairs if key not in shared], outcome)
        if shared:
            outcome.logits |= await self._await_shared(shared, work.budget)
            outcome.coalesced = sum(key in outcome.logits for key in shared)
            # Whoever computed the others gave up (its own deadline, a fault): compute them here.
            await self._compute(work, [key for key in shared if key not in outcome.logits], outcome)
        return outcome

    async def _compute(self, work: ScoringWork, keys: list[bytes], outcome: ScoringOutcome) -> None:
        if not keys:
            return
        pairs = [work.pairs[key] for key in keys]
        chunks = chunk_by_tokens(pairs, self._limits.max_tokens, self._limits.max_pairs)
        tokens = sum(len(pair.token_ids) for pair in pairs)
        with self.admission.admit(tokens, work.priority, work.budget) as held:
            loop = asyncio.get_running_loop()
            mine = {key: loop.create_future() for key in keys if key not in self._in_flight}
            self._in_flight |= mine
            try:
                async with asyncio.TaskGroup() as group:
                    for chunk in chunks:
                        group.create_task(
                            self._score_chunk(work, [keys[position] for position in chunk], held, outcome)
                        )
            finally:
                for key, future in mine.items():
                    del self._in_flight[key]
                    if not future.done():
                        future.cancel()

    async def _score_chunk(self, work: ScoringWork, keys: list[bytes], held: Held, outcome: ScoringOutcome) -> None:
        pairs = [work.pairs[key] for key in keys]
        outcome.model_requests += 1
        lengths = [len(pair.token_ids) for pair in pairs]
        outcome.scored_tokens += sum(lengths)
        outcome.padded_tokens += len(lengths) * max(lengths)
        try:
            async with asyncio.timeout(work.budget.left_s), self._turns[work.priority]:
                logits = await self._scorer.score(work.model, pairs, work.budget)
        except CrossrankError as fault:
            outcome.faults.append(fault)
        except TimeoutError:
            outcome.faults.append(DeadlineTooShort("the model did not answer before the deadline"))
        else:
            held.scored(sum(lengths))
            for key, logit in zip(keys, logits.tolist(), strict=True):
                outcome.logits[key] = logit
                future = self._in_flight.get(key)
                if future is not None and not future.done():
                    future.set_result(logit)

    async def _await_shared(self, shared: Mapping[bytes, asyncio.Future[float]], budget: Budget) -> dict[bytes, float]:
        await asyncio.wait(shared.values(), timeout=budget.left_s)
        return {key: future.result() for key, future in shared.items() if future.done() and not future.cancelled()}
