"""Every method that the server serves has its row in the table of roles, and no row is left over."""

from typing import Any

import grpc
from google.protobuf.descriptor_pool import Default
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from gateway.identity.roles import OPEN_PREFIX, TABLE, Role, access_to
from gateway.rpc.open_inference import SERVED, SERVICE
from tests.gateway.rpc.methods import METHODS
from tests.gateway.rpc.rig import serving


async def served_methods(channel: grpc.aio.Channel) -> set[str]:
    """Methods of all services that the server names, but those that it leaves unimplemented."""
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    requests = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    names = [one.name async for answer in stub.ServerReflectionInfo(requests) for one in listed(answer)]
    found = {f"/{name}/{method.name}" for name in names for method in Default().FindServiceByName(name).methods}
    left_out = {method.name for method in SERVICE.methods} - {method.name for method in SERVED}
    return found - {f"/{SERVICE.full_name}/{name}" for name in left_out}


def listed(answer: Any) -> Any:
    return answer.list_services_response.service


async def test_every_method_of_every_service_has_a_role_and_health_alone_is_open() -> None:
    async with serving() as rig:
        served = await served_methods(rig.channel)
    assert {one for one in served if not one.startswith(OPEN_PREFIX)} == set(TABLE)
    assert len(served) == len(TABLE) + 2


def test_what_a_method_writes_is_a_repeated_field_of_its_request() -> None:
    by_path = {method.path: method for method in METHODS}
    writing = {path: access.writes for path, access in TABLE.items() if access.writes}
    assert len(writing) == 3
    for path, field in writing.items():
        assert by_path[path].input.fields_by_name[field].is_repeated, path


def test_all_that_changes_something_needs_more_than_reading() -> None:
    assert {TABLE[path].role for path in TABLE if TABLE[path].writes} == {Role.CATALOGUE, Role.FEEDBACK}


def test_a_method_without_a_row_is_for_admins() -> None:
    assert access_to("/crossrank.v1.RankingService/NoSuch").role is Role.ADMIN
