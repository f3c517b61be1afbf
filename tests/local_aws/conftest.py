"""A boto3 client of each service of the local AWS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config

from mall_platform.local_aws import process

Clients = Callable[[str], Any]


@pytest.fixture(scope="session")
def client(local_aws: process.LocalAws) -> Clients:
    """`client("s3")`: boto3's client of a service of the local AWS, without retries."""
    clients: dict[str, Any] = {}

    def make(service: str) -> Any:
        if service not in clients:
            clients[service] = boto3.client(
                service,
                endpoint_url=local_aws.url,
                region_name="ap-northeast-1",
                aws_access_key_id="local",
                aws_secret_access_key="local",
                config=Config(retries={"total_max_attempts": 1}),
            )
        return clients[service]

    return make
