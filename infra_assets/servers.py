"""What the web and the application tier have in common: a load balancer before a group of servers
over both zones (S1, S2, S3)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from infra_assets.network import VPC, SubnetTier, subnet_refs
from infra_assets.resource import Resource
from infra_assets.spec import PlatformSpec, Servers
from infra_assets.types.autoscaling import Group, TargetTracking
from infra_assets.types.ec2 import SecurityGroup
from infra_assets.types.ec2_launch_template import LaunchTemplate
from infra_assets.types.elbv2 import LoadBalancer, TargetGroup
from infra_assets.types.iam import InstanceProfile
from infra_assets.types.s3 import Bucket
from resources.names import Tier

_IMAGE = "resolve:ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
_CPU_TARGET_PERCENT = 50
"""Below the alarm's 75: scaling answers before people are told."""


def load_balancer_of(
    spec: PlatformSpec, tier: Tier, *, scheme: str, subnets: SubnetTier, group: str
) -> list[Resource]:
    """A tier's load balancer and the group of servers it sends requests to."""
    name = spec.names.tier(tier)
    return [
        TargetGroup(
            name=name,
            vpc=VPC,
            port=servers_of(spec, tier).port,
            health_path="/health",
        ),
        LoadBalancer(
            name=name,
            scheme=scheme,
            vpc=VPC,
            subnets=subnet_refs(spec, subnets),
            security_groups=(SecurityGroup.ref(group, "id"),),
            log_bucket=Bucket.ref(spec.bucket("log"), "id"),
            log_prefix=f"load-balancers/{tier}",
            deletion_protection=spec.load_balancer_deletion_protection,
        ),
    ]


def servers_in(
    spec: PlatformSpec, tier: Tier, *, runtime: Sequence[str], settings: dict[str, str]
) -> list[Resource]:
    """A tier's launch template, its group of servers, and how the group scales.

    `runtime` are packages of Amazon Linux; `settings` go to `/etc/mall/<tier>.env`.
    """
    name, sizes = spec.names.tier(tier), servers_of(spec, tier)
    template = LaunchTemplate(
        name=name,
        image=_IMAGE,
        instance_type=sizes.instance_type,
        profile=InstanceProfile.ref(name),
        security_groups=(SecurityGroup.ref(tier, "id"),),
        volume_gb=sizes.volume_gb,
        user_data=user_data(spec, tier, runtime, settings),
        server_tags={
            "Name": name,
            "mall:environment": spec.env,
            "mall:asset": f"{tier}/servers",
            "mall:resource": f"{Group.kind()}/{name}",  # which starts and ends them
            "mall:tier": tier,
            "mall:owner": spec.owner,
            "mall:cost-centre": spec.cost_centre,
        },
    )
    group = Group(
        name=name,
        template=LaunchTemplate.ref(name, "id"),
        revision=(_digest(template), *template.security_groups, *subnet_refs(spec, tier)),
        vpc=VPC,
        subnets=subnet_refs(spec, tier),
        target_groups=(TargetGroup.ref(name),),
        at_least=sizes.at_least,
        at_most=sizes.at_most,
    )
    return [template, group, *_scaling(name, sizes)]


def _scaling(name: str, sizes: Servers) -> list[Resource]:
    return [
        TargetTracking(
            name=f"{name}:cpu",
            group=Group.ref(name, "id"),
            metric="ASGAverageCPUUtilization",
            target=_CPU_TARGET_PERCENT,
        ),
        TargetTracking(
            name=f"{name}:requests",
            group=Group.ref(name, "id"),
            metric="ALBRequestCountPerTarget",
            target=sizes.requests_a_minute,
            requests_of=(LoadBalancer.ref(name, "suffix"), TargetGroup.ref(name, "suffix")),
        ),
    ]


def servers_of(spec: PlatformSpec, tier: Tier) -> Servers:
    return spec.web_servers if tier == "web" else spec.was_servers


def user_data(
    spec: PlatformSpec, tier: Tier, runtime: Sequence[str], settings: dict[str, str]
) -> str:
    """What a new server does at its first start; CodeDeploy then brings the application."""
    agent = f"https://aws-codedeploy-{spec.region}.s3.{spec.region}.amazonaws.com/latest/install"
    authorities = f"https://truststore.pki.rds.amazonaws.com/{spec.region}/{spec.region}-bundle.pem"
    lines = [f"{name}={value}" for name, value in sorted(settings.items())]
    return "\n".join(
        [
            "#!/bin/bash",
            "set -euxo pipefail",
            f"dnf install -y ruby wget {' '.join(runtime)}",
            "useradd --system --home-dir /opt/mall mall",
            "install -d -m 755 /etc/mall /opt/mall",
            f"curl -fsS --retry 5 -o /etc/mall/rds-ca.pem {authorities}",
            f"cat >/etc/mall/{tier}.env <<'EOF'",
            *lines,
            "EOF",
            "cat >/etc/logrotate.d/mall <<'EOF'",
            f"/opt/mall/{tier}/run/*log {{",
            "    daily",
            "    rotate 7",
            "    compress",
            "    copytruncate",
            "    missingok",
            "    su mall mall",
            "}",
            "EOF",
            f"curl -fsS --retry 5 -o /tmp/install-codedeploy {agent}",
            "ruby /tmp/install-codedeploy auto",
            "",
        ]
    )


def _digest(template: LaunchTemplate) -> str:
    """Changes when, and only when, what servers start as is declared anew."""
    content = json.dumps(template.wanted(), sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
