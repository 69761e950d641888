"""The catalogue that `crossrank bench` recommends from: MovieLens 100K on a stack of its own, indexed once. Must not
measure itself."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from clients.command_line.shared import console
from clients.command_line.stack.demo_data import ensure_indexed, read_movielens
from clients.load.bench.systems.served_stack import PATIENT, served_stack
from clients.load.bench.workload import recommending
from crossrank_client import CrossrankClient
from gateway.settings import Settings

USERS, LEAST_LIKED = 40, 10


async def measure_recommend(directory: Path, repository: Path, *, quiet: bool) -> Mapping[str, Any]:
    """Recommend beside Rerank for the first users. Raises LocalStackError, CrossrankCallError or TrainingError."""
    data = read_movielens(directory, None)
    folder = directory / "bench" / "catalogue"
    folder.mkdir(parents=True, exist_ok=True)
    with served_stack(folder, repository, {**PATIENT, **recommending.UNCACHED}) as served:
        settings = Settings(
            postgres_url=served.postgres_url,
            triton_urls=served.triton.url,
            model_repository=str(repository),
        )
        async with CrossrankClient(served.gateway_url) as client:
            progress = partial(console.progress_bar, quiet=quiet)
            await ensure_indexed(data, client, settings, folder, progress)
        found = await recommending.measure(served.gateway_url, data.users(USERS, LEAST_LIKED))
    return found.document()
