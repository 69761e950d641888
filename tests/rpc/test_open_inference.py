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
from tritonclient.grpc import InferInput, InferRequestedOutput, service_pb2, service_pb2_grpc
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from gateway.domain import Degradation, Priority, RankedList, Reason, ScoredItem
from gateway.errors import ModelUnavailable, Overloaded
from gateway.limits import Limits
from gateway.rpc.open_inference import OpenInferenceServicer
from tests.rpc.fakes import MODEL, FakeInfo, FakeRanker, scored
from tests.rpc.rig import Rig, refusal, serving

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
    assert rig.counted("grpc_server_handled_total", **INFER, grpc_code=code.name) == 1


async def test_a_deadline_ends_the_work_like_on_every_other_method(rig: Rig, client: Any) -> None:
    async def forever() -> None:
        await asyncio.Event().wait()

    rig.ranker.before = forever
    with pytest.raises(InferenceServerException, match="DEADLINE_EXCEEDED"):
        await client.infer("cross_encoder", [texts("context", ["x"]), texts("items", TITLES)], client_timeout=0.2)
    await rig.ranker.cancelled.wait()


def infer_request(**tensors: Sequence[str]) -> Any:
    """A request with its values in the inputs themselves."""
    return service_pb2.ModelInferRequest(
        model_name="cross_encoder",
        inputs=[
            {
                "name": name,
                "datatype": "BYTES",
                "shape": [len(values)],
                "contents": {"bytes_contents": [value.encode() for value in values]},
            }
            for name, values in tensors.items()
        ],
    )


def stub(rig: Rig) -> Any:
    return service_pb2_grpc.GRPCInferenceServiceStub(rig.channel)


def raw(*elements: bytes) -> bytes:
    return b"".join(len(element).to_bytes(4, "little") + element for element in elements)


def changed(**changes: Any) -> Any:
    """A legal request with fields of its second input (items) replaced."""
    request = infer_request(context=["x"], items=["a", "b"])
    if "contents" in changes:
        request.inputs[1].ClearField("contents")
    request.inputs[1].MergeFrom(service_pb2.ModelInferRequest.InferInputTensor(**changes))
    return request


def with_raw(*contents: bytes, elements: int = 2) -> Any:
    """A request with raw contents; its items' shape says ``elements``."""
    request = infer_request(context=["x"], items=["a"] * elements)
    for tensor in request.inputs:
        tensor.ClearField("contents")
    request.raw_input_contents.extend(contents)
    return request


def with_parameter(name: str, **value: Any) -> Any:
    request = infer_request(context=["x"], items=["a"])
    request.parameters[name].MergeFrom(service_pb2.InferParameter(**value))
    return request


