"""EC2 launch templates: what a server of a group starts as."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource
from infra_assets.types.tagging import from_pairs, pairs


@dataclass(frozen=True, kw_only=True)
class LaunchTemplate(Resource):
    """A template whose newest version is the default one.

    Servers have no public address, ask for session tokens before they tell of themselves
    (IMDSv2), and an encrypted volume. `image` is an AMI or `resolve:ssm:` and a parameter;
    `server_tags` are for servers and their volumes. Whatever else a version says, as the name of a
    key, is drift. A change is a new version; who starts servers from it replaces them.
    """

    service: ClassVar[str] = "ec2"
    sets: ClassVar[frozenset[str]] = frozenset({"security_groups"})

    image: str
    instance_type: str
    profile: Ref
    security_groups: tuple[Ref, ...]
    volume_gb: int
    user_data: str
    server_tags: dict[str, str]

    def wanted(self) -> dict[str, Any]:
        return {
            "image": self.image,
            "instance_type": self.instance_type,
            "profile": self.profile,
            "network": {
                "DeviceIndex": 0,
                "AssociatePublicIpAddress": False,
                "DeleteOnTermination": True,
            },
            "security_groups": list(self.security_groups),
            "metadata": {
                "HttpEndpoint": "enabled",
                "HttpTokens": "required",
                "HttpPutResponseHopLimit": 1,
                "HttpProtocolIpv6": "disabled",
                "InstanceMetadataTags": "disabled",
            },
            "volume": {
                "DeviceName": "/dev/xvda",
                "Ebs": {
                    "Encrypted": True,
                    "VolumeType": "gp3",
                    "VolumeSize": self.volume_gb,
                    "DeleteOnTermination": True,
                },
            },
            "detailed_monitoring": True,
            "user_data": self.user_data,
            "server_tags": {"instance": self.server_tags, "volume": self.server_tags},
            "others": {},
        }

    def find(self, cloud: Cloud) -> list[Live]:
        templates = cloud.read("ec2", "describe_launch_templates")["LaunchTemplates"]
        return [self._live(cloud, t) for t in templates if t["LaunchTemplateName"] == self.name]

    def _live(self, cloud: Cloud, template: dict[str, Any]) -> Live:
        id = template["LaunchTemplateId"]
        versions = cloud.read(
            "ec2",
            "describe_launch_template_versions",
            LaunchTemplateId=id,
            Versions=[str(template["DefaultVersionNumber"])],
        )
        attributes = _attributes(versions["LaunchTemplateVersions"][0]["LaunchTemplateData"])
        arn = cloud.spec.arn("ec2", f"launch-template/{id}")
        return Live(id, {**attributes, "tags": from_pairs(template.get("Tags"))}, arn=arn)

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "ec2",
            "create_launch_template",
            LaunchTemplateName=self.name,
            LaunchTemplateData=_data(wanted),
            TagSpecifications=[{"ResourceType": "launch-template", "Tags": pairs(wanted["tags"])}],
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if changed - {"tags"}:
            made = cloud.write(
                "ec2",
                "create_launch_template_version",
                LaunchTemplateId=live.id,
                LaunchTemplateData=_data(wanted),
            )
            cloud.write(
                "ec2",
                "modify_launch_template",
                LaunchTemplateId=live.id,
                DefaultVersion=str(made["LaunchTemplateVersion"]["VersionNumber"]),
            )
        if "tags" in changed:
            cloud.write("ec2", "create_tags", Resources=[live.id], Tags=pairs(wanted["tags"]))

    def delete(self, cloud: Cloud, live: Live) -> None:
        cloud.write("ec2", "delete_launch_template", LaunchTemplateId=live.id)


def _attributes(data: dict[str, Any]) -> dict[str, Any]:
    said = dict(data)
    interface, *interfaces = said.pop("NetworkInterfaces", None) or [{}]
    volume, *volumes = said.pop("BlockDeviceMappings", None) or [{}]
    metadata = said.pop("MetadataOptions", {})
    tags = {each["ResourceType"]: each["Tags"] for each in said.pop("TagSpecifications", ())}
    return {
        "image": said.pop("ImageId", None),
        "instance_type": said.pop("InstanceType", None),
        "profile": said.pop("IamInstanceProfile", {}).get("Arn"),
        "network": {name: value for name, value in interface.items() if name != "Groups"},
        "security_groups": interface.get("Groups", []),
        "metadata": {name: value for name, value in metadata.items() if name != "State"},
        "volume": volume,
        "detailed_monitoring": said.pop("Monitoring", {}).get("Enabled"),
        "user_data": base64.b64decode(said.pop("UserData", "")).decode(errors="replace"),
        "server_tags": {kind: from_pairs(each) for kind, each in tags.items()},
        "others": _filled({**said, "interfaces": interfaces, "volumes": volumes}),
    }


def _filled(data: dict[str, Any]) -> dict[str, Any]:
    """What is said, without what is left empty."""
    return {name: value for name, value in data.items() if value not in (None, "", [], {})}


def _data(wanted: Attributes) -> dict[str, Any]:
    return {
        "ImageId": wanted["image"],
        "InstanceType": wanted["instance_type"],
        "IamInstanceProfile": {"Arn": wanted["profile"]},
        "NetworkInterfaces": [{**wanted["network"], "Groups": wanted["security_groups"]}],
        "MetadataOptions": wanted["metadata"],
        "BlockDeviceMappings": [wanted["volume"]],
        "Monitoring": {"Enabled": wanted["detailed_monitoring"]},
        "UserData": base64.b64encode(wanted["user_data"].encode()).decode(),
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": pairs(tags)}
            for kind, tags in sorted(wanted["server_tags"].items())
        ],
    }
