"""API keys: long random texts of which the gateway keeps a hash only. Knows no caller."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from typing import TypeVar

PREFIX = "crossrank_"
"""Tells a key from a token, and lets scanners find one that leaked."""

_RANDOM_BYTES = 32
_HASH = re.compile(r"sha256:[0-9a-f]{64}")
Owner = TypeVar("Owner")


def new_key() -> str:
    """256 random bits: nobody guesses them, so a fast hash without salt is enough to keep them."""
    return PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def hash_of(key: str) -> str:
    """As it stands in the identities file."""
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def is_hash(text: str) -> bool:
    """Whether it has the form of ``hash_of``."""
    return _HASH.fullmatch(text) is not None


def owner_of(key: str, owners: Mapping[str, Owner]) -> Owner | None:
    """Whose hash it is. Every hash is compared, each in constant time."""
    given, found = hash_of(key), None
    for known, owner in owners.items():
        if hmac.compare_digest(given, known):
            found = owner
    return found
