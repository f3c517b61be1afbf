"""What is watched: the alarms that call people, and the graphs they look at (M1, M2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infra_assets.resource import Ref, Resource
from infra_assets.server_roles import TIERS
from infra_assets.spec import PlatformSpec
from infra_assets.types.autoscaling import Group
from infra_assets.types.cloudwatch import Alarm, Dashboard
from infra_assets.types.elbv2 import LoadBalancer, TargetGroup
from infra_assets.types.firehose import DeliveryStream
from infra_assets.types.rds import Instance
from infra_assets.types.sns import Topic
from infra_assets.types.sqs import Queue
from resources.names import Tier

PLATFORM_METRICS = "Mall/Platform"
HEARTBEAT = "DaemonHeartbeat"

_EC2, _ALB, _RDS, _FIREHOSE = "AWS/EC2", "AWS/ApplicationELB", "AWS/RDS", "AWS/Firehose"
_GIB = 1024**3

Metric = list[Any]


def alarms_of(spec: PlatformSpec) -> list[Resource]:
    """Every alarm; each tells the alert topic when it goes off and when it is over."""
    servers = [alarm for tier in TIERS for alarm in _of_servers(spec, tier)]
    return [*servers, *_of_database(spec), *_of_clicks(spec), *_of_platform(spec)]


def _alarm(spec: PlatformSpec, name: str, description: str, **rule: Any) -> Alarm:
    return Alarm(
        name=f"{spec.names.prefix}-{name}",
        description=description,
        topic=Topic.ref(spec.names.alert_topic),
        **rule,
    )


def _of_servers(spec: PlatformSpec, tier: Tier) -> list[Alarm]:
    balancer, targets = _balancer(spec, tier), _targets(spec, tier)
    limit = spec.alarm_errors_a_minute
    return [
        _alarm(
            spec,
            f"{tier}-cpu",
            f"The {tier} servers' CPUs are at {spec.alarm_cpu_percent}% or more.",
            namespace=_EC2,
            metric="CPUUtilization",
            dimensions=_group(spec, tier),
            statistic="Average",
            beyond=">=",
            threshold=spec.alarm_cpu_percent,
        ),
        _alarm(
            spec,
            f"{tier}-unhealthy",
            f"A {tier} server has not answered its health checks for three minutes.",
            namespace=_ALB,
            metric="UnHealthyHostCount",
            dimensions={**balancer, **targets},
            statistic="Maximum",
            beyond=">=",
            threshold=1,
            of=3,
        ),
        _alarm(
            spec,
            f"{tier}-errors",
            f"The {tier} servers have given {limit} replies of 5xx or more a minute for three"
            " minutes.",
            namespace=_ALB,
            metric="HTTPCode_Target_5XX_Count",
            dimensions=balancer,
            statistic="Sum",
            beyond=">=",
            threshold=limit,
            of=3,
        ),
        _alarm(
            spec,
            f"{tier}-unreachable",
            f"The {tier} load balancer itself has given {limit} replies of 5xx or more a minute for"
            " three minutes.",
            namespace=_ALB,
            metric="HTTPCode_ELB_5XX_Count",
            dimensions=balancer,
            statistic="Sum",
            beyond=">=",
            threshold=limit,
            of=3,
        ),
    ]


def _of_database(spec: PlatformSpec) -> list[Alarm]:
    database = _database(spec)
    return [
        _alarm(
            spec,
            "db-cpu",
            f"The shop database's CPU is at {spec.alarm_cpu_percent}% or more.",
            namespace=_RDS,
            metric="CPUUtilization",
            dimensions=database,
            statistic="Average",
            beyond=">=",
            threshold=spec.alarm_cpu_percent,
        ),
        _alarm(
            spec,
            "db-storage",
            f"The shop database has less than {spec.alarm_free_storage_gb} GiB left.",
            namespace=_RDS,
            metric="FreeStorageSpace",
            dimensions=database,
            statistic="Minimum",
            beyond="<",
            threshold=spec.alarm_free_storage_gb * _GIB,
            period_s=300,
        ),
        _alarm(
            spec,
            "db-connections",
            f"The shop database has {spec.alarm_connections} connections or more.",
            namespace=_RDS,
            metric="DatabaseConnections",
            dimensions=database,
            statistic="Maximum",
            beyond=">=",
            threshold=spec.alarm_connections,
            of=3,
        ),
    ]


def _of_clicks(spec: PlatformSpec) -> list[Alarm]:
    stream = _stream(spec)
    return [
        _alarm(
            spec,
            "clicks-delivery",
            "Firehose can't deliver clicks to the raw bucket.",
            namespace=_FIREHOSE,
            metric="DeliveryToS3.Success",
            dimensions=stream,
            statistic="Average",
            beyond="<",
            threshold=1,
            period_s=300,
        ),
        _alarm(
            spec,
            "clicks-throttled",
            "Firehose takes fewer clicks than are sent.",
            namespace=_FIREHOSE,
            metric="ThrottledRecords",
            dimensions=stream,
            statistic="Sum",
            beyond=">=",
            threshold=1,
            period_s=300,
        ),
        _alarm(
            spec,
            "clicks-partitions",
            "Clicks are of more hours at once than Firehose has partitions; the rest goes to the"
            " error prefix.",
            namespace=_FIREHOSE,
            metric="PartitionCountExceeded",
            dimensions=stream,
            statistic="Maximum",
            beyond=">=",
            threshold=1,
        ),
    ]


def _of_platform(spec: PlatformSpec) -> list[Alarm]:
    return [
        _alarm(
            spec,
            "dagster-daemon",
            "Dagster's daemon has not been heard for five minutes: nothing starts by itself.",
            namespace=PLATFORM_METRICS,
            metric=HEARTBEAT,
            dimensions={"Environment": spec.env},
            statistic="Sum",
            beyond="<",
            threshold=1,
            of=5,
            missing="breaching",
        ),
        _alarm(
            spec,
            "undelivered-alarms",
            "Alarms could not be posted to Slack; they lie in the notifier's dead letters.",
            namespace="AWS/SQS",
            metric="ApproximateNumberOfMessagesVisible",
            dimensions={"QueueName": Queue.ref(f"{spec.names.prefix}-notifier-dead-letters", "id")},
            statistic="Maximum",
            beyond=">=",
            threshold=1,
            period_s=300,
        ),
    ]


def dashboard(spec: PlatformSpec) -> Dashboard:
    """Requests and their distribution, connections, load and errors, from the customer inwards."""
    database, stream = _dimension(_database(spec)), _dimension(_stream(spec))
    graphs = [
        ("Requests", _per_tier(spec, "RequestCount", _balancer), "Sum"),
        ("Requests for each server", _per_tier(spec, "RequestCountPerTarget", _targets), "Sum"),
        (
            "Response time (s)",
            _per_tier(spec, "TargetResponseTime", _balancer),
            "p95",
        ),
        ("Connections to web and WAS", _per_tier(spec, "ActiveConnectionCount", _balancer), "Sum"),
        (
            "Connections to the database",
            [[_RDS, "DatabaseConnections", *database]],
            "Maximum",
        ),
        (
            "CPU (%)",
            [
                *_per_tier(spec, "CPUUtilization", _group, namespace=_EC2),
                [_RDS, "CPUUtilization", *database],
            ],
            "Average",
        ),
        (
            "Replies of 5xx",
            [
                *_per_tier(spec, "HTTPCode_Target_5XX_Count", _balancer),
                *_per_tier(spec, "HTTPCode_ELB_5XX_Count", _balancer),
            ],
            "Sum",
        ),
        (
            "Healthy servers",
            _per_tier(spec, "HealthyHostCount", lambda s, t: {**_balancer(s, t), **_targets(s, t)}),
            "Minimum",
        ),
        ("Free database storage (bytes)", [[_RDS, "FreeStorageSpace", *database]], "Minimum"),
        ("Clicks received", [[_FIREHOSE, "IncomingRecords", *stream]], "Sum"),
    ]
    widgets = [_widget(spec, number, *graph) for number, graph in enumerate(graphs)]
    return Dashboard(name=spec.names.prefix, body={"widgets": widgets})


def _widget(
    spec: PlatformSpec, number: int, title: str, metrics: Sequence[Metric], statistic: str
) -> dict[str, Any]:
    """A graph in a grid of two columns."""
    return {
        "type": "metric",
        "x": 12 * (number % 2),
        "y": 6 * (number // 2),
        "width": 12,
        "height": 6,
        "properties": {
            "title": title,
            "metrics": list(metrics),
            "stat": statistic,
            "period": 60,
            "region": spec.region,
            "view": "timeSeries",
        },
    }


def _per_tier(
    spec: PlatformSpec, metric: str, dimensions: Any, *, namespace: str = _ALB
) -> list[Metric]:
    return [
        [namespace, metric, *_dimension(dimensions(spec, tier)), {"label": f"{tier} {metric}"}]
        for tier in TIERS
    ]


def _dimension(dimensions: dict[str, Ref]) -> list[Any]:
    return [part for pair in dimensions.items() for part in pair]


def _group(spec: PlatformSpec, tier: Tier) -> dict[str, Ref]:
    return {"AutoScalingGroupName": Group.ref(spec.names.tier(tier), "id")}


def _balancer(spec: PlatformSpec, tier: Tier) -> dict[str, Ref]:
    return {"LoadBalancer": LoadBalancer.ref(spec.names.tier(tier), "suffix")}


def _targets(spec: PlatformSpec, tier: Tier) -> dict[str, Ref]:
    return {"TargetGroup": TargetGroup.ref(spec.names.tier(tier), "suffix")}


def _database(spec: PlatformSpec) -> dict[str, Ref]:
    return {"DBInstanceIdentifier": Instance.ref(spec.names.shop_database, "id")}


def _stream(spec: PlatformSpec) -> dict[str, Ref]:
    return {"DeliveryStreamName": DeliveryStream.ref(spec.names.click_stream, "id")}
