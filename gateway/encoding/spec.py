"""The encoding spec: which text the model reads, in which order and length, and how its logit becomes a score.

Frozen data that ships inside a model version. Knows no tokenizer and no transport.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from gateway.ranker.spec import LOGIT_ONLY, FusionSpec, SpecInvalid, parse_fusion

FORMAT = 2

HistoryChoice = Literal["newest", "distinct"]
HistoryOrder = Literal["newest_first", "oldest_first"]


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One text field: rendered as label followed by the field's text; left out when the text is empty."""

    name: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class ContextSpec:
    """The context side: query and features first, then history items in ``history_order``.

    At most ``history_items`` items, each cut to ``max_item_tokens``; the oldest are left out until the whole side fits
    ``max_tokens`` (special tokens not counted). ``history_choice``: the newest that have text, or ("distinct") without
    those that read like a newer one.
    """

    history_items: int
    max_tokens: int
    max_item_tokens: int
    history_fields: tuple[FieldSpec, ...]
    feature_fields: tuple[FieldSpec, ...] = ()
    query_label: str = "query: "
    history_label: str = ""
    part_separator: str = " | "
    field_separator: str = ", "
    history_choice: HistoryChoice = "newest"
    history_order: HistoryOrder = "newest_first"


@dataclass(frozen=True, slots=True)
class ItemSpec:
    """The item side: its fields in order, cut to ``max_tokens`` (special tokens not counted)."""

    max_tokens: int
    fields: tuple[FieldSpec, ...]
    field_separator: str = ", "


@dataclass(frozen=True, slots=True)
class EncodingSpec:
    """Everything that turns a request into token ids and a logit into a score. ``template`` names it for people."""

    template: str
    context: ContextSpec
    item: ItemSpec
    fusion: FusionSpec = LOGIT_ONLY

    def to_json(self) -> str:
        """Canonical text: equal specs give equal bytes."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def parse_spec(text: str) -> EncodingSpec:
    """The spec of a file's text. Raises SpecInvalid."""
    try:
        data = json.loads(text)
        if data.get("format") != FORMAT:
            raise SpecInvalid(f"format is {data.get('format')!r}; this gateway reads format {FORMAT}: export again")
        context, item, fusion = data["context"], data["item"], data["fusion"]
        spec = EncodingSpec(
            template=data["template"],
            context=ContextSpec(
                **{**context, "history_fields": _fields(context["history_fields"])}
                | {"feature_fields": _fields(context["feature_fields"])}
            ),
            item=ItemSpec(**{**item, "fields": _fields(item["fields"])}),
            fusion=parse_fusion(fusion),
        )
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as fault:
        raise SpecInvalid(f"spec.json cannot be read: {fault!r}; write it with EncodingSpec.to_json") from fault
    _check(spec)
    return spec


def read_spec(path: Path) -> EncodingSpec:
    """The spec of a file. Raises SpecInvalid or OSError."""
    return parse_spec(path.read_text(encoding="utf-8"))


def _fields(rows: list[Mapping[str, Any]]) -> tuple[FieldSpec, ...]:
    return tuple(FieldSpec(**row) for row in rows)


def _check(spec: EncodingSpec) -> None:
    bounds = {
        "context.history_items": (spec.context.history_items, 0, 200),
        "context.max_tokens": (spec.context.max_tokens, 1, 8192),
        "context.max_item_tokens": (spec.context.max_item_tokens, 1, spec.context.max_tokens),
        "item.max_tokens": (spec.item.max_tokens, 1, 8192),
        "item.fields": (len(spec.item.fields), 1, 32),
    }
    for key, (value, lowest, highest) in bounds.items():
        if type(value) is not int or not lowest <= value <= highest:
            raise SpecInvalid(f"{key} is {value!r}; it must be {lowest} to {highest}, a whole number")
    kinds = {
        "context.history_choice": (spec.context.history_choice, get_args(HistoryChoice)),
        "context.history_order": (spec.context.history_order, get_args(HistoryOrder)),
    }
    for key, (kind, known) in kinds.items():
        if kind not in known:
            raise SpecInvalid(f"{key} is {kind!r}; it must be {' or '.join(map(repr, known))}")
