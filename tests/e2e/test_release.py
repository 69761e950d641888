"""A version comes and goes on a whole running stack while callers ask all the time: none of them notices, and one that
gives wrong answers never serves."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copytree

import pytest

from clients.command_line.release.released_model import ReleasedModel
from clients.command_line.shared.console import ExitCode
from crossrank_client import Candidate, CrossrankCallError, CrossrankClient, Query, RankingOptions, Reading
from deploy.local.parts.triton import PROJECT_REPOSITORY
from deploy.local.plan import Plan
from deploy.local.stack import LocalStack, control_headers
from tests.clients.command_line.program import Outcome, crossrank
from tests.training.release.promotion.versions import candidate, cards, model_of, serving, write_version
from training.release.errors import NotServed
from training.release.gate.gate import Evidence, run_gate
from training.release.promotion.promotion import promote
from training.release.promotion.running import RunningStack
from training.release.repository.manifest import write_manifest
from training.release.repository.model_folder import ModelFolder

WORDS = "toy story the matrix heat alien jaws brazil fargo space".split()
CALLERS = 2
PAUSE_S = 0.02
SHIFTS = {"first": 0.0, "second": 0.25, "third": 0.5}
"""The models give whole numbers and this: a logit tells which version computed it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A stack, the model that it serves, and a folder for versions to come."""

    stack: LocalStack
    model: ModelFolder
    scratch: Path

    def command(self, name: str, *arguments: object) -> Outcome:
        """A release command about this stack."""
        repository = ("--model-repository", self.model.root.parent, "--state-dir", self.stack.state_directory)
        return crossrank(name, *repository, *arguments, "--json")

    def judged(self, card: str, golden_shift: float = 0.0) -> Path:
        """A new version, judged against the one that serves."""
        version = candidate(self.scratch, card, SHIFTS.get(card, 0.75), golden_shift)
        champion = self.model.folder(serving(self.model) or 0)
        run_gate(version, Evidence(champion=champion)).write(version)
        return version

    def running(self, prove_s: float = 60.0) -> RunningStack:
        """As a command sees it."""
        return RunningStack(
            self.stack.status().part("triton").url,
            control_headers(self.stack.state_directory),
            self.stack.status().part("gateway").url,
            self.model,
            load_s=60.0,
            prove_s=prove_s,
        )


@dataclass(slots=True)
class Traffic:
    """What callers were answered: the version and the fractions of the logits of each list, and what went wrong."""

    answers: list[tuple[str, set[float]]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def versions(self) -> list[str]:
        """In the order in which they first answered."""
        return list(dict.fromkeys(version for version, _ in self.answers))

    async def ask(self, client: CrossrankClient, draw: random.Random) -> None:
        """One list of invented items that no cache knows."""
        titles = [" ".join(draw.sample(WORDS, 4)) for _ in range(12)]
        candidates = [
            Candidate(f"i{place}", {"title": title, "year": str(place)}) for place, title in enumerate(titles)
        ]
        options = RankingOptions(top_n=12, require_rerank=True, reading=Reading.ALWAYS)
        try:
            ranked = await client.rerank(Query(draw.choice(WORDS)), candidates, options=options)
        except CrossrankCallError as fault:
            self.faults.append(repr(fault))
            return
        if ranked.degraded:
            self.faults.append(f"degraded: {ranked.metadata.degraded}")
        fractions = {round((item.logit or 0.0) % 1, 3) for item in ranked.items}
        self.answers.append((ranked.metadata.model_version, fractions))

    async def answered(self, more: int) -> None:
        """Waits for so many more answers."""
        wanted = len(self.answers) + more
        async with asyncio.timeout(60):
            while len(self.answers) < wanted:
                await asyncio.sleep(0.01)

    def shifts(self) -> dict[str, set[float]]:
        """By version: the fractions of all its logits."""
        found: dict[str, set[float]] = {}
        for version, fractions in self.answers:
            found.setdefault(version, set()).update(fractions)
        return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    repository = tmp_path_factory.mktemp("release") / "serving"
    copytree(PROJECT_REPOSITORY / "bi_encoder", repository / "bi_encoder")
    write_version(repository, 1, "first", SHIFTS["first"])
    with LocalStack(tmp_path_factory.mktemp("stack"), Plan(model_repository=str(repository))) as stack:
        yield Place(stack, model_of(repository), tmp_path_factory.mktemp("new"))


@asynccontextmanager
async def traffic(place: Place) -> AsyncIterator[Traffic]:
    """Callers who ask all the time, from before the block until after it."""
    seen, over = Traffic(), asyncio.Event()

    async def call(seed: int, client: CrossrankClient) -> None:
        draw = random.Random(f"23 {seed}")
        while not over.is_set():
            await seen.ask(client, draw)
            await asyncio.sleep(PAUSE_S)  # callers leave the processor to what they must not notice

    async with CrossrankClient(place.stack.status().part("gateway").url, timeout_s=4.0) as client:
        callers = [asyncio.create_task(call(seed, client)) for seed in range(CALLERS)]
        try:
            await seen.answered(20)
            yield seen
            await seen.answered(20)
        finally:
            over.set()
            await asyncio.gather(*callers)


def expect_no_fault(seen: Traffic) -> None:
    assert seen.faults == []
    assert all(len(fractions) == 1 for _, fractions in seen.answers), "a list of one version each"


async def test_callers_do_not_notice_a_promotion_and_a_rollback(place: Place) -> None:
    version = place.judged("second")
    async with traffic(place) as seen:
        promoted = await asyncio.to_thread(place.command, "promote", "--from", version, "--allow-incomplete")
        assert promoted.exit_code == ExitCode.OK, promoted.notes
        assert promoted.document["served"] is True
        assert (promoted.document["version"], promoted.document["replaced"]) == (2, 1)
        begun = len(seen.answers) + CALLERS
        await seen.answered(CALLERS + 20)
        assert {answered_by for answered_by, _ in seen.answers[begun:]} == {"2"}
        back = await asyncio.to_thread(place.command, "rollback")
        assert back.exit_code == ExitCode.OK, back.notes
        assert (back.document["version"], back.document["replaced"], back.document["served"]) == (1, 2, True)
        begun = len(seen.answers) + CALLERS
        await seen.answered(CALLERS + 20)
        assert {answered_by for answered_by, _ in seen.answers[begun:]} == {"1"}
    expect_no_fault(seen)
    assert seen.shifts() == {"1": {SHIFTS["first"]}, "2": {SHIFTS["second"]}}
    shown = place.command("versions").document
    assert (shown["served"], [one["state"] for one in shown["versions"]]) == ("1", ["serving", "loaded"])
    assert place.stack.status().part("triton").restarts == 0


async def test_a_version_with_wrong_golden_logits_does_not_pass_the_command(place: Place) -> None:
    before = cards(place.model)
    version = place.judged("wrong", golden_shift=1.0)
    refused = await asyncio.to_thread(place.command, "promote", "--from", version, "--allow-incomplete")
    assert refused.exit_code == ExitCode.FAILURE
    assert "logits: golden pair 0" in " ".join(refused.notes.split())
    assert (serving(place.model), cards(place.model)) == (1, before)


async def test_a_version_with_wrong_golden_logits_that_comes_past_the_gate_never_serves(place: Place) -> None:
    before, version = cards(place.model), candidate(place.scratch, "smuggled", 0.75, golden_shift=1.0)
    async with traffic(place) as seen:
        with pytest.raises(NotServed, match="after 4 s: it serves version 1"):
            await asyncio.to_thread(promote, place.model, version, place.running(prove_s=4.0).switch)
    expect_no_fault(seen)
    assert seen.shifts() == {"1": {SHIFTS["first"]}}
    assert (serving(place.model), cards(place.model)) == (1, before)
    log = (place.stack.state_directory / "logs" / "gateway.log").read_text(encoding="utf-8")
    assert "model_version_refused" in log, "the gateway saw it and refused it"


async def test_a_version_that_triton_cannot_load_never_serves(place: Place) -> None:
    before, version = cards(place.model), candidate(place.scratch, "unloadable")
    (version / "model.py").write_text("raise RuntimeError('planted')\n", encoding="utf-8")
    write_manifest(version)
    async with traffic(place) as seen:
        with pytest.raises(NotServed, match="Triton does not load version"):
            await asyncio.to_thread(promote, place.model, version, place.running().switch)
    expect_no_fault(seen)
    assert seen.shifts() == {"1": {SHIFTS["first"]}}
    assert (serving(place.model), cards(place.model)) == (1, before)


async def test_the_stack_takes_the_next_good_version_after_all_that(place: Place) -> None:
    async with traffic(place) as seen:
        change = await asyncio.to_thread(promote, place.model, place.judged("third"), place.running().switch)
        assert place.model.folder(change.serving).is_dir()
    expect_no_fault(seen)
    assert seen.versions == ["1", str(change.serving)]
    assert seen.shifts()[str(change.serving)] == {SHIFTS["third"]}


def test_only_the_stack_that_serves_the_repository_is_told(place: Place, tmp_path: Path) -> None:
    directory, repository = place.stack.state_directory, place.model.root.parent
    running = ReleasedModel(model_repository=repository).running(directory)
    assert running is not None
    assert running.serving() == str(serving(place.model))
    assert ReleasedModel(model_repository=tmp_path).running(directory) is None
    assert ReleasedModel(model_repository=repository).running(tmp_path) is None
