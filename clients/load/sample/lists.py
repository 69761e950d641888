"""Real lists to load the gateway with: for real users at many moments of their history, candidates that the first stage
fetches for them. Must not send them."""

import random
from collections.abc import Sequence

from clients.load.perf_analyzer.list_inputs import Fields, ListRequest
from clients.load.sample.pairs import STEP_S, Place, database_of, first_stage, list_of, some_users
from crossrank_client import CrossrankClient

_LONGEST_HISTORY = 200
_FETCHED = 100
_SEED = 1


async def sample_lists(place: Place, *, users: int, items_per_list: int) -> list[ListRequest]:
    """One list per user and moment of the history, users in turn: every context differs, so that no cache knows the
    answer. Raises NothingIndexed or LocalStackError."""
    fetched = max(_FETCHED, items_per_list)
    with_window = place.open_encoder().spec.context.history_items
    async with database_of(place) as database, CrossrankClient(place.gateway, timeout_s=STEP_S) as client:
        per_user = [
            await list_of(database, user_id, await first_stage(client, user_id, fetched), _LONGEST_HISTORY)
            for user_id in await some_users(database, users)
        ]
    draw = random.Random(_SEED)
    moments = max(len(one.history) for one in per_user)
    return [
        ListRequest(one.history[moment : moment + with_window], _some(draw, one.items, items_per_list))
        for moment in range(moments)
        for one in per_user
        if moment < len(one.history) and one.items
    ]


def _some(draw: random.Random, candidates: Sequence[Fields], count: int) -> list[Fields]:
    """In first-stage order."""
    chosen = sorted(draw.sample(range(len(candidates)), min(count, len(candidates))))
    return [candidates[place] for place in chosen]
