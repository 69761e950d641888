"""What a trained model reads of history and item: fields, choice, order and budgets. Knows no torch."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import cast, get_args

from gateway.encoding.spec import ContextSpec, EncodingSpec, FieldSpec, HistoryChoice, HistoryOrder, ItemSpec
from gateway.ranker.features import HISTORY_EVENTS
from training.errors import ConfigInvalid
from training.options.fit import check_bounds


@dataclass(frozen=True, slots=True)
class TextOptions:
    """What the model reads, in tokens and fields; becomes the encoding spec. ``preset = "NAME"`` in a file stands for
    the keys of training/configs/presets/NAME.toml. ``history_choice``: "newest", or "distinct", which leaves out what
    reads like a newer item. ``history_order``: "newest_first" or "oldest_first"."""

    history_items: int = 8
    history_fields: tuple[str, ...] = ("title",)
    history_item_tokens: int = 8
    context_tokens: int = 48
    item_fields: tuple[str, ...] = ("title",)
    item_tokens: int = 24
    history_choice: str = "newest"
    history_order: str = "newest_first"

    def __post_init__(self) -> None:
        """Raises ConfigInvalid. That the model has positions for both sides is seen when it is opened. A history has as
        many items as a gateway reads, at most."""
        bounds = {
            "history_items": (self.history_items, 0, HISTORY_EVENTS),
            "context_tokens": (self.context_tokens, 1, 8192),
            "history_item_tokens": (self.history_item_tokens, 1, self.context_tokens),
            "item_tokens": (self.item_tokens, 1, 8192),
        }
        check_bounds("text.", bounds)
        if not 1 <= len(self.item_fields) <= 32:
            raise ConfigInvalid(f"text.item_fields names {len(self.item_fields)} columns", "name 1 to 32")
        kinds = {
            "history_choice": (self.history_choice, HistoryChoice),
            "history_order": (self.history_order, HistoryOrder),
        }
        for key, (kind, known) in kinds.items():
            if kind not in get_args(known):
                raise ConfigInvalid(f"text.{key} is {kind!r}", f"use {' or '.join(map(repr, get_args(known)))}")

    def require_columns(self, columns: Collection[str]) -> None:
        """Raises ConfigInvalid when a field to read is no column of the items table."""
        for key, names in (("item_fields", self.item_fields), ("history_fields", self.history_fields)):
            if missing := [name for name in names if name not in columns]:
                raise ConfigInvalid(
                    f"text.{key} names {missing[0]!r}, but the items have no such column",
                    f"name columns that they have under [text]: {', '.join(columns) or 'none'}",
                )

    def spec(self, template: str) -> EncodingSpec:
        """The encoding spec without fitted fusion."""
        return EncodingSpec(
            template=template,
            context=ContextSpec(
                history_items=self.history_items,
                max_tokens=self.context_tokens,
                max_item_tokens=self.history_item_tokens,
                history_fields=tuple(map(FieldSpec, self.history_fields)),
                history_choice=cast(HistoryChoice, self.history_choice),
                history_order=cast(HistoryOrder, self.history_order),
            ),
            item=ItemSpec(max_tokens=self.item_tokens, fields=tuple(map(FieldSpec, self.item_fields))),
        )
