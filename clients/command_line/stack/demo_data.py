"""The data of the demo: MovieLens 100K in the catalogue, indexed once per model version. Must not show anything."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tenacity import AsyncRetrying, retry_if_result, stop_after_delay, wait_fixed

from clients.command_line.catalog.index import MOVIELENS_COLUMNS
from clients.command_line.catalog.ranker_fit import fit_ranker
from clients.command_line.catalog.table_index import index_tables, open_parts
from clients.command_line.catalog.table_rows import to_interactions, to_items
from clients.command_line.shared.run_choice import MOVIELENS
from crossrank_client import CrossrankClient
from gateway.domain.progress import Progress
from gateway.domain.values import Interaction, Item
from gateway.settings import Settings
from training.data import movielens

_MARK = "demo.json"
_CHECKED_ITEMS = 100
_PAUSE_S = 0.1
_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class DemoData:
    """What is recommended to whom."""

    items: Sequence[Item]
    interactions: Sequence[Interaction]

    def liked(self, user_id: str) -> list[str]:
        """Ids of the user's items of weight above 0, newest first."""
        return [one.item_id for one in reversed(self.interactions) if one.user_id == user_id and one.weight > 0]

    def users(self, count: int, least_liked: int) -> list[str]:
        """The first users, by their number, who like at least so many items."""
        counts: dict[str, int] = {}
        for one in self.interactions:
            counts[one.user_id] = counts.get(one.user_id, 0) + (one.weight > 0)
        eligible = (user_id for user_id, liked in counts.items() if liked >= least_liked)
        return sorted(eligible, key=lambda user_id: (len(user_id), user_id))[:count]


@dataclass(frozen=True, slots=True)
class IndexMark:
    """Remembers that this was indexed whole: another data set or model version is indexed again."""

    dataset: str
    items: int
    encoding_fingerprint: str

    def is_set(self, directory: Path) -> bool:
        """An equal mark was saved."""
        file = directory / _MARK
        return file.exists() and json.loads(file.read_text()) == asdict(self)

    def save(self, directory: Path) -> None:
        """Remembers."""
        (directory / _MARK).write_text(json.dumps(asdict(self)))


def read_movielens(directory: Path, copy: Path | None) -> DemoData:
    """The data set: the user's own copy, or the one downloaded once into the directory. Raises TrainingError."""
    tables = movielens.from_path(copy) if copy else movielens.from_recbole(directory / "downloads")
    return DemoData(to_items(tables.items, MOVIELENS_COLUMNS), to_interactions(tables.interactions))


async def ensure_indexed(
    data: DemoData, client: CrossrankClient, settings: Settings, directory: Path, progress: Progress
) -> bool:
    """Indexes the data and fits a ranker, unless that is already done; returns whether it had to."""
    info = await client.get_info()
    mark = IndexMark(MOVIELENS, len(data.items), info.models[0].encoding_fingerprint if info.models else "")
    sample = [item.item_id for item in data.items[:: max(1, len(data.items) // _CHECKED_ITEMS)]]
    indexed = mark.is_set(directory) and not (await client.get_items(sample)).unknown_item_ids
    if indexed and info.ranker:
        return False
    async with open_parts(settings) as parts:
        await index_tables(data.items, data.interactions, parts, progress)
        ranker = await fit_ranker(parts.database, progress)
    mark.save(directory)
    with progress("waiting until the gateway has it", None):
        await _served(client, ranker.version)
    return True


async def _served(client: CrossrankClient, version: str) -> None:
    """Waits until the gateway orders lists by this ranker, or _WAIT_S seconds are over."""

    async def serves() -> bool:
        found = (await client.get_info()).ranker
        return found is not None and found.version == version

    again, end = retry_if_result(lambda served: not served), stop_after_delay(_WAIT_S)
    await AsyncRetrying(retry=again, wait=wait_fixed(_PAUSE_S), stop=end, retry_error_callback=lambda _: False)(serves)
