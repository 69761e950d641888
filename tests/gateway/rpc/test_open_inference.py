"""The pipeline as a model of the open inference protocol, through Triton's own client: answers in the order of the
items, in full or with a typed error."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import grpc
import numpy as np
import pytest
from tritonclient.grpc import InferInput, InferRequestedOutput, service_pb2
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from gateway.domain.errors import ModelUnavailable, Overloaded
from gateway.domain.limits import Limits
from gateway.domain.order import Reading
from gateway.domain.values import Degradation, Priority, RankedList, Reason, ScoredItem
from gateway.rpc.open_inference import OpenInferenceServicer
from tests.gateway.rpc.fakes import MODEL, FakeInfo, FakeRanker, scored
from tests.gateway.rpc.inference_requests import infer_request, stub, with_parameter
from tests.gateway.rpc.rig import Rig, refusal, until

TITLES = ["Alien", "Babe", "Clueless"]
INFER = {"grpc_service": "inference.GRPCInferenceService", "grpc_method": "ModelInfer"}


def texts(name: str, values: Sequence[str | bytes]) -> InferInput:
    """A BYTES tensor as Triton's client makes it."""
    tensor = InferInput(name, [len(values)], "BYTES")
    tensor.set_data_from_numpy(np.array([one.encode() if isinstance(one, str) else one for one in values], np.object_))
    return tensor


@pytest.fixture
async def client(rig: Rig) -> AsyncIterator[InferenceServerClient]:
    async with InferenceServerClient(rig.target) as connected:
        yield connected


async def test_scores_logits_and_ranks_come_in_the_order_of_the_items(rig: Rig, client: Any) -> None:
    answer = await client.infer("cross_encoder", [texts("context", ["space"]), texts("items", TITLES)])
    # The rig's ranker turns the order around: the last item is the first of its list.
    assert answer.as_numpy("rank").tolist() == [3, 2, 1]
    assert answer.as_numpy("logit").tolist() == pytest.approx([1 / 3, 1 / 2, 1])
    assert answer.as_numpy("score").tolist() == pytest.approx([0.5 / 3, 0.5 / 2, 0.5])
    assert [answer.as_numpy(name).dtype for name in ("score", "logit", "rank")] == [np.float32, np.float32, np.int32]
    assert answer.get_response().model_version == MODEL.version


async def test_the_pipeline_gets_query_items_and_their_order(rig: Rig, client: Any) -> None:
    await client.infer("cross_encoder", [texts("items", TITLES), texts("context", ["space"])])
    (context,), (candidates,), (options,) = rig.ranker.contexts, rig.ranker.candidates, rig.ranker.options
    assert (context.query, context.history) == ("space", None)
    assert [one.item.fields for one in candidates if one.item] == [{"title": title} for title in TITLES]
    assert [one.rank for one in candidates] == [1, 2, 3]
    assert [one.score for one in candidates] == sorted((one.score for one in candidates), reverse=True)
    assert options.require_rerank, "an answer that is less than full has no place in this protocol"
    assert options.reading is Reading.ORDERS, "who names a model gets its order"


async def test_a_history_and_items_may_be_objects_of_fields_or_plain_text(rig: Rig, client: Any) -> None:
    alien = {"title": "Alien", "year": "1979"}
    history, items = ["Babe", json.dumps(alien)], [json.dumps(alien), "Überfall {sic}"]
    await client.infer("cross_encoder", [texts("history", history), texts("items", items)])
    (context,), (candidates,) = rig.ranker.contexts, rig.ranker.candidates
    assert context.query is None
    assert [event.fields for event in context.history or ()] == [{"title": "Babe"}, alien]
    assert [one.item.fields for one in candidates if one.item] == [alien, {"title": "Überfall {sic}"}]


async def test_the_same_text_may_come_twice(client: Any) -> None:
    answer = await client.infer("cross_encoder", [texts("context", ["x"]), texts("items", ["Babe", "Babe"])])
    assert sorted(answer.as_numpy("rank").tolist()) == [1, 2]


