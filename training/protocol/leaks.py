"""Guards against learning from what is to be measured: each raises Leak and names the user, the item and the fold.
Knows no model and no file; callers hold the guards against what they are about to use.

A fit or a list of a fold may know only what comes before that fold (training/protocol/dataset.py): folds count from the
end, so a lower number is later.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.domain.history import History
from training.data.tables import InteractionRow
from training.errors import Leak
from training.protocol.dataset import Dataset, Phase, UserCase


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a first stage was fitted on: the fold it may make lists of, and a digest of the interactions. A fit carries
    its own; a list carries that of the fit that made it."""

    fold: int
    digest: str


class AimedList(Protocol):
    """A list for one user: ``targets`` as liked."""

    @property
    def user_id(self) -> str:
        """Whose."""

    @property
    def targets(self) -> Sequence[str]:
        """What came next."""


class MadeList(AimedList, Protocol):
    """With what it was made from."""

    @property
    def history(self) -> History[str]:
        """What was known."""


def fingerprint(fold: int, interactions: Iterable[InteractionRow]) -> Fingerprint:
    """Of a fit on these rows; their order does not count."""
    digest = hashlib.sha256()
    rows = ((one.user_id, one.item_id, one.event, repr(one.weight), one.time.isoformat()) for one in interactions)
    for row in sorted(rows):
        for part in row:
            digest.update(f"{len(part)}:{part}".encode())
    return Fingerprint(fold, digest.hexdigest())


def check_fit(interactions: Iterable[InteractionRow], cases: Iterable[UserCase]) -> None:
    """No fit may hold a target of the cases as something that its user liked."""
    targets = {(case.user_id, item_id) for case in cases for item_id in case.targets}
    for row in interactions:
        if row.weight > 0 and (row.user_id, row.item_id) in targets:
            raise Leak(
                f"user {row.user_id}: item {row.item_id} is to be predicted, and the fit holds it ({row.event} of "
                f"{row.time.isoformat()})",
                "fit on Dataset.interactions or known_positives of the fold whose lists are made",
            )


def check_known(known: Mapping[str, Sequence[str]], cases: Iterable[UserCase]) -> None:
    """As check_fit, for a fit on users' liked items (``known``, by user) instead of rows."""
    liked = {user_id: frozenset(items) for user_id, items in known.items()}
    for case in cases:
        if told := liked.get(case.user_id, frozenset()) & set(case.targets):
            raise Leak(
                f"user {case.user_id}: item {min(told)} is to be predicted, and the fit holds it",
                "fit on Dataset.interactions or known_positives of the fold whose lists are made",
            )


def check_lists(lists: Iterable[MadeList], made_by: Fingerprint, dataset: Dataset, fold: int) -> None:
    """Lists of ``fold`` come from a fit that knew nothing later, on these very interactions, and their histories and
    targets are those of the fold."""
    if made_by.fold < fold:
        raise Leak(
            f"lists of fold {fold} were made by a first stage fitted for fold {made_by.fold}: it knows their targets",
            f"make them again with a first stage fitted for fold {fold}",
        )
    if made_by != fingerprint(made_by.fold, dataset.interactions(made_by.fold)):
        raise Leak(
            f"lists of fold {fold} were made by a first stage fitted on other rows than fold {made_by.fold} has",
            "the tables or the protocol changed since: make the lists again in a new folder",
        )
    for one in lists:
        check_targets([one], dataset, fold)
        check_history(dataset, one.user_id, one.history, one.targets[0])


def check_targets(lists: Iterable[AimedList], dataset: Dataset, fold: int) -> None:
    """The targets of every list are those of its user in the fold."""
    for one in lists:
        expected = dataset.case(one.user_id, fold).targets if fold < dataset.folds(one.user_id) else ()
        if not expected or tuple(one.targets) != expected:
            raise Leak(
                f"user {one.user_id}: targets {list(one.targets)} are not those of fold {fold}, {list(expected)}",
                "make the lists from Dataset.cases of the fold",
            )


def check_history(dataset: Dataset, user_id: str, history: History[str], target: str) -> None:
    """Everything in the history was liked before the target, in the order of time."""
    order = {item_id: place for place, item_id in enumerate(dataset.history(user_id, target).oldest_first)}
    last = -1
    for item_id in history.oldest_first:
        place = order.get(item_id)
        if place is None:
            when = "not before it" if item_id in dataset.positives(user_id) else "never"
            raise Leak(
                f"user {user_id}: the history of target {target} holds item {item_id}, which was liked {when}",
                "cut the history before the first target, as Dataset.case does",
            )
        if place < last:
            raise Leak(
                f"user {user_id}: item {item_id} stands behind a later one in the history of target {target}",
                "give histories oldest first",
            )
        last = place


def check_training(lists: Iterable[MadeList], dataset: Dataset) -> None:
    """No list to be learned from holds a test or valid target of its user, as a target or in the history."""
    held_out = {
        (case.user_id, item_id): phase for phase in Phase for case in dataset.cases(phase) for item_id in case.targets
    }
    for one in lists:
        for item_id in (*one.history.oldest_first, *one.targets):
            phase = held_out.get((one.user_id, item_id))
            if phase is not None:
                raise Leak(
                    f"user {one.user_id}: a training list holds item {item_id}, a {phase.name.lower()} target",
                    f"train on lists of fold {Phase.VALID + 1} and higher",
                )
