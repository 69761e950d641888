"""What a secured service wants to see: a token with every call, TLS on the connection. Knows no call."""

from collections.abc import Callable, Sequence
from pathlib import Path

import grpc

Metadata = Sequence[tuple[str, str]]


def bearer(token: str | Callable[[], str]) -> Callable[[], Metadata]:
    """Metadata with an API key or a token, for ``metadata`` of a client. A callable is asked before each call, so that
    a token can be replaced; it must not block. Raises ValueError for what is no token, without quoting it."""

    def metadata() -> Metadata:
        given = (token() if callable(token) else token).strip()
        if not given or not given.isascii() or not given.isprintable() or " " in given:
            raise ValueError(f"the token ({len(given)} characters) must be one word of printable ASCII characters")
        return (("authorization", f"Bearer {given}"),)

    if not callable(token):
        metadata()
    return metadata


def token_file(path: str | Path) -> Callable[[], str]:
    """Reads the token of a file before each call, for ``bearer``: a mounted secret may change."""
    return Path(path).read_text


def tls(*, ca: str | Path = "", certificate: str | Path = "", key: str | Path = "") -> grpc.ChannelCredentials:
    """TLS, for ``credentials`` of a client. PEM files: authorities that the service's certificate may come from
    (empty: those that gRPC ships), and the client's own certificate chain with its key (empty: none). Raises OSError,
    and ValueError for half a pair."""
    if bool(certificate) != bool(key):
        raise ValueError("a client certificate needs its key, and a key its certificate: give both or neither")
    return grpc.ssl_channel_credentials(*(Path(one).read_bytes() if one else None for one in (ca, key, certificate)))
