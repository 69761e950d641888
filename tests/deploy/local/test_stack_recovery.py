"""The stack under kills that nobody planned: whatever dies, in whatever order, it comes back with right answers."""

import os
import random
import signal
from collections.abc import Iterator

import numpy as np
import psutil
import psycopg
import pytest
from tritonclient.grpc import InferenceServerClient

from deploy.local.errors import ProbeFailed
from deploy.local.parts import probes, shared_memory
from deploy.local.plan import Plan
from deploy.local.process.state import Status
from deploy.local.stack import LocalStack
from tests.deploy.local.parts.test_triton import inputs
from tests.deploy.local.waiting import wait_until
from tests.paths import ROW_SUM_REPOSITORY

PLAN = Plan(parts=("postgres", "triton"), model_repository=str(ROW_SUM_REPOSITORY))
KILLS = 5
HEAL_TIMEOUT_S = 60.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with LocalStack(tmp_path_factory.mktemp("recovery"), PLAN) as running:
        yield running


def restarts_of(stack: LocalStack) -> int:
    return sum(part.restarts for part in stack.status().parts)


def pid_of(stack: LocalStack, name: str) -> int:
    pid = stack.status().part(name).pid
    assert pid is not None
    return pid


def worker_of_triton(stack: LocalStack) -> int:
    return psutil.Process(pid_of(stack, "triton")).children()[0].pid


def await_ready(stack: LocalStack, restarts: int, what: str) -> None:
    def healed() -> bool:
        state = stack.status()
        return state.status is Status.READY and restarts_of(stack) == restarts

    wait_until(healed, f"the stack is ready again after {what}", HEAL_TIMEOUT_S)


def assert_right_answers(stack: LocalStack) -> None:
    probes.probe_postgres(stack.status().part("postgres").url, timeout_s=10)
    with InferenceServerClient(stack.status().part("triton").url) as client:
        logits = client.infer("row_sum", inputs([[1, 2, 3], [40, 50, 60]])).as_numpy("logit")
    assert np.array_equal(logits, [[6.0], [150.0]])


@pytest.mark.parametrize("seed", [1])
def test_any_order_of_kills_is_healed(stack: LocalStack, seed: int) -> None:
    source = random.Random(seed)
    killed: list[str] = []
    for _ in range(KILLS):
        before = restarts_of(stack)
        victim = source.choice(["postgres", "triton", "worker"])
        killed.append(victim)
        pid = worker_of_triton(stack) if victim == "worker" else pid_of(stack, victim)
        os.kill(pid, signal.SIGKILL)
        await_ready(stack, before + 1, f"seed {seed}: {killed}")
        assert_right_answers(stack)
    assert len(shared_memory.regions(stack.state_directory)) == 1, f"seed {seed}: {killed}"


def test_both_at_once_are_healed(stack: LocalStack) -> None:
    before = restarts_of(stack)
    for name in ("postgres", "triton"):
        os.kill(pid_of(stack, name), signal.SIGKILL)
    await_ready(stack, before + 2, "both kills")
    assert_right_answers(stack)


def test_postgresql_heals_a_killed_backend_by_itself(stack: LocalStack) -> None:
    server, before = pid_of(stack, "postgres"), restarts_of(stack)
    with psycopg.connect(stack.status().part("postgres").url) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        os.kill(row[0], signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")

    def answers() -> bool:
        try:
            probes.probe_postgres(stack.status().part("postgres").url, timeout_s=5)
        except ProbeFailed:
            return False
        return True

    wait_until(answers, "PostgreSQL has recovered", HEAL_TIMEOUT_S)
    assert pid_of(stack, "postgres") == server
    assert restarts_of(stack) == before


def test_a_frozen_triton_is_replaced(stack: LocalStack) -> None:
    frozen, before = pid_of(stack, "triton"), restarts_of(stack)
    os.kill(frozen, signal.SIGSTOP)
    await_ready(stack, before + 1, "the freeze")
    assert pid_of(stack, "triton") != frozen
    assert not psutil.pid_exists(frozen) or psutil.Process(frozen).status() == psutil.STATUS_ZOMBIE
    assert_right_answers(stack)


def test_the_backends_of_a_killed_postgresql_do_not_keep_the_new_one_out(stack: LocalStack) -> None:
    before = restarts_of(stack)
    connection = psycopg.connect(stack.status().part("postgres").url)
    try:
        os.kill(pid_of(stack, "postgres"), signal.SIGKILL)
        await_ready(stack, before + 1, "the kill with a client connected")
        assert_right_answers(stack)
    finally:
        connection.close()
