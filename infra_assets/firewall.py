"""What the web application firewall blocks in front of the shop (N5)."""

from __future__ import annotations

from typing import Any

from infra_assets.types.wafv2 import visible_as

_MANAGED = {
    "common": "AWSManagedRulesCommonRuleSet",
    "bad-inputs": "AWSManagedRulesKnownBadInputsRuleSet",
    "sql-injection": "AWSManagedRulesSQLiRuleSet",
    "ip-reputation": "AWSManagedRulesAmazonIpReputationList",
}


def firewall_rules(requests_per_address: int) -> tuple[dict[str, Any], ...]:
    """A limit on requests from one address in five minutes, then AWS's own groups."""
    return (
        {
            "Name": "rate",
            "Priority": 0,
            "Statement": {
                "RateBasedStatement": {
                    "Limit": requests_per_address,
                    "EvaluationWindowSec": 300,
                    "AggregateKeyType": "IP",
                }
            },
            "Action": {"Block": {}},
            "VisibilityConfig": visible_as("rate"),
        },
        *(
            {
                "Name": name,
                "Priority": priority,
                "Statement": {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": group}},
                "OverrideAction": {"None": {}},
                "VisibilityConfig": visible_as(name),
            }
            for priority, (name, group) in enumerate(_MANAGED.items(), start=1)
        ),
    )
