"""Bearer tokens of an identity provider: signature by its published keys, issuer, audience and times are checked. Knows
no caller: the subject is who calls."""

import json
from dataclasses import dataclass

import jwt

from gateway.identity.caller import Refused

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Asymmetric ones only: with HS256 whoever has the public key could sign, with none anybody."""

LEEWAY_S = 30
"""That clocks may differ."""

_CLAIMS = ["exp", "iss", "aud", "sub"]
_REASONS: dict[type[jwt.PyJWTError], str] = {
    jwt.ExpiredSignatureError: "the token has expired",
    jwt.ImmatureSignatureError: "the token is not valid yet",
    jwt.InvalidAudienceError: "the token is for another audience",
    jwt.InvalidIssuerError: "the token is of another issuer",
    jwt.InvalidAlgorithmError: "the token has an algorithm that its key does not have",
    jwt.InvalidSignatureError: "the token has a wrong signature",
    jwt.MissingRequiredClaimError: f"the token lacks one of {', '.join(_CLAIMS)}",
    jwt.InvalidKeyError: "the token's key is too short",
}


class KeySetInvalid(ValueError):
    """Something is no JSON Web Key Set with a key to verify by. The message quotes nothing of it."""


class UnknownKey(Refused):
    """The token is signed by a key that is not known yet, or of another provider."""

    def __init__(self) -> None:
        super().__init__("the token is signed by an unknown key")


@dataclass(frozen=True, slots=True)
class KeySet:
    """An identity provider's public keys, by their id."""

    keys: dict[str | None, jwt.PyJWK]

    @classmethod
    def parse(cls, text: str) -> "KeySet":
        """From JSON. Keys of other algorithms are left out. Raises KeySetInvalid."""
        try:
            read = jwt.PyJWKSet.from_dict(json.loads(text)).keys
            keys = {one.key_id: one for one in read if one.algorithm_name in ALGORITHMS}
        except (ValueError, AttributeError, TypeError, RecursionError, jwt.PyJWTError) as fault:
            raise KeySetInvalid(f"it is no JSON Web Key Set ({type(fault).__name__})") from None
        if not keys:
            raise KeySetInvalid(f"it has no key for any of {', '.join(ALGORITHMS)}")
        return cls(keys)

    def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """The key of this id; where the token names none, the only one there is."""
        if key_id is None and len(self.keys) == 1:
            return next(iter(self.keys.values()))
        return self.keys.get(key_id)


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Whose tokens are accepted."""

    issuer: str
    audience: str

    def subject(self, token: str, keys: KeySet) -> str:
        """Who the token says calls. Raises Refused; UnknownKey where other keys may help."""
        try:
            key = keys.find(jwt.get_unverified_header(token).get("kid"))
            if key is None:
                raise UnknownKey
            claims = jwt.decode(
                token,
                key,
                algorithms=ALGORITHMS,
                audience=self.audience,
                issuer=self.issuer,
                leeway=LEEWAY_S,
                options={"require": _CLAIMS, "enforce_minimum_key_length": True},
            )
        except jwt.PyJWTError as fault:
            raise Refused(_REASONS.get(type(fault), "the token is malformed")) from None
        subject: str = claims["sub"]
        return subject
