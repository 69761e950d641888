"""A cross-encoder together with the proof that it is right, which is renewed as long as it is open."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.ports import Scorer
from gateway.scoring.cross_encoder import CrossEncoder
from gateway.scoring.endpoints import Connection, Endpoints
from gateway.scoring.rounds import renewed
from gateway.scoring.verification import Verification, VerificationPlan


@dataclass(frozen=True, slots=True)
class VerifiedModel:
    """One model: where it may be asked, which version of it is right, and the scorer over both. Two models over the
    same connections know nothing of each other: a fault of one ejects no endpoint of the other."""

    endpoints: Endpoints
    verification: Verification
    scorer: Scorer


@asynccontextmanager
async def open_verified(connections: Sequence[Connection], plan: VerificationPlan) -> AsyncIterator[VerifiedModel]:
    """Verified once before use, with or without success, and then again and again in the background."""
    endpoints = Endpoints(connections)
    verification = Verification(endpoints, plan)
    async with renewed(verification):
        yield VerifiedModel(endpoints, verification, CrossEncoder(endpoints, verification))
