"""Metrics that services publish about themselves, put into the local CloudWatch."""

from __future__ import annotations

from collections.abc import Mapping

from moto.cloudwatch.models import cloudwatch_backends


def emit(
    account_id: str,
    region: str,
    namespace: str,
    dimensions: Mapping[str, str],
    values: Mapping[str, float],
) -> None:
    """Puts one value of each metric, now."""
    named = [{"Name": name, "Value": value} for name, value in dimensions.items()]
    cloudwatch_backends[account_id][region].put_metric_data(
        namespace,
        [
            {"MetricName": name, "Value": value, "Dimensions": named, "Unit": "Count"}
            for name, value in values.items()
        ],
    )
