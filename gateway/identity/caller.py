"""Who calls, and what a call shows to prove it. Knows no transport and no file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gateway.domain.errors import PermissionDenied
from gateway.identity.roles import Role, access_to


class Refused(Exception):
    """A credential is not accepted. ``why`` is for the log of the gateway; the caller is not told which."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Shown:
    """What a call brings: its ``authorization`` headers, and the client certificate of its connection (PEM; empty:
    none). Never logged."""

    authorization: Sequence[str]
    certificate: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Caller:
    """A name of the identities file with its roles; empty where nobody is asked."""

    name: str
    roles: frozenset[Role]

    def admit(self, method: str) -> None:
        """Raises PermissionDenied unless this caller may call the method."""
        needed = access_to(method).role
        if self.roles.isdisjoint({needed, Role.ADMIN}):
            raise PermissionDenied(
                f"the caller {self.name!r} lacks the role {needed.value!r} that {method} needs: call with the "
                "credential of one that has it, or have the role added in the gateway's identities file"
            )


ANYBODY = Caller("", frozenset({Role.ADMIN}))
