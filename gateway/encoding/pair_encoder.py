"""Context and item fields to the token ids of a pair: the one tokenisation of pairs, in training and serving."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from tokenizers import Encoding, Tokenizer

from gateway.domain.values import EncodedPair
from gateway.encoding.render import ContextFields, join_context, render_head, render_history, render_item
from gateway.encoding.spec import EncodingSpec


class ContextTooLong(ValueError):
    """Query and features alone exceed the context's token budget."""

    def __init__(self, tokens: int, limit: int) -> None:
        super().__init__(f"query and features have {tokens} tokens; at most {limit}: shorten them")
        self.tokens = tokens
        self.limit = limit


@dataclass(frozen=True, slots=True)
class EncodedContext:
    """The context side: its text, its token ids without special tokens, and the places of the history items that it
    holds in the history that was given, most recent first."""

    text: str
    token_ids: tuple[int, ...]
    history_places: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Frame:
    """Special tokens before, between and after the two sides, their segment ids, and those of the sides' tokens."""

    prefix: tuple[int, ...]
    middle: tuple[int, ...]
    suffix: tuple[int, ...]
    prefix_types: tuple[int, ...]
    middle_types: tuple[int, ...]
    suffix_types: tuple[int, ...]
    context_type: int
    item_type: int


class PairEncoder:
    """Encodes pairs as ``prefix context middle item suffix``; the frame is read from the tokenizer's own template.
    ``special_tokens``: how many every pair has."""

    def __init__(self, spec: EncodingSpec, tokenizer: Tokenizer) -> None:
        self.spec = spec
        self._tokenizer = tokenizer
        self._frame = _read_frame(tokenizer)
        self.special_tokens = len(self._frame.prefix) + len(self._frame.middle) + len(self._frame.suffix)
        described = json.dumps(asdict(spec.item), sort_keys=True) + tokenizer.to_str()
        self.item_fingerprint = hashlib.blake2b(described.encode(), digest_size=16).hexdigest()

    @property
    def max_pair_tokens(self) -> int:
        """Longest pair, special tokens included."""
        return self.spec.context.max_tokens + self.spec.item.max_tokens + self.special_tokens

    def encode_context(self, context: ContextFields) -> EncodedContext:
        """The context with as many of the chosen history items as fit. Raises ContextTooLong."""
        spec = self.spec.context
        head = render_head(spec, context)
        rendered = render_history(spec, context)
        history = [self._cut_text(text, spec.max_item_tokens) for text in rendered.values()]
        for used in range(len(history), -1, -1):
            text = join_context(spec, head, history[:used])
            token_ids = self._token_ids(text)
            if len(token_ids) <= spec.max_tokens:
                return EncodedContext(text, token_ids, tuple(rendered)[:used])
        raise ContextTooLong(len(token_ids), spec.max_tokens)

    def encode_item(self, fields: Mapping[str, str]) -> tuple[int, ...]:
        """Token ids of the whole item side, uncut, without special tokens."""
        return self._token_ids(render_item(self.spec.item, fields))

    def encode_items(self, items: Sequence[Mapping[str, str]]) -> list[tuple[int, ...]]:
        """As encode_item, for many; releases the interpreter lock while it works."""
        texts = [render_item(self.spec.item, fields) for fields in items]
        return [tuple(encoding.ids) for encoding in self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)]

    def join(self, context: EncodedContext, item_ids: Sequence[int]) -> EncodedPair:
        """The pair of both sides; the item side is cut to its budget, and only that side."""
        frame, limit = self._frame, self.spec.item.max_tokens
        item = tuple(item_ids[:limit])
        of_context, of_item = (frame.context_type,) * len(context.token_ids), (frame.item_type,) * len(item)
        return EncodedPair(
            frame.prefix + context.token_ids + frame.middle + item + frame.suffix,
            frame.prefix_types + of_context + frame.middle_types + of_item + frame.suffix_types,
            truncated=len(item_ids) > limit,
        )

    def _token_ids(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def _cut_text(self, text: str, max_tokens: int) -> str:
        encoding: Encoding = self._tokenizer.encode(text, add_special_tokens=False)
        return text if len(encoding.ids) <= max_tokens else text[: encoding.offsets[max_tokens - 1][1]]


def _read_frame(tokenizer: Tokenizer) -> _Frame:
    """The special tokens that the tokenizer's template puts around a pair."""
    encoding = tokenizer.encode("a", "b")
    sides, ids, types = encoding.sequence_ids, encoding.ids, encoding.type_ids
    first, second = sides.index(0), sides.index(1)
    end_first = max(position for position, side in enumerate(sides) if side == 0) + 1
    end_second = max(position for position, side in enumerate(sides) if side == 1) + 1
    return _Frame(
        prefix=tuple(ids[:first]),
        middle=tuple(ids[end_first:second]),
        suffix=tuple(ids[end_second:]),
        prefix_types=tuple(types[:first]),
        middle_types=tuple(types[end_first:second]),
        suffix_types=tuple(types[end_second:]),
        context_type=types[first],
        item_type=types[second],
    )
