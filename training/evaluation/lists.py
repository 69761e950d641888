"""What is evaluated: for every user the targets, the history, and an order of items per method. Lists that would
flatter or mislead are refused. Knows nobody who makes lists."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from training.errors import TrainingError


class ListsInvalid(TrainingError):
    """Lists that cannot be evaluated together; says which user and what is wrong."""


@dataclass(frozen=True, slots=True)
class EvaluatedList:
    """One user. ``targets``: what the user liked next; ``history``: what may be known, oldest first; ``orders``: row
    name to item ids, best first. Row names are free."""

    user_id: str
    targets: tuple[str, ...]
    history: tuple[str, ...]
    orders: Mapping[str, tuple[str, ...]]


def check_lists(lists: Sequence[EvaluatedList], items: Container[str]) -> None:
    """Raises ListsInvalid when there are none, or one has no target, a target in its history (a leak), other rows than
    the first, or an order that names an item twice or one that is not among the catalogue's ``items``."""
    if not lists:
        raise ListsInvalid("there is no list to evaluate", "check the protocol's fewest positives of an evaluated user")
    users: set[str] = set()
    for one in lists:
        if one.user_id in users:
            raise ListsInvalid(f"user {one.user_id} has two lists", "give every user one list")
        users.add(one.user_id)
        _check_list(one, set(lists[0].orders))
        _check_orders(one, items)


def _check_list(one: EvaluatedList, rows: set[str]) -> None:
    if not one.targets:
        raise ListsInvalid(f"user {one.user_id} has no target", "leave out users without held-out positives")
    if leaked := set(one.targets) & set(one.history):
        raise ListsInvalid(
            f"user {one.user_id}: target {min(leaked)!r} stands in the history",
            "end the history before the first target",
        )
    if set(one.orders) != rows:
        names = ", ".join(sorted(rows ^ set(one.orders)))
        raise ListsInvalid(f"user {one.user_id} has other rows than the first user: {names}", "give all users all rows")


def _check_orders(one: EvaluatedList, items: Container[str]) -> None:
    for name, order in one.orders.items():
        if len(set(order)) != len(order):
            raise ListsInvalid(f"user {one.user_id}: row {name} names an item twice", "keep an item's best place only")
        if unknown := next((item_id for item_id in order if item_id not in items), None):
            raise ListsInvalid(
                f"user {one.user_id}: row {name} names {unknown!r}, which is not in the catalogue",
                "add it to the items",
            )
