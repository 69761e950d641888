"""A local stack whose gateway speaks TLS and asks who calls, on the real parts: its supervisor and doctor find it well,
callers get what their roles allow, and a key that is taken out of the file opens nothing from then on."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import trustme

from crossrank_client import CrossrankClient, CrossrankDenied, CrossrankUnavailable, Item, bearer, tls
from deploy.local.doctor.stack_checks import check_stack
from deploy.local.plan import Plan
from deploy.local.stack import LocalStack
from gateway.identity.api_keys import new_key
from gateway.identity.roles import Role
from tests.gateway.identity.issued import Callers

CALLERS = Callers()


@pytest.fixture
def secured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_gateway: Plan) -> Iterator[LocalStack]:
    """The stack. Its settings name files relative to the folder that it was started in."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "server.key")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    (tmp_path / "identities.toml").write_text(CALLERS.file_of_keys)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CROSSRANK_TLS_CERTIFICATE", "server.pem")
    monkeypatch.setenv("CROSSRANK_TLS_KEY", "server.key")
    monkeypatch.setenv("CROSSRANK_IDENTITIES", "identities.toml")
    monkeypatch.setenv("CROSSRANK_LOG_LEVEL", "debug")
    monkeypatch.setenv("CROSSRANK_POSTGRES_CONNECTIONS", "2")
    with LocalStack(tmp_path / "state", own_gateway) as running:
        yield running


def client(stack: LocalStack, folder: Path, key: str) -> CrossrankClient:
    """Of the caller with this key."""
    url, credentials = stack.status().part("gateway").url, tls(ca=folder / "ca.pem")
    return CrossrankClient(url, timeout_s=20, metadata=bearer(key), credentials=credentials)


async def is_admitted(caller: CrossrankClient) -> bool:
    try:
        await caller.get_info()
    except CrossrankDenied as denied:
        return "not accepted" not in denied.message
    return True


async def test_a_secured_stack_is_well_and_serves_those_who_may(secured: LocalStack, tmp_path: Path) -> None:
    assert [one for one in check_stack(secured.state_directory) if not one.ok] == []
    keys = CALLERS.keys
    async with (
        client(secured, tmp_path, keys[Role.CATALOGUE]) as loader,
        client(secured, tmp_path, keys[Role.READ]) as shop,
    ):
        assert (await loader.upsert_items([Item("a", {"title": "Alien"}), Item("b", {"title": "Babe"})])).inserted == 2
        assert (await shop.get_info()).models[0].ready
        with pytest.raises(CrossrankDenied, match="lacks the role 'catalogue'"):
            await shop.delete_items(["a"])
        later = Callers({**keys, Role.READ: new_key()})
        (tmp_path / "identities.toml").write_text(later.file_of_keys)
        async with asyncio.timeout(60):
            while await is_admitted(shop):
                pass
    async with CrossrankClient(secured.status().part("gateway").url) as stranger:
        with pytest.raises(CrossrankUnavailable) as refused:
            await stranger.get_info()
        assert refused.value.code is grpc.StatusCode.UNAVAILABLE
    log = (secured.state_directory / "logs" / "gateway.log").read_text()
    assert '"caller": "catalogue", "method": "/crossrank.v1.CatalogService/UpsertItems", "items": 2' in log
    assert [key for key in keys.values() if key in log] == []
