"""How this process talks to AWS: clients with one set of rules, and errors that say what to do.

Endpoints, credentials and profiles come from the standard AWS variables (`AWS_ENDPOINT_URL`,
`AWS_ENDPOINT_URL_S3`, `AWS_PROFILE`, …), which boto3 reads by itself.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING, Any

import dagster as dg

from resources.names import Names, Purpose
from resources.settings import Environment

if TYPE_CHECKING:
    import boto3

_session_lock = threading.Lock()


@cache
def _session(region: str) -> boto3.Session:
    import boto3

    return boto3.Session(region_name=region)


@cache
def _client(service: str, region: str, retries: bool) -> Any:
    from botocore.config import Config

    config = Config(
        region_name=region,
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "max_attempts": 5} if retries else {"total_max_attempts": 1},
        user_agent_extra="mall-platform",
    )
    return _session(region).client(service, config=config)


class Aws(dg.ConfigurableResource):
    """boto3 clients of one region and the names of what the platform has there."""

    env: Environment
    region: str = "ap-northeast-1"

    @property
    def names(self) -> Names:
        return Names(self.env)

    @property
    def session(self) -> boto3.Session:
        """The boto3 session, for libraries that take one (awswrangler)."""
        return _session(self.region)

    def client(self, service: str, *, retries: bool = True) -> Any:
        """The process's client of a service, thread-safe and made once.

        `retries=False` turns botocore's own retries off: for creating calls that have neither a
        client token nor a unique name, where a lost reply must be looked into first.
        """
        with _session_lock:
            return _client(service, self.region, retries)

    @property
    def account_id(self) -> str:
        return _identity(self)["Account"]

    @property
    def caller_arn(self) -> str:
        """The principal that this process's calls are made as."""
        return _identity(self)["Arn"]

    def bucket(self, purpose: Purpose) -> str:
        return self.names.bucket(purpose, self.account_id)


_identities: dict[int, dict[str, str]] = {}


def _identity(aws: Aws) -> dict[str, str]:
    sts = aws.client("sts")
    if id(sts) not in _identities:
        _identities[id(sts)] = sts.get_caller_identity()
    return _identities[id(sts)]


def forget_clients() -> None:
    """Drops every cached client: for a process whose endpoint or credentials have changed."""
    with _session_lock:
        _client.cache_clear()
        _session.cache_clear()
        _identities.clear()


class MissingInfrastructureError(Exception):
    """Something on AWS that an infrastructure asset makes isn't there."""

    def __init__(self, what: str, asset: str) -> None:
        super().__init__(f"{what} does not exist. Materialize the asset {asset} first.")
        self.what = what
        self.asset = asset
