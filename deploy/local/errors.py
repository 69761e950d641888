"""What can go wrong with the local stack, each with what to do about it. Knows nothing of how it is shown.

LocalStackError
├── NotInstalled      a program or library is missing
├── StartFailed       a part ended, or gave no right answer, before it became ready
└── ProbeFailed       a running part gave no right answer
    ├── Silent        no answer in time: it may hang, or the machine may be busy
    ├── Unready       it is alive, and a restart would not help: too loaded, or waiting for another part
    └── Broken        it will not recover by itself: no second probe is needed
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


class Silent(ProbeFailed):
    """A part did not answer in time: a reason for patience before it is given up."""


class Unready(ProbeFailed):
    """A part is alive but not usable now, and restarting it would only make things worse."""


class Broken(ProbeFailed):
    """A part runs on but can never answer again."""