async def test_values_in_the_inputs_themselves_are_read_too(rig: Rig) -> None:
    """As a client without raw contents sends them."""
    request = infer_request(context=["space"], items=TITLES)
    answer = await stub(rig).ModelInfer(request)
    assert np.frombuffer(answer.raw_output_contents[2], "<i4").tolist() == [3, 2, 1]


async def test_only_the_outputs_asked_for_are_sent(client: Any) -> None:
    wanted = [InferRequestedOutput("rank"), InferRequestedOutput("logit")]
    inputs = [texts("context", ["x"]), texts("items", TITLES)]
    answer = (await client.infer("cross_encoder", inputs, outputs=wanted)).get_response()
    assert [output.name for output in answer.outputs] == ["rank", "logit"]


async def test_priority_timeout_and_ids_go_along(rig: Rig, client: Any) -> None:
    inputs = [texts("context", ["x"]), texts("items", TITLES)]
    answer = await client.infer(
        "cross_encoder", inputs, request_id="mine", priority=2, timeout=200_000, headers={"x-request-id": "r-1"}
    )
    assert answer.get_response().id == "mine"
    assert answer.get_response().parameters["request_id"].string_param == "r-1"
    assert rig.ranker.options[0].priority is Priority.BATCH
    assert rig.ranker.calls[0].budget.left_s <= 0.2


async def test_what_triton_clients_send_unasked_does_no_harm(rig: Rig) -> None:
    answer = await stub(rig).ModelInfer(with_parameter("triton_enable_empty_final_response", bool_param=True))
    assert len(answer.outputs) == 3


async def test_an_item_without_a_number_is_nan_and_last_and_the_answer_says_why(rig: Rig, client: Any) -> None:
    full = scored(["items[1]", "items[0]"], "r")
    bad = ScoredItem("items[2]", 3, 3, None, None, score_invalid=True)
    why = (Degradation(Reason.SCORE_INVALID, "1 items have no finite logit"),)
    rig.ranker.ranked = replace(full, items=(*full.items, bad), candidate_count=3, degraded=why, cache_hits=2)
    answer = await client.infer("cross_encoder", [texts("context", ["x"]), texts("items", TITLES)])
    assert answer.as_numpy("rank").tolist() == [2, 1, 3]
    assert np.isnan(answer.as_numpy("score")).tolist() == [False, False, True]
    parameters = answer.get_response().parameters
    assert parameters["degraded"].string_param == "SCORE_INVALID"
    assert parameters["cache_hits"].int64_param == 2


async def test_an_answer_that_misses_an_item_is_our_fault_not_a_rank(rig: Rig) -> None:
    rig.ranker.ranked = RankedList(scored(["items[0]"], "r").items, MODEL, "r", candidate_count=2)
    refused = await refusal(stub(rig).ModelInfer(infer_request(context=["x"], items=["a", "b"])))
    assert (refused.code, refused.reason) == (grpc.StatusCode.INTERNAL, "MODEL_ANSWER_INVALID")


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Overloaded("full", 0.2), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (ModelUnavailable("away"), grpc.StatusCode.UNAVAILABLE),
    ],
)
async def test_errors_of_the_pipeline_have_the_statuses_of_the_one_table(
    rig: Rig, client: Any, fault: Exception, code: grpc.StatusCode
) -> None:
    async def fail() -> None:
        raise fault

    rig.ranker.before = fail
    with pytest.raises(InferenceServerException) as raised:
        await client.infer("cross_encoder", [texts("context", ["x"]), texts("items", TITLES)])
    assert raised.value.status() == str(code)
    await until(lambda: rig.counted("grpc_server_handled_total", **INFER, grpc_code=code.name) == 1)


async def test_a_deadline_ends_the_work_like_on_every_other_method(rig: Rig, client: Any) -> None:
    async def forever() -> None:
        await asyncio.Event().wait()

    rig.ranker.before = forever
    with pytest.raises(InferenceServerException, match="DEADLINE_EXCEEDED"):
        await client.infer("cross_encoder", [texts("context", ["x"]), texts("items", TITLES)], client_timeout=0.2)
    await rig.ranker.cancelled.wait()


