"""crossrank recommend, rerank, similar and info, run as a user runs them, against a scripted service."""

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2

from crossrank.v1 import ranking_pb2
from tests.clients.scripted import ScriptedServer, answers, fails

ITEMS = [
    ranking_pb2.RankedItem(
        item_id="50",
        rank=1,
        first_stage_rank=4,
        logit=2.25,
        score=0.9046,
        sources=["popular"],
        fields={"title": "Alien"},
    ),
    ranking_pb2.RankedItem(
        item_id="7", rank=2, first_stage_rank=1, logit=-1.5, score=0.1824, cached=True, fields={"title": "Heat [1995]"}
    ),
    ranking_pb2.RankedItem(item_id="9", rank=3, first_stage_rank=3),
]
METADATA = ranking_pb2.RankingMetadata(
    request_id="r",
    model="cross_encoder",
    model_version="1",
    encoding_fingerprint="0123456789abcdef",
    candidate_count=100,
    scored_count=99,
    cache_hits=1,
    stages=[ranking_pb2.StageTime(stage="score", duration=Duration(nanos=12_300_000))],
    total=Duration(nanos=45_600_000),
    ordered_by=ranking_pb2.ORDERED_BY_READER,
    ordered_by_version="1",
)
DEGRADED = ranking_pb2.RankingMetadata(
    degraded=[ranking_pb2.Degradation(reason=ranking_pb2.DEGRADED_REASON_MODEL_UNAVAILABLE, detail="no endpoint")]
)


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    exit_code: int
    output: str
    notes: str

    @property
    def document(self) -> Any:
        """What --json printed."""
        return json.loads(self.output)


async def crossrank(*arguments: str) -> Finished:
    """Runs the program on a wide terminal without colours."""
    command = (sys.executable, "-m", "clients.command_line.main", *arguments)
    environment = {"PATH": "", "PYTHONPATH": ":".join(sys.path), "COLUMNS": "160", "NO_COLOR": "1"}
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment
    )
    output, notes = await process.communicate()
    assert process.returncode is not None
    return Finished(process.returncode, output.decode(), notes.decode())


async def test_recommend_shows_moves_scores_times_and_the_model(server: ScriptedServer) -> None:
    script = server.script("Recommend", answers(ranking_pb2.RecommendResponse(items=ITEMS, metadata=METADATA)))
    done = await crossrank("recommend", "--user", "42", "-n", "3", "--target", server.target, "--timeout", "30")
    assert done.exit_code == 0, done.notes
    header, first, second, third, *about = done.output.splitlines()
    assert header.split() == ["rank", "moved", "item", "title", "score", "logit", "proposed", "by"]
    assert first.split() == ["1", "▲", "3", "50", "Alien", "0.905", "2.250", "popular"]
    assert second.split() == ["2", "▼", "1", "7", "Heat", "[1995]", "0.182", "-1.500", "cached"]
    assert third.split() == ["3", "=", "9", "–", "–"]
    assert " ".join(about) == (
        "ordered by cross-encoder 1 · 100 candidates, 99 read by cross_encoder version 1, 1 logits from the cache "
        "score 12.3 ms · total 45.6 ms"
    )
    request = script.received[0].request
    assert request.context.user_id == "42"
    assert request.options.top_n == 3
    assert request.options.return_items


async def test_recommend_passes_sources_filters_and_choices_on(server: ScriptedServer) -> None:
    script = server.script("Recommend", answers(ranking_pb2.RecommendResponse()))
    await crossrank(
        *("recommend", "--query", "war films", "--source", "popular", "--source", "text_ann", "--candidates", "50"),
        *("--filter", "genres=Drama,War", "--filter", "year=1990..", "--include-seen", "--require-rerank", "--explain"),
        *("--target", server.target),
    )
    request = script.received[0].request
    assert request.context.query == "war films"
    assert list(request.candidates.sources) == ["popular", "text_ann"]
    assert request.candidates.limit == 50
    assert list(request.candidates.filters[0].any_of.values) == ["Drama", "War"]
    assert request.candidates.filters[1].in_range.minimum == 1990
    assert not request.candidates.filters[1].in_range.HasField("maximum")
    assert request.candidates.include_seen
    assert request.options.require_rerank
    assert request.options.explain


