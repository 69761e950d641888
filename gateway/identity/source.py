"""A text that others change while the gateway runs: a file, or what a URL serves. Knows not what it says."""

import asyncio
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol
from urllib.request import HTTPRedirectHandler, build_opener

import structlog

INTERVAL_S = 2.0
"""How often a file is looked at."""

URL_INTERVAL_S = 300.0
URL_HURRY_S = 10.0
"""How often a URL is asked, at most when somebody waits for it, or when it failed."""

_URL_TIMEOUT_S = 5.0
_MAX_BYTES = 2**20
_log = structlog.get_logger(__name__)


class Source(Protocol):
    """Where a text comes from."""

    def changed(self) -> str | None:
        """The text where it may have changed since the last call; else None. Blocks. Raises OSError, ValueError."""


class FileSource:
    """A file, also one that is replaced, or reached through a link that is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, ...] = ()

    def changed(self) -> str | None:
        """Its text, once for every change."""
        found = self._path.stat()
        signature = (found.st_ino, found.st_mtime_ns, found.st_size)
        if signature == self._seen:
            return None
        text = self._path.read_text(encoding="utf-8")
        self._seen = signature  # after it is read: where only rights change, the next look must try again
        return text


class UrlSource:
    """What a URL serves. A redirection is refused: it might lead away from TLS."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._asked_at: float | None = None
        self._hurried = True

    def hurry(self) -> None:
        """Asks again soon."""
        self._hurried = True

    def changed(self) -> str | None:
        """Its text, every URL_INTERVAL_S."""
        now = self._clock()
        wait_s = URL_HURRY_S if self._hurried else URL_INTERVAL_S
        if self._asked_at is not None and now < self._asked_at + wait_s:
            return None
        self._asked_at = now
        try:
            with build_opener(_NoRedirection).open(self._url, timeout=_URL_TIMEOUT_S) as answer:
                read: bytes = answer.read(_MAX_BYTES)
        except HTTPException as fault:
            raise OSError(f"no HTTP answer ({type(fault).__name__})") from fault
        self._hurried = False
        return read.decode("utf-8")


class _NoRedirection(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """None: the answer counts as an error."""


async def follow(name: str, source: Source, take: Callable[[str], None]) -> None:
    """Gives ``take`` every new text until cancelled. One that cannot be read or taken (OSError, ValueError) is told
    once, and what was taken before stays."""
    told = ""
    while True:
        try:
            if (text := await asyncio.to_thread(source.changed)) is not None:
                take(text)
                _log.info("identity_source_read", source=name)
                told = ""
        except (OSError, ValueError) as error:
            if (fault := str(error)) != told:
                _log.error("identity_source_unusable", source=name, detail=fault, remedy="what was read before stays")
            told = fault
        await asyncio.sleep(INTERVAL_S)
