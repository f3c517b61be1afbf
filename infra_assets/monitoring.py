"""How alarms reach people."""

from __future__ import annotations

from infra_assets.infra_asset import infra_asset
from infra_assets.policies import document, grant
from infra_assets.resource import Resource
from infra_assets.spec import PlatformSpec
from infra_assets.types.kms import Key
from infra_assets.types.sns import Topic


@infra_asset(area="monitoring", deps=["security/encryption_keys"], kinds=["sns"])
def alert_topics(spec: PlatformSpec) -> list[Resource]:
    """The topic that CloudWatch's alarms go to (M1)."""
    name = spec.names.alert_topic
    arn = spec.arn("sns", name)
    return [
        Topic(
            name=name,
            key=Key.ref("alerts", "id"),
            policy=document(
                grant(
                    "AlarmsMayPublish",
                    "cloudwatch.amazonaws.com",
                    ["sns:Publish"],
                    arn,
                    {"StringEquals": {"aws:SourceAccount": spec.account_id}},
                )
            ),
        )
    ]
