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
    (IMDSv2), and an encrypted volume. `image` is an AMI or `resolve:ssm:` and a parameter. A
    change is a new version; who starts servers from it replaces them.
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
                "AssociatePublicIpAddress": False,
                "DeleteOnTermination": True,
            },
            "security_groups": list(self.security_groups),
            "metadata": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
            "volume": {
                "Encrypted": True,
                "VolumeType": "gp3",
                "VolumeSize": self.volume_gb,
                "DeleteOnTermination": True,
            },
            "detailed_monitoring": True,
            "user_data": self.user_data,
            "server_tags": self.server_tags,
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
    network = (data.get("NetworkInterfaces") or [{}])[0]
    volume = (data.get("BlockDeviceMappings") or [{}])[0].get("Ebs", {})
    metadata = data.get("MetadataOptions", {})
    of_instances = [
        specification["Tags"]
        for specification in data.get("TagSpecifications", ())
        if specification["ResourceType"] == "instance"
    ]
    return {
        "image": data.get("ImageId"),
        "instance_type": data.get("InstanceType"),
        "profile": data.get("IamInstanceProfile", {}).get("Arn"),
        "network": {
            "AssociatePublicIpAddress": network.get("AssociatePublicIpAddress"),
            "DeleteOnTermination": network.get("DeleteOnTermination"),
        },
        "security_groups": network.get("Groups", []),
        "metadata": {
            name: metadata.get(name) for name in ("HttpTokens", "HttpPutResponseHopLimit")
        },
        "volume": {
            name: volume.get(name)
            for name in ("Encrypted", "VolumeType", "VolumeSize", "DeleteOnTermination")
        },
        "detailed_monitoring": data.get("Monitoring", {}).get("Enabled"),
        "user_data": base64.b64decode(data.get("UserData", "")).decode(),
        "server_tags": from_pairs(of_instances[0] if of_instances else ()),
    }


def _data(wanted: Attributes) -> dict[str, Any]:
    tags = pairs(wanted["server_tags"])
    return {
        "ImageId": wanted["image"],
        "InstanceType": wanted["instance_type"],
        "IamInstanceProfile": {"Arn": wanted["profile"]},
        "NetworkInterfaces": [
            {"DeviceIndex": 0, "Groups": wanted["security_groups"], **wanted["network"]}
        ],
        "MetadataOptions": wanted["metadata"],
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": wanted["volume"]}],
        "Monitoring": {"Enabled": wanted["detailed_monitoring"]},
        "UserData": base64.b64encode(wanted["user_data"].encode()).decode(),
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume")
        ],
    }
