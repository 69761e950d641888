"""Becomes one command that ends with its parent, or is detached from it, and runs as another user when asked. Run as a
script, standard library only: it starts for every part, so it must start fast. It must not know what it launches."""

import ctypes
import json
import os
import pwd
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE = 1

_libc = ctypes.CDLL(None, use_errno=True)


def _become(user: str) -> None:
    """Changes the user for good, keeping only the right to pass closed folders.

    PostgreSQL refuses to run as root; without that right it could not reach a project below /root (mode 0700), and
    opening such folders to everybody would be worse. Where the right is not ours to keep, ordinary permissions rule.
    """
    account = pwd.getpwnam(user)
    _libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
    bit = 1 << _CAP_DAC_OVERRIDE
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    effective_permitted_inheritable = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    if _libc.capset(header, effective_permitted_inheritable) == 0:
        _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


def _end_with_parent(parent_pid: int, death_signal: int) -> None:
    """Asks the kernel for `death_signal` when the thread that started us ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent_pid:  # it ended before we asked
        sys.exit(f"the parent process {parent_pid} is gone")


def _detach() -> None:
    """Goes on in a new process that has no parent to wait for it, in a session of its own."""
    if os.fork():
        os._exit(0)
    os.setsid()


def _prepend(name: str, entry: str) -> str:
    """The inherited search path `name` with `entry` in front: handed on to the child, never interpreted."""
    inherited = os.environ.get(name)
    return f"{entry}:{inherited}" if inherited else entry


def main() -> None:
    """Reads the request (JSON) from the file descriptor named by the only argument, then execs its command."""
    with os.fdopen(int(sys.argv[1]), "rb") as source:
        request = json.loads(source.read())
    for name, entry in request["search_paths"].items():
        os.putenv(name, _prepend(name, entry))
    for name, value in request["environment"].items():
        os.putenv(name, value)
    if request["user"]:
        _become(request["user"])
    if request["detached"]:
        _detach()
    else:  # after the change of user, which clears it
        _end_with_parent(request["parent_pid"], request["death_signal"])
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execv(request["arguments"][0], request["arguments"])


if __name__ == "__main__":
    main()
