"""EC2 launch templates: tags can be changed, and so can what instances start with."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

Clients = Callable[[str], Any]


def test_tags_set_later_are_shown(client: Clients) -> None:
    ec2, name = client("ec2"), f"template-{uuid.uuid4()}"
    id = ec2.create_launch_template(
        LaunchTemplateName=name,
        LaunchTemplateData={"InstanceType": "t3.micro"},
        TagSpecifications=[
            {"ResourceType": "launch-template", "Tags": [{"Key": "a", "Value": "1"}]}
        ],
    )["LaunchTemplate"]["LaunchTemplateId"]
    ec2.create_tags(Resources=[id], Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}])
    [template] = ec2.describe_launch_templates(LaunchTemplateNames=[name])["LaunchTemplates"]
    assert {tag["Key"]: tag["Value"] for tag in template["Tags"]} == {"a": "2", "b": "3"}


def test_an_instance_starts_from_a_later_version_with_user_data(client: Clients) -> None:
    ec2, name = client("ec2"), f"template-{uuid.uuid4()}"
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    ec2.create_launch_template(
        LaunchTemplateName=name,
        LaunchTemplateData={"ImageId": image, "InstanceType": "t3.micro", "UserData": "b25l"},
    )
    ec2.create_launch_template_version(
        LaunchTemplateName=name,
        LaunchTemplateData={"ImageId": image, "InstanceType": "t3.small", "UserData": "dHdv"},
    )
    [instance] = ec2.run_instances(
        LaunchTemplate={"LaunchTemplateName": name, "Version": "$Latest"}, MinCount=1, MaxCount=1
    )["Instances"]
    assert instance["InstanceType"] == "t3.small"
    found = ec2.describe_instance_attribute(InstanceId=instance["InstanceId"], Attribute="userData")
    assert found["UserData"]["Value"] == "dHdv"


def test_an_instance_and_its_volume_get_the_templates_tags(client: Clients) -> None:
    """Those of the call go before."""
    ec2, name = client("ec2"), f"template-{uuid.uuid4()}"
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    tags = [{"Key": "a", "Value": "template"}, {"Key": "b", "Value": "template"}]
    ec2.create_launch_template(
        LaunchTemplateName=name,
        LaunchTemplateData={
            "ImageId": image,
            "InstanceType": "t3.micro",
            "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}],
            "TagSpecifications": [
                {"ResourceType": kind, "Tags": tags} for kind in ("instance", "volume")
            ],
        },
    )
    [instance] = ec2.run_instances(
        LaunchTemplate={"LaunchTemplateName": name},
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "call"}]}],
        MinCount=1,
        MaxCount=1,
    )["Instances"]
    [volume, *_] = ec2.describe_volumes(
        Filters=[{"Name": "attachment.instance-id", "Values": [instance["InstanceId"]]}]
    )["Volumes"]
    for found, a in ((instance, "call"), (volume, "template")):
        shown = {tag["Key"]: tag["Value"] for tag in found["Tags"]}
        assert (shown["a"], shown["b"]) == (a, "template")
