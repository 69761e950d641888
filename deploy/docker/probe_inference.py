"""Exit status 0 while Triton answers real inferences and its workers live, 1 with a reason otherwise: Triton's own
health stays READY when a worker is dead. Run inside the pod by Kubernetes' probes. Must not know what the models are
for.

    python3 probe_inference.py ready    every model answers rightly now
    python3 probe_inference.py alive    as ready, but overload passes: a restart would only lose the queue
"""

import sys
from pathlib import Path

from deploy.local.errors import Broken, ProbeFailed, Unready
from deploy.local.parts.triton_probe import TritonProbe

ADDRESS = "127.0.0.1:8001"
KEY_FILE = "/tmp/control.key"  # where the entrypoint puts it
TIMEOUT_S = 4.0  # of one question; twice this must stay below the probe's timeoutSeconds


def check_ready(probe: TritonProbe, timeout_s: float) -> None:
    """Raises ProbeFailed unless every model answers rightly now."""
    probe.check(timeout_s)


def check_alive(probe: TritonProbe, timeout_s: float) -> None:
    """Raises ProbeFailed when a restart is the remedy: nothing was answered, also to others, in two attempts."""
    try:
        probe.check(timeout_s)
    except Broken:
        raise
    except Unready:
        return
    except ProbeFailed:
        try:
            probe.check(timeout_s)  # by now the probe can tell a busy model from one that hangs
        except Unready:
            return


def main(arguments: list[str]) -> int:
    """The exit status."""
    checks = {"ready": check_ready, "alive": check_alive}
    if not arguments or arguments[0] not in checks or len(arguments) > 3:
        print("usage: probe_inference.py ready|alive [host:port [key file]]", file=sys.stderr)
        return 2
    address, key_file = (*arguments[1:], *(ADDRESS, KEY_FILE)[len(arguments) - 1 :])
    try:
        checks[arguments[0]](TritonProbe(address, Path(key_file)), TIMEOUT_S)
    except ProbeFailed as failure:
        print(failure.message)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
