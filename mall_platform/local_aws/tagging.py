"""The Resource Groups Tagging API: lists what AWS lists by its documentation, and moto doesn't.

What AWS leaves out is left out: roles and the other objects of IAM, hosted zones (which it lists
elsewhere than in Tokyo), and Auto Scaling's groups.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto.backends import get_backend
from moto.core.resource_tagging import TaggedResource, make_tag_matcher, match_resource_type
from moto.ec2.models import EC2Backend
from moto.elbv2.models import ELBv2Backend
from moto.events.models import EventsBackend
from moto.rds.models import RDSBackend
from moto.resourcegroupstaggingapi.models import ResourceGroupsTaggingAPIBackend

from mall_platform.local_aws.hooks import replace


def install() -> None:
    _list_more_of_ec2()
    _list_more_of_load_balancers()
    _list_more_of_rds()
    _list_rules_of_events()
    _list_services_that_moto_leaves_out()


def _list_more_of_ec2() -> None:
    @replace(EC2Backend, "iter_tagged_resources")
    def iter_tagged_resources(original: Any, self: EC2Backend) -> Iterator[TaggedResource]:
        """moto calls flow logs otherwise than AWS does."""
        for each in original(self):
            if each.resource_type != "ec2:flow-logs":
                yield each
        for kind, ids in (
            ("vpc-flow-log", self.flow_logs),
            ("elastic-ip", [address.allocation_id for address in self.addresses]),
            ("vpc-endpoint", [id for id, e in self.vpc_end_points.items() if e.state != "deleted"]),
            ("launch-template", self.launch_templates),
        ):
            prefix = f"arn:{self.partition}:ec2:{self.region_name}:{self.account_id}:{kind}/"
            for id in list(ids):
                tags = dict(self.tags.get(id, {}))
                yield TaggedResource(f"{prefix}{id}", tags, f"ec2:{kind}")


def _list_more_of_load_balancers() -> None:
    @replace(ELBv2Backend, "iter_tagged_resources")
    def iter_tagged_resources(original: Any, self: ELBv2Backend) -> Iterator[TaggedResource]:
        yield from original(self)
        for balancer in list(self.load_balancers.values()):
            for arn in list(balancer.listeners):
                tags = self.tagging_service.get_tag_dict_for_resource(arn)
                yield TaggedResource(arn, tags, "elasticloadbalancing:listener")


def _list_more_of_rds() -> None:
    @replace(RDSBackend, "iter_tagged_resources")
    def iter_tagged_resources(original: Any, self: RDSBackend) -> Iterator[TaggedResource]:
        yield from original(self)
        for kind, groups in (("subgrp", self.subnet_groups), ("pg", self.db_parameter_groups)):
            for group in list(groups.values()):
                tags = {tag["Key"]: tag["Value"] for tag in group.get_tags()}
                yield TaggedResource(group.arn, tags, f"rds:{kind}")


def _list_rules_of_events() -> None:
    @replace(EventsBackend, "iter_tagged_resources")
    def iter_tagged_resources(original: Any, self: EventsBackend) -> Iterator[TaggedResource]:
        yield from original(self)
        for bus in list(self.event_buses.values()):
            for rule in list(bus.rules.values()):
                tags = self.tagger.get_tag_dict_for_resource(rule.arn)
                yield TaggedResource(rule.arn, tags, "events:rule")


def _list_services_that_moto_leaves_out() -> None:
    name = "_get_resources_generator"
    parameters = ("tag_filters", "resource_type_filters", "resource_arn_list")

    @replace(ResourceGroupsTaggingAPIBackend, name, *parameters)
    def get_resources_generator(
        original: Any,
        self: ResourceGroupsTaggingAPIBackend,
        tag_filters: list[dict[str, Any]] | None = None,
        resource_type_filters: list[str] | None = None,
        resource_arn_list: list[str] | None = None,
    ) -> Iterator[TaggedResource]:
        yield from original(self, tag_filters, resource_type_filters, resource_arn_list)
        matches = make_tag_matcher(tag_filters)
        for each in _left_out(self.account_id, self.region_name):
            if (
                each.tags
                and match_resource_type(each.resource_type, resource_type_filters)
                and matches(each.tags)
                and (not resource_arn_list or each.arn in resource_arn_list)
            ):
                yield each


def _left_out(account_id: str, region: str) -> Iterator[TaggedResource]:
    def backend(service: str) -> Any:
        return get_backend(service)[account_id][region]

    cloudtrail, wafv2 = backend("cloudtrail"), backend("wafv2")
    for arn in [trail.arn for trail in cloudtrail.trails.values()]:
        tags = cloudtrail.tagging_service.get_tag_dict_for_resource(arn)
        yield TaggedResource(arn, tags, "cloudtrail:trail")
    for acl in list(wafv2.wacls.values()):
        tags = wafv2.tagging_service.get_tag_dict_for_resource(acl.arn)
        yield TaggedResource(acl.arn, tags, "wafv2:webacl")
    for repository in list(backend("codecommit").repositories.values()):
        arn = repository.repository_metadata["Arn"]
        yield TaggedResource(arn, dict(getattr(repository, "tags", {})), "codecommit:repository")
    for project in list(backend("codebuild").codebuild_projects.values()):
        tags = {tag["key"]: tag["value"] for tag in project.tags or ()}
        yield TaggedResource(project.arn, tags, "codebuild:project")
    for pipeline in list(backend("codepipeline").pipelines.values()):
        yield TaggedResource(
            pipeline.metadata["pipelineArn"], dict(pipeline.tags), "codepipeline:pipeline"
        )