async def test_json_holds_the_whole_answer(server: ScriptedServer) -> None:
    server.script("SimilarItems", answers(ranking_pb2.SimilarItemsResponse(items=ITEMS, metadata=METADATA)))
    done = await crossrank("similar", "3", "--json", "--target", server.target)
    assert done.exit_code == 0, done.notes
    assert [item["item_id"] for item in done.document["items"]] == ["50", "7", "9"]
    assert done.document["items"][2]["logit"] is None
    assert done.document["metadata"]["stages"] == [{"stage": "score", "seconds": pytest.approx(0.0123)}]
    assert done.document["metadata"]["encoding_fingerprint"] == "0123456789abcdef"


async def test_rerank_takes_ids_and_a_file_in_this_order(server: ScriptedServer, tmp_path: Path) -> None:
    script = server.script("Rerank", answers(ranking_pb2.RerankResponse(items=ITEMS, metadata=METADATA)))
    file = tmp_path / "mine.csv"
    file.write_text("item_id,title,first_stage_score\nx1,Alien,0.5\nx2,Heat,\n")
    done = await crossrank("rerank", "7", "8,9", "--history", "1, 2", "--file", str(file), "--target", server.target)
    assert done.exit_code == 0, done.notes
    request = script.received[0].request
    assert [event.item_id for event in request.context.history.events] == ["1", "2"]
    assert [one.item_id for one in request.candidates] == ["7", "8", "9", "x1", "x2"]
    assert dict(request.candidates[3].fields) == {"title": "Alien"}
    assert request.candidates[3].first_stage_score == 0.5
    assert not request.candidates[4].HasField("first_stage_score")


async def test_fields_of_a_file_that_the_model_does_not_read_are_named_beside_those_that_it_reads(
    server: ScriptedServer, tmp_path: Path
) -> None:
    metadata = ranking_pb2.RankingMetadata(unread_fields=["cast", "plot"])
    server.script("Rerank", answers(ranking_pb2.RerankResponse(items=ITEMS, metadata=metadata)))
    model = ranking_pb2.ModelInfo(name="cross_encoder", version="1", item_fields=["title", "year"])
    server.script("GetInfo", answers(ranking_pb2.GetInfoResponse(models=[model])))
    (tmp_path / "mine.csv").write_text("item_id,title,plot,cast\nx1,Alien,a ship,Weaver\n")
    file = ("--file", str(tmp_path / "mine.csv"))
    done = await crossrank("rerank", "--user", "1", *file, "--json", "--target", server.target)
    assert done.exit_code == 0, done.notes
    assert done.document["metadata"]["unread_fields"] == ["cast", "plot"]
    told = "not read: cast, plot · cross_encoder version 1 reads title, year: give what counts in one of these"
    assert done.notes.splitlines().count(told) == 1


async def test_a_degraded_answer_is_shown_with_its_reason(server: ScriptedServer) -> None:
    server.script("Recommend", answers(ranking_pb2.RecommendResponse(items=ITEMS, metadata=DEGRADED)))
    done = await crossrank("recommend", "--user", "1", "--target", server.target)
    assert done.exit_code == 0
    assert " DEGRADED  MODEL_UNAVAILABLE: no endpoint" in done.output


async def test_a_degraded_answer_fails_the_command_when_asked_and_is_shown_all_the_same(
    server: ScriptedServer,
) -> None:
    server.script("Recommend", answers(ranking_pb2.RecommendResponse(items=ITEMS, metadata=DEGRADED)))
    done = await crossrank("recommend", "--user", "1", "--fail-degraded", "--json", "--target", server.target)
    assert done.exit_code == 3
    assert done.document["metadata"]["degraded"] == [{"reason": "MODEL_UNAVAILABLE", "detail": "no endpoint"}]


