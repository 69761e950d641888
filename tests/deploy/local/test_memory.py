"""Memory of a process tree."""

import subprocess
import sys

from deploy.local.memory import resident_mb

HOLD = "import sys; block = bytearray({mb} * 2**20); print('ready', flush=True); sys.stdin.read()"


def hold(mb: int, wrapper: str = "") -> subprocess.Popen[str]:
    """A process, or the child of one, that occupies so many megabytes."""
    script = HOLD.format(mb=mb)
    arguments = [sys.executable, "-c", wrapper or script, *([sys.executable, "-c", script] if wrapper else [])]
    child = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def test_what_a_process_occupies_is_counted() -> None:
    with hold(10) as small, hold(90) as large:
        few, many = resident_mb(small.pid), resident_mb(large.pid)
        small.kill()
        large.kill()
    assert few is not None
    assert many is not None
    assert 60 < many - few < 100


def test_children_are_counted_too() -> None:
    with hold(80, wrapper="import subprocess, sys; subprocess.run(sys.argv[1:])") as parent:
        occupied = resident_mb(parent.pid)
        parent.communicate("")
    assert occupied is not None
    assert occupied > 80


def test_a_process_that_is_gone_has_none() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    assert resident_mb(child.pid) is None
