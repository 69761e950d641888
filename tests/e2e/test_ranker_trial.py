"""A ranker on trial beside the one that serves, on the real stack: what the shadow finds of everybody's lists, whom the
canary answers, what the commands tell of it, and going back to an earlier ranker."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from crossrank_client import CrossrankClient, Interaction, Query, User
from deploy.local.plan import Plan
from deploy.local.stack import LocalStack
from gateway.catalog.rebuild import rebuild_relations
from gateway.domain.budget import Budget
from gateway.ranker.fitted import FittedRanker
from gateway.store.pool import Database
from gateway.store.rankers import PostgresRankerStore
from tests.clients.command_line.program import Outcome, crossrank
from tests.e2e.catalogue import fill
from tests.fakes.rankers import steps, with_trees

USERS = [f"u{number}" for number in range(24)]
SOON_S = 60.0


def by(relation: str) -> FittedRanker:
    """Trees that put first what is nearest to the history by one relation."""
    return with_trees(steps(f"relation_order:{relation}", *(60 / (60 + rank) - 1e-4 for rank in range(1, 11))))


SERVES, ON_TRIAL = by("item_knn"), by("text")


@pytest.fixture(scope="module")
async def filled(postgres: str, own_gateway: Plan, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Database]:
    """A catalogue with relations and both rankers; the one that serves is the newest."""
    database = Database(postgres, connections=2)
    await database.open()
    folder = tmp_path_factory.mktemp("filling")
    with LocalStack(folder, own_gateway) as stack:
        await fill(stack.status().part("gateway").url)
    await rebuild_relations(database, Budget(SOON_S))
    for ranker in (ON_TRIAL, SERVES):
        await PostgresRankerStore(database).keep(ranker, Budget(SOON_S))
    yield database
    await database.close()


@pytest.fixture
async def database(filled: Database) -> Database:
    """The same, with nothing shown and nothing compared."""
    await filled.execute("TRUNCATE impressions, shadow_comparisons", [], Budget(SOON_S))
    return filled


class Running:
    """A stack with these settings, and its commands."""

    def __init__(self, stack: LocalStack, client: CrossrankClient) -> None:
        self._stack, self.client = stack, client

    async def tell(self, *command: str) -> Any:
        """What a command says of this stack, as one document."""
        told: Outcome = await asyncio.to_thread(
            crossrank, *command, "--state-dir", self._stack.state_directory, "--json"
        )
        assert told.exit_code == 0, told.notes
        return told.document

    async def ordered_by(self, user: str) -> str:
        """The version of the trees that ordered the user's list."""
        metadata = (await self.client.recommend(User(user))).metadata
        assert metadata.ordered_by == "TREES"
        return metadata.ordered_by_version

    async def until_served(self, ranker: FittedRanker) -> None:
        async with asyncio.timeout(SOON_S):
            while (found := (await self.client.get_info()).ranker) is None or found.version != ranker.version:
                await asyncio.sleep(0.05)


@pytest.fixture
async def running(
    database: Database,
    own_gateway: Plan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Running]:
    """Takes the settings as its parameter."""
    for name, value in request.param.items():
        monkeypatch.setenv(f"CROSSRANK_{name}", value)
    with LocalStack(tmp_path / "stack", own_gateway) as stack:
        async with CrossrankClient(stack.status().part("gateway").url, timeout_s=5.0) as client:
            yield Running(stack, client)


CHALLENGER = {"CHALLENGER": f"ranker:{ON_TRIAL.version}"}


