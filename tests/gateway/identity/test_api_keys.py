"""API keys are long and random, and the gateway knows them by their hashes."""

import hashlib
import subprocess
import sys

from gateway.identity.api_keys import PREFIX, hash_of, is_hash, new_key, owner_of
from tests.paths import ROOT


def test_keys_differ_and_have_256_random_bits_behind_a_prefix() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert {key[: len(PREFIX)] for key in keys} == {PREFIX}
    assert min(map(len, keys)) >= len(PREFIX) + 43


def test_the_hash_is_sha_256_of_the_whole_key() -> None:
    assert hash_of("crossrank_x") == "sha256:" + hashlib.sha256(b"crossrank_x").hexdigest()
    assert is_hash(hash_of(new_key()))
    assert not any(
        map(is_hash, ("", new_key(), "sha256:", hash_of("x").upper(), hash_of("x")[:-1], hash_of("x") + "0"))
    )


def test_an_owner_is_found_by_the_whole_key_only() -> None:
    first, second = new_key(), new_key()
    owners = {hash_of(first): "a", hash_of(second): "b"}
    assert [owner_of(key, owners) for key in (first, second, new_key(), first[:-1], "")] == ["a", "b", None, None, None]


def test_the_program_prints_the_key_and_beside_it_the_line_for_the_file() -> None:
    done = subprocess.run(
        (sys.executable, "-m", "gateway.identity.new_key"), cwd=ROOT, capture_output=True, text=True, check=True
    )
    key = done.stdout.strip()
    assert key.startswith(PREFIX)
    assert hash_of(key) in done.stderr
    assert key not in done.stderr
