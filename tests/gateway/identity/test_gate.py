"""The gate: certificates beside headers, sources that change, and identities that could never be shown."""

import asyncio
import json
from pathlib import Path

import pytest
import trustme

from gateway.domain.errors import DependencyUnavailable, PermissionDenied, Unauthenticated
from gateway.identity import source
from gateway.identity.caller import Shown
from gateway.identity.gate import Gate, GateSettings, IdentityGate, OpenGate, open_gate
from gateway.identity.identities import Identities, IdentitiesInvalid
from gateway.identity.json_web_token import KeySet
from gateway.identity.roles import Role
from tests.gateway.identity.issued import RULES, Callers, Provider, bearer, subject_of

INFO = "/crossrank.v1.RankingService/GetInfo"
DELETE = "/crossrank.v1.CatalogService/DeleteItems"
AUTHORITY = trustme.CA()
CALLERS, PROVIDER = Callers(), Provider()
BY_CERTIFICATE = Identities.parse(
    "[callers.loader]\nroles = ['catalogue']\ncertificates = ['loader.example.org']\n"
    "[callers.shop]\nroles = ['read']\ncertificates = ['shop.example.org']\n" + CALLERS.file
)


def shown(credential: str = "", *names: str) -> Shown:
    pem = AUTHORITY.issue_cert(*names).cert_chain_pems[0].bytes() if names else b""
    return Shown([value for _, value in bearer(credential)] if credential else [], lambda: pem)


def name(gate: Gate, method: str, what: Shown) -> str:
    """Of the caller, who may call the method."""
    caller = gate.caller(what)
    caller.admit(method)
    return caller.name


def test_an_open_gate_asks_nobody() -> None:
    assert name(OpenGate(), DELETE, shown()) == ""


def test_a_certificate_names_its_caller_by_the_allow_list() -> None:
    gate = IdentityGate(BY_CERTIFICATE)
    assert name(gate, DELETE, shown("", "loader.example.org")) == "loader"
    assert name(gate, INFO, shown("", "elsewhere.example.org", "shop.example.org")) == "shop"
    with pytest.raises(PermissionDenied):
        name(gate, DELETE, shown("", "shop.example.org"))
    with pytest.raises(Unauthenticated, match="not accepted"):
        name(gate, INFO, shown("", "stranger.example.org"))
    with pytest.raises(Unauthenticated, match="not accepted"):
        name(gate, INFO, shown("", "shop.example.org", "loader.example.org"))


def test_a_header_decides_also_beside_a_certificate() -> None:
    gate = IdentityGate(BY_CERTIFICATE)
    assert name(gate, INFO, shown(CALLERS.keys[Role.READ], "loader.example.org")) == "read"
    with pytest.raises(Unauthenticated):
        name(gate, DELETE, shown("nonsense", "loader.example.org"))


def test_the_scheme_may_be_written_in_any_case() -> None:
    header = f"bEARER  {CALLERS.keys[Role.READ]}"
    assert name(IdentityGate(BY_CERTIFICATE), INFO, Shown([header], lambda: b"")) == "read"


def test_a_token_is_refused_where_tokens_are_not_accepted() -> None:
    with pytest.raises(Unauthenticated):
        name(IdentityGate(BY_CERTIFICATE), INFO, shown(PROVIDER.token(subject_of(Role.READ))))


def test_until_the_keys_are_read_a_token_is_no_fault_of_the_caller() -> None:
    with pytest.raises(DependencyUnavailable, match="call again"):
        name(IdentityGate(BY_CERTIFICATE, RULES), INFO, shown(PROVIDER.token(subject_of(Role.READ))))


def test_an_unknown_key_makes_the_gate_ask_for_newer_ones() -> None:
    asked: list[None] = []
    gate = IdentityGate(BY_CERTIFICATE, RULES, KeySet.parse(PROVIDER.key_set), lambda: asked.append(None))
    with pytest.raises(Unauthenticated):
        name(gate, INFO, shown(Provider("second").token(subject_of(Role.READ))))
    assert len(asked) == 1


async def test_a_key_that_is_taken_out_of_the_file_opens_nothing_from_then_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "INTERVAL_S", 0.001)
    file, keys = tmp_path / "identities.toml", tmp_path / "keys.json"
    file.write_text(CALLERS.file)
    keys.write_text(PROVIDER.key_set)
    later, second = Callers(), Provider("second")
    async with open_gate(GateSettings(file, RULES, str(keys))) as gate:
        assert name(gate, INFO, shown(CALLERS.keys[Role.READ])) == "read"
        before = gate.identities
        file.write_text("nonsense")
        file.write_text(later.file)
        keys.write_text(
            json.dumps({"keys": [one for two in (PROVIDER, second) for one in json.loads(two.key_set)["keys"]]})
        )
        async with asyncio.timeout(20):
            while gate.identities is before or gate.keys is None or len(gate.keys.keys) == 1:
                await asyncio.sleep(0)
        with pytest.raises(Unauthenticated):
            name(gate, INFO, shown(CALLERS.keys[Role.READ]))
        assert name(gate, INFO, shown(later.keys[Role.READ])) == "read"
        assert name(gate, INFO, shown(second.token(subject_of(Role.READ)))) == "read"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[callers.a]\nroles = ['read']\ncertificates = ['a']", "set CROSSRANK_TLS_CLIENT_CA"),
        ("[callers.a]\nroles = ['read']\nsubjects = ['a']", "set CROSSRANK_JWT_KEYS"),
        ("[callers.a]", "CROSSRANK_IDENTITIES cannot be used: callers.a has no roles"),
    ],
)
async def test_a_file_that_cannot_serve_ends_the_start(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "identities.toml"
    file.write_text(text)
    with pytest.raises(IdentitiesInvalid, match=expected):
        async with open_gate(GateSettings(file)):
            pass
