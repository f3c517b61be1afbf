"""The daemon's sign of life and the alarm on its absence (M1)."""

from __future__ import annotations

import time
from typing import Any

import dagster as dg

from sensors.heartbeat import heartbeat_sensor


def test_a_silent_daemon_is_an_alarm_and_a_heartbeat_ends_it(platform: dict[str, Any]) -> None:
    aws = platform["aws"]
    name = f"{aws.names.prefix}-dagster-daemon"

    def state() -> str:
        found = aws.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return str(found[0]["StateValue"])

    def becomes(wanted: str) -> bool:
        deadline = time.monotonic() + 15
        while state() != wanted and time.monotonic() < deadline:
            time.sleep(0.05)
        return state() == wanted

    assert becomes("ALARM")
    with dg.build_sensor_context(resources={"aws": aws}) as context:
        assert isinstance(heartbeat_sensor(context), dg.SkipReason)
    assert becomes("OK")


def test_it_beats_every_minute_by_itself() -> None:
    assert heartbeat_sensor.minimum_interval_seconds == 60
    assert heartbeat_sensor.default_status == dg.DefaultSensorStatus.RUNNING
