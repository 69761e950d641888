"""Fields to text: the item side and the parts of the context side. Knows no tokenizer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.encoding.spec import ContextSpec, FieldSpec, ItemSpec


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


def render_history(spec: ContextSpec, context: ContextFields) -> list[str]:
    """The texts of the most recent history items that have text, most recent first."""
    texts = (render_fields(spec.history_fields, fields, spec.field_separator) for fields in context.history)
    return [text for text in texts if text][: spec.history_items]


def join_context(spec: ContextSpec, head: str, history: Sequence[str]) -> str:
    """The text of the context side."""
    items = [spec.history_label + history[0], *history[1:]] if history else []
    return spec.part_separator.join(part for part in (head, *items) if part)
