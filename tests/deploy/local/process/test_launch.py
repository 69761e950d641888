"""The launcher, as the script that it is: what the launched command inherits, who it is, and when it ends."""

import json
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from deploy.local.process import launch
from tests.deploy.local.waiting import wait_until
from tests.paths import ROOT

IS_ROOT = os.geteuid() == 0
SHOW = (
    "import json, os\n"
    "groups = os.getgroups()\n"
    "print(json.dumps({'uid': os.geteuid(), 'real': os.getuid(), 'groups': groups, 'sid': os.getsid(0),\n"
    "  'pid': os.getpid(), 'path': os.environ.get('DEMO_PATH'), 'word': os.environ.get('DEMO_WORD'),\n"
    "  'home': os.environ.get('HOME')}))\n"
)


def start(request: Mapping[str, Any], *, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Runs the launcher on a request."""
    whole = {
        "arguments": (sys.executable, "-I", "-c", SHOW),
        "environment": {},
        "search_paths": {},
        "user": None,
        "detached": False,
        "parent_pid": os.getpid(),
        "death_signal": int(signal.SIGTERM),
        **request,
    }
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb"), os.fdopen(write_end, "w") as sink:
        json.dump(whole, sink)
        sink.close()
        return subprocess.Popen(
            [sys.executable, "-I", "-S", launch.__file__, str(read_end)],
            pass_fds=(read_end,),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )


def shown(request: Mapping[str, Any], *, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What the launched command says about itself."""
    with start(request, environment=environment) as child:
        output, errors = child.communicate(timeout=30)
    assert child.returncode == 0, errors
    document: dict[str, Any] = json.loads(output)
    return document


def test_the_process_keeps_its_number_so_that_it_can_be_watched() -> None:
    with start({}) as child:
        output, _ = child.communicate(timeout=30)
    assert json.loads(output)["pid"] == child.pid


def test_the_environment_is_inherited_and_overridden() -> None:
    told = shown({"environment": {"DEMO_WORD": "new"}}, environment={"DEMO_WORD": "old", "HOME": "/somewhere"})
    assert (told["word"], told["home"]) == ("new", "/somewhere")


@pytest.mark.parametrize(("inherited", "whole"), [("/old", "/first:/old"), ("", "/first"), (None, "/first")])
def test_a_search_path_goes_before_the_inherited_one(inherited: str | None, whole: str) -> None:
    environment = {} if inherited is None else {"DEMO_PATH": inherited}
    assert shown({"search_paths": {"DEMO_PATH": "/first"}}, environment=environment)["path"] == whole


def test_a_broken_pipe_ends_the_command_as_everywhere() -> None:
    with start({"arguments": ("/bin/grep", "SigIgn", "/proc/self/status")}) as child:
        output, _ = child.communicate(timeout=30)
    ignored = int(output.split()[1], 16)
    assert not ignored & 1 << (signal.SIGPIPE - 1)


def test_without_a_user_the_command_stays_who_we_are() -> None:
    told = shown({})
    assert (told["uid"], told["real"]) == (os.geteuid(), os.getuid())


def test_a_user_is_taken_for_good_or_refused_to_those_who_may_not() -> None:
    with start({"user": "nobody"}) as child:
        output, errors = child.communicate(timeout=30)
    if not IS_ROOT:
        assert child.returncode != 0
        assert "PermissionError" in errors
        return
    told = json.loads(output)
    nobody = pwd.getpwnam("nobody")
    assert (told["uid"], told["real"], told["groups"]) == (nobody.pw_uid, nobody.pw_uid, [])


def test_another_user_still_reaches_a_project_in_a_closed_folder(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "note").write_text("read me")
    user = "nobody" if IS_ROOT else None
    script = f"print(open({str(closed / 'note')!r}).read())"
    with start({"user": user, "arguments": (sys.executable, "-I", "-c", script)}) as child:
        output, errors = child.communicate(timeout=30)
    assert output == "read me\n", errors


def test_another_user_also_ends_with_its_parent(tmp_path: Path) -> None:
    user = "nobody" if IS_ROOT else None
    note = tmp_path / "pid"
    script = (
        "import sys, time; from pathlib import Path; sys.path.insert(0, sys.argv[3])\n"
        "from tests.deploy.local.process.test_launch import start\n"
        "child = start({'user': sys.argv[1] or None, 'arguments': ('/bin/sleep', '60')})\n"
        "Path(sys.argv[2] + '.new').write_text(str(child.pid)); Path(sys.argv[2] + '.new').rename(sys.argv[2])\n"
        "time.sleep(60)\n"
    )
    root = ROOT
    with subprocess.Popen([sys.executable, "-c", script, user or "", str(note), str(root)]) as parent:
        wait_until(note.exists, "the child is started")
        child = psutil.Process(int(note.read_text()))
        wait_until(lambda: child.name() == "sleep", "the command runs")
        parent.kill()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "it ended too")


def test_a_parent_that_is_already_gone_is_noticed() -> None:
    with start({"parent_pid": 1 if os.getppid() != 1 else 2}) as child:
        output, errors = child.communicate(timeout=30)
    assert child.returncode == 1
    assert output == ""
    assert "is gone" in errors


def test_a_detached_command_has_a_session_of_its_own_and_no_parent_that_waits() -> None:
    with start({"detached": True}) as launcher:
        output, _ = launcher.communicate(timeout=30)
    told = json.loads(output)
    assert launcher.returncode == 0
    assert told["pid"] != launcher.pid
    assert told["sid"] == told["pid"]


def test_a_program_that_does_not_exist_is_told() -> None:
    with start({"arguments": ("/no/such/program",)}) as child:
        _, errors = child.communicate(timeout=30)
    assert child.returncode != 0
    assert "No such file or directory" in errors


def test_an_unknown_user_is_told() -> None:
    with start({"user": "no-such-user"}) as child:
        _, errors = child.communicate(timeout=30)
    assert child.returncode != 0
    assert "no-such-user" in errors
