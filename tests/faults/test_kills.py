"""kill -9 of each part during a run of requests: every request ends right, flagged or typed; the stack heals itself.

`pytest -s tests/faults/test_kills.py` prints how long each part took to heal.
"""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator

import psutil
import pytest

from crossrank_client import CandidateOptions, CrossrankCallError, CrossrankClient, History, RankingOptions, Reading
from deploy.local.stack import LocalStack
from tests.e2e.catalogue import fill

DEADLINE_S = 2.0
HANG_S = DEADLINE_S + 1.0
GIVE_UP_S = 60.0
CALLERS = 4
BACK_OFF_S = 0.05
WANTED, TEN = CandidateOptions(limit=20), RankingOptions(top_n=10, reading=Reading.ALWAYS)
PROMISED_ERRORS = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED"}


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack of our own: its parts are killed."""
    with LocalStack(tmp_path_factory.mktemp("fragile")) as running:
        yield running


@pytest.fixture(scope="module")
async def target(fragile: LocalStack) -> str:
    await fill(fragile.status().part("gateway").url)
    return fragile.status().part("gateway").url


class Ledger:
    """Counts how every request ended; an end that is none of the promised ones fails the test."""

    def __init__(self) -> None:
        self.ends: Counter[str] = Counter()
        self.started = 0
        self.last_full = asyncio.Event()

    async def ask(self, client: CrossrankClient, history: History) -> None:
        """One request. A hang or an unexpected error propagates."""
        self.started += 1
        try:
            async with asyncio.timeout(HANG_S):
                ranked = await client.recommend(history, candidates=WANTED, options=TEN, timeout_s=DEADLINE_S)
        except CrossrankCallError as error:
            if error.code.name not in PROMISED_ERRORS:
                raise
            self.ends[f"error {error.code.name}"] += 1
            await asyncio.sleep(BACK_OFF_S)
            return
        if ranked.degraded:
            self.ends["degraded"] += 1
        else:
            assert ranked.metadata.scored_count == ranked.metadata.candidate_count > 0
            assert len(ranked.items) == 10
            self.ends["full"] += 1
            self.last_full.set()


async def keep_asking(target: str, ledger: Ledger, stop: asyncio.Event, caller: int) -> None:
    async with CrossrankClient(target, timeout_s=DEADLINE_S) as client:
        draw = random.Random(caller)
        for _ in range(2000):
            if stop.is_set():
                return
            # A history nobody had before: an answer from the cache would prove nothing about the model.
            await ledger.ask(client, History.of(*(f"m{number}" for number in draw.sample(range(240), 4))))


async def run_through(target: str, ledger: Ledger, kill: "Kill") -> float:
    """Requests before, during and after the kill, until full answers are back for good: how long that took, in s."""
    stop = asyncio.Event()
    callers = [asyncio.create_task(keep_asking(target, ledger, stop, caller)) for caller in range(CALLERS)]
    try:
        async with asyncio.timeout(30):
            await ledger.last_full.wait()
        kill.now()
        killed_at = time.monotonic()
        async with asyncio.timeout(GIVE_UP_S):
            await kill.replaced()
            for _ in range(3):
                ledger.last_full.clear()
                await ledger.last_full.wait()
        return time.monotonic() - killed_at
    finally:
        stop.set()
        await asyncio.gather(*callers)


class Kill:
    """kill -9 of one process of a part, and the wait until there are as many again."""

    def __init__(self, stack: LocalStack, part: str, child: str = "") -> None:
        self._stack, self._part, self._child = stack, part, child
        self._pids = self._find()

    def now(self) -> None:
        os.kill(self._pids[0], signal.SIGKILL)

    async def replaced(self) -> None:
        while True:
            try:
                found = self._find()
                if len(found) == len(self._pids) and self._pids[0] not in found:
                    return
            except (LookupError, psutil.NoSuchProcess):
                pass
            await asyncio.sleep(0.05)

    def _find(self) -> list[int]:
        pid = self._stack.status().part(self._part).pid
        if pid is None:
            raise LookupError(f"{self._part} is not running")
        if not self._child:
            return [pid]
        found = [
            process.pid
            for process in psutil.Process(pid).children(recursive=True)
            if self._child in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE
        ]
        if not found:
            raise LookupError(f"{self._part} has no child {self._child}")
        return found


@pytest.mark.parametrize(
    ("part", "child"),
    [("triton", ""), ("triton", "cross_encoder"), ("postgres", ""), ("gateway", "")],
    ids=["triton", "triton's worker", "postgres", "gateway"],
)
async def test_every_request_ends_as_promised_and_full_answers_come_back(
    fragile: LocalStack, target: str, part: str, child: str
) -> None:
    ledger = Ledger()
    healed_s = await run_through(target, ledger, Kill(fragile, part, child))
    print(f"\n{part} {child}: healed {healed_s:.1f} s after kill -9; {dict(ledger.ends)}")  # a figure: pytest -s
    assert sum(ledger.ends.values()) == ledger.started, "every request has exactly one end"
    assert ledger.ends["full"] >= 4, ledger.ends
