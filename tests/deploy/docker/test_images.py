"""The images are well made: linted, pinned as the project is, and hold all that the programs read."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from deploy.local.parts.triton_control import restriction
from tests.deploy.kubernetes.manifests import dockerfile
from tests.paths import ROOT
from training.export.worker.packed.opening import NEEDED

DOCKER = ROOT / "deploy/docker"
IMAGES = ("gateway", "triton")
LOCKS = tuple(DOCKER / f"{name}.lock" for name in ("gateway", "triton_cpu"))
BASES = {"python:3.11-slim-bookworm", "nvcr.io/nvidia/tritonserver:26.01-py3"}
"""Tags that whoever makes them may move: their digests are known to whoever can pull them. Never latest."""
OPENING = ROOT / "training/export/worker/packed/opening.py"


def lint(file: Path) -> subprocess.CompletedProcess[str]:
    hadolint = Path(sys.executable).with_name("hadolint")
    return subprocess.run((str(hadolint), "--no-color", str(file)), capture_output=True, text=True, check=False)


def copied(name: str) -> list[str]:
    """Paths of the project that the image copies, build arguments at their defaults."""
    arguments = dict(re.findall(r"^ARG (\w+)=\"?([^\"\n]+)", dockerfile(name), re.MULTILINE))
    lines = re.findall(r"^COPY (?!--from)(.+)$", dockerfile(name), re.MULTILINE)
    sources = [source for line in lines for source in line.split()[:-1]]
    return [re.sub(r"\$\{(\w+)\}", lambda match: arguments[match.group(1)], source) for source in sources]


def worker_packages(worker: str) -> dict[str, str]:
    """Packages with their versions that Triton's Python worker gets in the image for ``worker``."""
    assert "COPY deploy/docker/triton_${WORKER} " in dockerfile("triton")
    lines = (DOCKER / f"triton_{worker}.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==", 1) for line in lines if not line.startswith("#"))


@pytest.mark.parametrize("name", IMAGES)
def test_the_linter_has_nothing_to_say(name: str) -> None:
    done = lint(DOCKER / f"{name}.Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")


