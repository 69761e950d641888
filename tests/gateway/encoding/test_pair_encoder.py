"""Pairs are encoded as the tokenizer's own pair template would, and only the item side is ever cut."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from tokenizers import Tokenizer

from gateway.encoding.pair_encoder import ContextTooLong, PairEncoder
from gateway.encoding.render import ContextFields, render_item
from tests.fakes.specs import small_spec
from tests.fakes.tokenizers import bert_like, roberta_like

HISTORY = [{"title": "Toy Story", "year": "1995"}, {"title": "Heat", "year": "1995"}, {"title": "Alien"}]


def encoder_of(tokenizer: Tokenizer, item_tokens: int = 8) -> PairEncoder:
    tokenizer.encode_special_tokens = True
    return PairEncoder(small_spec(item_tokens), tokenizer)


@pytest.mark.parametrize("family", [bert_like, roberta_like])
@pytest.mark.parametrize("seed", range(5))
def test_a_spliced_pair_equals_the_tokenizers_own_encoding_of_both_texts(
    family: Callable[[], Tokenizer], seed: int
) -> None:
    tokenizer = family()
    encoder = encoder_of(tokenizer, item_tokens=50)
    draw = random.Random(seed)
    words = "toy story heat alien jaws space comedy [SEP] </s> 1995 ünïcode 中文 ☃".split()
    item = {"title": " ".join(draw.choices(words, k=draw.randint(0, 8))), "genres": draw.choice(words)}
    history = [{"title": draw.choice(words)} for _ in range(draw.randint(0, 4))]
    context = encoder.encode_context(ContextFields(query=draw.choice(["", "space"]), history=history))
    expected = tokenizer.encode(context.text, render_item(encoder.spec.item, item))
    pair = encoder.join(context, encoder.encode_item(item))
    assert list(pair.token_ids) == expected.ids, f"seed {seed}"
    assert list(pair.type_ids) == expected.type_ids, f"seed {seed}"


def test_only_the_item_side_is_cut_and_the_cut_is_reported() -> None:
    encoder = encoder_of(bert_like(), item_tokens=3)
    context = encoder.encode_context(ContextFields(history=HISTORY))
    long = encoder.encode_item({"title": "toy story heat alien jaws"})
    pair = encoder.join(context, long)
    assert pair.truncated
    assert len(pair.token_ids) == len(context.token_ids) + 3 + encoder.special_tokens
    assert not encoder.join(context, long[:3]).truncated


def test_special_tokens_in_user_text_become_ordinary_tokens() -> None:
    tokenizer = bert_like()
    encoder = encoder_of(tokenizer)
    separator = tokenizer.token_to_id("[SEP]")
    context = encoder.encode_context(ContextFields(query="toy [SEP] story [CLS]"))
    pair = encoder.join(context, encoder.encode_item({"title": "[SEP] heat"}))
    assert separator not in context.token_ids
    assert pair.token_ids.count(separator) == 2, "only the frame's own separators"


def test_the_oldest_history_items_are_left_out_until_the_context_fits() -> None:
    encoder = encoder_of(bert_like())
    many = [{"title": "toy story", "year": "1995", "genres": "comedy"}] * 4
    context = encoder.encode_context(ContextFields(history=many))
    assert 0 < len(context.history_places) < 4
    assert len(context.token_ids) <= encoder.spec.context.max_tokens
    assert context.text.count("toy story") == len(context.history_places)


def test_the_oldest_items_are_left_out_of_an_oldest_first_history_too() -> None:
    base = small_spec()
    spec = replace(base, context=replace(base.context, history_order="oldest_first"))
    titles = ["heat", "alien", "jaws", "toy story"]
    history = [{"title": title, "year": "1995", "genres": "comedy"} for title in titles]
    context = PairEncoder(spec, bert_like()).encode_context(ContextFields(history=history))
    used = len(context.history_places)
    assert 0 < used < 4
    assert context.history_places == tuple(range(used)), "most recent first, whatever the text's order"
    parts = context.text.split(" | ")
    assert [part.split(",")[0] for part in parts] == titles[:used][::-1]


def test_one_endless_history_item_is_cut_and_does_not_push_out_the_others() -> None:
    encoder = encoder_of(bert_like())
    context = encoder.encode_context(ContextFields(history=[{"title": "toy " * 500}, {"title": "heat"}]))
    assert context.history_places == (0, 1)
    assert context.text == "toy toy toy toy toy toy | heat"


def test_a_query_longer_than_the_context_budget_is_refused_with_both_numbers() -> None:
    encoder = encoder_of(bert_like())
    with pytest.raises(ContextTooLong, match="tokens; at most 24") as caught:
        encoder.encode_context(ContextFields(query="space " * 100))
    assert caught.value.tokens > caught.value.limit == 24


def test_query_features_and_history_are_rendered_in_this_order() -> None:
    encoder = encoder_of(bert_like())
    context = encoder.encode_context(ContextFields("space", {"mood": "comedy"}, HISTORY[:1]))
    assert context.text == "query: space | a comedy | Toy Story, year 1995"


def test_an_empty_context_and_an_empty_item_still_make_a_pair() -> None:
    encoder = encoder_of(bert_like())
    pair = encoder.join(encoder.encode_context(ContextFields()), encoder.encode_item({}))
    assert len(pair.token_ids) == encoder.special_tokens == 3


def test_encoding_many_items_equals_encoding_each() -> None:
    encoder = encoder_of(bert_like())
    items = [{"title": "toy story"}, {}, {"title": "heat", "year": "1995", "unread": "x"}]
    assert encoder.encode_items(items) == [encoder.encode_item(item) for item in items]


def test_the_item_fingerprint_changes_with_the_item_spec_and_the_tokenizer_only() -> None:
    base = encoder_of(bert_like()).item_fingerprint
    assert base == encoder_of(bert_like()).item_fingerprint
    assert base != encoder_of(bert_like(), item_tokens=9).item_fingerprint
    assert base != encoder_of(roberta_like()).item_fingerprint
