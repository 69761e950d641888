"""The program calls a gateway that asks who calls, over TLS: by options, or by variables of the environment."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import trustme

from gateway.identity.gate import IdentityGate
from gateway.identity.identities import Identities
from gateway.identity.roles import Role
from gateway.server.tls import TlsFiles
from tests.gateway.identity.issued import Callers
from tests.gateway.rpc.rig import serving

CALLERS = Callers()


@pytest.fixture
async def target(tmp_path: Path) -> AsyncIterator[str]:
    """A gateway with TLS that asks who calls, its files beside those of a caller who may read."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "server.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "server.key")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    for role in (Role.READ, Role.FEEDBACK):
        (tmp_path / role).write_text(f"{CALLERS.keys[role]}\n")
    gate = IdentityGate(Identities.parse(CALLERS.file))
    async with serving(gate=gate, tls=TlsFiles(tmp_path / "server.pem", tmp_path / "server.key")) as rig:
        rig.server.health.update(ranking_is_right=True)
        yield rig.target


async def info(target: str, *options: str, variables: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Exit code, output and notes of crossrank info."""
    command = (sys.executable, "-m", "clients.command_line.main", "info", "--json", "--target", target, *options)
    environment = {"PATH": "", "PYTHONPATH": ":".join(sys.path), "COLUMNS": "300", **(variables or {})}
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment
    )
    output, notes = await process.communicate()
    return process.returncode or 0, output.decode(), notes.decode()


async def test_options_show_a_token_over_tls(target: str, tmp_path: Path) -> None:
    code, output, notes = await info(
        target, "--tls-ca", str(tmp_path / "ca.pem"), "--token-file", str(tmp_path / Role.READ), "--timeout", "30"
    )
    assert code == 0, notes
    assert json.loads(output)["version"]


async def test_variables_do_the_same(target: str, tmp_path: Path) -> None:
    files = {"CROSSRANK_CLIENT_TLS_CA": tmp_path / "ca.pem", "CROSSRANK_CLIENT_TOKEN_FILE": tmp_path / Role.READ}
    code, _, notes = await info(target, variables={name: str(file) for name, file in files.items()})
    assert code == 0, notes


async def test_a_caller_who_may_not_is_told_what_is_missing_and_no_key_is_shown(target: str, tmp_path: Path) -> None:
    ca = ("--tls-ca", str(tmp_path / "ca.pem"))
    for options, expected in (
        ((), "the call does not say who calls"),
        (("--token-file", str(tmp_path / Role.FEEDBACK)), "lacks the role 'read'"),
    ):
        code, output, notes = await info(target, *ca, *options, "--timeout", "30")
        assert (code, output) == (1, "")
        assert expected in notes
        assert "--token-file" in notes
        assert CALLERS.keys[Role.FEEDBACK] not in notes


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--token-file", "/no/such/file"), "No such file"),
        (("--tls-ca", "/no/such/file"), "No such file"),
        (("--tls-cert", "client.pem"), "give both or neither"),
    ],
)
async def test_files_that_cannot_be_used_are_a_wrong_call(options: tuple[str, ...], expected: str) -> None:
    code, _, notes = await info("127.0.0.1:1", *options)
    assert code == 2
    assert expected in notes
    assert "correct --token-file" in notes
