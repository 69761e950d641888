"""Texts that change while the gateway runs: files that are replaced, URLs that are asked now and then."""

import asyncio
import os
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from unittest.mock import Mock

import pytest
from structlog.testing import capture_logs

from gateway.identity import source
from gateway.identity.source import URL_HURRY_S, URL_INTERVAL_S, FileSource, UrlSource, follow


def test_a_file_is_read_once_for_every_change(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_text("one")
    read = FileSource(file)
    assert [read.changed(), read.changed()] == ["one", None]
    file.write_text("second")
    assert [read.changed(), read.changed()] == ["second", None]


def test_a_link_that_leads_elsewhere_is_a_change_as_kubernetes_makes_it(tmp_path: Path) -> None:
    for name in ("old", "new"):
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, (1, 1))
    link, following = tmp_path / "link", tmp_path / "following"
    link.symlink_to(tmp_path / "old")
    read = FileSource(link)
    assert read.changed() == "old"
    following.symlink_to(tmp_path / "new")
    following.replace(link)
    assert read.changed() == "new"


def test_a_file_that_could_not_be_read_is_read_when_nothing_but_its_rights_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "f"
    file.write_text("one")
    read = FileSource(file)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_text", Mock(side_effect=PermissionError))  # root may read whatever its mode
        with pytest.raises(PermissionError):
            read.changed()
    assert [read.changed(), read.changed()] == ["one", None]


class Site(HTTPServer):
    """Serves ``body`` and counts; at /away it redirects."""

    body, asked = "keys", 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class Page(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.asked += 1
        self.send_response(302 if self.path == "/away" else 200)
        self.send_header("Location", "/")
        self.end_headers()
        self.wfile.write(self.server.body.encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def site() -> Iterator[Site]:
    """A web server of this machine."""
    with Site(("127.0.0.1", 0), Page) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_url_is_asked_now_and_then_and_sooner_when_somebody_waits(site: Site) -> None:
    now = [0.0]
    read = UrlSource(site.url, lambda: now[0])
    assert [read.changed(), read.changed(), site.asked] == ["keys", None, 1]
    now[0] = URL_HURRY_S
    assert read.changed() is None
    read.hurry()
    assert [read.changed(), site.asked] == ["keys", 2]
    read.hurry()
    assert read.changed() is None
    now[0] += URL_INTERVAL_S
    assert [read.changed(), site.asked] == ["keys", 3]


def test_a_redirection_is_no_answer(site: Site) -> None:
    with pytest.raises(OSError, match="302"):
        UrlSource(f"{site.url}away").changed()


async def test_what_cannot_be_taken_leaves_what_was_taken_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "INTERVAL_S", 0.001)
    file, taken = tmp_path / "f", list[int]()
    refused = asyncio.Event()

    def take(text: str) -> None:
        try:
            taken.append(int(text))
        except ValueError:
            refused.set()
            raise

    file.write_text("1")
    following = asyncio.create_task(follow("a number", FileSource(file), take))
    async with asyncio.timeout(20):
        for text, done in (("nonsense", refused.is_set), ("3", lambda: taken == [1, 3])):
            while not taken:
                await asyncio.sleep(0)
            file.write_text(text)
            while not done():
                await asyncio.sleep(0)
    following.cancel()
    assert taken == [1, 3]


async def test_a_fault_that_comes_again_after_a_good_text_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "INTERVAL_S", 0.0)
    texts = iter(["x", None, "x", "1", "x"])

    class Texts:
        def changed(self) -> str | None:
            try:
                return next(texts)
            except StopIteration:
                raise OSError("the end") from None

    def take(text: str) -> None:
        int(text)

    with capture_logs() as lines:
        following = asyncio.create_task(follow("a number", Texts(), take))
        async with asyncio.timeout(20):
            while not any(line.get("detail") == "the end" for line in lines):
                await asyncio.sleep(0)
        following.cancel()
    told = [line["event"].removeprefix("identity_source_") for line in lines]
    assert told == ["unusable", "read", "unusable", "unusable"]
