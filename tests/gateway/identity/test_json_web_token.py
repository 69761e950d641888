"""Key sets and what of a token is checked, beside what the matrix of calls checks."""

import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from gateway.identity.caller import Refused
from gateway.identity.json_web_token import ALGORITHMS, KeySet, KeySetInvalid, UnknownKey
from tests.gateway.identity.issued import RULES, Provider, right_claims

PROVIDER = Provider()


def test_no_symmetric_algorithm_and_no_missing_signature_is_accepted() -> None:
    assert not [one for one in ALGORITHMS if one.startswith("HS") or one.lower() == "none"]


@pytest.mark.parametrize(
    ("algorithm", "key", "jwk"),
    [
        ("ES256", ec.generate_private_key(ec.SECP256R1()), ECAlgorithm.to_jwk),
        ("ES384", ec.generate_private_key(ec.SECP384R1()), ECAlgorithm.to_jwk),
        ("EdDSA", ed25519.Ed25519PrivateKey.generate(), OKPAlgorithm.to_jwk),
    ],
)
def test_other_asymmetric_keys_verify_too(algorithm: str, key: Any, jwk: Callable[[Any], str]) -> None:
    published = json.dumps({"keys": [json.loads(jwk(key.public_key()))]})
    token = jwt.encode(right_claims("me"), key, algorithm=algorithm)
    assert RULES.subject(token, KeySet.parse(published)) == "me"


def test_a_token_without_a_key_id_is_verified_where_there_is_one_key_only() -> None:
    keys = KeySet.parse(PROVIDER.key_set)
    assert keys.find(None) is keys.find(PROVIDER.key_id)
    both = json.loads(PROVIDER.key_set)["keys"] + json.loads(Provider("second").key_set)["keys"]
    assert KeySet.parse(json.dumps({"keys": both})).find(None) is None


def test_a_key_that_is_not_in_the_set_is_told_apart() -> None:
    with pytest.raises(UnknownKey):
        RULES.subject(Provider("second").token("me"), KeySet.parse(PROVIDER.key_set))


def test_a_token_needs_a_subject() -> None:
    with pytest.raises(Refused, match="lacks one of exp, iss, aud, sub"):
        RULES.subject(PROVIDER.token("me", sub=None), KeySet.parse(PROVIDER.key_set))


def test_a_short_key_is_refused() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    published = json.dumps({"keys": [json.loads(RSAAlgorithm.to_jwk(key.public_key()))]})
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        token = jwt.encode(right_claims("me"), key, algorithm="RS256")
    with pytest.raises(Refused, match="too short"):
        RULES.subject(token, KeySet.parse(published))


SECRET = {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0", "alg": "HS256"}


NAMED_BY_A_LIST = {**json.loads(PROVIDER.key_set)["keys"][0], "kid": ["a"]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        "{}",
        '{"keys": []}',
        '{"keys": [{"kty": "RSA"}]}',
        json.dumps({"keys": [SECRET]}),
        json.dumps({"keys": [NAMED_BY_A_LIST]}),
    ],
)
def test_a_key_set_without_a_usable_key_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(KeySetInvalid) as caught:
        KeySet.parse(text)
    assert SECRET["k"] not in str(caught.value)
