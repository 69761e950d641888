"""The text of an item for the bi-encoder, and its digest: one for the index, for candidates by text and for training's
first stages. Knows no model."""

import hashlib
from collections.abc import Mapping

from gateway.encoding.render import render_fields
from gateway.encoding.spec import FieldSpec

TITLE = "title"


def item_text(fields: Mapping[str, str]) -> str:
    """All fields that have text: the title first, then the others in order of their names. Of ``{"year": "1995",
    "title": "Heat"}`` it is ``Heat, 1995``."""
    names = sorted(fields, key=lambda name: (name != TITLE, name))
    return render_fields([FieldSpec(name) for name in names], fields, ", ")


def text_digest(embedding_model: str, text: str) -> bytes:
    """BLAKE2b-128 of the text and of the model that embeds it: equal digests have equal vectors."""
    model = embedding_model.encode()
    return hashlib.blake2b(len(model).to_bytes(8, "big") + model + text.encode(), digest_size=16).digest()
