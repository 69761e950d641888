"""Malformed tensors, parameters and outputs of the open inference protocol: refused with field, value and limit."""

from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2

from gateway.domain.limits import Limits
from tests.gateway.rpc.inference_requests import changed, infer_request, raw, stub, with_parameter, with_raw
from tests.gateway.rpc.rig import Rig, refusal, serving

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
        refused = await refusal(stub(rig).ModelInfer(infer_request(context=["x"], items=["a", "b", "c"])))
        assert "received 3 candidates; 1 to 2" in refused.violations["inputs[items].shape"]
        config = await stub(rig).ModelConfig(service_pb2.ModelConfigRequest(name="cross_encoder"))
        assert config.config.parameters["max_items"].string_value == "2"
