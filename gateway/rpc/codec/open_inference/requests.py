"""ModelInfer: what is asked, decoded and checked; and the answer in the order of the items given."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tritonclient.grpc import service_pb2

from gateway.domain.checks import Checks, shown
from gateway.domain.errors import ModelAnswerInvalid
from gateway.domain.order import Reading
from gateway.domain.rules import CountRule, NumberRule
from gateway.domain.values import Candidate, Context, HistoryEvent, Item, Priority, RankedList, RankingOptions
from gateway.rpc.codec.open_inference.tensors import read_bytes_tensors, write_tensor
from gateway.rpc.codec.open_inference.texts import decode_text, decode_text_fields
from gateway.rpc.codec.questions import score_of_rank

CONTEXT, HISTORY, ITEMS = "context", "history", "items"
OUTPUTS = {"score": "FP32", "logit": "FP32", "rank": "INT32"}
_WITHOUT_EFFECT = {"triton_enable_empty_final_response"}
"""What Triton's own clients send unasked and only streams heed."""

_PRIORITY = NumberRule(0, 2)
_TIMEOUT_US = NumberRule(0, 2**63 - 1)


@dataclass(frozen=True, slots=True)
class Question:
    """A decoded request. ``timeout_s`` is 0 where the caller set none."""

    context: Context
    candidates: Sequence[Candidate]
    options: RankingOptions
    timeout_s: float
    outputs: Sequence[str]


def decode_request(checks: Checks, request: Any, first_field: str) -> Question:
    """What a ModelInferRequest asks; plain texts are the text of ``first_field``. Faults are noted in ``checks``."""
    rules = checks.rules
    counts = {CONTEXT: CountRule(1, 1, "texts"), HISTORY: rules.history_events, ITEMS: rules.candidates}
    tensors = read_bytes_tensors(checks, request, counts)
    given = {tensor.name for tensor in request.inputs}
    if len(given & {CONTEXT, HISTORY}) != 1:
        received = f"both {CONTEXT} and {HISTORY}" if CONTEXT in given else f"neither {CONTEXT} nor {HISTORY}"
        checks.fault("inputs", f"received {received}; exactly one: send a query text or a history")
    if ITEMS not in given:
        checks.fault("inputs", f"received no {ITEMS}; {ITEMS} BYTES [n]: send the texts to rank")
    priority, timeout_us = _decode_parameters(checks, request)
    return Question(
        context=_decode_context(checks, tensors, first_field),
        candidates=[
            _candidate(checks, place, element, first_field) for place, element in enumerate(tensors.get(ITEMS, ()))
        ],
        # The protocol has no place for an answer that is less than full: what cannot be ranked is an error. It names a
        # model, so that model orders.
        options=RankingOptions(priority=Priority(priority or 1), require_rerank=True, reading=Reading.ORDERS),
        timeout_s=timeout_us / 1e6,
        outputs=_decode_outputs(checks, request),
    )


def encode_answer(request: Any, outputs: Sequence[str], ranked: RankedList) -> Any:
    """The ModelInferResponse: per item, in the order given, fused score, logit, and rank from 1. An item without a
    valid score has NaN and stands last. Raises ModelAnswerInvalid when an item is missing."""
    by_id = {one.item_id: one for one in ranked.items}
    items = [by_id.get(_item_id(place)) for place in range(ranked.candidate_count)]
    if None in items or len(by_id) != len(items):
        raise ModelAnswerInvalid(f"{len(by_id)} of {len(items)} items were ranked; all must be: report this")
    columns: dict[str, list[float]] = {
        "score": [math.nan if one is None or one.score is None else one.score for one in items],
        "logit": [math.nan if one is None or one.logit is None else one.logit for one in items],
        "rank": [0 if one is None else one.rank for one in items],
    }
    written = [write_tensor(name, OUTPUTS[name], columns[name]) for name in outputs]
    response = service_pb2.ModelInferResponse(
        model_name=ranked.model.name,
        model_version=ranked.model.version,
        id=request.id,
        outputs=[tensor for tensor, _ in written],
        raw_output_contents=[raw for _, raw in written],
    )
    facts = {
        "request_id": ranked.request_id,
        "attribution_token": ranked.attribution_token,
        "encoding_fingerprint": ranked.model.fingerprint,
        "degraded": ",".join(one.reason.value for one in ranked.degraded),
    }
    for name, value in facts.items():
        response.parameters[name].string_param = value
    response.parameters["cache_hits"].int64_param = ranked.cache_hits
    return response


def _item_id(place: int) -> str:
    """No id of a catalogue looks like this, so a logged list is never taken for one of catalogued items."""
    return f"{ITEMS}[{place}]"


def _candidate(checks: Checks, place: int, element: bytes, first_field: str) -> Candidate:
    item_id = _item_id(place)
    fields = decode_text_fields(checks, f"inputs[{ITEMS}][{place}]", element, first_field)
    return Candidate(item_id, place + 1, score_of_rank(place + 1), item=Item(item_id, fields))


def _decode_context(checks: Checks, tensors: dict[str, list[bytes]], first_field: str) -> Context:
    if CONTEXT in tensors:
        path = f"inputs[{CONTEXT}][0]"
        return Context(query=checks.text(path, decode_text(checks, path, tensors[CONTEXT][0]), checks.rules.query))
    events = [
        HistoryEvent(
            f"{HISTORY}[{place}]", decode_text_fields(checks, f"inputs[{HISTORY}][{place}]", element, first_field)
        )
        for place, element in enumerate(tensors.get(HISTORY, ()))
    ]
    return Context(history=tuple(events))


def _decode_parameters(checks: Checks, request: Any) -> tuple[int, int]:
    """Priority and timeout in microseconds, 0 where they are not set; any other parameter is refused, not ignored."""
    rules = {"priority": _PRIORITY, "timeout": _TIMEOUT_US}
    values = dict.fromkeys(rules, 0)
    for name, parameter in request.parameters.items():
        if name in _WITHOUT_EFFECT:
            continue
        path = f"parameters[{shown(name)}]"
        kind = parameter.WhichOneof("parameter_choice")
        if name not in rules:
            checks.fault(path, f"received it; only {' and '.join(rules)} are known: leave it out")
        elif kind not in {"int64_param", "uint64_param"}:
            checks.fault(path, f"received {kind or 'no value'}; a whole number: set int64_param")
        else:
            given = getattr(parameter, kind)
            checks.number(path, given, rules[name])
            values[name] = given if rules[name].minimum <= given <= rules[name].maximum else 0
    return values["priority"], values["timeout"]


def _decode_outputs(checks: Checks, request: Any) -> Sequence[str]:
    """The outputs wanted, in the order asked for; all when none is named."""
    if not checks.count("outputs", len(request.outputs), CountRule(0, len(OUTPUTS), "outputs")):
        return ()
    names = [output.name for output in request.outputs]
    checks.unique("outputs", ".name", names)
    for place, output in enumerate(request.outputs):
        if output.name not in OUTPUTS:
            known = ", ".join(OUTPUTS)
            checks.fault(f"outputs[{place}].name", f"received {shown(output.name)}; one of {known}: choose one")
        if output.parameters:
            name = shown(next(iter(output.parameters)))
            checks.fault(f"outputs[{place}].parameters", f"received {name}; none are known: leave it out")
    return names or list(OUTPUTS)
