"""What users made of the lists of each model and ranker: impressions joined to the interactions that name them."""

import math
from dataclasses import dataclass

from gateway.domain.budget import Budget
from gateway.store.pool import Database, Row

_Z = 1.96
"""Of a 95 % interval."""

# A list is liked when an interaction of weight above 0 names it and an item in it. A list without a user is a subject
# of its own. The sums are those that the variance of a ratio over clusters needs.
_FEEDBACK = """
    WITH likes AS (
        SELECT attribution_token, count(DISTINCT item_id) AS items
        FROM interactions JOIN impressions USING (attribution_token)
        WHERE item_id = ANY (item_ids) AND weight > 0 AND attribution_token <> '' GROUP BY attribution_token
    ), subjects AS (
        SELECT kind, orderer || ':' || orderer_version AS ordered_by,
            coalesce(context ->> 'user_id', attribution_token) AS subject, count(*) AS lists,
            count(likes.items) AS liked, coalesce(sum(likes.items), 0) AS positives
        FROM impressions LEFT JOIN likes USING (attribution_token)
        WHERE time >= now() - make_interval(days => %s) AND orderer_version <> ''
        GROUP BY 1, 2, 3
    )
    SELECT kind, ordered_by, count(*), sum(lists)::bigint, sum(liked)::bigint, sum(positives)::bigint,
        sum(liked * liked)::float8, sum(liked * lists)::float8, sum(lists * lists)::float8
    FROM subjects GROUP BY kind, ordered_by ORDER BY kind DESC, ordered_by
"""


@dataclass(frozen=True, slots=True)
class VersionFeedback:
    """Feedback on what was to order lists of one kind of request, as Orderer names it: ``liked`` of the ``lists`` shown
    to ``subjects`` (users, or lists without a user) drew a positive interaction; ``positives`` are the items of these.
    Users with other requests like other lists: only rows of one kind compare."""

    kind: str
    ordered_by: str
    subjects: int
    lists: int
    liked: int
    positives: int
    interval: tuple[float, float]
    """95 % of ``rate``."""

    @property
    def rate(self) -> float:
        """Share of lists that were liked."""
        return self.liked / self.lists


async def feedback_by_version(database: Database, days: int, budget: Budget) -> list[VersionFeedback]:
    """All that was shown in the last days. Raises StoreUnavailable."""
    rows = await database.fetch(_FEEDBACK, [days], budget)
    return [
        VersionFeedback(
            kind, ordered_by, subjects, lists, liked, positives, ratio_interval(subjects, lists, liked, tuple(sums))
        )
        for kind, ordered_by, subjects, lists, liked, positives, *sums in rows
    ]


def ratio_interval(subjects: int, lists: int, liked: int, sums: Row) -> tuple[float, float]:
    """Wilson's interval for the lists that would tell as much if each were of another user: one user's lists are alike
    (variance of a ratio over clusters: Cochran, Sampling Techniques, 1977, chapter 6)."""
    liked_2, liked_lists, lists_2 = sums
    rate = liked / lists
    squares = liked_2 - 2 * rate * liked_lists + rate**2 * lists_2
    variance = squares / lists**2 * subjects / (subjects - 1) if subjects > 1 else 0.0
    effective = min(lists, rate * (1 - rate) / variance) if variance > 0 else subjects
    middle = (rate + _Z**2 / (2 * effective)) / (1 + _Z**2 / effective)
    half = _Z / (1 + _Z**2 / effective) * math.sqrt(rate * (1 - rate) / effective + _Z**2 / (4 * effective**2))
    return max(0.0, middle - half), min(1.0, middle + half)
