"""Verification over scripted connections, with one encoding folder per version."""

from dataclasses import replace
from pathlib import Path

from gateway.domain.budget import Budget
from gateway.encoding.bundle import EncodingBundle
from gateway.scoring.cross_encoder import CrossEncoder
from gateway.scoring.endpoints import Endpoints
from gateway.scoring.verification import Verification, VerificationPlan
from tests.fakes.connections import FakeConnection
from tests.fakes.specs import small_bundle


class Rig:
    """Endpoints over scripted connections, with one encoding folder per version."""

    def __init__(self, folder: Path, *versions: str) -> None:
        self.bundles: dict[str, EncodingBundle] = {version: small_bundle(folder / version) for version in versions}
        self.fingerprint = self.bundles[versions[0]].fingerprint
        self.connections = [FakeConnection(f"triton-{number}", self.fingerprint) for number in range(2)]
        self.endpoints = Endpoints(self.connections)
        self.plan = VerificationPlan("cross_encoder", folder, interval_s=0.01, timeout_s=1.0, patience_s=5.0)
        self.verification = Verification(self.endpoints, self.plan)
        self.scorer = CrossEncoder(self.endpoints, self.verification)

    def with_plan(self, only: str = "", never: str = "") -> Verification:
        """Another verification over endpoints of its own on the same connections."""
        return Verification(Endpoints(self.connections), replace(self.plan, only=only, never=never))

    async def score(self) -> list[float]:
        model = self.scorer.current()
        pairs = model.bundle.golden.encode(model.bundle.encoder)
        logits = await self.scorer.score(model, pairs, Budget(1.0))
        return [float(logit) for logit in logits]
