"""TLS of the server: who gets in, which files are read, and how certificates rotate."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
import trustme
from grpc_health.v1 import health_pb2, health_pb2_grpc

from crossrank.v1 import ranking_pb2, ranking_pb2_grpc
from deploy.local.parts.ports import free_port
from gateway.domain.address import CannotListen
from gateway.identity.gate import IdentityGate
from gateway.identity.identities import Identities
from gateway.server.tls import TlsFiles
from tests.gateway.rpc.rig import serving

INFO = ranking_pb2.GetInfoRequest()


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA, tmp_path: Path) -> TlsFiles:
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "server.key")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return TlsFiles(tmp_path / "server.pem", tmp_path / "server.key")


def credentials(authority: trustme.CA, client: trustme.LeafCert | None = None) -> grpc.ChannelCredentials:
    root = authority.cert_pem.bytes()
    if client is None:
        return grpc.ssl_channel_credentials(root)
    return grpc.ssl_channel_credentials(root, client.private_key_pem.bytes(), client.cert_chain_pems[0].bytes())


async def ask(target: str, given: grpc.ChannelCredentials | None) -> ranking_pb2.GetInfoResponse:
    channel = grpc.aio.insecure_channel(target) if given is None else grpc.aio.secure_channel(target, given)
    async with channel:
        return await ranking_pb2_grpc.RankingServiceStub(channel).GetInfo(INFO, timeout=20)


async def test_tls_serves_those_who_trust_its_authority_only(tls: TlsFiles, authority: trustme.CA) -> None:
    async with serving(tls=tls) as rig:
        assert (await ask(rig.target, credentials(authority))).version
        for given in (None, credentials(trustme.CA())):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await ask(rig.target, given)
            assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_with_a_client_authority_only_its_certificates_get_in(
    tls: TlsFiles, authority: trustme.CA, tmp_path: Path
) -> None:
    stranger = trustme.CA().issue_cert("client")
    async with serving(tls=replace(tls, client_ca=tmp_path / "ca.pem")) as rig:
        assert (await ask(rig.target, credentials(authority, authority.issue_cert("client")))).version
        for given in (credentials(authority), credentials(authority, stranger)):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await ask(rig.target, given)
            assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
        assert (
            rig.counted("grpc_server_started_total", grpc_service="crossrank.v1.RankingService", grpc_method="GetInfo")
            == 1
        )


async def test_a_missing_tls_file_is_named(tls: TlsFiles) -> None:
    tls.key.unlink()
    with pytest.raises(CannotListen, match=r"server\.key.*cannot be read.*CROSSRANK_TLS"):
        async with serving(tls=tls):
            pass


async def refused(target: str, given: grpc.ChannelCredentials | None) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await ask(target, given)
    return raised.value.code()


async def test_an_expired_client_certificate_does_not_get_in(
    tls: TlsFiles, authority: trustme.CA, tmp_path: Path
) -> None:
    expired = authority.issue_cert("client", not_after=datetime.now(UTC) - timedelta(days=1))
    async with serving(tls=replace(tls, client_ca=tmp_path / "ca.pem")) as rig:
        assert await refused(rig.target, credentials(authority, expired)) is grpc.StatusCode.UNAVAILABLE


async def test_a_new_certificate_serves_new_connections_without_a_restart(
    tls: TlsFiles, authority: trustme.CA, tmp_path: Path
) -> None:
    successor = trustme.CA()
    certificate = successor.issue_cert("127.0.0.1")
    async with serving(tls=tls) as rig:
        assert (await ask(rig.target, credentials(authority))).version
        certificate.private_key_pem.write_to_path(tls.key)  # between two writes the files do not fit together
        assert (await ask(rig.target, credentials(authority))).version
        certificate.cert_chain_pems[0].write_to_path(tls.certificate)
        assert (await ask(rig.target, credentials(successor))).version
        assert await refused(rig.target, credentials(authority)) is grpc.StatusCode.UNAVAILABLE


async def test_a_client_certificate_makes_its_owner_known(tls: TlsFiles, authority: trustme.CA, tmp_path: Path) -> None:
    gate = IdentityGate(Identities.parse("[callers.shop]\nroles = ['read']\ncertificates = ['shop.example.org']"))
    async with serving(gate=gate, tls=replace(tls, client_ca=tmp_path / "ca.pem")) as rig:
        assert (await ask(rig.target, credentials(authority, authority.issue_cert("shop.example.org")))).version
        stranger = credentials(authority, authority.issue_cert("stranger.example.org"))
        assert await refused(rig.target, stranger) is grpc.StatusCode.UNAUTHENTICATED


async def test_beside_tls_health_alone_is_served_in_plain_text_where_it_was_asked_for(tls: TlsFiles) -> None:
    address = f"127.0.0.1:{free_port()}"
    async with serving(tls=tls, health_listen=address), grpc.aio.insecure_channel(address) as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="liveness"))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        assert await refused(address, None) is grpc.StatusCode.UNIMPLEMENTED
