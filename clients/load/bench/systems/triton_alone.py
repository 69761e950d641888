"""The served model on Triton without a gateway, under the load of the real perf_analyzer. Must not know the gateway."""

import asyncio
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from clients.load.bench.systems.served_stack import triton_alone
from clients.load.bench.systems.wide_repository import MODEL
from clients.load.bench.workload.job_texts import FIELD, Job
from clients.load.bench.workload.meter import Meter
from clients.load.bench.workload.readings import Load, Reading
from clients.load.bench.workload.system import CALLERS, CANDIDATES, Findings, System, Visit
from clients.load.perf_analyzer.binary import ANY_PERCENT, find_perf_analyzer
from clients.load.perf_analyzer.binary import Load as AnalyzerLoad
from clients.load.perf_analyzer.campaign import Campaign
from deploy.local.parts.ports import LOOPBACK
from deploy.local.parts.triton import Triton
from deploy.local.parts.triton_control import control_headers
from gateway.domain.budget import Budget
from gateway.domain.values import EncodedPair
from gateway.encoding.bundle import open_bundle
from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.render import ContextFields
from gateway.scoring.triton import Inference, TritonConnection, pair_tensors

ROWS = 25
"""Pairs of one request: four together are the candidates of one caller."""

_LISTS = 20
_WINDOWS = 3
_CALL_TIMEOUT_S = 60.0


class TritonAlone(System):
    """Started for every visit. ``tools``: where perf_analyzer is kept."""

    name = "triton"

    def __init__(self, repository: Path, state_directory: Path, tools: Path) -> None:
        self._repository = repository
        self._state_directory = state_directory
        self._tools = tools
        self._encoder = open_bundle(repository / MODEL / "1" / "encoding").encoder

    def visit(self, visit: Visit) -> Findings:
        """As System."""
        analyzer = find_perf_analyzer(self._tools)
        folder = visit.folder / self.name
        folder.mkdir(parents=True, exist_ok=True)
        in_flight = CALLERS * CANDIDATES // ROWS
        load = AnalyzerLoad(
            concurrency=f"{in_flight}:{in_flight}:1",
            window_ms=max(500, round(visit.seconds * 1000 / _WINDOWS)),
            max_windows=_WINDOWS,
            stability_percent=ANY_PERCENT,  # rounds tell how far it scatters
        )
        with triton_alone(self._state_directory, self._repository) as (triton, pid):
            analyzer = replace(analyzer, headers=control_headers(triton.key_file))
            scores = asyncio.run(_scores(triton.url, encoded(self._encoder, visit.proof)))
            campaign = Campaign(triton.url, MODEL, load, ROWS, length_classes=1)
            readings = []
            for mix in visit.mixes:
                lists = encoded(self._encoder, list(islice(mix.jobs(CANDIDATES, visit.seed), _LISTS)))
                before = pairs_counted(triton)
                with Meter([pid]) as meter:
                    result = campaign.run(analyzer, lists, folder, lambda inputs: None)
                (measured,) = result.classes[0].measurements
                readings.append(
                    Reading(
                        system=self.name,
                        load=Load(mix.name, "closed", in_flight, ROWS),
                        pairs_per_s=measured.rows_per_s,
                        percentiles={"p50": measured.p50_ms, "p95": measured.p95_ms, "p99": measured.p99_ms},
                        cost=meter.cost(round(pairs_counted(triton) - before)),
                        variant="perf_analyzer",
                    )
                )
        return Findings(readings, scores)


def encoded(encoder: PairEncoder, jobs: Sequence[Job]) -> list[list[EncodedPair]]:
    """The pairs of each job, as the gateway encodes them."""
    lists = []
    for job in jobs:
        context = encoder.encode_context(ContextFields(query=job.context))
        lists.append([encoder.join(context, encoder.encode_item({FIELD: item})) for item in job.items])
    return lists


def pairs_counted(triton: Triton) -> float:
    """Pairs that Triton's own metrics say it has scored."""
    with urllib.request.urlopen(f"http://{LOOPBACK}:{triton.metrics_port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    start = f'nv_inference_count{{model="{MODEL}"'
    return sum(float(line.split()[-1]) for line in lines if line.startswith(start))


async def _scores(url: str, lists: Sequence[Sequence[EncodedPair]]) -> list[list[float]]:
    connection = TritonConnection(url)
    try:
        return [[float(one) for one in await _logits(connection, pairs)] for pairs in lists]
    finally:
        await connection.close()


async def _logits(connection: TritonConnection, pairs: Sequence[EncodedPair]) -> list[float]:
    logits: list[float] = []
    for start in range(0, len(pairs), ROWS):
        answer = await connection.infer(
            Inference(
                model=MODEL,
                version="",
                inputs=pair_tensors(pairs[start : start + ROWS]),
                output="logit",
                budget=Budget(_CALL_TIMEOUT_S),
            )
        )
        logits += answer[:, 0].tolist()
    return logits
