"""What differs between environments, and nothing else: one typed spec for each, on one screen."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from resources.names import Names, Purpose
from resources.settings import Environment, Settings


def _network(text: str) -> str:
    """A range that eight subnets of 4096 addresses fit in, and that AWS takes for a VPC."""
    if not 16 <= IPv4Network(text).prefixlen <= 17:
        raise ValueError("a network of /16 or /17 is needed")
    return text


def _apart(zones: tuple[str, str]) -> tuple[str, str]:
    if zones[0] == zones[1]:
        raise ValueError(f"{zones[0]} is named twice")
    return zones


Network = Annotated[str, AfterValidator(_network)]
Zone = Annotated[str, Field(pattern=r"^ap-northeast-1[a-z]$")]
Zones = Annotated[tuple[Zone, Zone], AfterValidator(_apart)]
Tag = Annotated[str, Field(max_length=256, pattern=r"^[\w .:/=+@-]+$")]


class Servers(BaseModel):
    """The servers of one tier."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instance_type: str = Field("t4g.small", pattern=r"^[a-z]+\d+g[a-z]*\.\w+$")
    """One of AWS's Graviton processors, which the image is for."""
    at_least: int = Field(2, ge=1)
    """Scaling moves the number between these two; two zones need two servers."""
    at_most: int = Field(4, ge=1)
    port: int = Field(8080, ge=1, le=65535)
    requests_a_minute: int = Field(3000, ge=1)
    """Requests for each server and minute that scaling aims at."""
    volume_gb: int = Field(16, ge=8)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.at_least > self.at_most:
            raise ValueError(f"at_least ({self.at_least}) is more than at_most ({self.at_most})")
        return self


class PlatformSpec(BaseModel):
    """Sizes and choices of one environment. `MALL_SPEC` overrides any field, as a JSON object."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    env: Environment
    account_id: str
    region: Literal["ap-northeast-1"] = "ap-northeast-1"
    owner: Tag = "data-platform"
    cost_centre: Tag = "mall"
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

    domain: str = Field(pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$")
    """The shop's domain."""
    requests_per_address: int = Field(2000, ge=10, le=2_000_000_000)
    """Requests from one address in five minutes that the firewall lets pass."""
    vpc_cidr: Network = "10.0.0.0/16"
    zones: Zones = ("ap-northeast-1a", "ap-northeast-1c")
    nat_per_zone: bool = False
    """Whether each zone has its own way out, so that losing one zone leaves the other whole."""

    database_class: str = Field("db.t4g.micro", pattern=r"^db\.\w+\.\w+$")
    database_storage_gb: int = Field(20, ge=20, le=65536)
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
    alarm_free_storage_gb: int = Field(5, ge=1)
    alarm_connections: int = Field(60, ge=1)
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
            **_with(settings.spec, _BY_ENVIRONMENT[settings.env]),
            "env": settings.env,
            "account_id": account_id,
        }
    )


def _with(given: Mapping[str, object], defaults: Mapping[str, object]) -> dict[str, object]:
    """The defaults, and over them what is given; of a tier's servers, too, the rest stays."""
    merged = {**defaults, **given}
    for name, value in given.items():
        default = defaults.get(name)
        if isinstance(value, Mapping) and isinstance(default, Mapping):
            merged[name] = {**default, **value}
    return merged
