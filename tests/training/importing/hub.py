"""A model hub on this machine: folders as repositories, over HTTP, with the answers that huggingface_hub expects."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What it serves: one public repository, whose only revisions are main and v1, and one that is gated."""

    folder: Path
    public: str = "tiny/cross-encoder"
    gated: str = "tiny/gated"
    asked: list[str] = field(default_factory=list)
    """Files that were downloaded."""
    url: str = ""

    def answer(self, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        if path.startswith(f"/api/models/{self.gated}"):
            return 403, {"X-Error-Code": "GatedRepo"}, b"{}"
        if path.startswith(f"/api/models/{self.public}/revision/"):
            if path.rpartition("/")[2] not in {"main", "v1", COMMIT}:
                return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
            return 200, {}, json.dumps({"id": self.public, "sha": COMMIT}).encode()
        if path.startswith(f"/api/models/{self.public}/tree/"):
            return 200, {}, json.dumps([_entry(file) for file in sorted(self.folder.iterdir())]).encode()
        prefix = f"/{self.public}/resolve/{COMMIT}/"
        if path.startswith(prefix):
            return self._file(method, path.removeprefix(prefix))
        return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"

    def _file(self, method: str, name: str) -> tuple[int, dict[str, str], bytes]:
        content = (self.folder / name).read_bytes()
        if method == "GET":
            self.asked.append(name)
        return 200, {"ETag": f'"{_digest(content)}"', "X-Repo-Commit": COMMIT}, content


@contextmanager
def served(hub: Hub) -> Iterator[Hub]:
    """The hub at an address of its own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_HEAD(self) -> None:
            self._answer()

        def log_request(self, *_: object) -> None:
            return

        def _answer(self) -> None:
            status, headers, body = hub.answer(self.command, unquote(urlsplit(self.path).path))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def _entry(file: Path) -> dict[str, object]:
    content = file.read_bytes()
    return {"type": "file", "path": file.name, "size": len(content), "oid": _digest(content)}


def _digest(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()
