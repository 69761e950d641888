"""CPU time and peak memory of process trees while a ``with`` block runs. Must not know what they do."""

import threading
from collections.abc import Iterable
from typing import Self

import psutil

from clients.load.bench.workload.readings import Cost

SAMPLE_S = 2.0
"""Between memory samples. Rare, since a sample of the whole stack costs 15 ms of CPU: the kernel walks all pages."""


class Meter:
    """Measures the process trees of ``pids`` from entry to exit: ``cpu_s`` and ``peak_mb`` (MiB).

    Memory is the proportional set size (PSS), so that shared pages count once; the resident size where the kernel hides
    PSS. The peak is the largest sum over all samples.
    """

    def __init__(self, pids: Iterable[int]) -> None:
        self._roots = [psutil.Process(pid) for pid in pids]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.cpu_s = 0.0
        self.peak_mb = 0.0

    def cost(self, pairs: int) -> Cost:
        """CPU and memory for ``pairs``; call it after the block."""
        return Cost(self.cpu_s, self.peak_mb, pairs)

    def __enter__(self) -> Self:
        self.cpu_s = -self._cpu_s()
        self._sample()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._sample()
        self.cpu_s += self._cpu_s()

    def _watch(self) -> None:
        while not self._over.wait(SAMPLE_S):
            self._sample()

    def _sample(self) -> None:
        self.peak_mb = max(self.peak_mb, sum(_memory_bytes(one) for one in self._tree()) / 2**20)

    def _cpu_s(self) -> float:
        """Includes children that have ended: their parent, which waited for them, reports their time."""
        return sum(_cpu_s(one) for one in self._tree())

    def _tree(self) -> set[psutil.Process]:
        found = set(self._roots)
        for root in self._roots:
            try:
                found.update(root.children(recursive=True))
            except psutil.NoSuchProcess:
                continue
        return found


def _cpu_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _memory_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
