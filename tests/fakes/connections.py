"""A scripted Triton connection: answers golden pairs rightly until told otherwise."""

import asyncio

import numpy as np

from gateway.domain.errors import CrossrankError, DeadlineTooShort
from gateway.domain.values import EncodedPair
from gateway.scoring.triton import Inference, ModelConfiguration, Tensor
from tests.fakes.scorers import hash_logit


class FakeConnection:
    """Speaks like TritonConnection. ``fault`` fails every call; ``shift`` is added to every logit, ``shifts`` to those
    of one version; ``serving`` is the version that the configuration wants served; in a ``black_hole`` nothing arrives
    until it connects anew."""

    def __init__(self, url: str, fingerprint: str, versions: list[str] | None = None) -> None:
        self.url = url
        self.fingerprint = fingerprint
        self.loaded = versions if versions is not None else ["1"]
        self.fault: CrossrankError | None = None
        self.shift = 0.0
        self.shifts: dict[str, float] = {}
        self.serving = ""
        self.gate: asyncio.Event | None = None
        self.inferences: list[Inference] = []
        self.black_hole = False
        self.reconnects = 0
        self.max_batch_size = 64

    async def infer(self, inference: Inference) -> Tensor:
        """Hash logits of the rows."""
        self.inferences.append(inference)
        if self.gate is not None:
            await self.gate.wait()
        self._fail()
        if inference.budget.spent:
            raise DeadlineTooShort("no time was left")
        lengths = inference.inputs["attention_mask"].sum(axis=1).tolist()
        rows = zip(inference.inputs["input_ids"], inference.inputs["token_type_ids"], lengths, strict=True)
        logits = [
            hash_logit(EncodedPair(tuple(ids[:length].tolist()), tuple(types[:length].tolist()), truncated=False))
            for ids, types, length in rows
        ]
        shift = self.shift + self.shifts.get(inference.version, 0.0)
        return np.array(logits, np.float32).reshape(-1, 1) + np.float32(shift)

    async def versions(self, model: str, timeout_s: float) -> list[str]:
        """The versions loaded."""
        self._fail()
        return self.loaded

    async def configuration(self, model: str, timeout_s: float) -> ModelConfiguration:
        """The fingerprint of all versions, and which one is to serve."""
        serving = {"serving_version": self.serving} if self.serving else {}
        return ModelConfiguration({"encoding_fingerprint": self.fingerprint, **serving}, self.max_batch_size)

    async def reconnect(self) -> None:
        """Out of the black hole."""
        self.reconnects += 1
        self.black_hole = False

    def _fail(self) -> None:
        if self.black_hole:
            raise DeadlineTooShort("nothing came back")
        if self.fault is not None:
            raise self.fault