async def test_explain_names_the_strongest_history_items(server: ScriptedServer) -> None:
    item = ranking_pb2.RankedItem(
        item_id="5",
        rank=1,
        first_stage_rank=1,
        contributions=[
            ranking_pb2.HistoryContribution(item_id="12", logit_difference=0.5),
            ranking_pb2.HistoryContribution(item_id="13", logit_difference=-0.25),
        ],
    )
    server.script("Recommend", answers(ranking_pb2.RecommendResponse(items=[item])))
    done = await crossrank("recommend", "--user", "1", "--explain", "--target", server.target)
    assert "because of" in done.output
    assert "12 +0.50, 13 -0.25" in done.output


async def test_info_shows_models_limits_and_sources(server: ScriptedServer) -> None:
    message = ranking_pb2.GetInfoResponse(
        version="0.1.0",
        limits=ranking_pb2.Limits(max_candidates=1000, default_deadline=Duration(nanos=500_000_000)),
        models=[ranking_pb2.ModelInfo(name="cross_encoder", version="3", item_fields=["title", "genres"], ready=True)],
        candidate_sources=["text_ann", "popular"],
    )
    server.script("GetInfo", answers(message))
    done = await crossrank("info", "--target", server.target)
    for expected in (
        "title, genres",
        "max_candidates",
        "1,000",
        "0.5",
        "text_ann, popular",
        "gateway 0.1.0",
        "ready",
        "no ranker",
    ):
        assert expected in done.output, expected
    assert (await crossrank("info", "--json", "--target", server.target)).document["models"][0]["version"] == "3"


async def test_violations_are_told_field_by_field_without_a_traceback(server: ScriptedServer) -> None:
    violation = error_details_pb2.BadRequest.FieldViolation(
        field="context.user_id", description="300 bytes; at most 256"
    )
    bad = error_details_pb2.BadRequest(field_violations=[violation])
    server.script("Recommend", fails(grpc.StatusCode.INVALID_ARGUMENT, "bad", bad))
    done = await crossrank("recommend", "--user", "x" * 300, "--target", server.target)
    assert done.exit_code == 1
    assert done.output == ""
    assert "error: context.user_id: 300 bytes; at most 256" in done.notes
    assert "Traceback" not in done.notes


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (grpc.StatusCode.DEADLINE_EXCEEDED, "a longer --timeout"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "again in 1 s"),
        (grpc.StatusCode.NOT_FOUND, "crossrank info"),
        (grpc.StatusCode.INTERNAL, "crossrank logs gateway"),
    ],
)
async def test_a_failed_call_names_the_next_step(server: ScriptedServer, code: grpc.StatusCode, remedy: str) -> None:
    server.script("GetInfo", fails(code))
    done = await crossrank("info", "--target", server.target)
    assert done.exit_code == 1
    assert code.name in done.notes
    assert remedy in done.notes


async def test_without_a_stack_and_a_target_the_user_learns_how_to_get_one(tmp_path: Path) -> None:
    done = await crossrank("recommend", "--user", "1", "--state-dir", str(tmp_path))
    assert done.exit_code == 1
    assert "no gateway runs here" in done.notes
    assert f"crossrank up --state-dir {tmp_path}, or name one with --target host:port" in done.notes


@pytest.mark.parametrize(
    "arguments",
    [
        ("recommend",),
        ("recommend", "--user", "1", "--query", "x"),
        ("rerank", "--user", "1"),
        ("recommend", "--user", "1", "-n", "0"),
    ],
)
async def test_a_question_that_is_none_is_a_usage_error(arguments: tuple[str, ...]) -> None:
    assert (await crossrank(*arguments)).exit_code == 2
