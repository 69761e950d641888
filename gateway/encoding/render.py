"""Fields to text: the item side and the parts of the context side. Knows no tokenizer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from gateway.domain.history import History
from gateway.encoding.spec import ContextSpec, FieldSpec, ItemSpec

Shown = TypeVar("Shown")


@dataclass(frozen=True, slots=True)
class ContextFields:
    """What a context is rendered from. ``history`` holds the text fields of items, most recent first."""

    query: str = ""
    features: Mapping[str, str] = field(default_factory=dict)
    history: Sequence[Mapping[str, str]] = ()


def render_fields(specs: Sequence[FieldSpec], fields: Mapping[str, str], separator: str) -> str:
    """The fields that have text, in the spec's order; white space is folded to single spaces."""
    folded = ((spec.label, " ".join(fields.get(spec.name, "").split())) for spec in specs)
    return separator.join(label + text for label, text in folded if text)


def render_item(spec: ItemSpec, fields: Mapping[str, str]) -> str:
    """The text of an item's side of the pair."""
    return render_fields(spec.fields, fields, spec.field_separator)


def render_head(spec: ContextSpec, context: ContextFields) -> str:
    """The text before the history: query and features; empty when there are none."""
    query = " ".join(context.query.split())
    features = render_fields(spec.feature_fields, context.features, spec.field_separator)
    return spec.part_separator.join(part for part in (query and spec.query_label + query, features) if part)


def render_history(spec: ContextSpec, context: ContextFields) -> dict[int, str]:
    """The texts of the chosen history items by their place in ``context.history``, most recent first; items without
    text are never chosen."""
    texts = [render_fields(spec.history_fields, fields, spec.field_separator) for fields in context.history]
    distinct = spec.history_choice == "distinct"
    chosen = [place for place, text in enumerate(texts) if text and not (distinct and text in texts[:place])]
    return {place: texts[place] for place in chosen[: spec.history_items]}


def in_text_order(spec: ContextSpec, newest_first: Sequence[Shown]) -> list[Shown]:
    """History items in the order in which the text shows them."""
    return (
        [*newest_first]
        if spec.history_order == "newest_first"
        else [*History.from_newest_first(newest_first).oldest_first]
    )


def join_context(spec: ContextSpec, head: str, history: Sequence[str]) -> str:
    """The text of the context side; ``history`` most recent first."""
    shown = in_text_order(spec, history)
    items = [spec.history_label + shown[0], *shown[1:]] if shown else []
    return spec.part_separator.join(part for part in (head, *items) if part)
