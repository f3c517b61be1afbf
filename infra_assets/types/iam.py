"""IAM roles, and the profiles that give them to servers."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar

from infra_assets.cloud import Cloud
from infra_assets.resource import Attributes, Live, Ref, Resource
from infra_assets.types.tagging import from_pairs, pairs


@dataclass(frozen=True, kw_only=True)
class Role(Resource):
    """A role: who may assume it, and what it may then do.

    `policies` are its inline documents by name, `managed` the ARNs of attached policies. Whatever
    else is attached to it is taken off. `boundary` is the ARN of the policy beyond which no other
    gives it anything.
    """

    service: ClassVar[str] = "iam"
    sets: ClassVar[frozenset[str]] = frozenset({"managed"})

    trust: dict[str, Any]
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    managed: tuple[Ref | str, ...] = ()
    boundary: Ref | None = None

    def wanted(self) -> dict[str, Any]:
        return {
            "trust": self.trust,
            "policies": self.policies,
            "managed": list(self.managed),
            "boundary": self.boundary,
        }

    def find(self, cloud: Cloud) -> list[Live]:
        roles = cloud.read("iam", "get_account_authorization_details", Filter=["Role"])
        return [
            Live(
                self.name,
                {
                    "trust": role["AssumeRolePolicyDocument"],
                    "policies": {
                        policy["PolicyName"]: policy["PolicyDocument"]
                        for policy in role.get("RolePolicyList", ())
                    },
                    "managed": [p["PolicyArn"] for p in role["AttachedManagedPolicies"]],
                    "boundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
                    "tags": from_pairs(role.get("Tags")),
                },
                arn=role["Arn"],
            )
            for role in roles["RoleDetailList"]
            if role["RoleName"] == self.name
        ]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        boundary = wanted["boundary"]
        cloud.write(
            "iam",
            "create_role",
            RoleName=self.name,
            AssumeRolePolicyDocument=json.dumps(wanted["trust"]),
            Tags=pairs(wanted["tags"]),
            **({"PermissionsBoundary": boundary} if boundary else {}),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if "trust" in changed:
            cloud.write(
                "iam",
                "update_assume_role_policy",
                RoleName=self.name,
                PolicyDocument=json.dumps(wanted["trust"]),
            )
        if "policies" in changed:
            self._set_policies(cloud, live.attributes["policies"], wanted["policies"])
        if "managed" in changed:
            for arn in set(live.attributes["managed"]) - set(wanted["managed"]):
                cloud.write("iam", "detach_role_policy", RoleName=self.name, PolicyArn=arn)
            for arn in wanted["managed"]:
                cloud.write("iam", "attach_role_policy", RoleName=self.name, PolicyArn=arn)
        if "boundary" in changed:
            self._set_boundary(cloud, wanted["boundary"])
        if "tags" in changed:
            cloud.write("iam", "tag_role", RoleName=self.name, Tags=pairs(wanted["tags"]))

    def _set_boundary(self, cloud: Cloud, arn: str | None) -> None:
        if arn is None:
            cloud.write("iam", "delete_role_permissions_boundary", RoleName=self.name)
        else:
            cloud.write(
                "iam",
                "put_role_permissions_boundary",
                RoleName=self.name,
                PermissionsBoundary=arn,
            )

    def _set_policies(self, cloud: Cloud, now: Attributes, wanted: Attributes) -> None:
        for name in now.keys() - wanted.keys():
            cloud.write("iam", "delete_role_policy", RoleName=self.name, PolicyName=name)
        for name, document in wanted.items():
            cloud.write(
                "iam",
                "put_role_policy",
                RoleName=self.name,
                PolicyName=name,
                PolicyDocument=json.dumps(document),
            )

    def delete(self, cloud: Cloud, live: Live) -> None:
        for name in live.attributes["policies"]:
            cloud.write("iam", "delete_role_policy", RoleName=self.name, PolicyName=name)
        for arn in live.attributes["managed"]:
            cloud.write("iam", "detach_role_policy", RoleName=self.name, PolicyArn=arn)
        cloud.write("iam", "delete_role", RoleName=self.name)


@dataclass(frozen=True, kw_only=True)
class Policy(Resource):
    """A policy with an ARN of its own: to be attached to roles, or to bound them."""

    service: ClassVar[str] = "iam"

    document: dict[str, Any]

    def wanted(self) -> dict[str, Any]:
        return {"document": self.document}

    def find(self, cloud: Cloud) -> list[Live]:
        arn = cloud.spec.arn("iam", f"policy/{self.name}", regional=False)
        found = cloud.read("iam", "get_policy", PolicyArn=arn, absent=("NoSuchEntity",))
        if found is None:
            return []
        policy = found["Policy"]
        version = policy["DefaultVersionId"]
        now = cloud.read("iam", "get_policy_version", PolicyArn=arn, VersionId=version)
        attributes = {
            "document": now["PolicyVersion"]["Document"],
            "tags": from_pairs(policy.get("Tags")),
        }
        return [Live(self.name, attributes, arn=arn)]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        cloud.write(
            "iam",
            "create_policy",
            PolicyName=self.name,
            PolicyDocument=json.dumps(wanted["document"]),
            Tags=pairs(wanted["tags"]),
        )

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if "document" in changed:
            self._delete_former_versions(cloud, live)  # IAM keeps five at most
            cloud.write(
                "iam",
                "create_policy_version",
                PolicyArn=live.arn,
                PolicyDocument=json.dumps(wanted["document"]),
                SetAsDefault=True,
            )
        if "tags" in changed:
            tags = pairs(wanted["tags"])
            cloud.write("iam", "tag_policy", PolicyArn=live.arn, Tags=tags)

    def _delete_former_versions(self, cloud: Cloud, live: Live) -> None:
        for version in cloud.read("iam", "list_policy_versions", PolicyArn=live.arn)["Versions"]:
            if not version["IsDefaultVersion"]:
                cloud.write(
                    "iam",
                    "delete_policy_version",
                    PolicyArn=live.arn,
                    VersionId=version["VersionId"],
                )

    def delete(self, cloud: Cloud, live: Live) -> None:
        self._delete_former_versions(cloud, live)
        cloud.write("iam", "delete_policy", PolicyArn=live.arn)


@dataclass(frozen=True, kw_only=True)
class InstanceProfile(Resource):
    """What gives a role to EC2 instances; of the role's name here."""

    service: ClassVar[str] = "iam"
    settles: ClassVar[tuple[tuple[str, str], ...]] = (("NoSuchEntity", "role"),)

    role: Ref

    def wanted(self) -> dict[str, Any]:
        return {"role": self.role}

    def find(self, cloud: Cloud) -> list[Live]:
        found = cloud.read(
            "iam",
            "get_instance_profile",
            InstanceProfileName=self.name,
            absent=("NoSuchEntity",),
        )
        if found is None:
            return []
        profile = found["InstanceProfile"]
        roles = [role["RoleName"] for role in profile["Roles"]]
        attributes = {
            "role": roles[0] if roles else None,
            "tags": from_pairs(profile.get("Tags")),
        }
        return [Live(self.name, attributes, arn=profile["Arn"])]

    def create(self, cloud: Cloud, wanted: Attributes) -> None:
        tags = pairs(wanted["tags"])
        cloud.write("iam", "create_instance_profile", InstanceProfileName=self.name, Tags=tags)

    def update(self, cloud: Cloud, live: Live, wanted: Attributes, changed: frozenset[str]) -> None:
        if "role" in changed:
            self._take_off_role(cloud, live)
            cloud.write(
                "iam",
                "add_role_to_instance_profile",
                InstanceProfileName=self.name,
                RoleName=wanted["role"],
            )
        if "tags" in changed:
            tags = pairs(wanted["tags"])
            cloud.write("iam", "tag_instance_profile", InstanceProfileName=self.name, Tags=tags)

    def _take_off_role(self, cloud: Cloud, live: Live) -> None:
        if role := live.attributes["role"]:
            cloud.write(
                "iam",
                "remove_role_from_instance_profile",
                InstanceProfileName=self.name,
                RoleName=role,
            )

    def delete(self, cloud: Cloud, live: Live) -> None:
        self._take_off_role(cloud, live)
        cloud.write("iam", "delete_instance_profile", InstanceProfileName=self.name)
