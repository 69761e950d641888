"""Times the stages of one request, also of those that fail. Knows no metrics library: it calls what it is given."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

StageObserver = Callable[[str, float], None]
"""Called with (stage name, seconds) when a stage ends."""


def _unobserved(stage: str, seconds: float) -> None:
    """Default observer: the times are only kept for the answer."""


class StageClock:
    """Collects (stage, seconds) in the order in which stages end; one clock belongs to one request.

    A stage that raises or is cancelled is timed like any other, so that slow failures are visible.
    """

    def __init__(self, observe: StageObserver = _unobserved, clock: Callable[[], float] = time.perf_counter) -> None:
        self._observe = observe
        self._clock = clock
        self._times: list[tuple[str, float]] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times the block under ``name``; what the block raises passes through."""
        started = self._clock()
        try:
            yield
        finally:
            seconds = self._clock() - started
            self._times.append((name, seconds))
            self._observe(name, seconds)

    @property
    def times(self) -> tuple[tuple[str, float], ...]:
        """The stages that have ended so far."""
        return tuple(self._times)
