"""What the demo is made of: data, questions, tables, and the stack that it uses."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clients.command_line.shared import console
from clients.command_line.shared.console import CommandFailed, ExitCode
from clients.command_line.shared.running_stack import running_stack
from clients.command_line.stack import demo_data
from clients.command_line.stack.demo import DemoChoice
from clients.command_line.stack.demo_data import DemoData, IndexMark, ensure_indexed
from clients.command_line.stack.demo_run import Demo, UserDemo, demonstrate
from clients.command_line.stack.demo_table import print_demo
from crossrank.v1 import catalog_pb2, ranking_pb2
from crossrank_client import (
    CrossrankClient,
    MeasuredOrder,
    RankedItem,
    RankedList,
    Ranker,
    RankingMetadata,
    StageTime,
    Usage,
)
from deploy.local import stack
from deploy.local.process.state import PartState, StackState, Status
from gateway.domain.errors import StoreUnavailable
from gateway.domain.values import Interaction, Item
from gateway.settings import Settings
from tests.clients.scripted import ScriptedServer, answers

START = datetime(1998, 1, 1, tzinfo=UTC)
NOWHERE = Settings(postgres_url="postgresql://127.0.0.1:9/nowhere", triton_urls="127.0.0.1:9")
INFO = ranking_pb2.GetInfoResponse(
    models=[ranking_pb2.ModelInfo(encoding_fingerprint="f1")], ranker=ranking_pb2.RankerInfo(version="abc")
)
NOT_FITTED = ranking_pb2.GetInfoResponse(models=[ranking_pb2.ModelInfo(encoding_fingerprint="f1")])


def data(*interactions: tuple[str, str, float]) -> DemoData:
    """Films 1 to 9, and interactions (user, film, weight) a minute apart."""
    items = [Item(str(number), {"title": f"Film {number}"}) for number in range(1, 10)]
    return DemoData(
        items,
        [
            Interaction(user, film, "rating", weight, START + timedelta(minutes=number))
            for number, (user, film, weight) in enumerate(interactions)
        ],
    )


def metadata(*, candidate_count: int = 9, scored_count: int = 9, cache_hits: int = 0) -> RankingMetadata:
    return RankingMetadata(
        request_id="r",
        attribution_token="t",
        model="cross_encoder",
        model_version="1",
        encoding_fingerprint="0123456789abcdef",
        degraded=(),
        candidate_count=candidate_count,
        scored_count=scored_count,
        cache_hits=cache_hits,
        coalesced=0,
        stages=(StageTime("score", 0.02),),
        total_s=0.05,
        usage=Usage(),
    )


def test_liked_films_come_newest_first_without_those_only_seen() -> None:
    some = data(("1", "7", 1.0), ("2", "8", 1.0), ("1", "3", 0.0), ("1", "5", 1.0))
    assert some.liked("1") == ["5", "7"]
    assert some.liked("nobody") == []


def test_users_with_enough_liked_films_are_taken_by_number() -> None:
    some = data(*[(user, film, 1.0) for user in ("10", "9", "2", "30") for film in ("1", "2")], ("1", "3", 1.0))
    assert some.users(3, least_liked=2) == ["2", "9", "10"]


def test_a_user_that_the_data_does_not_have_is_refused() -> None:
    some = data(("1", "7", 1.0))
    assert DemoChoice(user=["1"]).users(some) == ["1"]
    with pytest.raises(CommandFailed, match="user '2' likes nothing") as failed:
        DemoChoice(user=["1", "2"]).users(some)
    assert failed.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    "other",
    [IndexMark("goodbooks", 9, "f1"), IndexMark("movielens-100k", 8, "f1"), IndexMark("movielens-100k", 9, "f2")],
)
def test_a_mark_holds_for_the_same_data_and_model_only(tmp_path: Path, other: IndexMark) -> None:
    mark = IndexMark("movielens-100k", 9, "f1")
    assert not mark.is_set(tmp_path)
    mark.save(tmp_path)
    assert mark.is_set(tmp_path)
    assert not other.is_set(tmp_path)


async def test_what_is_indexed_is_not_indexed_again(
    server: ScriptedServer, client: CrossrankClient, tmp_path: Path
) -> None:
    IndexMark("movielens-100k", 9, "f1").save(tmp_path)
    server.script("GetInfo", answers(INFO))
    asked = server.script("GetItems", answers(catalog_pb2.GetItemsResponse()))
    assert not await ensure_indexed(data(), client, NOWHERE, tmp_path, console.progress_bar)
    assert len(asked.received[0].request.item_ids) == 9


@pytest.mark.parametrize(
    "found",
    [("f2", [], INFO), ("f1", ["9"], INFO), ("f1", [], NOT_FITTED)],
    ids=["another model", "a database that was removed", "no ranker"],
)
async def test_a_catalogue_that_is_not_the_marked_one_is_indexed(
    server: ScriptedServer,
    client: CrossrankClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    found: tuple[str, list[str], ranking_pb2.GetInfoResponse],
) -> None:
    fingerprint, unknown, info = found
    monkeypatch.setattr(demo_data, "open_parts", _refuse)
    IndexMark("movielens-100k", 9, fingerprint).save(tmp_path)
    server.script("GetInfo", answers(info))
    server.script("GetItems", answers(catalog_pb2.GetItemsResponse(unknown_item_ids=unknown)))
    with pytest.raises(StoreUnavailable, match="it tried"):
        await ensure_indexed(data(), client, NOWHERE, tmp_path, console.progress_bar)


async def test_a_user_is_asked_for_three_times_with_the_same_context(
    server: ScriptedServer, client: CrossrankClient
) -> None:
    asked = server.script("Recommend", *(answers(_recommended(item_id)) for item_id in ("1", "2", "3")))
    shown = await demonstrate(client, data(("u", "7", 1.0), ("u", "5", 1.0)), "u")
    assert (shown.liked, shown.history) == (2, ("Film 5", "Film 7"))
    lists = (shown.first_stage, shown.reranked, shown.read)
    assert [[item.item_id for item in one.items] for one in lists] == [["1"], ["2"], ["3"]]
    requests = [call.request for call in asked.received]
    assert all(request.context == requests[0].context for request in requests)
    assert [request.options.first_stage_order for request in requests] == [True, False, False]
    assert [request.options.reading for request in requests] == [
        ranking_pb2.READING_NEVER,
        ranking_pb2.READING_UNSPECIFIED,
        ranking_pb2.READING_ALWAYS,
    ]


RANKER = Ranker(
    "abc",
    "own",
    "NDCG@10 +0.02 against item_neighbors",
    703,
    (MeasuredOrder("item_neighbors", 0.15, 0.14, 0.16, 0.0, 1.0), MeasuredOrder("own", 0.17, 0.16, 0.18, 0.02, 0.001)),
)


def test_the_tables_show_both_orders_the_logits_and_what_was_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    before = [_film("1", 1, 1), _film("2", 2, 2)]
    after = [_film("2", 1, 2, score=0.8176), _film("1", 2, 1, score=0.5622)]
    read = [_film("2", 1, 2, logit=1.5, score=0.8176), _film("1", 2, 1, logit=0.25, score=0.5622)]
    user = UserDemo(
        user_id="u",
        liked=2,
        history=("Film 5", "Film 7"),
        first_stage=RankedList(tuple(before), metadata()),
        reranked=RankedList(tuple(after), metadata()),
        read=RankedList(tuple(read), metadata()),
    )
    print_demo(Demo([user], RANKER, indexed=False, memory_mb={"gateway": 80.4}, seconds={"start": 5.0, "stop": 1.0}))
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "User u likes 2 films, most recently"
    assert lines[1] == "Film 5 · Film 7"
    assert lines[4].split() == ["1", "Film", "1", "Film", "2", "▲", "1", "1.500", "popular"]
    assert lines[5].split() == ["2", "Film", "2", "Film", "1", "▼", "1", "0.250", "popular"]
    text = "\n".join(lines)
    unwrapped = " ".join(text.split())
    assert "for the logits above: 9 of 9 read by the cross-encoder, " in unwrapped
    assert "lists are ordered by trees of this catalogue (abc): NDCG@10 +0.02 against item_neighbors" in unwrapped
    [served] = [line for line in lines if line.endswith("served")]
    assert served.startswith("trees")
    assert "0.1700" in served
    assert "indexed by an earlier run" in text
    assert "gateway 80 MB" in text
    assert "together 6.0 s" in text


def test_each_place_has_one_line_of_80_columns_whatever_films_are_called(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console.results, "width", 80)
    title = "Wallace & Gromit: The Best of Aardman Animation"
    item = replace(_film("1", 1, 100, logit=-10.5), sources=("text_ann", "item_neighbors"), fields={"title": title})
    alone = replace(item, sources=("item_neighbors",))
    lists = RankedList((item, alone), metadata())
    print_demo(Demo([UserDemo("u", 0, (), lists, lists, lists)], None, indexed=True, memory_mb={}, seconds={}))
    first, second = [line for line in capsys.readouterr().out.splitlines() if "Wallace" in line]
    assert first.split()[-4:] == ["99", "-10.500", "2", "sources"]
    assert second.split()[-1] == "item_neighbors"
    assert first.count("…") == 2


def test_lists_of_different_lengths_are_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    longer = RankedList((_film("1", 1, 1), _film("2", 2, 2)), metadata())
    shorter = RankedList((_film("2", 1, 2),), metadata())
    print_demo(Demo([UserDemo("u", 0, (), longer, shorter, shorter)], None, indexed=True, memory_mb={}, seconds={}))
    assert capsys.readouterr().out.count("Film 2") == 2


def _refuse(settings: Settings) -> None:
    raise StoreUnavailable(f"it tried {settings.postgres_url}")


def _film(item_id: str, rank: int, first: int, logit: float | None = None, score: float | None = None) -> RankedItem:
    fields = {"title": f"Film {item_id}"}
    return RankedItem(item_id, rank, first, logit, score, sources=("popular",), fields=fields)


def _recommended(item_id: str) -> ranking_pb2.RecommendResponse:
    return ranking_pb2.RecommendResponse(items=[ranking_pb2.RankedItem(item_id=item_id, rank=1)])


def _says(state: StackState) -> Callable[[Path], StackState]:
    return lambda directory: state


def test_a_running_stack_is_used_and_left_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = StackState(1, [PartState("gateway", "127.0.0.1:1", Status.READY)])
    monkeypatch.setattr(stack, "read_status", _says(ready))
    with running_stack(tmp_path) as state:
        assert state is ready
    assert list(tmp_path.iterdir()) == []


def test_a_stack_that_is_starting_or_broken_is_not_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starting = StackState(1, [PartState("gateway", status=Status.STARTING)])
    monkeypatch.setattr(stack, "read_status", _says(starting))
    with pytest.raises(CommandFailed, match="the stack is starting"), running_stack(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []
