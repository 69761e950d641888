"""The evaluation protocol: who is tested on what, and what may be known then. Knows no model and no file format.

A positive is an interaction of weight above 0, in order of time (ties: file order). The positives of users with at
least ``min_positives`` are cut from the end into folds of ``held_out``: fold 0 is test, fold 1 valid, the folds before
them are for training lists, as long as ``min_history`` positives stay before them. The other users' positives are all
known. What may be known in a fold is a part of what may be known in every lower fold. Candidates exclude everything the
user had met before the fold's first target.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from gateway.domain.history import History
from training.data.impressions import ImpressionRow
from training.data.tables import InteractionRow, ItemRow, Tables
from training.errors import TooFewUsers
from training.options.protocol import Protocol


class Phase(IntEnum):
    """Names of the folds that choose and measure; every ``fold`` may be one of them or a higher number."""

    TEST = 0
    VALID = 1


@dataclass(frozen=True, slots=True)
class UserCase:
    """One evaluated list: ``history`` (positives), ``seen`` (never to be proposed), ``targets``."""

    user_id: str
    history: History[str]
    seen: frozenset[str]
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _User:
    """``positives``: place of the row by item, in order."""

    rows: list[InteractionRow] = field(default_factory=list)
    positives: dict[str, int] = field(default_factory=dict)
    impressions: list[ImpressionRow] = field(default_factory=list)


class Dataset:
    """Tables with the protocol applied. Items keep their table order. A repeated positive is a target where it was
    liked first, and stands in a history where it was liked last, as in the histories that are served."""

    def __init__(self, tables: Tables, protocol: Protocol) -> None:
        self.protocol = protocol
        self.items: Sequence[ItemRow] = tables.items
        self.fields: Mapping[str, Mapping[str, str]] = {item.item_id: item.fields for item in tables.items}
        self._users: dict[str, _User] = {}
        for row in sorted(tables.interactions, key=lambda one: one.time):
            user = self._users.setdefault(row.user_id, _User())
            if row.weight > 0:
                user.positives.setdefault(row.item_id, len(user.rows))
            user.rows.append(row)
        for shown in sorted(tables.impressions, key=lambda one: (one.time, one.rank)):
            if shown.user_id in self._users:
                self._users[shown.user_id].impressions.append(shown)

    @property
    def columns(self) -> Sequence[str]:
        """Names of the items' text fields, in the table's order."""
        return list(dict.fromkeys(name for item in self.items for name in item.fields))

    @property
    def users(self) -> Sequence[str]:
        """All users, by id."""
        return sorted(self._users)

    @property
    def evaluated_users(self) -> Sequence[str]:
        """Users with enough positives, by id."""
        return [user_id for user_id in self.users if self._is_evaluated(user_id)]

    def require_users(self) -> None:
        """Raises TooFewUsers when nothing can be learned or told from the users that are evaluated."""
        found, numbers = len(self.evaluated_users), self.protocol
        if found < numbers.min_users:
            raise TooFewUsers(
                f"{found} of {len(self._users)} users have {numbers.min_positives} positives or more; "
                f"at least {numbers.min_users} such users are needed",
                "bring more interactions of weight above 0, or lower min_positives under [protocol]",
            )

    def folds(self, user_id: str) -> int:
        """How many folds the user has; 0 for users who are not evaluated, at least 2 for the others."""
        if not self._is_evaluated(user_id):
            return 0
        count = len(self._users[user_id].positives)
        return max(2, (count - self.protocol.min_history) // self.protocol.held_out)

    def positives(self, user_id: str) -> Sequence[str]:
        """All that the user liked, oldest first: also what is held out."""
        return tuple(self._users[user_id].positives)

    def known_positives(self, user_id: str, fold: int) -> Sequence[str]:
        """Positives, oldest first, that may be known when lists of ``fold`` are made: those before the fold, or before
        the user's earliest fold where there is no such fold."""
        positives = list(self.positives(user_id))
        blocks = min(fold + 1, self.folds(user_id))
        return positives[: len(positives) - self.protocol.held_out * blocks]

    def case(self, user_id: str, fold: int) -> UserCase:
        """The list to rank for a user who has this fold."""
        if fold >= self.folds(user_id):
            raise IndexError(f"user {user_id} has {self.folds(user_id)} folds, none with number {fold}")
        known = self.known_positives(user_id, fold)
        targets = tuple(self.positives(user_id)[len(known) : len(known) + self.protocol.held_out])
        seen = self.seen_before(user_id, targets[0]) - set(targets)
        return UserCase(user_id, self.history(user_id, targets[0]), seen, targets)

    def cases(self, fold: int) -> list[UserCase]:
        """One list per user who has this fold."""
        return [self.case(user_id, fold) for user_id in self.users if fold < self.folds(user_id)]

    def cases_from(self, fold: int) -> list[UserCase]:
        """The lists of ``fold`` and of all later ones (lower numbers): nothing that makes lists of the fold may know
        their targets."""
        return [case for later in range(fold + 1) for case in self.cases(later)]

    def history(self, user_id: str, item_id: str) -> History[str]:
        """Items liked before the first positive meeting with ``item_id``, by the last such moment of each: what
        gateway/store/histories.py answered then. Empty where the user never liked the item."""
        if item_id not in self._users[user_id].positives:
            return History()
        liked = History(oldest_first=tuple(row.item_id for row in self._before(user_id, item_id) if row.weight > 0))
        return History.from_newest_first(dict.fromkeys(liked.newest_first))

    def seen_before(self, user_id: str, item_id: str) -> frozenset[str]:
        """Items the user had met, liked or not, before the first positive meeting with ``item_id``."""
        return frozenset(row.item_id for row in self._before(user_id, item_id)) - {item_id}

    def impressions(self, user_id: str, fold: int) -> Sequence[ImpressionRow]:
        """What the user was shown before the fold's first target happened, oldest first, without what was chosen only
        later; of a user without folds all."""
        own = min(fold, self.folds(user_id) - 1)
        user = self._users[user_id]
        if own < 0:
            return user.impressions
        place = user.positives[self.case(user_id, own).targets[0]]
        known = {item_id for item_id, liked in user.positives.items() if liked < place}
        before = (one for one in user.impressions if one.time < user.rows[place].time)
        return [one for one in before if not one.chosen or one.item_id in known]

    def interactions(self, fold: int) -> list[InteractionRow]:
        """Rows that a store or a fit may hold when lists of ``fold`` are made: of evaluated users everything before the
        first target that says nothing of the targets, of the others everything."""
        rows: list[InteractionRow] = []
        for user_id in self.users:
            own = min(fold, self.folds(user_id) - 1)
            if own < 0:
                rows += self._users[user_id].rows
            else:
                case = self.case(user_id, own)
                rows += [row for row in self._before(user_id, case.targets[0]) if row.item_id in case.seen]
        return rows

    def _is_evaluated(self, user_id: str) -> bool:
        user = self._users.get(user_id)
        return user is not None and len(user.positives) >= self.protocol.min_positives

    def _before(self, user_id: str, item_id: str) -> list[InteractionRow]:
        user = self._users[user_id]
        return user.rows[: user.positives[item_id]]
