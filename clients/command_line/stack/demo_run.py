"""What the demo asks the gateway, and what it found, as data. Must not print."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from clients.command_line.stack.demo_data import DemoData
from crossrank_client import CrossrankClient, RankedList, Ranker, RankingOptions, Reading, User
from deploy.local.memory import resident_mb
from deploy.local.process.state import StackState

TOP_N = 10
_HISTORY = 5
_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class UserDemo:
    """One user: recent history (titles, newest first), the list in first-stage order, as it is served, and once more
    with the cross-encoder's logits."""

    user_id: str
    liked: int
    history: tuple[str, ...]
    first_stage: RankedList
    reranked: RankedList
    read: RankedList


@dataclass(frozen=True, slots=True)
class Demo:
    """All that the demo found. ``ranker``: what orders the lists, and what was measured of it. ``memory_mb`` by part,
    ``seconds`` by phase."""

    users: Sequence[UserDemo]
    ranker: Ranker | None
    indexed: bool
    memory_mb: Mapping[str, float]
    seconds: Mapping[str, float]

    def document(self) -> dict[str, object]:
        """For --json."""
        metadata = self.users[0].reranked.metadata
        return {
            "model": metadata.model,
            "model_version": metadata.model_version,
            "encoding_fingerprint": metadata.encoding_fingerprint,
            "indexed": self.indexed,
            "ranker": asdict(self.ranker) if self.ranker else None,
            "users": [asdict(user) for user in self.users],
            "memory_mb": dict(self.memory_mb),
            "seconds": dict(self.seconds),
        }


async def demonstrate(client: CrossrankClient, data: DemoData, user_id: str) -> UserDemo:
    """Recommends three times: in first-stage order, as it is served, and with the cross-encoder reading the list."""
    options = RankingOptions(top_n=TOP_N, return_items=True)
    titles = {item.item_id: item.fields.get("title", item.item_id) for item in data.items}
    liked = data.liked(user_id)
    first_stage, reranked, read = [
        await client.recommend(User(user_id), options=chosen, timeout_s=_TIMEOUT_S)
        for chosen in (
            replace(options, first_stage_order=True, reading=Reading.NEVER),
            options,
            replace(options, reading=Reading.ALWAYS),
        )
    ]
    return UserDemo(
        user_id, len(liked), tuple(titles[item_id] for item_id in liked[:_HISTORY]), first_stage, reranked, read
    )


def memory_of(state: StackState) -> dict[str, float]:
    """Resident megabytes of each part that runs on this machine, its workers included."""
    used = {part.name: resident_mb(part.pid) for part in state.parts if part.pid is not None}
    return {name: round(megabytes, 1) for name, megabytes in used.items() if megabytes is not None}
