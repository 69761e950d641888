"""Probes: only a right answer counts."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import psycopg
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from prometheus_client import CollectorRegistry
from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc

from deploy.local.errors import ProbeFailed, Silent, Unready
from deploy.local.parts import probes
from deploy.local.parts.external import External
from deploy.local.parts.ports import LOOPBACK, free_port
from deploy.local.parts.triton_probe import TritonProbe, check_answer, question
from gateway.telemetry.endpoint import metrics_endpoint
from gateway.telemetry.metrics import Metrics

TIMEOUT_S = 2.0


@pytest.fixture
def health_service() -> Iterator[tuple[str, health.HealthServicer]]:
    servicer = health.HealthServicer()
    with ThreadPoolExecutor() as pool:
        server = grpc.server(pool)
        health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
        port = server.add_insecure_port(f"{LOOPBACK}:0")
        server.start()
        yield f"{LOOPBACK}:{port}", servicer
        server.stop(0).wait()


def test_a_gateway_passes_as_soon_as_it_serves(health_service: tuple[str, health.HealthServicer]) -> None:
    address, servicer = health_service
    servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    with pytest.raises(Unready):
        probes.probe_gateway(address, timeout_s=TIMEOUT_S)
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    probes.probe_gateway(address, timeout_s=TIMEOUT_S)


def test_a_gateway_that_does_not_serve_is_unready_and_not_dead(
    health_service: tuple[str, health.HealthServicer],
) -> None:
    address, servicer = health_service
    servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    with pytest.raises(Unready, match="reports NOT_SERVING"):
        probes.probe_gateway(address, timeout_s=TIMEOUT_S)


def test_a_gateway_that_is_not_there_is_dead() -> None:
    with pytest.raises(ProbeFailed, match="does not answer: UNAVAILABLE") as failure:
        probes.probe_gateway(f"{LOOPBACK}:{free_port()}", timeout_s=TIMEOUT_S)
    assert not isinstance(failure.value, Unready)


@pytest.fixture
def metrics_of_a_gateway() -> Iterator[tuple[str, list[float]]]:
    """Where a gateway's metrics are, and the value that they give of whether it ranks."""
    address, ready = f"{LOOPBACK}:{free_port()}", [0.0]
    metrics = Metrics(CollectorRegistry())
    metrics.watch("ranking_ready", "1 while golden pairs are answered rightly", lambda: ready[0])
    with metrics_endpoint(address, metrics.registry):
        yield address, ready


def test_one_of_several_gateways_is_asked_by_its_own_metrics(metrics_of_a_gateway: tuple[str, list[float]]) -> None:
    address, ready = metrics_of_a_gateway
    with pytest.raises(Unready, match="does not rank yet"):
        probes.probe_gateway_metrics(address, timeout_s=TIMEOUT_S)
    ready[0] = 1.0
    probes.probe_gateway_metrics(address, timeout_s=TIMEOUT_S)


def test_one_of_several_gateways_that_is_not_there_is_dead() -> None:
    with pytest.raises(ProbeFailed, match=r"does not answer: .*refused") as failure:
        probes.probe_gateway_metrics(f"{LOOPBACK}:{free_port()}", timeout_s=TIMEOUT_S)
    assert not isinstance(failure.value, Unready | Silent)


def test_a_triton_that_says_itself_that_a_model_is_not_ready_fails_the_probe() -> None:
    """As current ones do when a worker is dead; the local one always says ready."""
    index = [service_pb2.RepositoryIndexResponse.ModelIndex(name="ranker", version="1", state="READY")]
    servicer = service_pb2_grpc.GRPCInferenceServiceServicer()
    servicer.RepositoryIndex = lambda request, context: service_pb2.RepositoryIndexResponse(models=index)
    servicer.ModelReady = lambda request, context: service_pb2.ModelReadyResponse(ready=False)
    with ThreadPoolExecutor() as pool:
        server = grpc.server(pool)
        service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
        address = f"{LOOPBACK}:{server.add_insecure_port(f'{LOOPBACK}:0')}"
        server.start()
        with pytest.raises(ProbeFailed, match="model ranker is not ready"):
            TritonProbe(address).check(TIMEOUT_S)
        server.stop(0).wait()


