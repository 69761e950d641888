"""Pairs and texts to ask the shipped models with."""

from gateway.domain.values import EncodedPair
from gateway.encoding.bundle import open_bundle
from gateway.encoding.render import ContextFields
from tests.paths import MODEL_REPOSITORY
from training.export.int8.sample_texts import SAMPLE_TEXTS

CROSS_ENCODER = MODEL_REPOSITORY / "cross_encoder" / "1"
BI_ENCODER = MODEL_REPOSITORY / "bi_encoder" / "1"
GENRES = ("Drama", "Comedy, Romance", "Sci-Fi, Action", "Thriller")


def sample_lists(count: int = 3) -> list[list[EncodedPair]]:
    """Lists of one context each and all sample texts as candidates."""
    encoder = open_bundle(CROSS_ENCODER / "encoding").encoder
    items = [
        {"title": text, "year": str(1950 + place), "genres": GENRES[place % len(GENRES)]}
        for place, text in enumerate(SAMPLE_TEXTS)
    ]
    lists = []
    for start in range(count):
        context = encoder.encode_context(ContextFields(history=items[start * 5 : start * 7]))
        lists.append([encoder.join(context, encoder.encode_item(item)) for item in items])
    return lists