@pytest.mark.parametrize("running", [{**CHALLENGER, "SHADOW_SHARE": "1", "SHADOW_WAITING": "100"}], indirect=True)
async def test_a_shadow_compares_both_rankers_on_every_list_that_trees_order(running: Running) -> None:
    await running.until_served(SERVES)
    assert {await running.ordered_by(user) for user in USERS} == {SERVES.version}, "callers see nothing of it"
    for text in ("golden river", "silent city"):
        await running.client.recommend(Query(text))
    async with asyncio.timeout(SOON_S):
        while sum(one["compared"] + one["same"] for one in await running.tell("shadow", "report")) < len(USERS) + 2:
            await asyncio.sleep(0.2)
    by_champion = {one["champion"]: one for one in await running.tell("shadow", "report")}
    assert by_champion.keys() == {f"ranker:{SERVES.version}", "first_stage:blend"}
    trees, queries = by_champion[f"ranker:{SERVES.version}"], by_champion["first_stage:blend"]
    assert {trees["challenger"], queries["challenger"]} == {f"ranker:{ON_TRIAL.version}"}
    assert (trees["compared"], trees["same"], trees["dropped"], trees["failed"]) == (len(USERS), 0, 0, 0)
    assert (queries["compared"], queries["same"], queries["failed"]) == (0, 2, 0), "trees order no list of a query"
    assert -1 < trees["kendall_tau"] < 1
    assert trees["timed"] == len(USERS)
    assert trees["score_shift"] is not None
    assert trees["logit_shift"] is None, "nobody read"


@pytest.mark.parametrize("running", [{**CHALLENGER, "CANARY_SHARE": "0.5"}], indirect=True)
async def test_a_canary_answers_the_same_users_by_the_ranker_on_trial_and_feedback_is_told_apart(
    running: Running,
) -> None:
    await running.until_served(SERVES)
    drawn = {user: await running.ordered_by(user) for user in USERS}
    assert set(drawn.values()) == {SERVES.version, ON_TRIAL.version}
    assert {user: await running.ordered_by(user) for user in USERS} == drawn
    lucky = next(user for user, version in drawn.items() if version == ON_TRIAL.version)
    ranked = await running.client.recommend(User(lucky))
    liked = Interaction(lucky, ranked.items[0].item_id, "view", attribution_token=ranked.metadata.attribution_token)
    await running.client.record_interactions([liked])
    found = {one["ordered_by"]: one for one in await running.tell("canary", "report")}
    assert found.keys() == {f"ranker:{SERVES.version}", f"ranker:{ON_TRIAL.version}"}
    tried, served = found[f"ranker:{ON_TRIAL.version}"], found[f"ranker:{SERVES.version}"]
    assert {tried["kind"], served["kind"]} == {"warm"}
    users = list(drawn.values()).count(ON_TRIAL.version)
    assert (tried["subjects"], tried["lists"], tried["liked"]) == (users, 2 * users + 1, 1)
    assert (served["subjects"], served["liked"]) == (len(USERS) - users, 0)


@pytest.mark.parametrize("running", [{"RANKER": ON_TRIAL.version}], indirect=True)
async def test_a_setting_goes_back_to_an_earlier_ranker_and_the_list_of_rankers_says_which_serves(
    running: Running,
) -> None:
    await running.until_served(ON_TRIAL)
    assert await running.ordered_by("u1") == ON_TRIAL.version
    told = await running.tell("rankers")
    assert told["served"] == ON_TRIAL.version
    assert [(one["version"], one["serves"]) for one in told["rankers"]] == [
        (SERVES.version, False),
        (ON_TRIAL.version, True),
    ]


@pytest.mark.parametrize("running", [{"CHALLENGER": "ranker:first_stage", "SHADOW_SHARE": "1"}], indirect=True)
async def test_first_stage_order_can_be_on_trial(running: Running) -> None:
    await running.until_served(SERVES)
    await running.ordered_by("u1")
    async with asyncio.timeout(SOON_S):
        while not (days := await running.tell("shadow", "report")):
            await asyncio.sleep(0.2)
    (day,) = days
    assert (day["champion"], day["challenger"]) == (f"ranker:{SERVES.version}", "ranker:first_stage")
    assert (day["compared"], day["score_shift"]) == (1, None)
