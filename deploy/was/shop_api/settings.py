"""What the shop's API reads from its environment, checked at the start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class SettingError(Exception):
    """A variable is missing or can't be used; the message names it."""


@dataclass(frozen=True)
class Settings:
    """Where the API's database, click stream and signing key are.

    The login of the database is `SHOP_DB_SECRET_ID`, a secret with `username` and `password`, or
    by default the one that RDS keeps for the instance.
    """

    db_instance: str
    """RDS instance: its endpoint and its own secret are the defaults of the next two."""
    db_host: str | None
    db_port: int
    db_name: str
    db_secret_id: str | None
    db_ca_file: Path | None
    """PEM file of the authorities that sign the database's certificate."""
    click_stream: str
    session_secret_id: str
    """Secret whose text signs the cookies of signed-in customers."""

    @classmethod
    def read(cls, variables: Mapping[str, str] = os.environ) -> Settings:
        """Raises SettingError."""

        def required(name: str) -> str:
            if not variables.get(name):
                raise SettingError(f"{name} is not set")
            return variables[name]

        port = variables.get("SHOP_DB_PORT", "3306")
        if not port.isdigit():
            raise SettingError(f"SHOP_DB_PORT is not a number: {port}")
        ca_file = variables.get("SHOP_DB_CA_FILE")
        return cls(
            db_instance=required("SHOP_DB_INSTANCE"),
            db_host=variables.get("SHOP_DB_HOST") or None,
            db_port=int(port),
            db_name=variables.get("SHOP_DB_NAME", "mall"),
            db_secret_id=variables.get("SHOP_DB_SECRET_ID") or None,
            db_ca_file=Path(ca_file) if ca_file else None,
            click_stream=required("SHOP_CLICK_STREAM"),
            session_secret_id=required("SHOP_SESSION_SECRET_ID"),
        )
