"""Small catalogues ready to be stored."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gateway.catalog.writer import content_digest
from gateway.domain.values import AttributeValue, Interaction, Item
from gateway.encoding.item_text import item_text, text_digest
from gateway.ports import IndexedItem, ItemDigests
from tests.fakes.embedders import embed_words

START = datetime(2024, 1, 1, tzinfo=UTC)


def film(item_id: str, title: str = "", **attributes: AttributeValue) -> Item:
    """An item with a title and attributes."""
    return Item(item_id, {"title": title or f"film {item_id}"}, attributes)


def indexed(item: Item, *, embedded: bool = True) -> IndexedItem:
    """The item with digests and, unless its stored vector is to stay, with a vector."""
    text = item_text(item.fields)
    digests = ItemDigests(content_digest(item), text_digest("hashing", text))
    return IndexedItem(item, digests, embed_words(text) if embedded else None)


def with_attributes(item: Item, attributes: Mapping[str, AttributeValue]) -> Item:
    """The same text, other attributes."""
    return replace(item, attributes=attributes)


def did(user_id: str, item_id: str, minute: float = 0, weight: float = 1.0, token: str = "") -> Interaction:
    """An interaction some minutes after a fixed moment."""
    return Interaction(user_id, item_id, "rating", weight, START + timedelta(minutes=minute), token)


def digest_number(text: str, below: int) -> int:
    """The same number for the same text, in every process."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big") % below
