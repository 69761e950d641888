"""The embedded PostgreSQL, for real."""

import os
import signal
from pathlib import Path

import psutil
import psycopg
import pytest

from deploy.local import orphans
from deploy.local.errors import ProbeFailed
from deploy.local.part import RunningPart
from deploy.local.ports import free_port
from deploy.local.postgres import Postgres
from tests.local.waiting import wait_until


def test_it_answers_with_pgvector_distances(postgres: str) -> None:
    with psycopg.connect(postgres) as connection:
        connection.execute("CREATE EXTENSION vector")
        row = connection.execute("SELECT '[1,2]'::vector <-> '[1,5]'::vector").fetchone()
    assert row == (3.0,)


def test_every_module_gets_an_empty_database(postgres: str) -> None:
    with psycopg.connect(postgres) as connection:
        row = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
    assert row == (0,)


def test_a_client_without_the_password_is_refused(postgres_server: RunningPart) -> None:
    url = postgres_server.part.url
    user, _, address = url.removeprefix("postgresql://").partition("@")
    assert ":" in user
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://crossrank:wrong@{address}")


def test_it_never_runs_as_root(postgres_server: RunningPart) -> None:
    assert postgres_server.pid is not None
    assert psutil.Process(postgres_server.pid).uids().effective != 0


def test_data_survives_a_kill_and_nothing_of_the_killed_server_remains(tmp_path: Path) -> None:
    part = Postgres(tmp_path, free_port())
    running = RunningPart(part, state_directory=tmp_path)
    with running:
        with psycopg.connect(part.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
        assert running.pid is not None
        os.kill(running.pid, signal.SIGKILL)
        wait_until(lambda: running.exit_code() is not None, "the killed server is noticed")
        with pytest.raises(ProbeFailed, match="does not answer"):
            part.probe(timeout_s=1.0)

        running.start()
        running.wait_until_ready()
        with psycopg.connect(part.url) as connection:
            assert connection.execute("SELECT value FROM kept").fetchone() == (7,)
    assert list(orphans.find("postgres", tmp_path)) == []


def test_an_interrupted_creation_starts_again_from_nothing(tmp_path: Path) -> None:
    half_made = tmp_path / "postgres" / "data.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    with RunningPart(Postgres(tmp_path, free_port(), durable=False), state_directory=tmp_path) as running:
        running.part.probe(timeout_s=2.0)
    assert not half_made.exists()


def test_the_password_file_is_closed_to_others(tmp_path: Path) -> None:
    part = Postgres(tmp_path, free_port(), durable=False)
    (tmp_path / "postgres").mkdir()
    part.prepare(tmp_path / "log")
    assert (tmp_path / "postgres" / "password").stat().st_mode & 0o077 == 0
