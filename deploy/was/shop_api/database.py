"""Connections to the shop's MySQL: over TLS with the server's identity verified, and reused."""

from __future__ import annotations

import json
import queue
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pymysql
from pymysql.cursors import DictCursor

from shop_api.settings import Settings

_ACCESS_DENIED = 1045
_KEPT = 8
_TRUSTED_UNUSED_S = 20


class Database:
    """A pool of connections; sessions are in UTC."""

    def __init__(self, settings: Settings, rds: Any, secrets: Any) -> None:
        """`rds` and `secrets` are boto3's clients of RDS and Secrets Manager."""
        self._settings = settings
        self._rds = rds
        self._secrets = secrets
        self._tls = ssl.create_default_context(cafile=settings.db_ca_file)
        self._login: dict[str, Any] | None = None
        self._idle: queue.LifoQueue[tuple[float, pymysql.Connection]] = queue.LifoQueue(_KEPT)

    @contextmanager
    def transaction(self) -> Iterator[DictCursor]:
        """A cursor over one transaction: committed at the end, rolled back on any error.

        Rows are dicts. Raises pymysql.MySQLError where the database can't be reached.
        """
        connection = self._connection()
        try:
            with connection.cursor(DictCursor) as cursor:
                yield cursor
            connection.commit()
        except BaseException:
            connection.close()
            raise
        try:
            self._idle.put_nowait((time.monotonic(), connection))
        except queue.Full:
            connection.close()

    def _connection(self) -> pymysql.Connection:
        while True:
            try:
                since, connection = self._idle.get_nowait()
            except queue.Empty:
                return self._connect()
            if time.monotonic() - since < _TRUSTED_UNUSED_S:
                return connection
            try:
                connection.ping(reconnect=False)
            except pymysql.MySQLError:
                connection.close()
            else:
                return connection

    def _connect(self) -> pymysql.Connection:
        """RDS rotates the password: a refused login is read anew once."""
        known = self._login is not None
        login = self._login or self._read_login()
        try:
            connection = self._open(login)
        except pymysql.OperationalError as error:
            if not known or error.args[0] != _ACCESS_DENIED:
                raise
            login = self._read_login()
            connection = self._open(login)
        self._login = login
        return connection

    def _read_login(self) -> dict[str, Any]:
        found = self._rds.describe_db_instances(DBInstanceIdentifier=self._settings.db_instance)
        instance = found["DBInstances"][0]
        secret = self._settings.db_secret_id or instance["MasterUserSecret"]["SecretArn"]
        text = self._secrets.get_secret_value(SecretId=secret)["SecretString"]
        login = json.loads(text)
        if self._settings.db_host:
            host, port = certified_name(self._settings.db_host), self._settings.db_port
        else:
            host, port = instance["Endpoint"]["Address"], instance["Endpoint"]["Port"]
        return {
            "host": host,
            "port": port,
            "user": login["username"],
            "password": login["password"],
        }

    def _open(self, login: dict[str, Any]) -> pymysql.Connection:
        return pymysql.connect(
            **login,
            database=self._settings.db_name,
            charset="utf8mb4",
            ssl=self._tls,
            connect_timeout=5,
            read_timeout=20,
            write_timeout=20,
            init_command="SET time_zone = '+00:00'",
        )


def certified_name(host: str) -> str:
    """The name that the database's certificate bears.

    RDS certifies its endpoint, which a private name such as `db.mall.internal` only points to.
    """
    name, aliases, _ = socket.gethostbyname_ex(host)
    return next((n for n in [*aliases, name] if n.endswith(".rds.amazonaws.com")), host)
