"""What a trained model reads of history and item: fields, choice, order and budgets. Knows no torch."""

from collections.abc import Collection
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from gateway.encoding.spec import ContextSpec, EncodingSpec, FieldSpec, HistoryChoice, HistoryOrder, ItemSpec
from gateway.ranker.features import HISTORY_EVENTS
from training.errors import ConfigInvalid
from training.options.validation import Options, Texts, require_within

Tokens = Annotated[int, Field(ge=1, le=8192)]
Columns = Annotated[Texts, Field(min_length=1, max_length=32)]


@dataclass(frozen=True)
class TextOptions(Options, section="text"):
    """What the model reads, in fields and tokens; becomes the encoding spec. `preset = "NAME"` stands for the keys
    of training/configs/presets/NAME.toml."""

    history_items: Annotated[int, Field(ge=0, le=HISTORY_EVENTS, description="Newest items of the history.")] = 8
    history_fields: Annotated[Texts, Field(description="Columns read of each item of the history.")] = ("title",)
    history_item_tokens: Annotated[int, Field(description="Most tokens of one of them; 1 to `context_tokens`.")] = 8
    context_tokens: Annotated[Tokens, Field(description="Most tokens of the whole history.")] = 48
    item_fields: Annotated[Columns, Field(description="Columns read of a candidate, most telling first.")] = ("title",)
    item_tokens: Annotated[Tokens, Field(description="Most tokens of a candidate.")] = 24
    history_choice: Annotated[HistoryChoice, Field(description='"distinct": no two that read alike.')] = "newest"
    history_order: Annotated[HistoryOrder, Field(description="Order in which the history is read.")] = "newest_first"

    def __post_init__(self) -> None:
        """Raises ConfigInvalid."""
        require_within("text.history_item_tokens", self.history_item_tokens, 1, self.context_tokens)

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
                history_choice=self.history_choice,
                history_order=self.history_order,
            ),
            item=ItemSpec(max_tokens=self.item_tokens, fields=tuple(map(FieldSpec, self.item_fields))),
        )
