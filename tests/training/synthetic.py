"""Interactions of a small made-up world: users walk through genres, so that order and genre can be learned."""

import random
from datetime import UTC, datetime, timedelta

from training.data.tables import InteractionRow, ItemRow, Tables

GENRES = ("war", "space", "love", "crime")
START = datetime(2000, 1, 1, tzinfo=UTC)


def synthetic_tables(*, users: int = 40, items: int = 96, events: int = 22, seed: int = 7) -> Tables:
    """Each user likes items of one genre in random order, and now and then meets one of another."""
    draw = random.Random(seed)
    rows = [
        ItemRow(f"i{number}", {"title": f"film {number} {GENRES[number % 4]}", "genre": GENRES[number % 4]})
        for number in range(items)
    ]
    interactions = []
    for user in range(users):
        liked = [one.item_id for place, one in enumerate(rows) if place % 4 == user % 4]
        others = [one.item_id for place, one in enumerate(rows) if place % 4 != user % 4]
        chosen = [*draw.sample(liked, events - 2), *draw.sample(others, 2)]
        draw.shuffle(chosen)
        for step, item_id in enumerate(chosen):
            moment = START + timedelta(minutes=step, days=user)
            interactions.append(InteractionRow(f"u{user}", item_id, "rating", float(step % 7 != 6), moment))
    return Tables(rows, interactions)
