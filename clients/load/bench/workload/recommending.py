"""What a recommendation costs beside its re-ranking: Recommend and Rerank of the same candidates for the same users, in
turn, without a cache. Must not fill the catalogue."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from clients.load.bench.workload.readings import percentiles
from clients.load.bench.workload.system import CANDIDATES
from crossrank_client import CandidateOptions, CrossrankClient, RankingOptions, Reading, User

UNCACHED = {"CROSSRANK_CACHE_ENTRIES": "0"}
"""Settings of the gateway to be asked: both calls compute every score."""

_TIMEOUT_S = 30.0
_ALL = RankingOptions(top_n=CANDIDATES, reading=Reading.ALWAYS)


@dataclass(frozen=True, slots=True)
class Recommending:
    """Milliseconds, a value per user."""

    recommend_ms: tuple[float, ...]
    rerank_ms: tuple[float, ...]

    def document(self) -> dict[str, object]:
        """Percentiles of both calls and the difference of their medians, in milliseconds, with the raw values."""
        recommend, rerank = percentiles(self.recommend_ms), percentiles(self.rerank_ms)
        return {
            "recommend_ms": recommend,
            "rerank_ms": rerank,
            "recommend_minus_rerank_p50_ms": round(recommend["p50"] - rerank["p50"], 3),
            "users": len(self.recommend_ms),
            "raw_recommend_ms": [round(one, 3) for one in self.recommend_ms],
            "raw_rerank_ms": [round(one, 3) for one in self.rerank_ms],
        }


async def measure(url: str, users: Sequence[str]) -> Recommending:
    """One caller; the first user is asked once more, uncounted. Every second user's Rerank comes first, so that neither
    call profits from the other. Raises CrossrankCallError, CrossrankDegraded."""
    found: dict[str, list[float]] = {"recommend": [], "rerank": []}
    async with CrossrankClient(url, timeout_s=_TIMEOUT_S, raise_on_degraded=True) as client:
        await _recommend(client, users[0])
        for number, user in enumerate(users):
            candidates, _ = await _recommend(client, user)
            for name in ("recommend", "rerank") if number % 2 else ("rerank", "recommend"):
                if name == "recommend":
                    _, seconds = await _recommend(client, user)
                else:
                    seconds = await _rerank(client, user, candidates)
                found[name].append(seconds * 1000)
    return Recommending(tuple(found["recommend"]), tuple(found["rerank"]))


async def _recommend(client: CrossrankClient, user: str) -> tuple[list[str], float]:
    start = time.perf_counter()
    ranked = await client.recommend(User(user), candidates=CandidateOptions(limit=CANDIDATES), options=_ALL)
    return [item.item_id for item in ranked.items], time.perf_counter() - start


async def _rerank(client: CrossrankClient, user: str, candidates: Sequence[str]) -> float:
    start = time.perf_counter()
    await client.rerank(User(user), candidates, options=_ALL)
    return time.perf_counter() - start
