"""How peers get into the shop's database: with the same login, over the same TLS."""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import quote

import boto3
import pymysql


def _login() -> tuple[str, int, str, str]:
    instance = boto3.client("rds").describe_db_instances()["DBInstances"][0]
    secret = boto3.client("secretsmanager").get_secret_value(
        SecretId=instance["MasterUserSecret"]["SecretArn"]
    )
    login = json.loads(secret["SecretString"])
    endpoint = instance["Endpoint"]
    return endpoint["Address"], endpoint["Port"], login["username"], login["password"]


def connect() -> pymysql.Connection:
    """A PyMySQL connection that streams its rows, as awswrangler and pandas want it."""
    host, port, user, password = _login()
    return pymysql.connect(
        host=host,
        port=port,
        user=user,
        password=password,
        database="mall",
        charset="utf8mb4",
        cursorclass=pymysql.cursors.SSCursor,
        ssl_ca=os.environ["MALL_DB_CA_FILE"],
        ssl_verify_identity=True,
        init_command="SET time_zone = '+00:00'",
    )


def engine() -> Any:
    """An engine of SQLAlchemy's, by which dlt looks at the table."""
    import sqlalchemy

    return sqlalchemy.create_engine("mysql+pymysql://", creator=connect)


def connectorx_url() -> str:
    """What connectorx takes."""
    host, port, user, password = _login()
    where = f"{quote(user, safe='')}:{quote(password, safe='')}@{host}:{port}/mall"
    ca = quote(os.environ["MALL_DB_CA_FILE"], safe="/")
    return f"mysql://{where}?ssl-mode=VERIFY_IDENTITY&ssl-ca={ca}"
