"""A whole verification over real gRPC: the gateway is scripted to answer as the version does, Triton runs the graph
that it is given; then each goes wrong in turn."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from google.protobuf.message import Message

from crossrank.v1 import catalog_pb2, ranking_pb2, types_pb2
from crossrank_client import CrossrankClient
from gateway.domain.values import Item
from gateway.encoding.render import ContextFields
from tests.clients.scripted import Context, ScriptedServer, Step, answers
from tests.training.release.gate.tiny_release import TinyRelease
from tests.training.release.verification.scripted_triton import ScriptedTriton
from training.export.compare import score_session
from training.release.gate.version import OpenVersion
from training.release.verification.hosted import NAME, HostingRefused
from training.release.verification.lists import ListPlan, VerificationList
from training.release.verification.served import read_catalogue, served_logits
from training.release.verification.verify import Verifier, VersionMismatch

PLAN = ListPlan(lists=2, candidates=12, longest_history=3, seed=5)
ITEMS = [Item(f"i{number}", {"title": f"title {number}"}) for number in range(30)]
WHOLE = VerificationList(tuple(ITEMS[:2]), tuple(ITEMS[2:25]))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyRelease:
    return TinyRelease.make(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def version(tiny: TinyRelease, tmp_path_factory: pytest.TempPathFactory) -> OpenVersion:
    return OpenVersion(tiny.version(tmp_path_factory.mktemp("repository")))


def catalogue(fields: Sequence[tuple[str, dict[str, str]]]) -> Step:
    items = [types_pb2.Item(item_id=item_id, fields=texts) for item_id, texts in fields]
    return answers(catalog_pb2.ListItemsResponse(items=items))


def ranked(logits: dict[str, float | None]) -> ranking_pb2.RerankResponse:
    items = [ranking_pb2.RankedItem(item_id=item_id, logit=logit) for item_id, logit in logits.items()]
    return ranking_pb2.RerankResponse(items=items)


def gateway_of(version: OpenVersion, shift: float = 0.0) -> Step:
    """Reranks with the version's own graph, worst first: the order must not matter. ``shift``: of the first item."""

    async def step(request: Any, context: Context) -> Sequence[Message]:
        encoder = version.bundle.encoder
        history = [dict(event.fields) for event in request.context.history.events]
        subject = encoder.encode_context(ContextFields(history=history))
        pairs = [encoder.join(subject, encoder.encode_item(dict(one.fields))) for one in request.candidates]
        logits = score_session(version.session, pairs) + np.eye(len(pairs), dtype=np.float32)[0] * np.float32(shift)
        told = zip((one.item_id for one in request.candidates), logits.tolist(), strict=True)
        return [ranked({item_id: logit for logit, item_id in sorted((logit, item_id) for item_id, logit in told)})]

    return step


def by_number() -> Step:
    """The logit is the number in the id."""

    async def step(request: Any, context: Context) -> Sequence[Message]:
        return [ranked({one.item_id: float(one.item_id[1:]) for one in reversed(request.candidates)})]

    return step


@pytest.fixture
async def server(tiny: TinyRelease, version: OpenVersion) -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as running:
        model = ranking_pb2.ModelInfo(version="1", encoding_fingerprint=version.bundle.fingerprint)
        running.script("GetInfo", answers(ranking_pb2.GetInfoResponse(models=[model])))
        running.script("ListItems", catalogue([(one, dict(texts)) for one, texts in tiny.dataset.fields.items()]))
        running.script("Rerank", gateway_of(version))
        yield running


@pytest.fixture
async def triton() -> AsyncIterator[ScriptedTriton]:
    async with ScriptedTriton() as running:
        yield running


@pytest.fixture
def verifier(tiny: TinyRelease, version: OpenVersion, server: ScriptedServer, triton: ScriptedTriton) -> Verifier:
    return Verifier(version.folder, server.target, triton.url, {}, tiny.run.model, PLAN)


async def test_a_stack_that_serves_what_was_trained_has_no_faults(verifier: Verifier, triton: ScriptedTriton) -> None:
    done: list[int] = []
    report = await verifier.run(done.append)
    assert report.max_abs_dlogit_fp32 <= 1e-4
    assert (report.pairs, report.lists, sum(done)) == (24, 2, 24)
    assert (report.reference, report.model_version) == ("trained checkpoint", "1")
    assert sum(triton.batches) == 24
    assert triton.loaded == {}, "the graph is unloaded at the end"
    assert json.loads(triton.configs[0])["name"] == NAME
    assert "model_warmup" not in json.loads(triton.configs[0])