MALFORMED = [
    (infer_request(items=["a"]), "inputs", "received neither context nor history; exactly one"),
    (infer_request(context=["x"], history=["y"], items=["a"]), "inputs", "received both context and history"),
    (infer_request(context=["x"]), "inputs", "received no items; items BYTES [n]"),
    (infer_request(), "inputs", "received 0 tensors; 1 to 3: send at least one"),
    (infer_request(context=["x"], item=["a"]), "inputs[1].name", "received 'item'; one of context, history, items"),
    (infer_request(context=["x", "y"], items=["a"]), "inputs[context].shape", "received 2 texts; 1 to 1"),
    (infer_request(context=["x"], items=[]), "inputs[items].shape", "received 0 candidates; 1 to 1000"),
    (infer_request(context=["x"], items=["a"] * 1001), "inputs[items].shape", "received 1001 candidates; 1 to 1000"),
    (infer_request(history=["x"] * 201, items=["a"]), "inputs[history].shape", "received 201 events; 1 to 200"),
    (infer_request(context=[""], items=["a"]), "inputs[context][0]", "received an empty text"),
    (infer_request(context=["q" * 2049], items=["a"]), "inputs[context][0]", "received 2049 UTF-8 bytes; at most 2048"),
    (infer_request(context=["x"], items=["a", "b" * 8193]), "inputs[items][1]", "received 8193 UTF-8 bytes; at most"),
    (infer_request(context=["x"], items=["a\0"]), "inputs[items][0]", "received U+0000 at position 1"),
    (infer_request(context=["x"], items=['{"title": 3}']), "inputs[items][0]['title']", "received no text"),
    (infer_request(context=["x"], items=['{"title": "\\ud800"}']), "inputs[items][0]['title']", "received no text"),
    (infer_request(context=["x"], items=['{"a b": "c"}']), "inputs[items][0]['a b'].key", "received U+0020"),
    (infer_request(context=["x"], items=["{title}"]), "inputs[items][0]", 'begins with "{" and is no JSON object'),
    (infer_request(context=["x"], items=['{"a": "1", "a": "2"}']), "inputs[items][0]", "a name comes twice"),
    (infer_request(context=["x"], items=['{"a":' * 900]), "inputs[items][0]", "is no JSON object"),
    (changed(datatype="INT32"), "inputs[items].datatype", "received 'INT32'; BYTES"),
    (changed(shape=[1]), "inputs[items].shape", "received 2 axes; 1"),
    (changed(parameters={"shared_memory_region": {"string_param": "r"}}), "inputs[items].parameters", "shared memory"),
    (
        changed(contents={"bytes_contents": [b"a"]}),
        "inputs[items]",
        "received 1 elements in contents.bytes",
    ),
    (changed(contents={"int_contents": [1, 2]}), "inputs[items]", "received 0 elements in contents.bytes_contents; 2"),
    (with_raw(raw(b"x")), "raw_input_contents", "received 1 for 2 inputs"),
    (with_raw(raw(b"x"), raw(b"a")), "inputs[items]", "end inside element 1 of the 2"),
    (with_raw(raw(b"x"), raw(b"a", b"b")[:-1]), "inputs[items]", "end inside element 1 of the 2"),
    (with_raw(raw(b"x"), raw(b"a", b"b", b"c")), "inputs[items]", "its shape says 2 elements, which end at 10"),
    (with_raw(raw(b"x"), b"\xff\xff\xff\xff"), "inputs[items]", "received 4 raw bytes, which end inside element 0"),
    (with_raw(raw(b"x"), raw(b"a", b"\xc3\x28")), "inputs[items][1]", "received byte 0xC3 at 0; UTF-8"),
    (with_parameter("top_k", int64_param=3), "parameters['top_k']", "only priority and timeout are known"),
    (with_parameter("priority", int64_param=3), "parameters['priority']", "received 3; 0 to 2"),
    (with_parameter("timeout", string_param="1s"), "parameters['timeout']", "received string_param; a whole number"),
]


@pytest.mark.parametrize(("request_", "field", "words"), MALFORMED, ids=[words[:40] for _, _, words in MALFORMED])
async def test_a_malformed_request_is_refused_with_field_value_and_limit(
    rig: Rig, request_: Any, field: str, words: str
) -> None:
    refused = await refusal(stub(rig).ModelInfer(request_))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert field in refused.violations
    assert words in refused.message
    assert rig.ranker.calls == []


async def test_outputs_that_do_not_exist_are_refused(rig: Rig) -> None:
    request = infer_request(context=["x"], items=["a"])
    request.outputs.add(name="scores")
    request.outputs.add(name="rank").parameters["classification"].int64_param = 3
    refused = await refusal(stub(rig).ModelInfer(request))
    assert "received 'scores'; one of score, logit, rank" in refused.violations["outputs[0].name"]
    assert "received 'classification'" in refused.violations["outputs[1].parameters"]


async def test_the_limits_of_the_server_hold_here_too() -> None:
    async with serving(Limits(max_candidates=2)) as rig:
        refused = await refusal(stub(rig).ModelInfer(infer_request(context=["x"], items=TITLES)))
        assert "received 3 candidates; 1 to 2" in refused.violations["inputs[items].shape"]
        config = await stub(rig).ModelConfig(service_pb2.ModelConfigRequest(name="cross_encoder"))
        assert config.config.parameters["max_items"].string_value == "2"


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
