"""A client of a service that asks who calls: keys, tokens that change, certificates; nothing of them is shown."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
import trustme

from crossrank_client import CrossrankClient, CrossrankDenied, SyncCrossrankClient, bearer, tls, token_file
from gateway.identity.gate import IdentityGate
from gateway.identity.identities import Identities
from gateway.identity.json_web_token import KeySet
from gateway.identity.roles import Role
from gateway.server.tls import TlsFiles
from tests.gateway.identity.issued import RULES, Callers, Provider, subject_of
from tests.gateway.rpc.rig import serving

CALLERS, PROVIDER = Callers(), Provider()
READER = CALLERS.keys[Role.READ]
BY_CERTIFICATE = "[callers.shop]\nroles = ['read']\ncertificates = ['shop.example.org']\n"


@asynccontextmanager
async def secured(server_tls: TlsFiles | None = None) -> AsyncIterator[str]:
    """The address of a service that asks who calls."""
    gate = IdentityGate(Identities.parse(BY_CERTIFICATE + CALLERS.file), RULES, KeySet.parse(PROVIDER.key_set))
    async with serving(gate=gate, tls=server_tls) as rig:
        rig.server.health.update(ranking_is_right=True)
        yield rig.target


async def test_a_key_and_a_token_open_what_their_roles_allow() -> None:
    async with secured() as target:
        for token in (READER, PROVIDER.token(subject_of(Role.READ)), lambda: READER):
            async with CrossrankClient(target, metadata=bearer(token)) as client:
                assert (await client.get_info()).version
                with pytest.raises(CrossrankDenied, match="lacks the role 'catalogue'") as denied:
                    await client.delete_items(["a"])
                assert denied.value.reason == "PERMISSION_DENIED"


async def test_without_one_the_error_says_what_to_send() -> None:
    async with secured() as target, CrossrankClient(target) as client:
        with pytest.raises(CrossrankDenied, match="authorization: Bearer") as denied:
            await client.get_info()
        assert denied.value.reason == "UNAUTHENTICATED"


async def test_a_token_that_is_replaced_in_its_file_is_sent_with_the_next_call(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("crossrank_old\n")
    async with secured() as target, CrossrankClient(target, metadata=bearer(token_file(file))) as client:
        with pytest.raises(CrossrankDenied):
            await client.get_info()
        file.write_text(f"{READER}\n")
        assert (await client.get_info()).version


async def test_a_client_certificate_alone_is_enough(tmp_path: Path) -> None:
    authority = trustme.CA()
    for name, host in (("server", "127.0.0.1"), ("client", "shop.example.org")):
        certificate = authority.issue_cert(host)
        certificate.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        certificate.private_key_pem.write_to_path(tmp_path / f"{name}.key")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    files = TlsFiles(tmp_path / "server.pem", tmp_path / "server.key", tmp_path / "ca.pem")
    shown = tls(ca=tmp_path / "ca.pem", certificate=tmp_path / "client.pem", key=tmp_path / "client.key")
    async with secured(files) as target, CrossrankClient(target, credentials=shown) as client:
        assert (await client.get_info(timeout_s=20)).version


def test_half_a_certificate_is_refused() -> None:
    with pytest.raises(ValueError, match="give both or neither"):
        tls(certificate="client.pem")
    assert isinstance(tls(), grpc.ChannelCredentials)


@pytest.mark.parametrize("token", ["", " ", "two words", "line\nbreak", "schlüssel", "crossrank_\x00"])
def test_what_is_no_token_is_refused_without_being_quoted(token: str) -> None:
    with pytest.raises(ValueError, match="one word of printable ASCII") as caught:
        bearer(token)
    assert not token.strip() or token not in str(caught.value)


async def test_a_token_is_in_no_text_of_the_client() -> None:
    async with CrossrankClient("127.0.0.1:1", metadata=bearer(READER)) as client:
        call = client._policy.call("/a/b", None, "")
        assert READER in str(call.metadata)
        assert READER not in repr(call) + repr(client._policy) + repr(client)


def test_the_synchronous_client_takes_the_same() -> None:
    with SyncCrossrankClient("127.0.0.1:1", metadata=bearer(READER)) as client:
        assert ("authorization", f"Bearer {READER}") in client._policy.call("/a/b", None, "").metadata
