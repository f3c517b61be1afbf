"""EC2 launch templates: tags that are set after the creation are shown, instances start from later
versions that have user data, those of a group get the template's security groups, and instances and
their volumes its tags."""

from __future__ import annotations

from typing import Any

from moto.core.types import Base64EncodedString
from moto.ec2.models.instances import InstanceBackend, Reservation
from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateVersion
from moto.ec2.utils import convert_tag_spec

from mall_platform.local_aws.hooks import HookError, replace, replace_property


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

    @replace(InstanceBackend, "run_instances")
    def run_instances(
        original: Any, self: Any, *args: Any, tags: Any = None, **said: Any
    ) -> Reservation:
        """moto gives instances the tags of the call only, and a group has none for volumes."""
        given, template = tags or {}, said.get("launch_template")
        data = self._get_template_from_args(template).data if template else {}
        of_template = convert_tag_spec(data.get("TagSpecifications") or [])
        kinds = given.keys() | of_template.keys()
        both = {kind: of_template.get(kind, {}) | given.get(kind, {}) for kind in kinds}
        made: Reservation = original(self, *args, tags=both, **said)
        return made


def _forget(template: Any, tags: Any) -> None:
    """moto's own assignment; the tags are kept elsewhere."""
