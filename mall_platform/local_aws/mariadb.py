"""Private MariaDB servers: one folder, one port, one process each.

They listen on 127.0.0.1 with TLS. Nothing is flushed to disk (the data is as short-lived as the
local AWS), but every commit is written to files at once, so that a copy of the folder taken while
the process stands still is what a crash would leave: InnoDB recovers it whole.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mall_platform.local_aws import children
from mall_platform.local_aws.certificates import Authority
from mall_platform.local_aws.httpd import free_port

if TYPE_CHECKING:
    import pymysql
    from pymysql.cursors import Cursor

_START_TIMEOUT_S = 60
_MAX_PORTS = 4
_SYSTEM_TABLES = (
    "system_tables",
    "performance_tables",
    "system_tables_data",
)
_SHARE_FOLDERS = (Path("/usr/share/mysql"), Path("/usr/share/mariadb"))
_ALWAYS = {
    "bind-address": "127.0.0.1",
    "skip-name-resolve": "ON",
    "character-set-server": "utf8mb4",
    "collation-server": "utf8mb4_unicode_ci",
    "default-time-zone": "+00:00",
    "local-infile": "ON",
    "sql-mode": (
        "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,"
        "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
    ),
    "max-allowed-packet": "64M",
    "innodb-buffer-pool-size": "512M",
    "innodb-log-file-size": "256M",
    "innodb-flush-log-at-trx-commit": "2",
    "innodb-flush-method": "nosync",
    "innodb-doublewrite": "OFF",
    "innodb-use-native-aio": "OFF",
    "innodb-buffer-pool-load-at-startup": "OFF",
    "innodb-buffer-pool-dump-at-shutdown": "OFF",
    "performance-schema": "OFF",
    "skip-log-bin": "ON",
}
_BOOTSTRAP_OPTIONS = (
    "--bootstrap",
    "--log-warnings=0",
    "--enforce-storage-engine=",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=0",
    "--innodb-log-file-size=16M",
    "--innodb-buffer-pool-size=32M",
    "--aria-log-file-size=8M",
)


class MariaDbError(Exception):
    """MariaDB is not installed, or does not start."""


class PortInUseError(MariaDbError):
    """Another process has taken the server's port."""