@pytest.mark.parametrize(("model", "version"), [("other", ""), ("cross_encoder", "7")])
async def test_another_model_or_version_is_not_found_and_not_ready(client: Any, model: str, version: str) -> None:
    assert not await client.is_model_ready(model, version)
    for call in (
        client.get_model_metadata(model, version),
        client.get_model_config(model, version),
        client.infer(model, [texts("context", ["x"]), texts("items", TITLES)], version),
    ):
        with pytest.raises(InferenceServerException, match=r"does not exist; .*'(cross_encoder|1)'"):
            await call


async def test_a_client_learns_the_tensors_from_the_metadata(client: Any) -> None:
    assert await client.is_server_live()
    assert await client.is_server_ready()
    assert await client.is_model_ready("cross_encoder", "1")
    server = await client.get_server_metadata()
    assert (server.name, server.version) == ("crossrank", FakeInfo().version)
    metadata = await client.get_model_metadata("cross_encoder")
    assert {one.name: (one.datatype, list(one.shape)) for one in metadata.inputs} == {
        "context": ("BYTES", [1]),
        "history": ("BYTES", [-1]),
        "items": ("BYTES", [-1]),
    }
    assert {one.name: one.datatype for one in metadata.outputs} == {"score": "FP32", "logit": "FP32", "rank": "INT32"}
    config = (await client.get_model_config("cross_encoder")).config
    assert config.max_batch_size == 0
    assert [one.name for one in config.input if one.optional] == ["context", "history"]
    assert config.parameters["encoding_fingerprint"].string_value == MODEL.fingerprint


async def test_statistics_count_successes_and_failures_of_the_version(rig: Rig, client: Any) -> None:
    assert list((await client.get_inference_statistics("cross_encoder")).model_stats) == []
    rig.ranker.ranked = replace(scored(["items[0]"], "r"), stages=(("encode", 1.0), ("score", 2.0), ("rank", 0.5)))
    await stub(rig).ModelInfer(infer_request(context=["x"], items=["a"]))
    await refusal(stub(rig).ModelInfer(infer_request(items=["a"])))
    (tally,) = (await client.get_inference_statistics("cross_encoder", MODEL.version)).model_stats
    assert (tally.name, tally.version, tally.inference_count) == ("cross_encoder", MODEL.version, 1)
    stats = tally.inference_stats
    assert (stats.success.count, stats.fail.count) == (1, 1)
    assert stats.compute_infer.ns == 2_000_000_000
    assert stats.compute_output.ns == 500_000_000


@pytest.mark.parametrize("method", ["RepositoryIndex", "SystemSharedMemoryStatus"])
async def test_what_controls_a_server_is_not_served(rig: Rig, method: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await rig.raw(f"/inference.GRPCInferenceService/{method}")(b"")
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


class NothingVerified(FakeInfo):
    def models(self) -> Sequence[Any]:
        return ()


async def test_before_the_first_verification_nothing_is_ready() -> None:
    servicer = OpenInferenceServicer(FakeRanker(), NothingVerified(), Limits())
    assert not (await servicer.ServerReady(None, None)).ready
    with pytest.raises(ModelUnavailable, match="wait for ServerReady"):
        await servicer.ModelMetadata(service_pb2.ModelMetadataRequest(name="cross_encoder"), None)


async def test_a_server_that_stops_is_alive_and_not_ready(rig: Rig) -> None:
    servicer = OpenInferenceServicer(FakeRanker(), FakeInfo(), Limits())
    servicer.stop_serving()
    assert (await servicer.ServerLive(None, None)).live
    assert not (await servicer.ServerReady(None, None)).ready


async def test_a_model_that_answers_wrongly_is_not_ready() -> None:
    servicer = OpenInferenceServicer(FakeRanker(), FakeInfo(ready=False), Limits())
    assert not (await servicer.ServerReady(None, None)).ready
