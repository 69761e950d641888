"""Scores many keyed pairs: identical pairs in flight share one computation, the rest goes out in chunks.

Knows the Scorer port only. A failed chunk costs its own pairs, never the list.
"""

import asyncio
from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field

from gateway.domain.budget import Budget
from gateway.domain.errors import CrossrankError, DeadlineTooShort, Overloaded
from gateway.domain.values import EncodedPair, Priority
from gateway.encoding.chunks import chunk_by_tokens
from gateway.ports import Scorer, ServedModel
from gateway.scoring.admission import Admission, Held

Shared = asyncio.Future[float]
"""The logit of a pair that somebody computes; cancelled where nobody will."""

_NEWEST_COUNTS = 0.2
"""Of how long a list takes to score: the share of the one scored last."""

_MARGIN = 1.25
"""So many times that is enough for a list."""


@dataclass(frozen=True, slots=True)
class ScoringWork:
    """Pairs to score, by cache key, under one model version. ``caller``: a name of the identities file, or empty."""

    model: ServedModel
    pairs: Mapping[bytes, EncodedPair]
    priority: Priority
    budget: Budget
    caller: str = ""


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


@dataclass(frozen=True, slots=True)
class _Led:
    """Pairs that one request computes: what others wait for, and what is held until that ends."""

    logits: Mapping[bytes, Shared]
    held: Held
    ending: ExitStack


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
        self._in_flight: Mapping[Priority, dict[bytes, Shared]] = {one: {} for one in Priority}
        self._scoring_s = 0.0

    def current(self) -> ServedModel:
        """The version to use now. Raises ModelUnavailable before the first verification."""
        return self._scorer.current()

    async def score(self, work: ScoringWork) -> ScoringOutcome:
        """Logits of as many pairs as the budget allows; those that another request is computing are awaited, not asked
        for again."""
        outcome = ScoringOutcome()
        shared = self._shared(work.pairs, work.priority)
        led = self._lead([key for key in work.pairs if key not in shared], work)
        with led.ending:
            await asyncio.gather(self._compute(led, work, outcome), self._follow(shared, work, outcome))
        return outcome

    def _shared(self, keys: Iterable[bytes], priority: Priority) -> dict[bytes, Shared]:
        """Those in flight. Interactive work shares with none of batch priority: that waits for its turn."""
        known: Mapping[bytes, Shared] = self._in_flight[Priority.INTERACTIVE]
        if priority is Priority.BATCH:
            known = ChainMap(self._in_flight[Priority.BATCH], self._in_flight[Priority.INTERACTIVE])
        return {key: known[key] for key in keys if key in known}

    def _lead(self, keys: Sequence[bytes], work: ScoringWork) -> _Led:
        """Admits the pairs, and lets others share them from now on. Raises Overloaded."""
        ending, loop = ExitStack(), asyncio.get_running_loop()
        tokens = sum(len(work.pairs[key].token_ids) for key in keys)
        held = ending.enter_context(self.admission.admit(tokens, work.priority, work.budget, work.caller))
        logits = {key: loop.create_future() for key in keys}
        self._in_flight[work.priority].update(logits)
        ending.callback(self._give_up, logits, work.priority)
        return _Led(logits, held, ending)

    def _give_up(self, logits: Mapping[bytes, Shared], priority: Priority) -> None:
        """What has no logit until now will have none: whoever waits for it leads."""
        in_flight = self._in_flight[priority]
        for key, future in logits.items():
            if in_flight.get(key) is future:
                del in_flight[key]
            future.cancel()

    async def _compute(self, led: _Led, work: ScoringWork, outcome: ScoringOutcome) -> None:
        keys, left_s = list(led.logits), work.budget.left_s
        pairs = [work.pairs[key] for key in keys]
        with led.ending:
            async with asyncio.TaskGroup() as group:
                for chunk in chunk_by_tokens(pairs, self._limits.max_tokens, self._limits.max_pairs):
                    group.create_task(self._score_chunk([keys[place] for place in chunk], led, work, outcome))
        if keys and work.priority is Priority.INTERACTIVE and all(key in outcome.logits for key in keys):
            took_s = left_s - work.budget.left_s
            self._scoring_s += (took_s - self._scoring_s) * (_NEWEST_COUNTS if self._scoring_s else 1.0)

    async def _score_chunk(self, keys: list[bytes], led: _Led, work: ScoringWork, outcome: ScoringOutcome) -> None:
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
            led.held.scored(sum(lengths))
            in_flight = self._in_flight[work.priority]
            for key, logit in zip(keys, logits.tolist(), strict=True):
                outcome.logits[key] = logit
                # Two where a follower lost patience and leads, too.
                for future in {led.logits[key], in_flight.get(key, led.logits[key])}:
                    if not future.done():
                        future.set_result(logit)

    async def _follow(self, shared: Mapping[bytes, Shared], work: ScoringWork, outcome: ScoringOutcome) -> None:
        """Waits for pairs that others compute. Where these give up, or need the time that is left, the first to notice
        leads and the others share with it."""
        while shared:
            await asyncio.wait(shared.values(), timeout=self._patience_s(work.budget))
            found = {key: one.result() for key, one in shared.items() if one.done() and not one.cancelled()}
            outcome.logits |= found
            outcome.coalesced += len(found)
            missing = [key for key in shared if key not in found]
            if missing and work.budget.spent:
                outcome.faults.append(
                    DeadlineTooShort("another request did not score shared pairs before the deadline")
                )
                return
            now = self._shared(missing, work.priority)
            again = {key: future for key, future in now.items() if future is not shared[key]}
            await self._take_over([key for key in missing if key not in again], work, outcome)
            shared = again

    async def _take_over(self, keys: Sequence[bytes], work: ScoringWork, outcome: ScoringOutcome) -> None:
        try:
            led = self._lead(keys, work)
        except Overloaded as fault:
            outcome.faults.append(fault)
        else:
            await self._compute(led, work, outcome)

    def _patience_s(self, budget: Budget) -> float:
        """What a follower may wait and still score by itself; all it has, where that is too little for it anyway."""
        left_s = budget.left_s
        patience_s = left_s - _MARGIN * self._scoring_s
        return patience_s if patience_s > 0 else left_s
