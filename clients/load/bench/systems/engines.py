"""Engines that run in the calling process: sentence-transformers as it comes, and the bare int8 graph as fast as ONNX
Runtime runs it here. Must not know how they are measured."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime

from clients.load.bench.workload.job_texts import FIELD, Job
from gateway.domain.values import EncodedPair
from gateway.encoding.bundle import open_bundle
from gateway.encoding.render import ContextFields
from gateway.scoring.triton import pair_tensors
from training.export.session import keep_precision

BATCH_PAIRS = 8
"""Small batches of similar length are the fastest on CPU."""

MANY_SESSIONS, ONE_SESSION = "a thread per batch", "all threads in one batch"


class Engine(Protocol):
    """Texts in, scores out."""

    def score(self, job: Job) -> list[float]:
        """A score per item, in their order."""


class SentenceTransformersEngine:
    """`CrossEncoder.predict` with its defaults, on a checkpoint folder."""

    def __init__(self, checkpoint: Path) -> None:
        from sentence_transformers import CrossEncoder  # seconds and memory that the other engine must not be charged

        self._model = CrossEncoder(str(checkpoint), device="cpu", local_files_only=True)

    def score(self, job: Job) -> list[float]:
        """As Engine."""
        pairs = [(job.context, item) for item in job.items]
        return [float(one) for one in self._model.predict(pairs, show_progress_bar=False)]


class BareEngine:
    """Tokenise, sort by length, batches of 8 on ONNX Runtime. ``arrangement``: how the cores share the batches."""

    def __init__(self, version_folder: Path, arrangement: str) -> None:
        cores = len(os.sched_getaffinity(0))
        many = arrangement == MANY_SESSIONS
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1 if many else cores
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        keep_precision(options)
        graph = str(version_folder / "model.onnx")
        workers = cores if many else 1
        self._sessions = [
            onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"]) for _ in range(workers)
        ]
        self._inputs = [node.name for node in self._sessions[0].get_inputs()]
        self._pool = ThreadPoolExecutor(workers)
        self._encoder = open_bundle(version_folder / "encoding").encoder

    def score(self, job: Job) -> list[float]:
        """As Engine."""
        context = self._encoder.encode_context(ContextFields(query=job.context))
        items = self._encoder.encode_items([{FIELD: item} for item in job.items])
        pairs = [self._encoder.join(context, item) for item in items]
        order = sorted(range(len(pairs)), key=lambda place: -len(pairs[place].token_ids))
        batches = [order[start : start + BATCH_PAIRS] for start in range(0, len(order), BATCH_PAIRS)]
        logits = np.zeros(len(pairs), np.float32)

        def run(session: Any) -> None:
            while batches:
                try:
                    chosen = batches.pop(0)
                except IndexError:
                    return
                logits[chosen] = self._run(session, [pairs[place] for place in chosen])

        list(self._pool.map(run, self._sessions))
        return [float(one) for one in logits]

    def _run(self, session: Any, pairs: Sequence[EncodedPair]) -> Any:
        tensors = pair_tensors(pairs)
        return session.run(None, {name: tensors[name] for name in self._inputs})[0].reshape(-1)
