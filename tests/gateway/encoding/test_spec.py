"""The spec file: what is written is read back, and a broken one is refused with the key and the bounds."""

import json
import math
from typing import Any

import pytest

from gateway.encoding.spec import parse_spec
from gateway.ranker.spec import LOGIT_ONLY, FusionSpec, SpecInvalid, TreeFusion
from tests.fakes.specs import small_spec

LOGIT_TERM = [{"feature": "logit", "weight": 1}]
TREES = {"kind": "lambdamart", "tree_features": ["logit"], "terms": [], "slope": 1, "intercept": 0}


def broken(change: dict[str, Any]) -> str:
    data = json.loads(small_spec().to_json())
    for path, value in change.items():
        *parents, last = path.split(".")
        target = data
        for parent in parents:
            target = target[parent]
        target[last] = value
    return json.dumps(data)


@pytest.mark.parametrize("fusion", [LOGIT_ONLY, TreeFusion(("recency:authors",), 0.25, -3.0, LOGIT_ONLY.terms)])
def test_a_written_spec_is_read_back_equal_and_writes_the_same_bytes(fusion: FusionSpec) -> None:
    spec = small_spec(fusion=fusion)
    assert parse_spec(spec.to_json()) == spec
    assert parse_spec(spec.to_json()).to_json() == spec.to_json()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"format": 7}, "format is 7"),
        ({"context.max_tokens": 0}, "context.max_tokens is 0; it must be 1 to 8192"),
        ({"context.max_item_tokens": 99}, "context.max_item_tokens is 99"),
        ({"item.max_tokens": 10**6}, "item.max_tokens is 1000000"),
        ({"item.fields": []}, "item.fields is 0"),
        ({"context.history_items": -1}, "context.history_items is -1"),
        (
            {"context.history_order": "random"},
            "context.history_order is 'random'; it must be 'newest_first' or 'oldest_first'",
        ),
        ({"context.history_choice": 1}, "context.history_choice is 1; it must be 'newest' or 'distinct'"),
        ({"fusion.terms": [{"feature": "logit", "weight": 1, "mean": 0, "scale": 0}]}, "scale 0"),
        ({"fusion.terms": [{"feature": "luck:popular", "weight": 1}]}, "no feature 'luck:popular'"),
        ({"fusion.terms": [{"feature": "logit", "weight": math.nan}]}, "not finite"),
        ({"fusion.kind": "oracle"}, "fusion.kind is 'oracle'"),
        ({"fusion": {**TREES, "slope": 0}}, "slope is 0"),
        ({"fusion": {**TREES, "tree_features": ["logit"] * 2}}, "stands twice"),
        ({"fusion": {**TREES, "tree_features": ["recency"]}}, "recency:NAME"),
        ({"fusion": {**TREES, "terms": LOGIT_TERM}}, "'logit' stands twice"),
        ({"fusion": {**TREES, "terms": [{"feature": "popularity", "weight": math.inf}]}}, "not finite"),
        ({"item.surprise": 1}, "surprise"),
    ],
)
def test_a_broken_spec_is_refused_with_key_value_and_bounds(change: dict[str, Any], expected: str) -> None:
    with pytest.raises(SpecInvalid, match=expected):
        parse_spec(broken(change))


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"format": 1}'])
def test_text_that_is_no_spec_is_refused(text: str) -> None:
    with pytest.raises(SpecInvalid):
        parse_spec(text)
