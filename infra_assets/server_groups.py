"""Who may talk to whom: one security group for each kind of instance (N3)."""

from __future__ import annotations

from infra_assets.resource import Resource
from infra_assets.spec import PlatformSpec
from infra_assets.types.ec2 import Opening, SecurityGroup, Vpc

DATABASE_PORT = 3306
INTERNAL_PORT = 80
_ANYWHERE = "0.0.0.0/0"
_UPDATES = Opening("Updates, deployments and AWS's services", _ANYWHERE, 443)


def server_groups(spec: PlatformSpec) -> list[Resource]:
    """From the internet inwards; each opens to the group before it, the DB to two."""
    web, was = spec.web_servers.port, spec.was_servers.port
    inside = spec.vpc_cidr
    to_database = Opening("Shop database", inside, DATABASE_PORT)

    def group(
        name: str, description: str, ingress: tuple[Opening, ...], egress: tuple[Opening, ...]
    ) -> SecurityGroup:
        return SecurityGroup(
            name=name,
            vpc=Vpc.ref("main", "id"),
            group_name=f"{spec.names.prefix}-{name}",
            description=description,
            ingress=ingress,
            egress=egress,
        )

    return [
        group(
            "public-alb",
            "The load balancer that the internet reaches",
            (
                Opening("Customers", _ANYWHERE, 443),
                Opening("Customers who will be redirected to HTTPS", _ANYWHERE, 80),
            ),
            (Opening("Web servers", inside, web),),
        ),
        group(
            "web",
            "Web servers",
            (_from("public-alb", "Public load balancer", web),),
            (Opening("Internal load balancer", inside, INTERNAL_PORT), _UPDATES),
        ),
        group(
            "internal-alb",
            "The load balancer in front of the WAS",
            (_from("web", "Web servers", INTERNAL_PORT),),
            (Opening("WAS", inside, was),),
        ),
        group(
            "was",
            "Application servers",
            (_from("internal-alb", "Internal load balancer", was),),
            (to_database, _UPDATES),
        ),
        group("platform", "Runs of the data platform", (), (to_database, _UPDATES)),
        group(
            "db",
            "Shop database",
            (
                _from("was", "WAS", DATABASE_PORT),
                _from("platform", "Data platform", DATABASE_PORT),
            ),
            (),
        ),
    ]


def _from(name: str, description: str, port: int) -> Opening:
    return Opening(description, SecurityGroup.ref(name, "id"), port)
