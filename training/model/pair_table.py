"""Training pairs to token ids through the gateway's encoding, the one tokenisation. Knows no model."""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from gateway.domain.history import History
from gateway.domain.values import EncodedPair
from gateway.encoding.pair_encoder import EncodedContext, PairEncoder
from gateway.encoding.render import ContextFields, in_text_order
from gateway.ranker.features import HISTORY_EVENTS
from training.model.references import parse_reference

TokenIds = npt.NDArray[np.int64]

KEY_SEPARATOR = "\x1f"

CACHED_CONTEXTS = 4096
"""Lists that may be under way at a time, in training or while valid lists are scored."""

MODEL_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def context_key(history: History[str]) -> str:
    """A history of references as one text, for the columns of a training set."""
    return KEY_SEPARATOR.join(history.oldest_first)


class PairTable:
    """Encodes (context key, item reference) pairs; item sides are encoded once, those without some fields when first
    asked for. A reference without any text left stands for the whole item: an empty side is never served."""

    def __init__(self, encoder: PairEncoder, fields: Mapping[str, Mapping[str, str]]) -> None:
        self.encoder = encoder
        self._fields = fields
        encoded = encoder.encode_items(list(fields.values()))
        self._items = dict(zip(fields, encoded, strict=True))
        self._alone_in_history: dict[str, EncodedContext] = {}
        self.context = lru_cache(maxsize=CACHED_CONTEXTS)(self._context)
        frame = encoder.join(EncodedContext("", (-1,), ()), (-2,)).token_ids
        self._before_context = frame.index(-1)
        self._between = frame.index(-2) - frame.index(-1) - 1

    def encode(self, key: str, item_id: str) -> EncodedPair:
        """One pair, as it will be served."""
        return self.encoder.join(self.context(key), self._item(item_id))

    def fields(self, reference: str) -> Mapping[str, str]:
        """The text fields that a reference shows."""
        item_id, dropped = parse_reference(reference)
        return {name: text for name, text in self._fields[item_id].items() if name not in dropped}

    def _item(self, reference: str) -> tuple[int, ...]:
        known = self._items.get(reference)
        if known is None:
            known = self.encoder.encode_item(self.fields(reference)) or self._items[parse_reference(reference)[0]]
            self._items[reference] = known
        return known

    def spans(self, key: str, item_id: str) -> list[tuple[str, int, int]]:
        """Which tokens [start, stop) of the pair name which item: the history items, newest first, then the item."""
        context = self.context(key)
        history = _history(key).newest_first
        newest_first = [history[place] for place in context.history_places]
        names = in_text_order(self.encoder.spec.context, newest_first)
        alone = [len(self._alone(name).token_ids) for name in names]
        gap = (len(context.token_ids) - sum(alone)) // max(1, len(names) - 1)
        spans: list[tuple[str, int, int]] = []
        start = self._before_context
        for name, length in zip(names, alone, strict=True):
            spans.append((name, start, start + length))
            start += length + gap
        start = self._before_context + len(context.token_ids) + self._between
        length = min(len(self._item(item_id)), self.encoder.spec.item.max_tokens)
        return [*in_text_order(self.encoder.spec.context, spans), (item_id, start, start + length)]

    def _alone(self, item_id: str) -> EncodedContext:
        """An item as the only one of a history."""
        known = self._alone_in_history.get(item_id)
        if known is None:
            known = self.encoder.encode_context(ContextFields(history=[self.fields(item_id)]))
            self._alone_in_history[item_id] = known
        return known

    def _context(self, key: str) -> EncodedContext:
        """The context side of a key; the pairs of a list share it."""
        return self.encoder.encode_context(ContextFields(history=_history(key).map(self.fields).newest_first))


def _history(key: str) -> History[str]:
    """What a gateway would read of a key's history."""
    return History(oldest_first=tuple(key.split(KEY_SEPARATOR)) if key else ()).newest(HISTORY_EVENTS)


def padded(pairs: Sequence[EncodedPair]) -> Mapping[str, TokenIds]:
    """Model inputs [pairs, longest]."""
    longest = max(len(pair.token_ids) for pair in pairs)
    inputs = {name: np.zeros((len(pairs), longest), np.int64) for name in MODEL_INPUTS}
    for row, pair in enumerate(pairs):
        length = len(pair.token_ids)
        inputs["input_ids"][row, :length] = pair.token_ids
        inputs["token_type_ids"][row, :length] = pair.type_ids
        inputs["attention_mask"][row, :length] = 1
    return inputs
