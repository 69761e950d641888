"""Who may call what: every method, role and credential as the table of roles says, and no credential in any log."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from io import StringIO

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from crossrank.v1 import catalog_pb2, ranking_pb2
from gateway.identity.api_keys import new_key
from gateway.identity.gate import IdentityGate
from gateway.identity.identities import Identities
from gateway.identity.json_web_token import LEEWAY_S, KeySet
from gateway.identity.roles import TABLE, Role
from gateway.rpc.calls import current_call
from gateway.telemetry.logs import configure_logging
from tests.gateway.identity.issued import AUDIENCE, ISSUER, RULES, Callers, Provider, bearer, right_claims, subject_of
from tests.gateway.rpc.methods import METHODS, REFLECTION, Metadata, Method
from tests.gateway.rpc.rig import Refusal, Rig, refusal_of, serving

PROVIDER, STRANGER = Provider(), Provider()
CALLERS = Callers()
BY_PATH = {method.path: method for method in (*METHODS, *REFLECTION)}
LONG_AGO, MUCH_LATER = 1_000_000_000, 10_000_000_000
ANSWERED = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)
"""What a servicer says to an empty request."""

Credential = Callable[[Role], Metadata]

WRONG: dict[str, Credential] = {
    "none": lambda role: (),
    "malformed": lambda role: bearer("a.b.c"),
    "empty": lambda role: bearer(""),
    "another scheme": lambda role: (("authorization", f"Basic {CALLERS.keys[role]}"),),
    "two headers": lambda role: bearer(CALLERS.keys[role]) * 2,
    "unknown key": lambda role: bearer(new_key()),
    "key cut": lambda role: bearer(CALLERS.keys[role][:-1]),
    "wrong signature": lambda role: bearer(STRANGER.token(subject_of(role))),
    "alg none": lambda role: bearer(PROVIDER.by_hand("none", subject_of(role))),
    "HS256 with the public key": lambda role: bearer(PROVIDER.by_hand("HS256", subject_of(role))),
    "expired": lambda role: bearer(PROVIDER.token(subject_of(role), exp=LONG_AGO)),
    "without expiry": lambda role: bearer(PROVIDER.token(subject_of(role), exp=None)),
    "not yet valid": lambda role: bearer(PROVIDER.token(subject_of(role), nbf=MUCH_LATER)),
    "wrong audience": lambda role: bearer(PROVIDER.token(subject_of(role), aud=f"not-{AUDIENCE}")),
    "wrong issuer": lambda role: bearer(PROVIDER.token(subject_of(role), iss=f"{ISSUER}.evil.example")),
    "unknown subject": lambda role: bearer(PROVIDER.token(f"x{subject_of(role)}")),
}
RIGHT: dict[str, Credential] = {
    "key": lambda role: bearer(CALLERS.keys[role]),
    "token": lambda role: bearer(PROVIDER.token(subject_of(role))),
    "token within the leeway": lambda role: bearer(
        PROVIDER.token(subject_of(role), exp=right_claims("")["exp"] - 300 - LEEWAY_S // 2)
    ),
}


def gate() -> IdentityGate:
    return IdentityGate(Identities.parse(CALLERS.file), RULES, KeySet.parse(PROVIDER.key_set))


@pytest.fixture
async def guarded() -> AsyncIterator[Rig]:
    """A running server that asks who calls."""
    async with serving(gate=gate()) as running:
        yield running


async def refused(rig: Rig, method: Method, metadata: Metadata) -> Refusal | None:
    """How a call with an empty request is refused; None when it is answered."""
    try:
        await method.send(rig.channel, b"", 30, metadata)
    except grpc.aio.AioRpcError as error:
        return refusal_of(error)
    return None


@pytest.mark.parametrize("path", TABLE)
async def test_a_method_is_called_by_those_who_have_its_role_and_by_nobody_else(guarded: Rig, path: str) -> None:
    method = BY_PATH[path]
    for role in Role:
        for name, credential in WRONG.items():
            found = await refused(guarded, method, credential(role))
            assert found is not None, (name, role)
            assert (found.code, found.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"), (name, role)
        for name, credential in RIGHT.items():
            found = await refused(guarded, method, credential(role))
            if role in {TABLE[path].role, Role.ADMIN}:
                assert found is None or found.code in ANSWERED, (name, role, found)
            else:
                assert found is not None, (name, role)
                assert (found.code, found.reason) == (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")


async def test_all_wrong_credentials_get_one_answer_that_says_what_to_do(guarded: Rig) -> None:
    info = BY_PATH["/crossrank.v1.RankingService/GetInfo"]
    answers = {name: await refused(guarded, info, credential(Role.READ)) for name, credential in WRONG.items()}
    messages = {name: found.message for name, found in answers.items() if found}
    assert "authorization: Bearer" in messages.pop("none")
    assert len(set(messages.values())) == 1
    assert "the gateway's log has the cause" in messages["expired"]


async def test_a_denied_caller_learns_the_role_that_is_missing(guarded: Rig) -> None:
    found = await refused(guarded, BY_PATH["/crossrank.v1.CatalogService/DeleteItems"], RIGHT["key"](Role.READ))
    assert found is not None
    assert "the caller 'read' lacks the role 'catalogue' that /crossrank.v1.CatalogService/DeleteItems" in found.message


async def test_nothing_is_deleted_for_a_caller_who_may_only_read(guarded: Rig) -> None:
    request = catalog_pb2.DeleteItemsRequest(item_ids=["a"]).SerializeToString()
    method = BY_PATH["/crossrank.v1.CatalogService/DeleteItems"]
    with pytest.raises(grpc.aio.AioRpcError):
        await method.send(guarded.channel, request, 30, RIGHT["key"](Role.READ))
    answer = catalog_pb2.DeleteItemsResponse.FromString(
        (await method.send(guarded.channel, request, 30, RIGHT["key"](Role.CATALOGUE)))[0]
    )
    assert answer.deleted + answer.unknown == 1


async def test_health_is_open(guarded: Rig) -> None:
    answer = await health_pb2_grpc.HealthStub(guarded.channel).Check(health_pb2.HealthCheckRequest(service="liveness"))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_an_unknown_method_stays_unimplemented(guarded: Rig) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await guarded.raw("/crossrank.v1.RankingService/NoSuch")(b"")
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_the_call_knows_its_caller(guarded: Rig) -> None:
    seen: list[str] = []

    async def note() -> None:
        seen.append(current_call().caller)

    guarded.ranker.before = note
    request = ranking_pb2.RecommendRequest(context=ranking_pb2.Context(user_id="u")).SerializeToString()
    recommend = BY_PATH["/crossrank.v1.RankingService/Recommend"]
    await recommend.send(guarded.channel, request, 30, RIGHT["token"](Role.ADMIN))
    assert seen == ["admin"]


async def test_no_key_and_no_token_is_in_any_log_or_error_even_at_debug() -> None:
    written = StringIO()
    before = logging.getLogger().handlers, logging.getLogger().level
    configure_logging("debug", written)
    shown: list[str] = []
    try:
        async with serving(gate=gate()) as rig:
            for method in BY_PATH.values():
                for credential in (*WRONG.values(), *RIGHT.values()):
                    metadata = credential(Role.FEEDBACK)
                    shown += [value.split(" ")[-1] for _, value in metadata]
                    found = await refused(rig, method, metadata)
                    written.write(repr(found))
        await asyncio.sleep(0)
    finally:
        logging.getLogger().handlers, logging.getLogger().level = before
    text = written.getvalue()
    assert "caller_refused" in text
    assert '"caller": "feedback"' in text
    parts = {part for one in shown if len(one) > 8 for part in (one, *one.split(".")[1:]) if len(part) > 8}
    assert len(parts) > 40
    assert [one for one in parts if one in text] == []
