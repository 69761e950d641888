"""A cross-encoder together with the proof that it is right, which is renewed as long as it is open."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from gateway.ports import Scorer
from gateway.scoring.cross_encoder import CrossEncoder
from gateway.scoring.endpoints import Connection, Endpoints
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
    await verification.verify_all()
    rounds = asyncio.create_task(verification.run())
    try:
        yield VerifiedModel(endpoints, verification, CrossEncoder(endpoints, verification))
    finally:
        rounds.cancel()
        with suppress(asyncio.CancelledError):
            await rounds
