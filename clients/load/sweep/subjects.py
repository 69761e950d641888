"""What a sweep loads: Triton with token ids of pairs, the gateway with texts of lists. Must not send anything."""

from collections.abc import Sequence
from math import ceil
from pathlib import Path

from clients.load.perf_analyzer.inputs import input_names, write_inputs
from clients.load.perf_analyzer.list_inputs import ListRequest, unsent, write_lists
from clients.load.sample.gateway_counts import GatewayCounts, read_counts
from clients.load.sample.own_gateway import OwnGateway
from clients.load.sweep.report import GATEWAY, TRITON
from clients.load.sweep.sweep import Subject
from deploy.local.errors import StartFailed
from gateway.domain.values import EncodedPair

BATCH_PAIRS = 64
"""Of a model that `crossrank export` configured for CPUs."""

_STRIDES = 50


def callers(pairs: int) -> int:
    """So many requests of `pairs` that one full batch waits while another is scored."""
    return max(2, ceil(2 * BATCH_PAIRS / pairs))


def triton_subject(url: str, model: str, lists: Sequence[Sequence[EncodedPair]], rows: int, folder: Path) -> Subject:
    """Requests of `rows` pairs of similar length. Raises LocalStackError."""
    (inputs,) = write_inputs(folder, lists, input_names(url, model), rows, 1)
    return Subject(TRITON, url, model, rows, rows, callers(rows), lambda count: inputs.file)


def gateway_subject(gateway: OwnGateway, model: str, lists: Sequence[ListRequest], folder: Path) -> Subject:
    """Lists, each as one request; none is sent twice before all were sent. Raises StartFailed when their lengths
    differ."""
    lengths = {len(one.items) for one in lists}
    if len(lengths) != 1:
        found = f"{min(lengths)} to {max(lengths)}" if lengths else "no"
        raise StartFailed(f"the lists have {found} items; they must be of one length", remedy="ask for shorter lists")
    (pairs,) = lengths

    def counts() -> GatewayCounts:
        return read_counts(gateway.metrics_address)

    start, answered = 0, 0.0

    def inputs(count: int) -> Path:
        nonlocal start, answered
        answers = sum(counts().answers.values())
        if answers > answered:
            # Its threads walk through the file with strides, each at its own pace, so it has got further than it sent.
            start += ceil(2 * (answers - answered)) + _STRIDES
        answered = answers
        file = folder / "lists.json"
        write_lists(file, unsent(lists, start, count))
        return file

    return Subject(GATEWAY, gateway.url, model, 1, pairs, callers(pairs), inputs, counts)
