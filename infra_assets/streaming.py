"""The click stream."""

from __future__ import annotations

from infra_assets.infra_asset import infra_asset
from infra_assets.resource import Resource
from infra_assets.spec import PlatformSpec
from infra_assets.types.firehose import DeliveryStream
from infra_assets.types.iam import Role
from infra_assets.types.kms import Key
from infra_assets.types.logs import LogGroup, LogStream
from infra_assets.types.s3 import Bucket

_TOKYO = ".event_time_ms/1000|floor+32400|strftime"


@infra_asset(
    area="streaming",
    deps=["security/encryption_keys", "security/iam_roles", "storage/raw_bucket"],
    kinds=["firehose"],
)
def click_stream(spec: PlatformSpec) -> list[Resource]:
    """Clicks to the raw bucket as they happen, in folders of their Tokyo day and hour (E3).

    What can't be placed goes to `clicks-errors/`, into a folder of the hour of its arrival in UTC.
    Firehose demands the kind of error in an error prefix: it begins the file's name, so that there
    is no folder below the hour.
    """
    name = spec.names.click_stream
    group = f"/aws/kinesisfirehose/{name}"
    return [
        LogGroup(name=group, retention_days=90),
        LogStream(name=f"{group}:delivery", group=LogGroup.ref(group, "id")),
        DeliveryStream(
            name=name,
            role=Role.ref(f"{spec.names.prefix}-firehose"),
            bucket=Bucket.ref(spec.bucket("raw")),
            prefix="clicks/dt=!{partitionKeyFromQuery:dt}/hour=!{partitionKeyFromQuery:hour}/",
            error_prefix="clicks-errors/!{timestamp:yyyy/MM/dd/HH}/!{firehose:error-output-type}-",
            partitioned_by=f'{{dt: ({_TOKYO}("%Y-%m-%d")), hour: ({_TOKYO}("%H"))}}',
            buffer_mb=spec.click_buffer_mb,
            buffer_s=spec.click_buffer_s,
            log_group=group,
            key=Key.ref("raw"),
        ),
    ]
