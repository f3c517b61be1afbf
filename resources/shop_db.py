"""The shop's database: MySQL over TLS, rows as frames in a stream.

Every connection verifies the server's identity. The password is read from Secrets Manager for
each connection, and once more when the server refuses it, so that a rotation in between does no
harm. Errors say whether trying again can help, and hold neither a password nor a cell.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from resources import mysql_rows
from resources.aws import Aws
from resources.faults import explained
from resources.secrets import Secrets, UnusableSecretError

if TYPE_CHECKING:
    import polars as pl
    import pymysql

SHOP_DATABASE = "infra/database/shop_database"

_CONNECT_TIMEOUT_S = 10
_ACCESS_DENIED = frozenset({1045, 1698})
_NO_SCHEMA = frozenset({1044, 1049})
_TRANSIENT_CODES = frozenset(
    {1040, 1053, 1077, 1152, 1158, 1159, 1160, 1161, 1184, 1205, 1213, 1317, 1927}
    | set(range(2000, 2060))
)


class ShopDatabaseError(Exception):
    """The shop's database can't be used, and trying again won't help."""


class TransientDatabaseError(ShopDatabaseError):
    """The shop's database can't be used now; trying again later may help."""


@dataclass(frozen=True)
class _Login:
    host: str
    port: int
    user: str
    password: str = field(repr=False)


