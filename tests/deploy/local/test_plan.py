"""Which parts a stack has and where they listen."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.local.errors import LocalStackError
from deploy.local.parts.external import External
from deploy.local.parts.gateway_process import GatewayProcess
from deploy.local.parts.ports import LOOPBACK, free_port, is_free
from deploy.local.parts.postgres import Postgres
from deploy.local.parts.triton import Triton
from deploy.local.plan import PARTS, USUAL_PORTS, Plan, build_parts


@pytest.fixture
def plan() -> Plan:
    return Plan().with_ports({})


def test_a_plan_survives_its_file(tmp_path: Path, plan: Plan) -> None:
    plan.save(tmp_path / "plan.json")
    assert Plan.load(tmp_path / "plan.json") == plan


def test_the_file_is_closed_to_others_because_a_url_may_hold_a_password(tmp_path: Path) -> None:
    Plan(postgres_url="postgresql://user:secret@host/db").save(tmp_path / "plan.json")
    assert (tmp_path / "plan.json").stat().st_mode & 0o077 == 0


def test_every_listener_has_a_port_of_its_own(plan: Plan) -> None:
    assert set(plan.ports) == set(USUAL_PORTS)
    assert len(set(plan.ports.values())) == len(USUAL_PORTS)


def test_a_preferred_port_is_kept_while_it_is_free() -> None:
    wanted = free_port()
    assert Plan().with_ports({"gateway": wanted}).ports["gateway"] == wanted


def test_a_preferred_port_that_is_taken_is_replaced() -> None:
    with socket.create_server((LOOPBACK, 0)) as listener:
        taken = listener.getsockname()[1]
        assert Plan().with_ports({"gateway": taken}).ports["gateway"] != taken


def test_two_parts_that_prefer_the_same_port_get_different_ones() -> None:
    wanted = free_port()
    ports = Plan().with_ports(dict.fromkeys(USUAL_PORTS, wanted)).ports
    assert len(set(ports.values())) == len(USUAL_PORTS)


@pytest.mark.parametrize("parts", [("postgres", "redis"), ("Postgres",), ()])
def test_unknown_parts_are_refused_with_the_known_ones(parts: tuple[str, ...]) -> None:
    with pytest.raises(LocalStackError, match="unknown parts") as refusal:
        Plan(parts=parts)
    assert refusal.value.remedy == "choose one or more of postgres, triton, gateway"


@pytest.mark.parametrize("parts", [("gateway",), ("gateway", "postgres"), ("triton", "gateway")])
def test_a_gateway_without_what_it_needs_is_refused(parts: tuple[str, ...]) -> None:
    with pytest.raises(LocalStackError, match="cannot run with only"):
        Plan(parts=parts)


def test_parts_come_in_the_order_in_which_they_need_each_other(tmp_path: Path, plan: Plan) -> None:
    parts = build_parts(plan, tmp_path)
    assert [part.name for part in parts] == list(PARTS)
    assert [type(part) for part in parts] == [Postgres, Triton, GatewayProcess]


def test_only_the_parts_asked_for_are_built(tmp_path: Path) -> None:
    plan = Plan(parts=("triton",)).with_ports({})
    assert [part.name for part in build_parts(plan, tmp_path)] == ["triton"]


def test_a_url_replaces_a_server_of_our_own(tmp_path: Path) -> None:
    plan = Plan(postgres_url="postgresql://elsewhere/db", triton_url="elsewhere:8001").with_ports({})
    postgres, triton, gateway = build_parts(plan, tmp_path)
    assert isinstance(postgres, External)
    assert isinstance(triton, External)
    assert (postgres.url, triton.url) == ("postgresql://elsewhere/db", "elsewhere:8001")
    command = gateway.command()
    assert command is not None
    assert command.environment["CROSSRANK_POSTGRES_URL"] == "postgresql://elsewhere/db"
    assert command.environment["CROSSRANK_TRITON_URLS"] == "elsewhere:8001"


def test_the_gateway_is_told_everything_that_depends_on_the_stack(tmp_path: Path, plan: Plan) -> None:
    *_, gateway = build_parts(plan, tmp_path)
    command = gateway.command()
    assert command is not None
    assert command.arguments[1:] == ("-m", "gateway")
    assert command.environment == {
        "CROSSRANK_LISTEN": f"127.0.0.1:{plan.ports['gateway']}",
        "CROSSRANK_PROCESSES": "1",
        "CROSSRANK_METRICS_LISTEN": f"127.0.0.1:{plan.ports['gateway_metrics']}",
        "CROSSRANK_POSTGRES_URL": f"postgresql://crossrank:@127.0.0.1:{plan.ports['postgres']}/crossrank",
        "CROSSRANK_TRITON_URLS": f"127.0.0.1:{plan.ports['triton']}",
        "CROSSRANK_MODEL_REPOSITORY": plan.model_repository,
    }


def test_the_gateway_understands_the_settings_it_is_given(tmp_path: Path, plan: Plan) -> None:
    from gateway.settings import read_settings

    *_, gateway = build_parts(plan, tmp_path)
    command = gateway.command()
    assert command is not None
    settings = read_settings(command.environment)
    assert settings.listen == gateway.url
    assert settings.model_repository == plan.model_repository


@pytest.fixture
def three() -> Plan:
    return Plan(gateways=3).with_ports({})


def test_several_gateways_are_parts_of_their_own_behind_one_port(tmp_path: Path, three: Plan) -> None:
    from gateway.settings import read_settings

    _, _, *gateways = build_parts(three, tmp_path)
    assert [part.name for part in gateways] == ["gateway", "gateway-2", "gateway-3"]
    assert {part.url for part in gateways} == {f"127.0.0.1:{three.ports['gateway']}"}
    commands = [command for part in gateways if (command := part.command())]
    settings = [read_settings(command.environment) for command in commands]
    first = three.ports["gateway_metrics"]
    assert [one.metrics_listen for one in settings] == [f"127.0.0.1:{first + number}" for number in range(3)]
    assert {(one.listen, one.processes) for one in settings} == {(gateways[0].url, 3)}
    assert len({command.mark for command in commands}) == len({command.directory for command in commands}) == 3


def test_their_metrics_are_at_the_preferred_port_and_those_above_it(three: Plan) -> None:
    wanted = free_port(in_a_row=3)
    ports = three.with_ports({"gateway_metrics": wanted}).ports
    names = ("gateway_metrics", "gateway-2_metrics", "gateway-3_metrics")
    assert [ports[name] for name in names] == [wanted, wanted + 1, wanted + 2]


def test_where_one_port_in_the_row_is_taken_the_whole_row_moves(three: Plan) -> None:
    wanted = free_port(in_a_row=3)
    with socket.create_server((LOOPBACK, wanted + 2)):
        ports = three.with_ports({"gateway_metrics": wanted}).ports
    row = [ports[name] for name in ("gateway_metrics", "gateway-2_metrics", "gateway-3_metrics")]
    assert wanted + 2 not in row
    assert row == list(range(row[0], row[0] + 3))


def test_the_row_avoids_the_ports_of_other_parts(three: Plan) -> None:
    wanted = free_port(in_a_row=4)
    ports = three.with_ports({"gateway": wanted + 1, "gateway_metrics": wanted}).ports
    assert ports["gateway"] == wanted + 1
    assert len(set(ports.values())) == len(ports) == len(USUAL_PORTS) + 2


def test_gateways_reserve_their_port_when_they_start_and_not_from_each_other(tmp_path: Path, three: Plan) -> None:
    _, _, *gateways = build_parts(three, tmp_path)
    assert is_free(three.ports["gateway"])
    for part in gateways:
        part.prepare(tmp_path / "log")
    assert not is_free(three.ports["gateway"])


def test_a_gateway_alone_reserves_nothing_it_binds_the_port_itself(tmp_path: Path, plan: Plan) -> None:
    *_, gateway = build_parts(plan, tmp_path)
    gateway.prepare(tmp_path / "log")
    assert is_free(plan.ports["gateway"])


def test_what_another_plan_has_otherwise_is_told_without_passwords_and_chosen_ports(plan: Plan) -> None:
    assert plan.differences(Plan()) == []
    running = replace(plan, settings={"CROSSRANK_READING": "never", "CROSSRANK_RANKER": "auto"})
    other = Plan(postgres_url="postgresql://user:secret@host/db", settings={"CROSSRANK_RANKER": "first_stage"})
    assert running.differences(other) == [
        "--postgres-url: the default, not postgresql://user@host/db",
        "CROSSRANK_RANKER: auto, not first_stage",
        "CROSSRANK_READING: never, not the default",
    ]
