"""crossrank demo as a new user runs it: the real stack and the real models, on a small copy of the data set."""

import io
import random
import zipfile
from pathlib import Path

import pytest

from deploy.local import stack
from deploy.local.parts import shared_memory
from deploy.local.plan import PARTS, Plan
from deploy.local.process import orphans
from deploy.local.process.state import Status
from tests.clients.command_line.program import Outcome, crossrank

FILMS, USERS, LIKED = 60, 4, 25
SEED = 7


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set in the format of MovieLens 100K."""
    chance = random.Random(SEED)
    genres = ["0"] * 19
    films = [
        "|".join([str(n), f"Film number {n} ({1950 + n})", "", "", "", *genres[:5], "1", *genres[6:]])
        for n in range(1, FILMS + 1)
    ]
    ratings = [
        f"{user}\t{film}\t5\t{880_000_000 + 60 * moment}"
        for user in range(1, USERS + 1)
        for moment, film in enumerate(chance.sample(range(1, FILMS + 1), LIKED))
    ]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("ml-100k/u.item", "\n".join(films))
        archive.writestr("ml-100k/u.data", "\n".join(ratings))
    file = tmp_path_factory.mktemp("copy") / "ml-100k.zip"
    file.write_bytes(content.getvalue())
    return file


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def first(copy: Path, directory: Path) -> Outcome:
    return crossrank("demo", "--from", copy, "--state-dir", directory, "--json")


@pytest.fixture(scope="module")
def second(copy: Path, directory: Path, first: Outcome) -> Outcome:
    assert first.exit_code == 0, first.notes
    return crossrank("demo", "--from", copy, "--state-dir", directory)


def test_it_shows_three_users_before_and_after_reranking(first: Outcome) -> None:
    assert first.exit_code == 0, first.notes
    found = first.document
    assert found["indexed"]
    assert [user["user_id"] for user in found["users"]] == ["1", "2", "3"]
    for user in found["users"]:
        before, after = user["first_stage"]["items"], user["reranked"]["items"]
        assert len(user["history"]) == 5
        assert len(before) == len(after) == 10
        assert [item["rank"] for item in before] == [item["first_stage_rank"] for item in before]
        assert [item["item_id"] for item in after] == [item["item_id"] for item in before]
        assert all(item["logit"] is None and item["fields"]["title"] for item in after)
        stages = {stage["stage"] for stage in user["reranked"]["metadata"]["stages"]}
        assert stages >= {"candidates", "rank"}
        assert "score" not in stages
    assert found["ranker"]["serves"] == "first_stage"
    assert "nothing could be measured: 4 of 4 users" in found["ranker"]["reason"], "four users tell nothing"
    assert set(found["memory_mb"]) == set(PARTS)


def test_logits_stand_beside_the_order_where_the_cross_encoder_was_asked_to_read(first: Outcome) -> None:
    for user in first.document["users"]:
        served, read = user["reranked"], user["read"]
        assert served["metadata"]["scored_count"] == 0
        assert read["metadata"]["scored_count"] == FILMS - LIKED
        assert read["metadata"]["ordered_by"] == served["metadata"]["ordered_by"] == "FIRST_STAGE"
        assert all(item["logit"] is not None for item in read["items"])
        assert [item["item_id"] for item in read["items"]] == [item["item_id"] for item in served["items"]]


def test_a_second_run_indexes_nothing_and_speaks_to_people(second: Outcome) -> None:
    assert second.exit_code == 0, second.notes
    assert "indexed by an earlier run" in second.output
    assert second.output.count("asked a second time, for the logits above: 35 of 35 read by the cross-encoder, ") == 3


def test_nothing_that_it_started_is_left(directory: Path, second: Outcome) -> None:
    assert second.exit_code == 0, second.notes
    assert stack.read_status(directory).status is Status.STOPPED
    assert [part for part in ("supervisor", *PARTS) if any(orphans.find(part, directory))] == []
    assert shared_memory.regions(directory) == []


def test_crossrank_up_will_have_the_usual_ports_after_it(directory: Path, second: Outcome) -> None:
    assert second.exit_code == 0, second.notes
    assert Plan.load(directory / "plan.json").ports_at_random


def test_a_user_that_is_not_there_ends_the_demo_and_the_stack(copy: Path, directory: Path, second: Outcome) -> None:
    assert second.exit_code == 0, second.notes
    done = crossrank("demo", "--from", copy, "--state-dir", directory, "--user", "99")
    assert done.exit_code == 2
    assert "user '99' likes nothing in MovieLens 100K" in done.notes
    assert stack.read_status(directory).status is Status.STOPPED
