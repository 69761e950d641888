"""The embedded PostgreSQL, for real."""

import os
import signal
from pathlib import Path

import psutil
import psycopg
import pytest

from deploy.local.errors import NotInstalled, ProbeFailed
from deploy.local.parts.ports import free_port
from deploy.local.parts.postgres import Postgres, find_binaries
from deploy.local.process import orphans
from deploy.local.process.part import RunningPart
from tests.deploy.local.waiting import wait_until


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


def test_it_keeps_no_shared_memory_that_a_kill_would_leave_behind(postgres: str) -> None:
    with psycopg.connect(postgres) as connection:
        assert connection.execute("SHOW dynamic_shared_memory_type").fetchone() == ("mmap",)


def test_the_order_of_texts_does_not_depend_on_the_machine(postgres: str) -> None:
    with psycopg.connect(postgres) as connection:
        row = connection.execute("SELECT array_agg(word ORDER BY word) FROM unnest(ARRAY['é', 'b', 'B', 'a']) word")
        assert row.fetchone() == (["B", "a", "b", "é"],)


def test_what_is_committed_is_on_disk_unless_it_is_for_tests(tmp_path: Path) -> None:
    def settings(part: Postgres) -> set[str]:
        return {option for option in part.command().arguments if option.startswith(("fsync", "synchronous_commit"))}

    assert settings(Postgres(tmp_path, 1)) == {"fsync=on", "synchronous_commit=on"}
    assert settings(Postgres(tmp_path, 1, durable=False)) == {"fsync=off", "synchronous_commit=off"}


def test_without_the_package_the_remedy_is_its_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.local.parts.postgres.find_spec", lambda name: None)
    with pytest.raises(NotInstalled, match="PostgreSQL is not installed") as failure:
        find_binaries()
    assert "crossrank[local]" in failure.value.remedy
