"""A text is tokenised once; another encoding, or another value of a field that it reads, makes another text."""

from pathlib import Path

import pytest

from gateway.cache.token_ids import TokenIdCache, text_key
from gateway.domain.values import Item, ModelIdentity
from gateway.encoding.pair_encoder import PairEncoder
from gateway.ports import ServedModel
from gateway.ranking.rendering import item_token_ids
from tests.fakes.specs import small_bundle, small_spec

ROOM = 10_000


@pytest.fixture
def model(tmp_path: Path) -> ServedModel:
    bundle = small_bundle(tmp_path)
    return ServedModel(ModelIdentity("cross_encoder", "1", bundle.fingerprint), bundle)


def items(*titles: str) -> dict[str, Item]:
    return {f"i{place}": Item(f"i{place}", {"title": title}) for place, title in enumerate(titles)}


async def test_every_item_gets_the_token_ids_of_its_own_text_known_or_not(model: ServedModel) -> None:
    cache = TokenIdCache(ROOM)
    await item_token_ids(model, items("heat", "alien"), cache)
    mixed = items("jaws", "alien", "jaws", "heat")
    encoder = model.bundle.encoder
    expected = {item_id: encoder.encode_item(item.fields) for item_id, item in mixed.items()}
    assert await item_token_ids(model, mixed, cache) == expected
    assert len(cache) == 3


async def test_a_known_text_is_not_tokenised_again(model: ServedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = TokenIdCache(ROOM)
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
    cache = TokenIdCache(ROOM)
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


async def test_a_text_of_any_length_is_kept_to_one_token_over_the_budget(model: ServedModel) -> None:
    cache, budget = TokenIdCache(ROOM), model.bundle.spec.item.max_tokens
    long = items("heat " * 500)
    expected = {"i0": model.bundle.encoder.encode_item(long["i0"].fields)[: budget + 1]}
    assert await item_token_ids(model, long, cache) == expected
    assert await item_token_ids(model, long, cache) == expected
    assert cache.used_bytes == size_of(budget + 1)


async def test_stored_token_ids_of_any_length_are_cut_alike(model: ServedModel) -> None:
    encoder, budget = model.bundle.encoder, model.bundle.spec.item.max_tokens
    stored = Item("i0", {}, token_ids=tuple(range(500)), tokens_fingerprint=encoder.item_fingerprint)
    assert await item_token_ids(model, {"i0": stored}, TokenIdCache(0)) == {"i0": tuple(range(budget + 1))}


def test_a_key_is_as_short_for_any_text(model: ServedModel) -> None:
    assert len(text_key(model.bundle.encoder, {"title": "heat " * 10_000})) == 16


def test_a_full_cache_forgets_what_was_used_least_recently() -> None:
    cache = TokenIdCache(2 * size_of(1))
    cache.put({b"a": (1,), b"b": (2,)})
    cache.known([b"a"])
    cache.put({b"c": (3,)})
    assert cache.known([b"a", b"b", b"c"]) == {b"a": (1,), b"c": (3,)}


def test_what_is_kept_never_takes_more_than_its_bytes() -> None:
    cache = TokenIdCache(ROOM)
    for number in range(200):
        cache.put({bytes([number]): range(number * 10)})
        assert cache.used_bytes <= ROOM
    assert cache.known([bytes([199])]) == {bytes([199]): tuple(range(1990))}


def test_what_is_larger_than_all_the_room_is_not_kept() -> None:
    cache = TokenIdCache(ROOM)
    cache.put({b"a": (1,), b"b": range(ROOM)})
    assert cache.known([b"a", b"b"]) == {b"a": (1,)}


def test_an_item_without_text_is_known_too() -> None:
    cache = TokenIdCache(ROOM)
    cache.put({b"a": ()})
    assert cache.known([b"a"]) == {b"a": ()}


def test_a_cache_without_room_keeps_nothing() -> None:
    cache = TokenIdCache(0)
    cache.put({b"a": (1,)})
    assert len(cache) == 0


def size_of(tokens: int) -> int:
    """Of an entry with so many tokens."""
    cache = TokenIdCache(ROOM)
    cache.put({b"a": range(tokens)})
    return cache.used_bytes
