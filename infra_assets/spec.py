"""What differs between environments, and nothing else: one typed spec for each, on one screen."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from resources.names import Names, Purpose
from resources.settings import Environment, Settings


class Servers(BaseModel):
    """The servers of one tier."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instance_type: str = "t4g.small"
    at_least: int = Field(2, ge=1)
    """Scaling moves the number between these two; two zones need two servers."""
    at_most: int = Field(4, ge=1)
    port: int = 8080
    requests_a_minute: int = 3000
    """Requests for each server and minute that scaling aims at."""
    volume_gb: int = Field(16, ge=8)


class PlatformSpec(BaseModel):
    """Sizes and choices of one environment. `MALL_SPEC` overrides any field, as a JSON object."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    env: Environment
    account_id: str
    region: Literal["ap-northeast-1"] = "ap-northeast-1"
    owner: str = "data-platform"
    cost_centre: str = "mall"
    ask_before_apply: bool = False
    """Whether a run in the UI must say `confirm: true`."""
    allow_data_loss: bool = True
    """Whether what holds data may be replaced or deleted when named; never in production."""

    retention_years: int = Field(5, ge=1)
    """How long backups are kept (B3); tax books and company law ask for 7 and 10."""
    backup_lock: Literal["GOVERNANCE", "COMPLIANCE"] = "GOVERNANCE"
    """Who may delete a backup within that time: those with the right to override, or nobody.

    Compliance can't be taken back: neither by us nor by AWS.
    """
    raw_click_days: int = Field(90, ge=1)
    drop_days: int = Field(180, ge=1)
    query_result_days: int = Field(14, ge=1)
    log_days: int = Field(730, ge=181)

    domain: str
    """The shop's domain."""
    requests_per_address: int = Field(2000, ge=10)
    """Requests from one address in five minutes that the firewall lets pass."""
    vpc_cidr: str = "10.0.0.0/16"
    zones: tuple[str, ...] = ("ap-northeast-1a", "ap-northeast-1c")
    nat_per_zone: bool = False
    """Whether each zone has its own way out, so that losing one zone leaves the other whole."""

    database_class: str = "db.t4g.micro"
    database_storage_gb: int = 20
    database_multi_az: bool = False
    database_backup_days: int = Field(7, ge=1, le=35)
    database_deletion_protection: bool = False

    click_buffer_mb: int = Field(64, ge=64, le=128)
    click_buffer_s: int = Field(60, ge=60, le=900)
    quicksight_users: tuple[str, ...] = ()
    """ARNs of QuickSight's users and groups who may query the lake with it (V1).

    None until the account has a subscription, without which QuickSight refuses every call.
    """
    query_scan_limit_bytes: int = Field(100 * 1024**3, ge=10_000_000)

    web_servers: Servers = Servers()
    was_servers: Servers = Servers()
    load_balancer_deletion_protection: bool = False

    alarm_cpu_percent: int = Field(75, ge=1, le=100)
    alarm_errors_a_minute: int = Field(10, ge=1)
    """Replies of 5xx in a minute that alarm when a load balancer gives them for three minutes."""
    alarm_free_storage_gb: int = 5
    alarm_connections: int = 60
    """Database connections: about 80% of what the instance class allows."""

    slack_base_url: str
    slack_channel: str

    @property
    def names(self) -> Names:
        return Names(self.env)

    def bucket(self, purpose: Purpose) -> str:
        return self.names.bucket(purpose, self.account_id)

    def arn(self, service: str, path: str, *, regional: bool = True) -> str:
        """The ARN of something known by its name, in this account."""
        region = self.region if regional else ""
        return f"arn:aws:{service}:{region}:{self.account_id}:{path}"


_BY_ENVIRONMENT: dict[Environment, dict[str, object]] = {
    "local": {"domain": "mall.test"},
    "dev": {"domain": "dev.mall.example"},
    "prod": {
        "domain": "mall.example",
        "ask_before_apply": True,
        "allow_data_loss": False,
        "nat_per_zone": True,
        "database_class": "db.r7g.large",
        "database_storage_gb": 200,
        "database_multi_az": True,
        "database_backup_days": 35,
        "database_deletion_protection": True,
        "click_buffer_mb": 128,
        "click_buffer_s": 300,
        "query_scan_limit_bytes": 1024**4,
        "web_servers": {"instance_type": "m7g.large", "at_most": 12},
        "was_servers": {"instance_type": "m7g.large", "at_most": 12},
        "load_balancer_deletion_protection": True,
        "alarm_free_storage_gb": 20,
        "alarm_connections": 1000,
    },
}


def platform_spec(settings: Settings, account_id: str) -> PlatformSpec:
    """The spec of the settings' environment. Raises pydantic's ValidationError, which names the
    field, on an override that can't be used."""
    return PlatformSpec.model_validate(
        {
            "slack_base_url": settings.slack_base_url,
            "slack_channel": settings.slack_channel,
            **_BY_ENVIRONMENT[settings.env],
            **settings.spec,
            "env": settings.env,
            "account_id": account_id,
        }
    )
