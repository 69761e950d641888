"""The cost of real processes: what they and their children compute and hold, and nothing of others."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from clients.load.bench.workload.meter import Meter

CPU_S, HELD_MB = 0.4, 60
_BURN = f"""
import sys, time
sys.stdin.readline()
held = b"x" * ({HELD_MB} * 2**20)
while time.process_time() < {CPU_S}: pass
print("done", flush=True)
sys.stdin.readline()
"""
_PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {_BURN!r}])
child.wait()
print("reaped", flush=True)
sys.stdin.readline()
"""


@contextmanager
def child(program: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that goes on when a line is written to it, and is ended with the block."""
    arguments = (sys.executable, "-c", program)
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def go_on(process: "subprocess.Popen[str]", lines: int = 1, answers: int = 1) -> None:
    """Lets it run on by so many lines, and waits for what it says."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n" * lines)
    process.stdin.flush()
    for _ in range(answers):
        assert process.stdout.readline()


def test_what_a_process_computes_and_holds_is_its_cost() -> None:
    with child(_BURN) as process:
        with Meter([process.pid]) as meter:
            go_on(process)
        cost = meter.cost(pairs=500)
    assert CPU_S / 2 < cost.cpu_s < 3 * CPU_S
    assert HELD_MB < cost.peak_mb < HELD_MB + 200
    assert cost.pairs == 500


def test_a_child_that_came_and_went_is_counted_through_its_parent() -> None:
    with child(_PARENT) as process:
        with Meter([process.pid]) as meter:
            go_on(process, lines=2, answers=2)
        assert meter.cpu_s > CPU_S / 2


def test_what_others_compute_is_not_counted() -> None:
    with child(_BURN) as idle, child(_BURN) as busy:
        with Meter([idle.pid]) as meter:
            go_on(busy)
        assert meter.cpu_s < CPU_S / 2


def test_a_process_that_ends_does_not_stop_the_meter() -> None:
    program = "import sys; sys.stdin.readline(); print('over', flush=True)"
    with child(program) as process, Meter([process.pid]) as meter:
        go_on(process)
        process.wait()
    assert meter.peak_mb > 0


def test_the_trees_of_several_processes_are_added() -> None:
    with child(_BURN) as one, child(_BURN) as other:
        with Meter([one.pid, other.pid]) as meter:
            go_on(one)
            go_on(other)
        assert meter.cpu_s > CPU_S
        assert meter.peak_mb > 2 * HELD_MB