class ShopDatabase(dg.ConfigurableResource):
    """The shop's MySQL: an RDS instance, or `host` and `port` of a server elsewhere.

    `secret_id` names a secret with `username` and `password`; by default the instance's own.
    `ca_file` is a PEM file of authorities; by default the system's are trusted.
    `retry_wait_s` is how long a run waits before it tries again after a transient error.
    """

    aws: Aws
    secrets: Secrets
    instance: str | None = None
    host: str | None = None
    port: int = 3306
    database: str = "mall"
    secret_id: str | None = None
    ca_file: str | None = None
    retry_wait_s: float = 30

    def connect(self, *, local_infile: bool = False) -> pymysql.Connection:
        """An autocommitting connection with the session's time zone in UTC.

        `local_infile` lets the server ask for files of this machine, for LOAD DATA LOCAL.
        Raises TransientDatabaseError if the server can't be reached, ShopDatabaseError if it
        refuses the login or can't prove its identity, MissingInfrastructureError if the
        instance or its secret isn't there.
        """
        import pymysql

        for last in (False, True):
            login = self._login()
            try:
                return self._open(login, local_infile)
            except pymysql.err.MySQLError as error:
                if _code(error) not in _ACCESS_DENIED or last:
                    raise self._explanation(error, login) from None
        raise AssertionError("unreachable")

    def columns(self, table: str) -> dict[str, str]:
        """A table's columns and their types, as `bigint` or `int unsigned`, in order.

        Raises ShopDatabaseError if there is no such table.
        """
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT column_name, data_type, column_type LIKE '%%unsigned%%'"
                " FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
                " ORDER BY ordinal_position",
                (self.database, table),
            )
            rows = cursor.fetchall()
        if not rows:
            raise ShopDatabaseError(
                f"The shop's database has no table {self.database}.{table} that this login sees."
            )
        return {name: kind.lower() + " unsigned" * bool(unsigned) for name, kind, unsigned in rows}

    def clock(self) -> datetime:
        """The server's time, in UTC."""
        ((now,),) = self.query("SELECT UTC_TIMESTAMP(6)")
        return datetime.fromisoformat(str(now)).replace(tzinfo=UTC)

    def query(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """The rows of a small query, by PyMySQL."""
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())

    def read(
        self,
        sql: str,
        *,
        frame_bytes: int = mysql_rows.FRAME_BYTES,
        counted: Callable[[int], object] = lambda rows: None,
    ) -> Generator[pl.DataFrame]:
        """The rows of one statement, and so of one snapshot, in a stream.

        Frames have at most about `frame_bytes`; at least one comes. `counted` is told after the
        last how many rows the server itself found. Dates and times are as stored; one
        that doesn't exist (`0000-00-00`) is NULL. Raises TransientDatabaseError if the connection
        is lost, whatever has been read by then, ShopDatabaseError if the server refuses the
        statement or a cell can't be decoded; of the cell's value nothing is said or logged.
        """
        from pymysql.err import MySQLError

        with closing(self.connect()) as connection:
            try:
                yield from mysql_rows.read(connection, sql, frame_bytes)
                with connection.cursor() as cursor:
                    cursor.execute("SELECT FOUND_ROWS()")
                    ((found,),) = cursor.fetchall()
            except MySQLError as error:
                raise _server_error(_code(error), "The shop's database") from None
            except mysql_rows.UndecodableError as error:
                raise ShopDatabaseError(f"The shop's database can't be read: {error}") from None
        counted(found)

    def _open(self, login: _Login, local_infile: bool) -> pymysql.Connection:
        import pymysql

        return pymysql.connect(
            host=login.host,
            port=login.port,
            user=login.user,
            password=login.password,
            database=self.database,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=_CONNECT_TIMEOUT_S,
            init_command="SET time_zone = '+00:00'",
            ssl=self._tls(),
            local_infile=local_infile,
        )

    def _tls(self) -> ssl.SSLContext:
        if self.ca_file is not None and not Path(self.ca_file).is_file():
            raise ShopDatabaseError(f"MALL_DB_CA_FILE names {self.ca_file}, which does not exist.")
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except ssl.SSLError as error:
            raise ShopDatabaseError(
                f"MALL_DB_CA_FILE names {self.ca_file}, which holds no certificates in PEM."
            ) from error

    def _login(self) -> _Login:
        if self.host is not None:
            host, port, own_secret = self.host, self.port, None
        else:
            host, port, own_secret = self._instance_endpoint()
        secret_id = self.secret_id or own_secret
        if secret_id is None:
            raise ShopDatabaseError("MALL_DB_SECRET_ID must name a secret with the login.")
        secret = self.secrets.json(secret_id, asset=SHOP_DATABASE)
        try:
            return _Login(host, port, secret["username"], secret["password"])
        except KeyError as missing:
            raise UnusableSecretError(f"The secret {secret_id} has no field {missing}.") from None

    def _instance_endpoint(self) -> tuple[str, int, str | None]:
        name = self.instance or self.aws.names.shop_database
        with explained(f"The database instance {name}", SHOP_DATABASE):
            answer = self.aws.client("rds").describe_db_instances(DBInstanceIdentifier=name)
        instance = answer["DBInstances"][0]
        if "Endpoint" not in instance:
            raise TransientDatabaseError(f"The database instance {name} has no address yet.")
        endpoint = instance["Endpoint"]
        own_secret = instance.get("MasterUserSecret", {}).get("SecretArn")
        return endpoint["Address"], int(endpoint["Port"]), own_secret

    def _explanation(self, error: Exception, login: _Login) -> ShopDatabaseError:
        where = f"{login.host}:{login.port}"
        if isinstance(getattr(error, "original_exception", None), ssl.SSLError):
            return ShopDatabaseError(
                f"The server at {where} can't prove that it is the shop's database: check "
                "MALL_DB_CA_FILE and the host's name."
            )
        code = _code(error)
        if code in _ACCESS_DENIED:
            return ShopDatabaseError(f"The shop's database at {where} refuses the login.")
        if code in _NO_SCHEMA:
            return ShopDatabaseError(
                f"The shop's database at {where} has no schema {self.database} that this login "
                "sees: check MALL_DB_NAME and what the login is granted."
            )
        return _server_error(code, f"The shop's database at {where}")


def _server_error(code: int, who: str) -> ShopDatabaseError:
    kind = TransientDatabaseError if code in _TRANSIENT_CODES else ShopDatabaseError
    return kind(f"{who} can't be used: MySQL error {code}.")


def _code(error: Exception) -> int:
    return int(error.args[0]) if error.args and isinstance(error.args[0], int) else 0
