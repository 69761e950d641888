"""What made the order of a list, and what that was decided by. Knows no list."""

from dataclasses import dataclass
from enum import Enum


class OrderedBy(Enum):
    """What made the order of a list; names equal the enum of the API."""

    FIRST_STAGE = "FIRST_STAGE"
    TREES = "TREES"
    READER = "READER"


@dataclass(frozen=True, slots=True)
class RankedBy:
    """What made an order, and which one of its kind: a source, the version of a ranker, or that of a model."""

    by: OrderedBy = OrderedBy.FIRST_STAGE
    version: str = ""


RANKER = "ranker"


@dataclass(frozen=True, slots=True)
class Orderer:
    """What orders lists, as people name it: ``cross_encoder:2``, ``ranker:1f0c9a3be27d``, ``first_stage:popular``. The
    version is empty while it is not known."""

    name: str = ""
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"


class RequestKind(Enum):
    """What is known of a request; a model version records for which kinds reading pays."""

    WARM = "warm"
    NEW_USER = "new_user"
    QUERY = "query"
    QUERY_AND_HISTORY = "query_and_history"
    INLINE = "inline"


class Reading(Enum):
    """Whether the cross-encoder is asked: where it was shown to pay, always, or never. ORDERS: always, and its score
    orders the list whatever was judged, since the caller named the model and gave it everything to read."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"
    ORDERS = "orders"
