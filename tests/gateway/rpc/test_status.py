"""The table from errors to statuses is complete, and nothing internal leaks through it."""

import inspect
import json
import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import google.rpc.status_pb2 as status_pb2
import grpc
import grpc_status.rpc_status as rpc_status
import pytest

from crossrank.v1 import ranking_pb2
from gateway.domain import errors
from gateway.domain.errors import (
    CrossrankError,
    DeadlineTooShort,
    InvalidRequest,
    ModelAnswerInvalid,
    ModelOverloaded,
    ModelUnavailable,
    NotFound,
    Overloaded,
    StoreUnavailable,
    Violation,
)
from gateway.rpc.status import DETAILS_KEY, TABLE, ascii_cut, status_of
from gateway.telemetry.logs import configure_logging
from tests.gateway.rpc.rig import Rig, refusal, until

REQUEST = ranking_pb2.RecommendRequest(context=ranking_pb2.Context(user_id="u"))


def failing(rig: Rig, error: BaseException) -> None:
    async def fail() -> None:
        raise error

    rig.ranker.before = fail


def test_every_error_class_stands_in_the_table() -> None:
    classes = {
        one
        for _, one in inspect.getmembers(errors, inspect.isclass)
        if issubclass(one, CrossrankError) and one is not CrossrankError
    }
    assert classes == set(TABLE)


def test_reasons_tell_all_errors_apart() -> None:
    reasons = [one.reason for one in TABLE]
    assert len(set(reasons)) == len(reasons)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InvalidRequest(Violation("f", "d")), grpc.StatusCode.INVALID_ARGUMENT),
        (NotFound("item", "x", "upsert it"), grpc.StatusCode.NOT_FOUND),
        (Overloaded("full", 0.2), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (ModelOverloaded("full"), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (DeadlineTooShort("late"), grpc.StatusCode.DEADLINE_EXCEEDED),
        (ModelUnavailable("away"), grpc.StatusCode.UNAVAILABLE),
        (StoreUnavailable("away"), grpc.StatusCode.UNAVAILABLE),
        (ModelAnswerInvalid("shape"), grpc.StatusCode.INTERNAL),
    ],
)
async def test_an_error_of_the_pipeline_reaches_the_caller_with_code_reason_and_message(
    rig: Rig, error: CrossrankError, code: grpc.StatusCode
) -> None:
    failing(rig, error)
    refused = await refusal(rig.ranking.Recommend(REQUEST))
    assert (refused.code, refused.message) == (code, error.message)
    assert (refused.reason, refused.details["ErrorInfo"].domain) == (error.reason, "crossrank")
    await until(lambda: rig.counted("crossrank_errors_total", reason=error.reason) == 1)


async def test_an_overload_says_when_to_come_back_and_tells_clients_not_to_retry_at_once(rig: Rig) -> None:
    failing(rig, Overloaded("900 tokens in flight; at most 1000", 0.25))
    refused = await refusal(rig.ranking.Recommend(REQUEST))
    assert refused.details["RetryInfo"].retry_delay.ToMilliseconds() == 250
    assert refused.details["QuotaFailure"].violations[0].description == "900 tokens in flight; at most 1000"
    assert refused.trailers["grpc-retry-pushback-ms"] == "-1"


async def test_an_overloaded_model_tells_clients_not_to_retry_at_once(rig: Rig) -> None:
    failing(rig, ModelOverloaded("queue full"))
    assert (await refusal(rig.ranking.Recommend(REQUEST))).trailers["grpc-retry-pushback-ms"] == "-1"


async def test_something_missing_is_named(rig: Rig) -> None:
    failing(rig, NotFound("model", "x" * 1000, "GetInfo lists the models"))
    resource = (await refusal(rig.ranking.Recommend(REQUEST))).details["ResourceInfo"]
    assert resource.resource_type == "model"
    assert resource.resource_name.startswith("xxx")
    assert len(resource.resource_name) <= 300


async def test_the_standard_helper_of_grpc_reads_the_details(rig: Rig) -> None:
    call = rig.ranking.Rerank(ranking_pb2.RerankRequest())
    refused = await refusal(call)
    helper: Any = rpc_status  # its stubs know the synchronous half only
    status = await helper.aio.from_call(call)
    assert isinstance(status, status_pb2.Status)
    assert status.message == refused.message
    assert len(status.details) == 2


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What is logged, as JSON lines."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = StringIO()
    configure_logging("debug", stream)
    yield stream
    root.handlers = handlers
    root.setLevel(level)


async def test_an_unexpected_error_leaves_only_an_id_that_the_log_explains(rig: Rig, log: StringIO) -> None:
    failing(rig, ZeroDivisionError("canary: the user typed this"))
    refused = await refusal(rig.ranking.Recommend(REQUEST, metadata=(("x-request-id", "r-77"),)))
    assert refused.code is grpc.StatusCode.INTERNAL
    told = f"{refused.message} {refused.details} {refused.trailers}"
    assert "ZeroDivision" not in told
    assert "canary" not in told
    fault_id = refused.details["ErrorInfo"].metadata["fault_id"]
    assert fault_id in refused.message
    (line,) = [json.loads(one) for one in log.getvalue().splitlines() if "unexpected_error" in one]
    assert (line["fault_id"], line["request_id"], line["exception"]) == (
        fault_id,
        "r-77",
        ["builtins.ZeroDivisionError"],
    )
    assert any("fakes.py" in frame for frame in line["frames"])
    assert "canary" not in log.getvalue()


def test_trailers_stay_small_whatever_the_error_says() -> None:
    violations = [Violation("f" * 5000, "ü" * 5000) for _ in range(1000)]
    for error in (InvalidRequest(*violations), NotFound("k", "\0" * 9000, "r"), Overloaded("ü" * 9000, 1)):
        status = status_of(error)
        trailers = dict(status.trailers)
        assert len(trailers[DETAILS_KEY]) * 4 / 3 + len(status.message) < 7000
        assert status.message.isascii()


def test_texts_in_trailers_are_printable_ascii() -> None:
    assert ascii_cut("a\nb\x1b[31m é %s", 100) == "a\\nb\\x1b[31m \\xe9 %s"
    assert ascii_cut("x" * 100, 10) == "xxxxxxx..."