def test_the_linter_would_have_something_to_say(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("FROM debian\nRUN sudo apt-get install curl\n")
    assert lint(file).returncode == 1


@pytest.mark.parametrize("name", IMAGES)
def test_everything_copied_exists(name: str) -> None:
    assert copied(name)
    assert [source for source in copied(name) if not (ROOT / source).exists()] == []


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_runs_as_a_user_and_says_where_it_listens(name: str) -> None:
    instructions = dockerfile(name).splitlines()
    (user,) = [line for line in instructions if line.startswith("USER ")]
    assert int(user.removeprefix("USER ").partition(":")[0]) > 0
    assert instructions.index(user) > max(n for n, line in enumerate(instructions) if line.startswith(("RUN", "COPY")))
    assert any(line.startswith("EXPOSE ") for line in instructions)


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_starts_from_a_digest_or_from_a_tag_that_was_looked_at(name: str) -> None:
    bases = re.findall(r"^FROM (\S+)", dockerfile(name), re.MULTILINE)
    assert bases
    assert [base for base in bases if "@sha256:" not in base and base not in BASES] == []


def pins(lock: Path) -> dict[str, str]:
    """Versions by name, in normal form."""
    lines = [line.split(" ")[0] for line in lock.read_text(encoding="utf-8").splitlines() if re.match(r"\w", line)]
    return {
        re.sub(r"[-_.]+", "-", name).lower(): version for name, _, version in (one.partition("==") for one in lines)
    }


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_a_lock_names_the_digests_of_the_versions_that_the_project_is_tested_with(lock: Path) -> None:
    packages = re.split(r"^(?=\w)", lock.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    assert [
        one for one in packages if not re.search(r"==\S+ \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n?)+", one)
    ] == []
    assert pins(lock).items() <= pins(ROOT / "requirements.lock").items(), "make lock"
    assert not {name for name in pins(lock) if name.startswith("crossrank")}, "ours come from the commit"


@pytest.mark.parametrize("lock", [*LOCKS, ROOT / "requirements.lock"], ids=lambda lock: lock.stem)
def test_a_lock_says_nothing_of_where_packages_come_from(lock: Path) -> None:
    assert not re.search(r"://|^\s*--(?!hash=)|^-[a-z] |@ ", lock.read_text(encoding="utf-8"), re.MULTILINE)


def test_what_an_image_installs_from_an_index_is_compared_with_the_lock() -> None:
    [locked, ours] = re.findall(r"/venv/bin/pip install (.+?) &&", dockerfile("gateway"))
    assert "--require-hashes --requirement gateway.lock" in locked
    assert "--no-index --no-build-isolation --no-deps" in ours
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["build"]]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[\[=]", one)[0]).lower() for one in wanted}
    assert {name for name in names if not name.startswith("crossrank")} <= pins(DOCKER / "gateway.lock").keys()
    assert "ARG WORKER=cpu.lock\n" in dockerfile("triton")
    assert {name.partition("[")[0] for name in worker_packages("cpu")} <= pins(DOCKER / "triton_cpu.lock").keys()


def test_triton_gets_the_versions_that_the_project_is_tested_with() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    tested = {
        requirement.partition("==")[0]: requirement.partition("==")[2]
        for requirement in [*project["dependencies"], *project["optional-dependencies"]["local"]]
    }
    given = worker_packages("cpu")
    assert {"numpy", "onnxruntime", "psutil", "tritonclient[grpc]"} == set(given)
    assert given == {name: tested[name] for name in given}


def test_triton_on_gpus_gets_the_same_and_what_packed_versions_need() -> None:
    given, on_cpu = worker_packages("gpu"), worker_packages("cpu")
    assert given.keys() - on_cpu.keys() == {"onnxruntime-gpu[cuda,cudnn]", *NEEDED}
    assert on_cpu.keys() - given.keys() == {"onnxruntime"}
    locked = dict(line.split("==") for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line)
    assert {name: given[name] for name in ("numpy", *NEEDED)} == {name: locked[name] for name in ("numpy", *NEEDED)}
    assert {name: given[name] for name in given.keys() & on_cpu.keys()} == {
        name: version for name, version in on_cpu.items() if name in given
    }


def test_the_worker_is_told_of_the_file_that_has_its_versions() -> None:
    assert "deploy/docker/triton_gpu.txt" in OPENING.read_text(encoding="utf-8")
    assert (DOCKER / "triton_gpu.txt").is_file()


def test_the_gateways_wheels_start_from_the_copied_files_alone(tmp_path: Path) -> None:
    context = tmp_path / "context"
    for source in [one for one in copied("gateway") if one != "model_repository"]:
        target = context / source
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(("cp", "-r", str(ROOT / source), str(target)), check=True)
    install = re.search(r"pip install .*--no-build-isolation --no-deps (.+?) &&", dockerfile("gateway"))
    assert install
    command = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet", "-w", "out")
    subprocess.run((*command, *install[1].split()), cwd=context, check=True, capture_output=True)
    installed, packaged = tmp_path / "installed", []
    for wheel in (context / "out").glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(installed)
            packaged += [name for name in archive.namelist() if ".dist-info/" not in name]
    assert {"gateway/store/schema.sql", "crossrank/v1/service_config.json", "crossrank_client/py.typed"} <= {*packaged}
    assert len(packaged) == len(set(packaged)), "a file is in two wheels"
    environment = {"PYTHONPATH": str(installed), "CROSSRANK_NO_SUCH": "1", "PATH": os.environ["PATH"]}
    started = subprocess.run(
        (sys.executable, "-P", "-m", "gateway"),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert started.returncode == 2
    assert "CROSSRANK_NO_SUCH is not a setting" in started.stderr


def test_tritons_entrypoint_removes_what_dead_workers_left_and_locks_its_control(tmp_path: Path) -> None:
    shared_memory, programs, key_file = tmp_path / "shm", tmp_path / "bin", tmp_path / "control.key"
    for folder in (shared_memory, programs):
        folder.mkdir()
    (shared_memory / "crossrank_worker_1").touch()
    (shared_memory / "of_somebody_else").touch()
    server = programs / "tritonserver"
    server.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    server.chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    done = subprocess.run(
        (str(DOCKER / "triton_entrypoint.sh"), "--grpc-port=8001", "--an argument with spaces"),
        env={"PATH": path, "SHARED_MEMORY": str(shared_memory), "KEY_FILE": str(key_file)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch("[0-9a-f]{64}", key_file.read_text())
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert done.stdout.splitlines() == [
        "--backend-config=python,shm-region-prefix-name=crossrank_worker_",
        restriction(key_file),
        "--grpc-port=8001",
        "--an argument with spaces",
    ]
    assert [file.name for file in shared_memory.iterdir()] == ["of_somebody_else"]
