"""What can go wrong with the local stack, each with what to do about it. Knows nothing of how it is shown.

LocalStackError
├── NotInstalled      a program or library is missing
├── StartFailed       a part ended, or gave no right answer, before it became ready
└── ProbeFailed       a running part gave no right answer
    └── Busy          it is alive and working, only too loaded to answer in time
"""


class LocalStackError(Exception):
    """A message for the user and the next step to take."""

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class NotInstalled(LocalStackError):
    """A program or library that the stack needs cannot be found."""


class StartFailed(LocalStackError):
    """A part did not become ready."""


class ProbeFailed(LocalStackError):
    """A part gave no answer, or a wrong one."""


class Busy(ProbeFailed):
    """A part is making progress but did not answer this probe: restarting it would only make things worse."""
