"""A small invented catalogue with users, the same for the same seed, and how to put it into a running stack."""

import random
from datetime import UTC, datetime, timedelta

from crossrank_client import CrossrankClient, Interaction, Item

_ADJECTIVES = "silent golden broken hidden last burning frozen electric crimson gentle".split()
_NOUNS = "river city summer garden empire letter machine winter island promise harbor mirror".split()
_GENRES = "Drama Comedy Thriller Romance Western Animation War Musical".split()
_START = datetime(2026, 1, 1, tzinfo=UTC)


def invented_items(count: int = 240, seed: int = 7) -> list[Item]:
    """Items "m0" … with title, year, genres."""
    draw = random.Random(seed)
    items = []
    for number in range(count):
        genres = tuple(sorted(draw.sample(_GENRES, draw.randint(1, 3))))
        year = draw.randint(1950, 1999)
        title = f"The {draw.choice(_ADJECTIVES).title()} {draw.choice(_NOUNS).title()} {number}"
        fields = {"title": title, "year": str(year), "genres": " ".join(genres)}
        items.append(Item(f"m{number}", fields, {"genres": genres, "year": float(year)}))
    return items


def invented_interactions(items: list[Item], users: int = 40, seed: int = 7) -> list[Interaction]:
    """Each of the users "u0" … liked 12 items, mostly of one genre."""
    draw = random.Random(seed)
    interactions = []
    for number in range(users):
        taste = _GENRES[number % len(_GENRES)]
        liked = [item for item in items if taste in item.fields["genres"]]
        for place, item in enumerate(draw.sample(liked, 10) + draw.sample(items, 2)):
            moment = _START + timedelta(minutes=place, hours=number)
            interactions.append(Interaction(f"u{number}", item.item_id, "view", time=moment))
    return interactions


async def fill(target: str) -> list[Item]:
    """Writes catalogue and interactions through the API; the items."""
    items = invented_items()
    async with CrossrankClient(target, timeout_s=5.0) as client:
        await client.upsert_items(items, timeout_s=120.0)
        interactions = invented_interactions(items)
        for start in range(0, len(interactions), 200):
            await client.record_interactions(interactions[start : start + 200])
    return items
