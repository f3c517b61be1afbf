"""EC2 launch templates: tags that are set after the creation are shown."""

from __future__ import annotations

from typing import Any

from moto.ec2.models.launch_templates import LaunchTemplate

from mall_platform.local_aws.hooks import HookError


def install() -> None:
    if "get_tags" not in dir(LaunchTemplate):
        raise HookError("moto's LaunchTemplate has no get_tags")
    # moto shows the tags as they were when the template was made.
    LaunchTemplate.tags = property(lambda self: self.get_tags(), _forget)


def _forget(template: Any, tags: Any) -> None:
    """moto's own assignment; the tags are kept elsewhere."""
