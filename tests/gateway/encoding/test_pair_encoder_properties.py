"""Whatever people write, a pair keeps its budgets; texts for the bi-encoder keep theirs; golden pairs tell what
differs; chunks take whatever lengths and bounds there are."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import processors

from gateway.domain.values import EncodedPair
from gateway.encoding.chunks import chunk_by_tokens
from gateway.encoding.golden import GoldenPair, GoldenSet, read_golden
from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.render import ContextFields, render_item
from gateway.encoding.text_encoder import TextEncoder
from tests.fakes.specs import small_spec
from tests.fakes.tokenizers import bert_like, save

ENCODER = PairEncoder(small_spec(), bert_like())
FIELDS = st.dictionaries(st.sampled_from(["title", "year", "genres"]), st.text(max_size=80))
MIXED = ["toy", "heat", "中文", "Amélie", "ß", "😀", "toys", "[SEP]"]
WORDS = st.lists(st.sampled_from(MIXED), max_size=30).map(" ".join)
ITEMS = FIELDS | st.fixed_dictionaries({"title": WORDS})


@given(st.lists(ITEMS, max_size=7), ITEMS)
def test_no_history_and_no_item_breaks_the_budgets_of_a_pair(
    history: list[dict[str, str]], item: dict[str, str]
) -> None:
    context = ENCODER.encode_context(ContextFields(history=history))
    item_ids = ENCODER.encode_item(item)
    pair = ENCODER.join(context, item_ids)
    spec = ENCODER.spec
    assert len(context.token_ids) <= spec.context.max_tokens
    assert len(context.history_places) <= min(len(history), spec.context.history_items)
    assert len(pair.token_ids) == len(pair.type_ids) <= ENCODER.max_pair_tokens
    assert pair.truncated == (len(item_ids) > spec.item.max_tokens)


@given(st.lists(WORDS.filter(bool), min_size=1, max_size=4))
def test_the_most_recent_history_item_is_never_the_one_left_out(titles: list[str]) -> None:
    context = ENCODER.encode_context(ContextFields(history=[{"title": title} for title in titles]))
    assert context.history_places[0] == 0
    newest = context.text.split(" | ")[0]
    assert titles[0].startswith(newest)
    assert newest


def test_every_special_token_keeps_the_segment_id_that_the_template_gives_to_it() -> None:
    tokenizer = bert_like()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS]:0 [SEP]:1 $A [SEP]:1 [SEP]:0 $B:1 [SEP]:1 [CLS]:0",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    encoder = PairEncoder(small_spec(), tokenizer)
    context = encoder.encode_context(ContextFields(history=[{"title": "toy"}]))
    pair = encoder.join(context, encoder.encode_item({"title": "heat"}))
    whole = tokenizer.encode(context.text, render_item(encoder.spec.item, {"title": "heat"}))
    assert (pair.token_ids, pair.type_ids) == (tuple(whole.ids), tuple(whole.type_ids))


def test_no_items_encode_to_nothing() -> None:
    assert ENCODER.encode_items([]) == []


@pytest.fixture
def texts(tmp_path: Path) -> TextEncoder:
    return TextEncoder(save(bert_like(), tmp_path), max_tokens=6)


def test_texts_are_cut_with_their_special_tokens_kept(texts: TextEncoder) -> None:
    token_ids, mask = texts.encode(["toy", "toy " * 50, ""])
    assert token_ids.shape == mask.shape == (3, 6)
    assert token_ids.dtype == mask.dtype == np.int32
    assert mask.sum(axis=1).tolist() == [3, 6, 2]
    start, end = token_ids[1, 0], token_ids[1, 5]
    assert [token_ids[0, 0], token_ids[0, 2]] == [start, end]
    assert not token_ids[mask == 0].any()


def test_what_lies_far_behind_the_tokens_that_are_kept_is_not_read(texts: TextEncoder) -> None:
    word = "x" * (6 * 32)  # one token that takes all the characters
    _, mask = texts.encode([word, f"{word} toy", "toy " * 48 + "heat"])
    assert mask.sum(axis=1).tolist() == [3, 3, 6]


def test_a_text_has_the_same_tokens_alone_and_beside_a_longer_one(texts: TextEncoder) -> None:
    alone, _ = texts.encode(["toy story"])
    beside, mask = texts.encode(["the matrix toy story", "toy story"])
    assert beside[1, : mask[1].sum()].tolist() == alone[0].tolist()


def test_no_texts_are_an_empty_tensor_of_two_axes(texts: TextEncoder) -> None:
    token_ids, mask = texts.encode([])
    assert token_ids.ndim == mask.ndim == 2
    assert len(token_ids) == len(mask) == 0


def test_special_tokens_in_a_text_for_the_bi_encoder_stay_ordinary(texts: TextEncoder) -> None:
    (ids,), _ = texts.encode(["[SEP]"])
    assert ids.tolist().count(bert_like().token_to_id("[SEP]")) == 1


def golden(*logits: float, tolerance: float = 0.5) -> GoldenSet:
    return GoldenSet(tolerance, tuple(GoldenPair("q", {}, [], {"title": "Amélie"}, [1], logit) for logit in logits))


def test_a_golden_logit_may_lie_exactly_at_the_tolerance_and_no_further() -> None:
    kept = golden(1.0)
    assert kept.logit_faults(np.array([1.5], np.float32), [0]) == []
    assert kept.logit_faults(np.array([1.75], np.float32), [0]) == [
        "golden pair 0: logit 1.75000, expected 1.00000 ± 0.5"
    ]


def test_more_logits_than_numbers_are_no_proof() -> None:
    with pytest.raises(ValueError, match="zip"):
        golden(1.0, 2.0).logit_faults(np.array([1.0, 2.0], np.float32), [0])


def test_a_golden_file_keeps_letters_readable_and_refuses_unknown_keys(tmp_path: Path) -> None:
    file = tmp_path / "golden.json"
    file.write_text(golden(1.0).to_json(), encoding="utf-8")
    assert "Amélie" in file.read_text(encoding="utf-8")
    assert read_golden(file) == golden(1.0)
    data = json.loads(file.read_text(encoding="utf-8"))
    data["pairs"][0]["luck"] = 7
    file.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ValueError, match="luck"):
        read_golden(file)


@given(st.lists(st.integers(0, 300), max_size=60), st.integers(1, 600), st.integers(1, 20))
def test_chunks_hold_every_position_once_within_any_bounds(lengths: list[int], tokens: int, most: int) -> None:
    pairs = [EncodedPair((1,) * length, (0,) * length, truncated=False) for length in lengths]
    chunks = chunk_by_tokens(pairs, tokens, most)
    assert sorted(position for chunk in chunks for position in chunk) == list(range(len(pairs)))
    assert all(1 <= len(chunk) <= most for chunk in chunks)
    volumes = [len(chunk) * max(lengths[position] for position in chunk) for chunk in chunks]
    assert all(volume <= tokens or len(chunk) == 1 for volume, chunk in zip(volumes, chunks, strict=True))
    in_order = [lengths[position] for chunk in chunks for position in chunk]
    assert in_order == sorted(in_order), "padding stays small where neighbours are alike"
