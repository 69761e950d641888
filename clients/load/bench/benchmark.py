"""The whole benchmark: prepares weights and texts, runs the rounds, and puts the document together. Must not print."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from clients.load import machine
from clients.load.bench.rounds import Record, run_rounds
from clients.load.bench.systems import agreement
from clients.load.bench.systems.checkpoint import write_checkpoint
from clients.load.bench.systems.environment import InfinityEnvironment
from clients.load.bench.systems.gateway_system import Extras, Gateway
from clients.load.bench.systems.infinity import ENGINES
from clients.load.bench.systems.peers import InfinityServer, InProcess
from clients.load.bench.systems.served_stack import PATIENT
from clients.load.bench.systems.triton_alone import TritonAlone, encoded
from clients.load.bench.systems.wide_repository import MODEL, SERVED, newest_version, write_wide_repository
from clients.load.bench.workload import job_texts
from clients.load.bench.workload.system import CALLERS, CANDIDATES, System, Visit
from gateway.domain.progress import Say
from gateway.domain.values import EncodedPair
from gateway.encoding.bundle import open_bundle
from gateway.encoding.pair_encoder import PairEncoder
from training.data.tables import Tables
from training.release.repository.recover import GRAPH_FILE

SEED = 20261124
_PROOF_LISTS, _PROOF_ITEMS = 3, 50
_NEEDS_CHECKPOINT = {"sentence_transformers", *ENGINES}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, how often and how long. ``read_movielens``: its tables, asked for when the mix is wanted."""

    systems: Sequence[str]
    mixes: Sequence[str]
    rounds: int
    seconds: float
    extras: Extras
    model_repository: Path
    directory: Path
    read_movielens: Callable[[], Tables]
    seed: int = SEED

    def document(self) -> dict[str, object]:
        """What a reader of the numbers must know."""
        return {
            "systems": list(self.systems),
            "mixes": list(self.mixes),
            "rounds": self.rounds,
            "seconds": self.seconds,
            "callers": CALLERS,
            "candidates": CANDIDATES,
            "seed": self.seed,
            "extras": asdict(self.extras),
            "gateway_settings": PATIENT,
            "triton_options": asdict(SERVED),
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: raw rounds, and what they must be read with. ``texts``: tokens of a pair by mix. ``agreement``:
    Kendall's tau by system."""

    plan: Mapping[str, Any]
    machine: Mapping[str, Any]
    versions: Mapping[str, str]
    texts: Mapping[str, Mapping[str, float]]
    agreement: Mapping[str, Mapping[str, float]]
    record: Record


class Benchmark:
    """Prepared by its first line of work, so that a missing part is told before any load."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._served = newest_version(plan.model_repository)
        self._repository = write_wide_repository(plan.model_repository, plan.directory / "models")
        self._version = self._repository / MODEL / "1"
        self._encoder: PairEncoder = open_bundle(self._version / "encoding").encoder
        self._checkpoint = plan.directory / "checkpoint"
        self._environment = InfinityEnvironment(plan.directory / "infinity")
        self._mixes = [self._mix(name) for name in plan.mixes]

    def run(self, told: Say) -> "Outcome":
        """``told`` gets each system's name before its turn. Raises TrainingError."""
        plan = self._plan
        if _NEEDS_CHECKPOINT & set(plan.systems):
            write_checkpoint(self._served, self._checkpoint)
        proof = [job for mix in self._mixes for job in islice(mix.jobs(_PROOF_ITEMS, plan.seed - 1), _PROOF_LISTS)]
        first = Visit(0, self._mixes, plan.seconds, plan.seed, plan.directory / "work", proof)
        visits = [replace(first, number=number, seed=plan.seed + 100_000 * number) for number in range(plan.rounds)]
        described = machine.describe_machine()
        record = run_rounds([self._system(name) for name in plan.systems], visits, told)
        return Outcome(
            plan=plan.document(),
            machine=described,
            versions=self._versions(record),
            texts={mix.name: dict(job_texts.token_lengths(mix, self._encoder, plan.seed)) for mix in self._mixes},
            agreement=self._agreement(record, encoded(self._encoder, proof)),
            record=record,
        )

    def _mix(self, name: str) -> job_texts.Mix:
        if name == "movielens":
            served = open_bundle(self._served / "encoding").encoder
            return job_texts.movielens(self._plan.read_movielens(), served)
        return job_texts.mixed(self._version / "encoding" / "tokenizer.json", self._plan.seed)

    def _system(self, name: str) -> System:
        stack = self._plan.directory / "stack"
        if name in ENGINES:
            return InfinityServer(name, self._environment, self._checkpoint, self._plan.directory / "infinity")
        if name == "triton":
            return TritonAlone(self._repository, stack, self._plan.directory / "perf_analyzer")
        if name == "gateway":
            return Gateway(self._repository, stack, self._plan.extras)
        return InProcess(name, self._checkpoint, self._version)

    def _versions(self, record: Record) -> dict[str, str]:
        found = machine.describe_versions()
        if set(ENGINES) & set(self._plan.systems) - set(record.absent):
            peer = self._environment.versions()
            found |= {f"infinity: {name}": version for name, version in peer.items()}
        return found

    def _agreement(self, record: Record, lists: Sequence[Sequence[EncodedPair]]) -> dict[str, dict[str, float]]:
        scores: dict[str, agreement.Scores] = dict(record.scores)
        if "infinity_int8" in scores:
            for name, segments in (("with", True), ("without", False)):
                found = agreement.int8_peer(self._checkpoint, lists, segments=segments)
                scores[f"infinity_graph_{name}_segments"] = found
        return agreement.taus(agreement.ours(self._version / GRAPH_FILE, lists), scores)
