"""What callers show: API keys, and the tokens of an identity provider, right ones and forged ones."""

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from gateway.identity.api_keys import hash_of, new_key
from gateway.identity.json_web_token import TokenRules
from gateway.identity.roles import Role

ISSUER, AUDIENCE = "https://login.example.org", "crossrank"
RULES = TokenRules(ISSUER, AUDIENCE)


class Provider:
    """Signs tokens with a key of its own, which its key set publishes."""

    def __init__(self, key_id: str = "first") -> None:
        self.key_id = key_id
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @cached_property
    def key_set(self) -> str:
        """As it is published."""
        jwk = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return json.dumps({"keys": [{**jwk, "kid": self.key_id, "use": "sig"}]})

    def token(self, subject: str = "", **claims: Any) -> str:
        """A right token, but for the claims given; None leaves one out."""
        given = {**right_claims(subject), **claims}
        payload = {name: value for name, value in given.items() if value is not None}
        return jwt.encode(payload, self._key, algorithm="RS256", headers={"kid": self.key_id})

    def by_hand(self, algorithm: str, subject: str) -> str:
        """An unsigned token, or one whose signature has the public key as its secret."""
        header = {"alg": algorithm, "typ": "JWT", "kid": self.key_id}
        signed = ".".join(_base64(json.dumps(part).encode()) for part in (header, right_claims(subject)))
        public = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        signature = hmac.digest(public, signed.encode(), hashlib.sha256) if algorithm == "HS256" else b""
        return f"{signed}.{_base64(signature)}"


def right_claims(subject: str) -> dict[str, Any]:
    """Of a token that is accepted."""
    return {"sub": subject, "iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 300}


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class Callers:
    """One caller for each role, named as the role, with an API key and a subject."""

    keys: dict[Role, str] = field(default_factory=lambda: {role: new_key() for role in Role})

    @property
    def file_of_keys(self) -> str:
        """The identities file, without subjects of tokens."""
        return "\n".join(self._tables())

    @property
    def file(self) -> str:
        """The identities file."""
        tables = zip(self.keys, self._tables(), strict=True)
        return "\n".join(f'{table}subjects = ["{subject_of(role)}"]\n' for role, table in tables)

    def _tables(self) -> list[str]:
        return [
            f'[callers.{role}]\nroles = ["{role}"]\napi_keys = ["{hash_of(key)}"]\n' for role, key in self.keys.items()
        ]


def subject_of(role: Role) -> str:
    """Of the caller with this role."""
    return f"{role}@example.org"


def bearer(credential: str) -> tuple[tuple[str, str], ...]:
    """As a call carries it."""
    return (("authorization", f"Bearer {credential}"),)
