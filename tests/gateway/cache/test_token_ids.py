"""A text is tokenised once; another encoding, or another value of a field that it reads, makes another text."""

from pathlib import Path

import pytest

from gateway.cache.token_ids import TokenIdCache, text_key
from gateway.domain.values import Item, ModelIdentity
from gateway.encoding.pair_encoder import PairEncoder
from gateway.ports import ServedModel
from gateway.ranking.rendering import item_token_ids
from tests.fakes.specs import small_bundle, small_spec


@pytest.fixture
def model(tmp_path: Path) -> ServedModel:
    bundle = small_bundle(tmp_path)
    return ServedModel(ModelIdentity("cross_encoder", "1", bundle.fingerprint), bundle)


def items(*titles: str) -> dict[str, Item]:
    return {f"i{place}": Item(f"i{place}", {"title": title}) for place, title in enumerate(titles)}


async def test_every_item_gets_the_token_ids_of_its_own_text_known_or_not(model: ServedModel) -> None:
    cache = TokenIdCache(10)
    await item_token_ids(model, items("heat", "alien"), cache)
    mixed = items("jaws", "alien", "jaws", "heat")
    encoder = model.bundle.encoder
    expected = {item_id: encoder.encode_item(item.fields) for item_id, item in mixed.items()}
    assert await item_token_ids(model, mixed, cache) == expected
    assert len(cache) == 3


async def test_a_known_text_is_not_tokenised_again(model: ServedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = TokenIdCache(10)
    tokenised: list[str] = []
    encode_items = PairEncoder.encode_items

    def counting(encoder: PairEncoder, fields: list[dict[str, str]]) -> list[tuple[int, ...]]:
        tokenised.extend(one["title"] for one in fields)
        return encode_items(encoder, fields)

    monkeypatch.setattr(PairEncoder, "encode_items", counting)
    await item_token_ids(model, items("heat", "heat", "alien"), cache)
    await item_token_ids(model, items("alien", "heat"), cache)
    assert tokenised == ["heat", "alien"]


async def test_stored_token_ids_of_this_encoding_go_before_all_others(model: ServedModel) -> None:
    cache = TokenIdCache(10)
    stored = Item("i0", {"title": "heat"}, token_ids=(7, 8), tokens_fingerprint=model.bundle.encoder.item_fingerprint)
    outdated = Item("i1", {"title": "heat"}, token_ids=(7, 8), tokens_fingerprint="another")
    found = await item_token_ids(model, {"i0": stored, "i1": outdated}, cache)
    assert found == {"i0": (7, 8), "i1": model.bundle.encoder.encode_item({"title": "heat"})}


def test_a_key_has_every_field_that_is_read_and_the_encoding(tmp_path: Path) -> None:
    short, long = (small_bundle(tmp_path / str(tokens), small_spec(tokens)).encoder for tokens in (8, 9))
    keys = {
        text_key(short, {"title": "heat"}),
        text_key(short, {"title": "heat", "year": "1995"}),
        text_key(short, {"year": "heat"}),
        text_key(short, {"title": "heat", "genres": "1995"}),
        text_key(long, {"title": "heat"}),
    }
    assert len(keys) == 5
    assert text_key(short, {"title": "heat", "unread": "x"}) in keys


def test_a_full_cache_forgets_what_was_used_least_recently() -> None:
    cache = TokenIdCache(2)
    cache.put({("f", "a"): (1,), ("f", "b"): (2,)})
    cache.known([("f", "a")])
    cache.put({("f", "c"): (3,)})
    assert cache.known([("f", "a"), ("f", "b"), ("f", "c")]) == {("f", "a"): (1,), ("f", "c"): (3,)}


def test_an_item_without_text_is_known_too() -> None:
    cache = TokenIdCache(2)
    cache.put({("f", ""): ()})
    assert cache.known([("f", "")]) == {("f", ""): ()}


def test_a_cache_without_room_keeps_nothing() -> None:
    cache = TokenIdCache(0)
    cache.put({("f", "a"): (1,)})
    assert len(cache) == 0
