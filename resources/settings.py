"""Every variable the platform reads from its environment, validated once.

Environments differ by these values only. Secrets other than those named here live in Secrets
Manager. `.env.example` lists the variables for people; a test keeps both lists equal.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT_ROOT = Path(__file__).resolve().parent.parent

Environment = Literal["local", "dev", "prod"]


class Settings(BaseSettings):
    """The platform's settings, each from the environment variable `MALL_<NAME>`.

    Raises pydantic's ValidationError, which names the variable, on a value that can't be used.
    """

    model_config = SettingsConfigDict(env_prefix="MALL_", frozen=True, extra="ignore")

    env: Environment = Field("local", description="Which environment this is.")
    home: Path = Field(PROJECT_ROOT / ".mall", description="Folder for all local state.")
    region: Literal["ap-northeast-1"] = Field(
        "ap-northeast-1", description="AWS region; the mall lives in Tokyo (N1)."
    )
    first_business_day: date = Field(
        date(2024, 1, 1), description="First Tokyo day that the platform holds data for."
    )

    spec: dict[str, Any] = Field(
        default_factory=dict,
        description="Infrastructure sizes that differ from the environment's, as a JSON object.",
    )

    db_instance: str | None = Field(
        None, description="RDS instance to extract from; default: the one the platform makes."
    )
    db_host: str | None = Field(
        None, description="Host of a shop database outside RDS; replaces MALL_DB_INSTANCE."
    )
    db_port: int = Field(3306, description="Port of MALL_DB_HOST.")
    db_name: str = Field("mall", description="Schema of the shop database.")
    db_secret_id: str | None = Field(
        None, description="Secret with `username` and `password`; default: the instance's own."
    )
    db_ca_file: Path | None = Field(
        None, description="PEM file of the authorities that sign the database's certificate."
    )
    pseudonym_key_secret_id: str | None = Field(
        None, description="Secret with the pseudonym key; default: mall/<env>/pseudonym-key."
    )

    slack_token: SecretStr | None = Field(
        None, description="Slack bot token; default: the secret mall/<env>/slack-token."
    )
    slack_base_url: str = Field("https://slack.com/api/", description="Slack's Web API.")
    slack_channel: str = Field("#mall-alerts", description="Channel of the person in charge.")
    ui_base_url: str = Field(
        "http://127.0.0.1:3000", description="Dagster UI, for links in Slack messages."
    )


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """The settings of this process, read from its environment once."""
    return Settings()
