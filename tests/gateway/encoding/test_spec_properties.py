"""Any legal spec survives its file; numbers of the wrong kind and beyond the bounds never become a spec."""

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.encoding.spec import (
    ContextSpec,
    EncodingSpec,
    FieldSpec,
    HistoryChoice,
    HistoryOrder,
    ItemSpec,
    parse_spec,
    read_spec,
)
from gateway.ranker.spec import FusionSpec, FusionTerm, LinearFusion, SpecInvalid, TreeFusion, parse_fusion
from tests.fakes.specs import small_spec

FEATURES = ["logit", "logit_rank", "first_stage", "popularity", "recency:tags", "score:text_ann", "sequel:tags/number"]

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.lists(st.sampled_from(FEATURES), unique=True, max_size=len(FEATURES))
SOME_FIELDS = st.lists(st.builds(FieldSpec, st.text(max_size=6), st.text(max_size=6)), min_size=1, max_size=4)
SCALES = NUMBERS.filter(bool)


@st.composite
def fusions(draw: st.DrawFn) -> FusionSpec:
    """Linear, or trees over some features and terms of others."""
    names = draw(NAMES)
    beside = draw(st.integers(0, len(names)))
    terms = tuple(FusionTerm(name, draw(NUMBERS), draw(NUMBERS), draw(SCALES)) for name in names[:beside])
    if draw(st.booleans()):
        return LinearFusion(terms, draw(NUMBERS))
    return TreeFusion(tuple(names[beside:]), draw(st.floats(1e-9, 1e9)), draw(NUMBERS), terms)


FUSIONS: st.SearchStrategy[FusionSpec] = fusions()


@st.composite
def specs(draw: st.DrawFn) -> EncodingSpec:
    tokens = draw(st.integers(1, 8192))
    context = ContextSpec(
        history_items=draw(st.integers(0, 200)),
        max_tokens=tokens,
        max_item_tokens=draw(st.integers(1, tokens)),
        history_fields=tuple(draw(SOME_FIELDS)),
        feature_fields=tuple(draw(SOME_FIELDS)),
        query_label=draw(st.text(max_size=5)),
        part_separator=draw(st.text(max_size=3)),
        history_choice=draw(st.sampled_from(get_args(HistoryChoice))),
        history_order=draw(st.sampled_from(get_args(HistoryOrder))),
    )
    item = ItemSpec(draw(st.integers(1, 8192)), tuple(draw(SOME_FIELDS)))
    return EncodingSpec(draw(st.text(max_size=9)), context, item, draw(FUSIONS))


@given(specs())
def test_every_legal_spec_is_read_back_equal_from_its_text(spec: EncodingSpec) -> None:
    again = parse_spec(spec.to_json())
    assert again == spec
    assert again.to_json() == spec.to_json()


@given(FUSIONS)
def test_a_fusion_survives_plain_data_with_its_features_in_order(fusion: FusionSpec) -> None:
    again = parse_fusion(json.loads(small_spec(fusion=fusion).to_json())["fusion"])
    assert again == fusion
    assert again.features == fusion.features


@given(specs(), specs())
def test_specs_that_differ_never_give_the_same_text(one: EncodingSpec, other: EncodingSpec) -> None:
    assert (one == other) == (one.to_json() == other.to_json())


def put(path: str, value: Any) -> str:
    data = json.loads(small_spec().to_json())
    side, key = path.split(".")
    data[side][key] = value
    return json.dumps(data)


@pytest.mark.parametrize("key", ["context.max_tokens", "context.max_item_tokens", "item.max_tokens"])
@pytest.mark.parametrize("value", ["24", 7.5, 8.0, True, None, [8]])
def test_a_budget_that_is_no_whole_number_is_refused_with_key_and_value(key: str, value: Any) -> None:
    with pytest.raises(SpecInvalid) as caught:
        parse_spec(put(key, value))
    assert str(caught.value).startswith(f"{key} is {value!r}; it must be ")
    assert str(caught.value).endswith("a whole number")


@pytest.mark.parametrize(
    ("key", "last"), [("context.history_items", 200), ("context.max_tokens", 8192), ("item.max_tokens", 8192)]
)
def test_the_last_legal_number_passes_and_the_next_does_not(key: str, last: int) -> None:
    parse_spec(put(key, last))
    with pytest.raises(SpecInvalid, match=f"{key} is {last + 1}; .* to {last}, a whole number$"):
        parse_spec(put(key, last + 1))


def test_one_field_more_than_an_item_may_have_is_refused() -> None:
    fields = [{"name": f"f{number}"} for number in range(33)]
    parse_spec(put("item.fields", fields[:32]))
    with pytest.raises(SpecInvalid, match=r"item\.fields is 33; .* 1 to 32"):
        parse_spec(put("item.fields", fields))


@pytest.mark.parametrize("number", ["mean", "scale", "weight"])
@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_no_number_of_a_linear_fusion_may_be_infinite_or_none(number: str, value: str) -> None:
    term = {"feature": "logit", "weight": 1.0, number: float(value)}
    with pytest.raises(SpecInvalid, match="not finite"):
        parse_fusion({"kind": "linear", "terms": [term]})


@pytest.mark.parametrize("slope", [0.0, -1.0, float("nan"), float("inf")])
def test_trees_need_a_slope_that_keeps_the_order(slope: float) -> None:
    with pytest.raises(SpecInvalid, match=r"slope|not finite"):
        parse_fusion({"kind": "lambdamart", "tree_features": ["logit"], "terms": [], "slope": slope, "intercept": 0.0})


def test_a_spec_in_another_encoding_is_told_and_not_guessed(tmp_path: Any) -> None:
    file = tmp_path / "spec.json"
    file.write_bytes(small_spec().to_json().encode("utf-16"))
    with pytest.raises(ValueError, match="utf-8"):
        read_spec(file)
