"""The identities file: callers by name, each with its roles and what proves it. Knows no call.

[callers.shop]
roles = ["read", "feedback"]
api_keys = ["sha256:…"]

[callers.loader]
roles = ["catalogue"]
certificates = ["spiffe://example.org/loader", "loader.example.org"]
subjects = ["loader@example.org"]
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.identity.api_keys import is_hash
from gateway.identity.caller import Caller
from gateway.identity.roles import Role

PROOFS = ("api_keys", "certificates", "subjects")
_FIELDS = ("roles", *PROOFS)
_ROLES = ", ".join(Role)


class IdentitiesInvalid(ValueError):
    """Identities cannot be used; the message lists all faults with what to do, and quotes no credential."""


@dataclass(frozen=True, slots=True)
class Identities:
    """Callers by the hash of an API key, by a name in a certificate, by the subject of a token."""

    api_keys: Mapping[str, Caller] = field(default_factory=dict)
    certificates: Mapping[str, Caller] = field(default_factory=dict)
    subjects: Mapping[str, Caller] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> "Identities":
        """From TOML. Raises IdentitiesInvalid."""
        try:
            tables = tomllib.loads(text)
        except (ValueError, RecursionError) as fault:
            raise IdentitiesInvalid(f"it is no TOML: {fault}") from None
        callers = tables.get("callers")
        if set(tables) != {"callers"} or not isinstance(callers, dict) or not callers:
            raise IdentitiesInvalid("it must hold tables [callers.NAME] and nothing else: begin with one")
        faults = [fault for name, table in callers.items() for fault in _faults(name, table)]
        if not faults:
            faults = [*_shared(callers)]
        if faults:
            raise IdentitiesInvalid("; ".join(faults))
        owners = {name: Caller(name, frozenset(map(Role, table["roles"]))) for name, table in callers.items()}
        return cls(*({one: owners[name] for name, one in _proofs(callers, proof)} for proof in PROOFS))


def _faults(name: str, table: Any) -> Iterator[str]:
    where = f"callers.{name}"
    if not name:
        yield "a caller has an empty name, which stands for nobody: write [callers.NAME]"
    if not isinstance(table, dict):
        yield f"{where} is no table: give it roles and one of {', '.join(PROOFS)}"
        return
    yield from (f"{where}.{one} is unknown: there are {', '.join(_FIELDS)}" for one in table.keys() - _FIELDS)
    lists = {one: table[one] for one in _FIELDS if one in table}
    wrong = [one for one, value in lists.items() if not _is_list_of_texts(value)]
    yield from (f'{where}.{one} is no list of texts, or an empty one: write ["…"]' for one in wrong)
    if "roles" not in lists:
        yield f"{where} has no roles: give one or more of {_ROLES}"
    if lists.keys().isdisjoint(PROOFS):
        yield f"{where} has nothing that proves it: give one of {', '.join(PROOFS)}"
    if not wrong:
        yield from (f"{where} has the role {one!r}: there are {_ROLES}" for one in {*lists.get("roles", ())} - {*Role})
        if not all(map(is_hash, lists.get("api_keys", ()))):
            yield f"{where}.api_keys must be hashes, sha256:…: python -m gateway.identity.new_key makes one"


def _shared(callers: Mapping[str, Any]) -> Iterator[str]:
    for proof in PROOFS:
        seen: dict[str, str] = {}
        for name, one in _proofs(callers, proof):
            if name != seen.setdefault(one, name):
                yield f"callers.{name} and callers.{seen[one]} share an entry of {proof}: each proves one caller only"


def _proofs(callers: Mapping[str, Any], proof: str) -> Iterator[tuple[str, str]]:
    return ((name, one) for name, table in callers.items() for one in table.get(proof, ()))


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) and one for one in value)
