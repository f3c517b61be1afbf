"""EC2 launch templates: tags that are set after the creation are shown, instances start from later
versions that have user data, and those of a group get the template's security groups."""

from __future__ import annotations

from typing import Any

from moto.core.types import Base64EncodedString
from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateVersion

from mall_platform.local_aws.hooks import HookError, replace_property


def install() -> None:
    if "get_tags" not in dir(LaunchTemplate):
        raise HookError("moto's LaunchTemplate has no get_tags")
    # moto shows the tags as they were when the template was made.
    LaunchTemplate.tags = property(lambda self: self.get_tags(), _forget)

    @replace_property(LaunchTemplateVersion, "user_data")
    def user_data(original: Any, self: LaunchTemplateVersion) -> Base64EncodedString | None:
        """moto wraps the first version's only, and asserts that all are."""
        value = self.data.get("UserData")
        return Base64EncodedString(value) if isinstance(value, str) else original(self)

    @replace_property(LaunchTemplateVersion, "security_groups")
    def security_groups(original: Any, self: LaunchTemplateVersion) -> list[str]:
        """moto reads neither ids nor what network interfaces name."""
        interfaces = self.data.get("NetworkInterfaces") or []
        of_interfaces = [group for each in interfaces for group in each.get("Groups") or []]
        return [*original(self), *(self.data.get("SecurityGroupIds") or []), *of_interfaces]


def _forget(template: Any, tags: Any) -> None:
    """moto's own assignment; the tags are kept elsewhere."""