async def test_a_gateway_that_shifts_one_logit_of_an_answer_is_told_in_the_report(
    verifier: Verifier, version: OpenVersion, server: ScriptedServer
) -> None:
    server.script("Rerank", gateway_of(version, shift=40.0))
    report = await verifier.run(lambda _: None)
    assert report.max_abs_dlogit_int8 > 39
    assert report.max_abs_dlogit_fp32 <= 1e-4, "Triton's graph is as good as before"
    assert any("a list has Kendall tau" in fault for fault in report.faults)


async def test_without_a_checkpoint_the_reference_is_the_shipped_weights(verifier: Verifier) -> None:
    report = await replace(verifier, checkpoint=None).run(lambda _: None)
    assert report.reference == "fp32 model of the shipped weights"
    assert report.max_abs_dlogit_fp32 <= 1e-4


async def test_another_version_behind_the_gateway_is_named_before_anything_is_scored(
    verifier: Verifier, server: ScriptedServer
) -> None:
    model = ranking_pb2.ModelInfo(version="7", encoding_fingerprint="0ther")
    server.script("GetInfo", answers(ranking_pb2.GetInfoResponse(models=[model])))
    asked = server.script("Rerank", by_number())
    with pytest.raises(VersionMismatch, match=r"serves \[\('7', '0ther'\)\], not version 1 of .*--model-repository"):
        await verifier.run(lambda _: None)
    assert asked.received == []


async def test_a_triton_that_loads_nothing_on_request_says_how_to_start_it(verifier: Verifier) -> None:
    async with ScriptedTriton(refuses=True) as strict:
        with pytest.raises(HostingRefused, match=f"{strict.url} did not load .*--model-control-mode=explicit"):
            await replace(verifier, triton_url=strict.url).run(lambda _: None)


async def test_logits_are_put_back_into_the_order_of_the_candidates(server: ScriptedServer) -> None:
    asked = server.script("Rerank", by_number())
    async with CrossrankClient(server.target) as client:
        found = await served_logits(client, WHOLE, seed=3)
    assert [one.tolist() for one in found] == [[float(number) for number in range(2, 25)]] * 3
    *parts, whole, shuffled = [[one.item_id for one in call.request.candidates] for call in asked.received]
    expected = [item.item_id for item in WHOLE.candidates]
    assert sorted(item_id for part in parts for item_id in part) == sorted(expected), "cold: every candidate once"
    assert whole == expected
    assert shuffled != expected
    assert sorted(shuffled) == sorted(expected)


async def test_an_item_without_a_logit_is_no_number(server: ScriptedServer) -> None:
    server.script("Rerank", answers(ranked({"i2": None})))
    async with CrossrankClient(server.target) as client:
        found = await served_logits(client, VerificationList((), (ITEMS[2],)), seed=1)
    assert np.isnan(found).all()


async def test_a_list_without_history_asks_for_a_user_that_nobody_knows(server: ScriptedServer) -> None:
    asked = server.script("Rerank", by_number())
    async with CrossrankClient(server.target) as client:
        await served_logits(client, VerificationList((), (ITEMS[2],)), seed=1)
        await served_logits(client, VerificationList((ITEMS[0],), (ITEMS[2],)), seed=1)
    subjects = [call.request.context.WhichOneof("subject") for call in asked.received]
    assert subjects == ["user_id"] * 3 + ["history"] * 3
    assert all(call.request.options.require_rerank for call in asked.received)


async def test_no_more_of_the_catalogue_is_read_than_asked(server: ScriptedServer) -> None:
    page = catalog_pb2.ListItemsResponse(items=[types_pb2.Item(item_id=name) for name in "ab"], next_page_token="next")
    asked = server.script("ListItems", answers(page))
    async with CrossrankClient(server.target) as client:
        found = await read_catalogue(client, at_most=4)
    assert [one.item_id for one in found] == ["a", "b", "a", "b"]
    assert len(asked.received) == 2, "and no further page"
