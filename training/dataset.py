"""The evaluation protocol: who is tested on what, and what may be known then. Knows no model and no file format.

A positive is an interaction of weight above 0, in order of time (ties: file order). Users with at least
``min_positives``: test = their last ``held_out`` positives, valid = the ``held_out`` before, train = the rest. The
other users' positives are all train. Candidates exclude everything the user had met before the first held-out positive.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from training.data.tables import InteractionRow, ItemRow, Tables


class Phase(Enum):
    """What is being chosen or measured."""

    VALID = "valid"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Protocol:
    """Numbers of the protocol."""

    min_positives: int = 20
    held_out: int = 5


@dataclass(frozen=True, slots=True)
class UserCase:
    """One evaluated list: ``history`` (positives, oldest first), ``seen`` (never to be proposed), ``targets``."""

    user_id: str
    history: tuple[str, ...]
    seen: frozenset[str]
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _User:
    rows: list[InteractionRow] = field(default_factory=list)
    positives: list[str] = field(default_factory=list)


class Dataset:
    """Tables with the protocol applied. Items keep their table order; of a repeated positive the first one counts."""

    def __init__(self, tables: Tables, protocol: Protocol) -> None:
        self.protocol = protocol
        self.items: Sequence[ItemRow] = tables.items
        self.fields: Mapping[str, Mapping[str, str]] = {item.item_id: item.fields for item in tables.items}
        self._users: dict[str, _User] = {}
        for row in sorted(tables.interactions, key=lambda one: one.time):
            user = self._users.setdefault(row.user_id, _User())
            user.rows.append(row)
            if row.weight > 0 and row.item_id not in user.positives:
                user.positives.append(row.item_id)

    @property
    def users(self) -> Sequence[str]:
        """All users, by id."""
        return sorted(self._users)

    @property
    def evaluated_users(self) -> Sequence[str]:
        """Users with enough positives, by id."""
        return [user_id for user_id in self.users if self._is_evaluated(user_id)]

    def known_positives(self, user_id: str, phase: Phase) -> Sequence[str]:
        """Positives, oldest first, that may be known when lists of ``phase`` are made."""
        positives = self._users[user_id].positives
        held_back = self.protocol.held_out * (2 if phase is Phase.VALID else 1)
        return positives[:-held_back] if self._is_evaluated(user_id) else positives

    def case(self, user_id: str, phase: Phase) -> UserCase:
        """The list to rank for an evaluated user."""
        known = self.known_positives(user_id, phase)
        targets = tuple(self._users[user_id].positives[len(known) : len(known) + self.protocol.held_out])
        return UserCase(user_id, tuple(known), self.seen_before(user_id, targets[0]), targets)

    def cases(self, phase: Phase) -> list[UserCase]:
        """One list per evaluated user."""
        return [self.case(user_id, phase) for user_id in self.evaluated_users]

    def seen_before(self, user_id: str, item_id: str) -> frozenset[str]:
        """Items the user had met, liked or not, before the first positive meeting with ``item_id``."""
        return frozenset(row.item_id for row in self._before(user_id, item_id)) - {item_id}

    def interactions(self, phase: Phase) -> list[InteractionRow]:
        """Rows that a store may hold when lists of ``phase`` are made: for evaluated users everything before the first
        target, for others everything."""
        rows: list[InteractionRow] = []
        for user_id in self.users:
            if self._is_evaluated(user_id):
                case = self.case(user_id, phase)
                rows += [row for row in self._before(user_id, case.targets[0]) if row.item_id in case.seen]
            else:
                rows += self._users[user_id].rows
        return rows

    def _is_evaluated(self, user_id: str) -> bool:
        return len(self._users[user_id].positives) >= self.protocol.min_positives

    def _before(self, user_id: str, item_id: str) -> list[InteractionRow]:
        rows = self._users[user_id].rows
        first = next(place for place, row in enumerate(rows) if row.item_id == item_id and row.weight > 0)
        return rows[:first]
