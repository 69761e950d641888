"""The encoding spec: which text the model reads, in which order and length, and how its logit becomes a score.

Frozen data that ships inside a model version. Knows no tokenizer and no transport.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from gateway.features import FeatureUnknown, check_features

FORMAT = 2

HistoryChoice = Literal["newest", "distinct"]
HistoryOrder = Literal["newest_first", "oldest_first"]


class SpecInvalid(ValueError):
    """The spec file cannot be used; the message names the key, what was found and what is expected."""


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
class FusionTerm:
    """One feature of the fused score: ``weight * (value - mean) / scale``. Feature names: gateway/features.py."""

    feature: str
    weight: float
    mean: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class LinearFusion:
    """Weighted features; the score is the sigmoid of their sum and the intercept."""

    terms: tuple[FusionTerm, ...]
    intercept: float = 0.0
    kind: Literal["linear"] = "linear"

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features that are read, in order."""
        return tuple(term.feature for term in self.terms)


@dataclass(frozen=True, slots=True)
class TreeFusion:
    """Boosted trees over ``tree_features``, which stand in their file (gateway/encoding/trees.py), and weighted
    terms of other features; the score is the sigmoid of ``slope`` times their sum, plus terms and intercept."""

    tree_features: tuple[str, ...]
    slope: float
    intercept: float
    terms: tuple[FusionTerm, ...] = ()
    kind: Literal["lambdamart"] = "lambdamart"

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features that are read: those of the trees, then those of the terms."""
        return (*self.tree_features, *(term.feature for term in self.terms))


FusionSpec = LinearFusion | TreeFusion

LOGIT_ONLY = LinearFusion((FusionTerm("logit", 1.0),))


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


def parse_fusion(data: Mapping[str, Any]) -> FusionSpec:
    """The fusion of plain data. Raises SpecInvalid, or KeyError or TypeError where keys are missing or too many."""
    kind = data["kind"]
    terms = tuple(FusionTerm(**term) for term in data["terms"])
    if kind == "linear":
        fusion: FusionSpec = LinearFusion(**{**data, "terms": terms})
    elif kind == "lambdamart":
        fusion = TreeFusion(**{**data, "terms": terms, "tree_features": tuple(data["tree_features"])})
    else:
        raise SpecInvalid(f"fusion.kind is {kind!r}; it must be 'linear' or 'lambdamart'")
    _check_fusion(fusion)
    return fusion


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


def _check_fusion(fusion: FusionSpec) -> None:
    try:
        check_features(fusion.features)
    except FeatureUnknown as fault:
        raise SpecInvalid(f"fusion: {fault}") from fault
    if isinstance(fusion, TreeFusion) and not fusion.slope > 0:
        raise SpecInvalid(f"fusion.slope is {fusion.slope}; it must be above 0, else the order turns round")
    if any(term.scale == 0 for term in fusion.terms):
        raise SpecInvalid("a fusion term has scale 0; fit the fusion on lists where its feature varies")
    numbers = [fusion.intercept, *(number for term in fusion.terms for number in (term.weight, term.mean, term.scale))]
    if isinstance(fusion, TreeFusion):
        numbers.append(fusion.slope)
    if not all(map(math.isfinite, numbers)):
        raise SpecInvalid("a number of the fusion is not finite; fit it again")
