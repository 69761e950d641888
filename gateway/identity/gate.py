"""Who calls, and may they: the gate that every call but health passes. Knows no transport."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import structlog

from gateway.domain.background import in_background
from gateway.domain.errors import DependencyUnavailable, Unauthenticated
from gateway.identity import api_keys, certificate
from gateway.identity.caller import ANYBODY, Caller, Refused, Shown
from gateway.identity.identities import Identities, IdentitiesInvalid
from gateway.identity.json_web_token import KeySet, KeySetInvalid, TokenRules, UnknownKey
from gateway.identity.source import FileSource, UrlSource, follow

_BEARER = "bearer "
_NOTHING_SHOWN = (
    "the call does not say who calls: send the header 'authorization: Bearer CREDENTIAL' with an API key or a token, "
    "or connect with a client certificate that the gateway's identities file names"
)
_NOT_ACCEPTED = (
    "the credential of the call is not accepted: send a whole and current one that was made for this service; "
    "the gateway's log has the cause under the id of this request"
)
_log = structlog.get_logger(__name__)


class Gate(Protocol):
    """What stands before every method but health."""

    def caller(self, shown: Shown) -> Caller:
        """Who calls. Raises Unauthenticated, or DependencyUnavailable while nobody can tell."""


class OpenGate:
    """Nobody is asked: who reaches the address may call everything."""

    def caller(self, shown: Shown) -> Caller:
        """Somebody without a name who may do all."""
        return ANYBODY


@dataclass(slots=True)
class IdentityGate:
    """Callers must be in the identities file. ``identities`` and ``keys`` are replaced when their sources change."""

    identities: Identities
    rules: TokenRules | None = None
    keys: KeySet | None = None
    want_keys: Callable[[], None] = field(default=lambda: None)
    """Called where newer keys might know a token."""

    def caller(self, shown: Shown) -> Caller:
        """A header that is shown must be right, whatever certificate stands beside it."""
        try:
            return self._by_header(shown.authorization) if shown.authorization else self._by_certificate(shown)
        except Refused as fault:
            if isinstance(fault, UnknownKey):
                self.want_keys()
            _log.info("caller_refused", why=fault.why)
            raise Unauthenticated(_NOT_ACCEPTED) from None

    def _by_header(self, headers: object) -> Caller:
        match headers:
            case [str(header)] if header[: len(_BEARER)].lower() == _BEARER and header.isascii():
                credential = header[len(_BEARER) :].strip()
            case _:
                raise Refused("the authorization header is not one Bearer and a credential")
        if credential.startswith(api_keys.PREFIX):
            return _known(api_keys.owner_of(credential, self.identities.api_keys), "the API key is unknown")
        if self.rules is None:
            raise Refused("it is no API key, and tokens are not accepted here")
        if self.keys is None:
            raise DependencyUnavailable(
                "the keys that tokens are verified with have not been read yet: call again in some seconds"
            )
        subject = self.rules.subject(credential, self.keys)
        return _known(self.identities.subjects.get(subject), "the token's subject is in no identity")

    def _by_certificate(self, shown: Shown) -> Caller:
        pem = shown.certificate() if self.identities.certificates else b""
        if not pem:
            raise Unauthenticated(_NOTHING_SHOWN)
        callers = self.identities.certificates
        found = {callers[name].name: callers[name] for name in certificate.names_of(pem) if name in callers}
        if len(found) > 1:
            raise Refused("the certificate bears the names of several callers")
        return _known(next(iter(found.values()), None), "no name of the certificate is in an identity")


def _known(caller: Caller | None, why: str) -> Caller:
    if caller is None:
        raise Refused(why)
    return caller


@dataclass(frozen=True, slots=True)
class GateSettings:
    """Where identities are. ``keys``: path or https URL of a JSON Web Key Set, with ``rules``; empty: no tokens."""

    identities: Path
    rules: TokenRules | None = None
    keys: str = ""
    certificates: bool = False
    """Whether connections show client certificates."""


@asynccontextmanager
async def open_gate(settings: GateSettings) -> AsyncIterator[IdentityGate]:
    """The gate, its sources followed while the block runs. A URL need not answer yet. Raises IdentitiesInvalid."""
    gate = IdentityGate(Identities(), settings.rules)

    def take_identities(text: str) -> None:
        gate.identities = _usable(Identities.parse(text), settings)

    def take_keys(text: str) -> None:
        gate.keys = KeySet.parse(text)

    async with AsyncExitStack() as following:
        for name, place, take in (
            ("CROSSRANK_IDENTITIES", str(settings.identities), take_identities),
            ("CROSSRANK_JWT_KEYS", settings.keys, take_keys),
        ):
            if "://" in place:
                source = UrlSource(place)
                gate.want_keys = source.hurry
                await following.enter_async_context(in_background(follow(name, source, take)))
            elif place:
                file = FileSource(Path(place))
                _take_first(name, file, take)
                await following.enter_async_context(in_background(follow(name, file, take)))
        yield gate


def _take_first(name: str, file: FileSource, take: Callable[[str], None]) -> None:
    try:
        take(file.changed() or "")
    except (OSError, UnicodeDecodeError, IdentitiesInvalid, KeySetInvalid) as fault:
        raise IdentitiesInvalid(f"{name} cannot be used: {fault}") from fault


def _usable(identities: Identities, settings: GateSettings) -> Identities:
    """The identities. Raises IdentitiesInvalid where a proof could never be shown."""
    faults = []
    if identities.certificates and not settings.certificates:
        faults.append("callers have certificates, and no connection shows one: set CROSSRANK_TLS_CLIENT_CA")
    if identities.subjects and settings.rules is None:
        faults.append("callers have subjects, and no token is accepted: set CROSSRANK_JWT_KEYS, _ISSUER and _AUDIENCE")
    if faults:
        raise IdentitiesInvalid("; ".join(faults))
    return identities
