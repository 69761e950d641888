"""Whether the ranker that a stack was told to use orders its lists. Must not start or change anything."""

import asyncio

from crossrank_client import CrossrankCallError, CrossrankClient, Ranker
from gateway.ranker.fitted import FIRST_STAGE
from gateway.ranking.current_ranker import AUTO

_ASK_S = 5.0


def missing_ranker(gateway: str, wanted: str) -> str:
    """What orders lists instead of the ranker of this version, and why; empty where it does, where none is named, and
    where the gateway does not say."""
    if wanted in {AUTO, FIRST_STAGE}:
        return ""
    try:
        serving = asyncio.run(_serving(gateway))
    except CrossrankCallError:
        return ""
    if serving is None or serving.version == wanted:
        return ""
    return f"lists have first-stage order: {serving.reason}"


async def _serving(gateway: str) -> Ranker | None:
    async with CrossrankClient(gateway, timeout_s=_ASK_S) as client:
        return (await client.get_info()).ranker