@pytest.fixture
def mute() -> Iterator[str]:
    """The address of a server that accepts connections and never says a word."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        yield f"{LOOPBACK}:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    "ask",
    [
        lambda address: probes.probe_gateway(address, timeout_s=1.0),
        lambda address: probes.probe_gateway_metrics(address, timeout_s=1.0),
        lambda address: probes.probe_postgres(f"postgresql://{address}/x", timeout_s=1.0),
        lambda address: TritonProbe(address).check(1.0),
    ],
    ids=["gateway", "gateway's metrics", "postgres", "triton"],
)
def test_a_server_that_says_nothing_in_time_is_silent(mute: str, ask: Callable[[str], None]) -> None:
    with pytest.raises(Silent, match="does not answer"):
        ask(mute)


def test_a_database_that_is_not_there_fails_the_probe() -> None:
    with pytest.raises(ProbeFailed, match="PostgreSQL does not answer"):
        probes.probe_postgres(f"postgresql://{LOOPBACK}:{free_port()}/x", timeout_s=TIMEOUT_S)


@pytest.mark.parametrize(
    "words",
    ["the database system is in recovery mode", "the database system is starting up", "too many clients already"],
)
def test_a_database_that_recovers_or_is_full_is_unready_and_not_dead(
    monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise psycopg.OperationalError(f"connection failed: FATAL:  {words}")

    monkeypatch.setattr(psycopg, "connect", refuse)
    with pytest.raises(Unready, match=words):
        probes.probe_postgres("postgresql://host/db", timeout_s=TIMEOUT_S)


def test_a_database_without_pgvector_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, postgres: str) -> None:
    real = psycopg.Connection.execute

    def without(self: Any, query: str, *rest: Any) -> Any:
        return real(self, query.replace("'vector'", "'no such extension'"), *rest)

    monkeypatch.setattr(psycopg.Connection, "execute", without)
    with pytest.raises(ProbeFailed, match="no pgvector extension") as failure:
        probes.probe_postgres(postgres, timeout_s=5)
    assert "pgvector" in failure.value.remedy


def test_a_triton_that_is_not_there_fails_the_probe() -> None:
    address = f"{LOOPBACK}:{free_port()}"
    with pytest.raises(ProbeFailed, match=f"Triton at {address} does not answer"):
        TritonProbe(address).check(TIMEOUT_S)


def test_an_external_part_is_never_more_than_unready() -> None:
    def dead(timeout_s: float) -> None:
        raise ProbeFailed("gone", remedy="bring it back")

    with pytest.raises(Unready, match="gone") as failure:
        External("postgres", "url", dead).probe(TIMEOUT_S)
    assert failure.value.remedy == "bring it back"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://user:secret@host:1/db", "postgresql://user@host:1/db"),
        ("postgresql://user@host/db", "postgresql://user@host/db"),
        ("127.0.0.1:8001", "127.0.0.1:8001"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert probes.without_password(url) == shown


def config(kind: str = "TYPE_INT32", dims: tuple[int, ...] = (-1,), max_batch_size: int = 8) -> Any:
    made = model_config_pb2.ModelConfig(name="model", max_batch_size=max_batch_size)
    made.input.add(name="input_ids", data_type=kind, dims=dims)
    return made


@pytest.mark.parametrize(
    ("dims", "max_batch_size", "shape"),
    [((-1,), 8, [1, 2]), ((-1, 3), 0, [2, 3]), ((4,), 1, [1, 4]), ((), 2, [1])],
)
def test_the_question_is_the_smallest_that_the_model_accepts(
    dims: tuple[int, ...], max_batch_size: int, shape: list[int]
) -> None:
    asked = question(config(dims=dims, max_batch_size=max_batch_size))
    assert asked.model_name == "model"
    assert list(asked.inputs[0].shape) == shape
    assert asked.inputs[0].datatype == "INT32"
    assert asked.raw_input_contents[0] == np.ones(shape, dtype=np.int32).tobytes()


def test_the_question_goes_before_waiting_work() -> None:
    assert question(config()).parameters["priority"].uint64_param == 1


@pytest.mark.parametrize(("kind", "size"), [("TYPE_FP16", 2), ("TYPE_BOOL", 1), ("TYPE_INT64", 8), ("TYPE_FP64", 8)])
def test_every_number_type_can_be_asked(kind: str, size: int) -> None:
    assert len(question(config(kind=kind)).raw_input_contents[0]) == 2 * size


def test_texts_are_asked_with_their_length_in_front() -> None:
    assert question(config(kind="TYPE_STRING")).raw_input_contents[0] == b"\x01\x00\x00\x001" * 2


def answer(*values: float, kind: str = "FP32") -> service_pb2.ModelInferResponse:
    reply = service_pb2.ModelInferResponse()
    reply.outputs.add(name="logit", datatype=kind, shape=[1, len(values)])
    reply.raw_output_contents.append(np.asarray(values, dtype=np.float32).tobytes())
    return reply


def test_finite_numbers_are_a_right_answer() -> None:
    check_answer("model", answer(0.0, -3.5))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite_are_no_answer(value: float) -> None:
    with pytest.raises(ProbeFailed, match="logit that is not finite"):
        check_answer("model", answer(1.0, value))


def test_an_empty_output_points_at_numpy() -> None:
    with pytest.raises(ProbeFailed, match="empty logit") as failure:
        check_answer("model", answer())
    assert "numpy 1.26.4" in failure.value.remedy