class MariaDb:
    """One server. `home` is where its process is noted, `folder` holds its files. Its port is
    its own for good once it has started.

    The operating system's user administers it over its Unix socket; nobody does so over TCP.
    """

    def __init__(self, home: Path, folder: Path, authority: Authority) -> None:
        self.folder = folder
        self.port = free_port()
        self._home = home
        self._authority = authority
        self._process: subprocess.Popen | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def create(self, data: Path | None = None) -> None:
        """Makes the files: empty, or a copy of another server's data folder."""
        (self.folder / "tmp").mkdir(parents=True)
        if data is not None:
            copy_tree(data, self._data)
        else:
            self._data.mkdir()
            self._bootstrap()
        self._authority.issue(self.folder)

    def start(self, options: Mapping[str, str]) -> None:
        """Starts the process and waits until it answers. `options` are MariaDB's variables;
        those it does not know are ignored. Raises MariaDbError with the end of its log."""
        (self.folder / "my.cnf").write_text(self._configuration(options))
        log = self.folder / "mariadb.log"
        command = [_binary(), f"--defaults-file={self.folder / 'my.cnf'}"]
        with log.open("ab") as out:
            self._process = children.start(self._home, command, cwd=self._data, stdout=out)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
                kind = PortInUseError if "Address already in use" in tail else MariaDbError
                raise kind(f"MariaDB did not start:\n{tail}")
            time.sleep(0.02)

    def start_first(self, options: Mapping[str, str]) -> None:
        """Starts the process for the first time, on another port if its own was taken."""
        for _ in range(_MAX_PORTS - 1):
            try:
                self.start(options)
                return
            except PortInUseError:
                self.port = free_port()
        self.start(options)

    def shut_down(self) -> None:
        """Ends the process as an operator would; its data stays."""
        if self._process is not None:
            children.end(self._home, self._process, grace_s=30)
            self._process = None

    def kill(self) -> None:
        """Ends the process at once; its data stays as a crash leaves it."""
        if self._process is not None:
            children.end(self._home, self._process)
            self._process = None

    def drop(self) -> None:
        """Ends the process and deletes its files."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def copy_to(self, target: Path) -> None:
        """Copies the data as it is at one moment, committed transactions included.

        The process stands still while its files are copied.
        """
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGSTOP)
        try:
            copy_tree(self._data, target)
        finally:
            if self._process is not None:
                os.kill(self._process.pid, signal.SIGCONT)

    @contextmanager
    def administrator(self) -> Iterator[Cursor]:
        """A cursor with all rights, autocommitting, over the Unix socket."""
        connection = self._connect()
        try:
            with connection.cursor() as cursor:
                yield cursor
        finally:
            connection.close()

    @contextmanager
    def stream(self) -> Iterator[Cursor]:
        """Like `administrator`, with a cursor that leaves the rows at the server until read."""
        from pymysql.cursors import SSCursor

        connection = self._connect()
        try:
            with connection.cursor(SSCursor) as cursor:
                yield cursor
        finally:
            connection.close()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _connect(self) -> pymysql.Connection:
        import pymysql

        # A Unix socket's path may have 107 characters, a folder's more: go through /proc.
        folder = os.open(self._data, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return pymysql.connect(
                unix_socket=f"/proc/self/fd/{folder}/mariadb.sock",
                user=getpass.getuser(),
                autocommit=True,
                charset="utf8mb4",
                connect_timeout=5,
                ssl_disabled=True,
            )
        finally:
            os.close(folder)

    def _answers(self) -> bool:
        import pymysql

        try:
            self._connect().close()
        except (pymysql.err.OperationalError, OSError):
            return False
        return True

    def _bootstrap(self) -> None:
        user = getpass.getuser()
        sql = [
            "CREATE DATABASE mysql;\nUSE mysql;\n",
            f"SET @auth_root_socket='{user}';\n",
            *(_share_file(name).read_text() for name in _SYSTEM_TABLES),
            "DELETE FROM global_priv WHERE User = '';\n",
        ]
        done = subprocess.run(
            [_binary(), "--no-defaults", *_BOOTSTRAP_OPTIONS, *self._own_options()],
            input="".join(sql).encode(),
            capture_output=True,
            cwd=self.folder,
            check=False,
        )
        if done.returncode != 0:
            raise MariaDbError(f"MariaDB can't be set up:\n{done.stderr.decode()[-2000:]}")

    def _own_options(self) -> list[str]:
        return [f"--datadir={self._data}", f"--user={getpass.getuser()}"]

    def _configuration(self, options: Mapping[str, str]) -> str:
        files = {
            "user": getpass.getuser(),
            "datadir": str(self._data),
            "tmpdir": str(self.folder / "tmp"),
            "socket": "mariadb.sock",
            "pid-file": str(self.folder / "mariadb.pid"),
            "port": str(self.port),
            "ssl-ca": str(self._authority.ca_file),
            "ssl-cert": str(self.folder / "server.pem"),
            "ssl-key": str(self.folder / "server-key.pem"),
        }
        given = {f"loose-{name.replace('_', '-')}": value for name, value in options.items()}
        lines = [f"{name} = {value}" for name, value in (_ALWAYS | given | files).items()]
        return "\n".join(["[mariadbd]", *lines, ""])


def copy_tree(source: Path, target: Path) -> None:
    """Copies a data folder, sharing blocks where the file system can; sockets stay out."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.sock", "*.pid"))


def _binary() -> str:
    for name in ("mariadbd", "mysqld"):
        path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if path:
            return path
    raise MariaDbError("no mariadbd: install Debian's or Ubuntu's package mariadb-server-core")


def _share_file(name: str) -> Path:
    for folder in _SHARE_FOLDERS:
        for prefix in ("mariadb", "mysql"):
            path = folder / f"{prefix}_{name}.sql"
            if path.exists():
                return path
    raise MariaDbError(f"MariaDB's file *_{name}.sql is not installed (mariadb-server-core)")
