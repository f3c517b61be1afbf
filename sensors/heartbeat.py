"""The sign of life of Dagster's daemon: a metric whose absence is an alarm (M1)."""

import dagster as dg

from infra_assets.watching import HEARTBEAT, PLATFORM_METRICS
from resources.aws import Aws


@dg.sensor(minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def heartbeat_sensor(aws: Aws) -> dg.SkipReason:
    """Tells CloudWatch every minute that schedules and sensors are being looked after."""
    aws.client("cloudwatch").put_metric_data(
        Namespace=PLATFORM_METRICS,
        MetricData=[
            {
                "MetricName": HEARTBEAT,
                "Dimensions": [{"Name": "Environment", "Value": aws.env}],
                "Value": 1,
            }
        ],
    )
    return dg.SkipReason("The daemon is alive; CloudWatch knows.")
