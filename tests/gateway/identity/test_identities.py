"""The identities file: who is in it, and faults that are named all at once without quoting a credential."""

import pytest

from gateway.identity.api_keys import hash_of, new_key
from gateway.identity.identities import Identities, IdentitiesInvalid
from gateway.identity.roles import Role

HASH = hash_of("crossrank_a")


def test_callers_are_found_by_each_of_their_proofs() -> None:
    identities = Identities.parse(
        f"""
        [callers.shop]
        roles = ["read", "feedback"]
        api_keys = ["{HASH}", "{hash_of("crossrank_b")}"]
        [callers.loader]
        roles = ["catalogue"]
        certificates = ["spiffe://example.org/loader"]
        subjects = ["loader"]
        """
    )
    assert {caller.name for caller in identities.api_keys.values()} == {"shop"}
    assert len(identities.api_keys) == 2
    assert identities.api_keys[HASH].roles == {Role.READ, Role.FEEDBACK}
    assert identities.certificates["spiffe://example.org/loader"] is identities.subjects["loader"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", r"tables \[callers.NAME\]"),
        ("callers = 1", r"tables \[callers.NAME\]"),
        ("[callers.a", "no TOML"),
        ("callers = " + "[" * 100_000, "no TOML"),
        ("callers = " + "9" * 5_000, "no TOML"),
        ("[callers.'']\nroles = ['read']\nsubjects = ['a']", "a caller has an empty name"),
        ("[callers]\na = 1", "callers.a is no table"),
        ("[callers.a]\nroles = ['read']\nsubjects = ['a']\n[other]", r"\[callers.NAME\] and nothing else"),
        ("[callers.a]\nroles = ['read']", "callers.a has nothing that proves it"),
        (
            "[callers.a]\nsubjects = ['a']",
            "callers.a has no roles: give one or more of read, feedback, catalogue, admin",
        ),
        ("[callers.a]\nroles = ['reader']\nsubjects = ['a']", "callers.a has the role 'reader': there are read"),
        ("[callers.a]\nroles = []\nsubjects = ['a']", "callers.a.roles is no list of texts, or an empty one"),
        ("[callers.a]\nroles = 'read'\nsubjects = ['a']", "callers.a.roles is no list"),
        ("[callers.a]\nroles = ['read']\nsubjects = ['']", "callers.a.subjects is no list"),
        ("[callers.a]\nroles = ['read']\nsubject = ['a']", "callers.a.subject is unknown: there are roles, api_keys"),
    ],
)
def test_a_fault_is_named_with_its_remedy(text: str, expected: str) -> None:
    with pytest.raises(IdentitiesInvalid, match=expected):
        Identities.parse(text)


def test_a_key_in_place_of_its_hash_is_refused_and_not_quoted() -> None:
    key = new_key()
    with pytest.raises(IdentitiesInvalid, match="must be hashes, sha256") as caught:
        Identities.parse(f"[callers.a]\nroles = ['read']\napi_keys = ['{key}']")
    assert key not in str(caught.value)


def test_a_proof_belongs_to_one_caller() -> None:
    with pytest.raises(IdentitiesInvalid, match=r"callers.b and callers.a share an entry of subjects"):
        Identities.parse(
            "[callers.a]\nroles = ['read']\nsubjects = ['x']\n[callers.b]\nroles = ['read']\nsubjects = ['x']"
        )


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(IdentitiesInvalid) as caught:
        Identities.parse("[callers.a]\nroles = ['x']\n[callers.b]\nsubjects = ['b']")
    assert len(str(caught.value).split("; ")) == 3
