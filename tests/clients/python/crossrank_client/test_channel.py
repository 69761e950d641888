"""A client over TLS."""

import grpc
import pytest
import trustme

from crossrank.v1 import ranking_pb2
from crossrank_client import CrossrankClient, CrossrankUnavailable
from tests.clients.scripted import ScriptedServer, answers

INFO = answers(ranking_pb2.GetInfoResponse(version="1"))


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def _server_credentials(authority: trustme.CA) -> grpc.ServerCredentials:
    certificate = authority.issue_cert("127.0.0.1")
    chain = b"".join(pem.bytes() for pem in certificate.cert_chain_pems)
    return grpc.ssl_server_credentials([(certificate.private_key_pem.bytes(), chain)])


async def test_a_client_that_trusts_the_authority_is_answered(authority: trustme.CA) -> None:
    trusted = grpc.ssl_channel_credentials(authority.cert_pem.bytes())
    async with (
        ScriptedServer(credentials=_server_credentials(authority)) as server,
        CrossrankClient(server.target, credentials=trusted) as client,
    ):
        server.script("GetInfo", INFO)
        assert (await client.get_info(timeout_s=20)).version == "1"


@pytest.mark.parametrize("secure", [False, True], ids=["in plain text", "trusting somebody else"])
async def test_other_clients_reach_nothing(authority: trustme.CA, secure: bool) -> None:
    stranger = grpc.ssl_channel_credentials(trustme.CA().cert_pem.bytes()) if secure else None
    async with (
        ScriptedServer(credentials=_server_credentials(authority)) as server,
        CrossrankClient(server.target, credentials=stranger) as client,
    ):
        script = server.script("GetInfo", INFO)
        with pytest.raises(CrossrankUnavailable):
            await client.get_info(timeout_s=20)
        assert script.received == []
