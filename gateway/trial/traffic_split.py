"""Who takes part in a trial: the same user always, a given share of users. Knows no model."""

import hashlib

from gateway.domain.budget import Call
from gateway.domain.values import Context

_RANGE = 2**64


class TrafficSplit:
    """Takes ``share`` (0 to 1) of all users; requests without a user count each for itself, by request id.

    ``trial`` names the trial, so that two of them draw independently and nobody is part of every trial.
    """

    def __init__(self, trial: str, share: float) -> None:
        self._key = hashlib.blake2b(trial.encode()).digest()
        self._below = round(share * _RANGE)

    def takes(self, context: Context, call: Call) -> bool:
        """Whether the request is in; everywhere and always the same answer."""
        subject = call.request_id if context.user_id is None else context.user_id
        digest = hashlib.blake2b(subject.encode(), digest_size=8, key=self._key).digest()
        return int.from_bytes(digest, "big") < self._below
