"""Progress as plain lines, where nobody watches a terminal: in a file, in CI. Must not know any command."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TICK_S = 10.0
"""Between two looks at what was done: a line comes no sooner."""
SILENCE_S = 60.0
"""Longest without a line, however little was done meanwhile."""
_TENTH = 0.1


class PlainProgress:
    """Says a line when a tenth more is done, and after SILENCE_S; none for work that ends before the first tick."""

    def __init__(self, say: Callable[[str], None], title: str, total: int | None, now_s: float) -> None:
        self._say = say
        self._title = title
        self._total = total
        self._done = 0
        self._begun_s = self._said_s = now_s
        self._said = (title, 0)
        self._spoke = False

    def __call__(self, done: int = 1) -> None:
        """``done`` more things are done."""
        self._done += done

    def describe(self, title: str, total: int | None = None) -> None:
        """Renames the work, and gives it a total when that is known."""
        self._title = title
        self._total = self._total if total is None else total

    def tick(self, now_s: float) -> None:
        """Says how far it is, where there is news."""
        title, done = self._said
        step = (self._done - done) / self._total if self._total else 0.0
        if self._title == title and step < _TENTH and now_s - self._said_s < SILENCE_S:
            return
        share = f": {self._done:,} of {self._total:,}" if self._total else f": {self._done:,}" if self._done else ""
        self._say(f"{self._title}{share}, after {now_s - self._begun_s:.0f} s")
        self._said, self._said_s, self._spoke = (self._title, self._done), now_s, True

    def end(self, now_s: float) -> None:
        """Says that the work ended, where a line was said of it."""
        if self._spoke:
            self._say(f"{self._title}: ended after {now_s - self._begun_s:.0f} s")


@contextmanager
def plain_progress(say: Callable[[str], None], title: str, total: int | None) -> Iterator[PlainProgress]:
    """Ticks while the block runs."""
    progress = PlainProgress(say, title, total, time.monotonic())
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(TICK_S):
            progress.tick(time.monotonic())

    watcher = threading.Thread(target=watch, name="progress", daemon=True)
    watcher.start()
    try:
        yield progress
    finally:
        ended.set()
        watcher.join()
        progress.end(time.monotonic())
