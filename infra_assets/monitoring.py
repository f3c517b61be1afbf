"""What is watched, and how alarms reach people."""

from __future__ import annotations

from infra_assets.infra_asset import infra_asset
from infra_assets.policies import document, grant
from infra_assets.resource import Resource
from infra_assets.spec import PlatformSpec
from infra_assets.types.iam import Role
from infra_assets.types.kms import Key
from infra_assets.types.lambda_ import Function
from infra_assets.types.logs import LogGroup
from infra_assets.types.secretsmanager import GeneratedSecret
from infra_assets.types.sns import Subscription, Topic
from infra_assets.types.sqs import Queue
from infra_assets.watching import alarms_of, dashboard
from resources.settings import PROJECT_ROOT

_WATCHED = (
    "web/load_balancer",
    "web/servers",
    "was/load_balancer",
    "was/servers",
    "database/shop_database",
    "streaming/click_stream",
)
_NOTIFIER = PROJECT_ROOT / "deploy/notifier"


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


@infra_asset(
    area="monitoring",
    deps=["security/encryption_keys", "security/iam_roles", "monitoring/alert_topics"],
    kinds=["lambda", "sqs", "slack"],
)
def notifier(spec: PlatformSpec) -> list[Resource]:
    """Posts alarms to Slack; tried again when Slack is out of order, then kept (M1).

    An operator puts Slack's bot token into its secret, which starts as a value Slack refuses.
    """
    name = f"{spec.names.prefix}-notifier"
    group, letters, topic = f"/aws/lambda/{name}", f"{name}-dead-letters", spec.names.alert_topic
    return [
        LogGroup(name=group, retention_days=90),
        GeneratedSecret(
            name=spec.names.slack_token_secret,
            description="Slack's bot token, once an operator has put it in.",
            key=Key.ref("data"),
        ),
        Queue(
            name=letters,
            key=Key.ref("alerts", "id"),
            policy=document(
                grant(
                    "TopicMaySend",
                    "sns.amazonaws.com",
                    ["sqs:SendMessage"],
                    spec.arn("sqs", letters),
                    {"ArnEquals": {"aws:SourceArn": spec.arn("sns", topic)}},
                )
            ),
            retention_days=14,
        ),
        Function(
            name=name,
            code=_NOTIFIER,
            handler="notifier.handler",
            role=Role.ref(name),
            variables={
                "SLACK_BASE_URL": spec.slack_base_url,
                "SLACK_CHANNEL": spec.slack_channel,
                "SLACK_TOKEN_SECRET_ID": spec.names.slack_token_secret,
            },
            dead_letters=Queue.ref(letters),
            invoked_by=("sns.amazonaws.com", Topic.ref(topic)),
        ),
        Subscription(
            name=f"{topic}:{name}",
            topic=Topic.ref(topic),
            function=Function.ref(name),
            dead_letters=Queue.ref(letters),
        ),
    ]


@infra_asset(
    area="monitoring",
    deps=[*_WATCHED, "monitoring/alert_topics", "monitoring/notifier"],
    kinds=["cloudwatch"],
)
def alarms(spec: PlatformSpec) -> list[Resource]:
    """What people are told of at once: load, errors, dead servers, a silent daemon (M1, S4)."""
    return alarms_of(spec)


@infra_asset(area="monitoring", deps=_WATCHED, kinds=["cloudwatch"])
def dashboards(spec: PlatformSpec) -> list[Resource]:
    """Requests over the load balancers, and what reaches web, WAS and DB (M2)."""
    return [dashboard(spec)]
