"""The picture of the network, drawn from what production's assets declare (N1, N2, N3)."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from infra_assets.network import SUBNET_TIERS, SubnetTier, subnet_names
from infra_assets.registry import REGISTRY
from infra_assets.resource import Ref, Resource
from infra_assets.spec import PlatformSpec
from infra_assets.types.autoscaling import Group
from infra_assets.types.ec2 import NatGateway, Opening, RouteTable, SecurityGroup, Subnet
from infra_assets.types.elbv2 import LoadBalancer
from infra_assets.types.rds import Instance

_WIDTH, _LEFT, _SUBNET, _GAP, _ROW = 900, 150, 350, 24, 150
_TOP = 150
_MIDDLE = _LEFT + _SUBNET + _GAP // 2
_COLOURS: dict[SubnetTier, str] = {
    "public": "#e6f4ea",
    "web": "#e8f0fe",
    "was": "#fef7e0",
    "db": "#fce8e6",
}
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#202124}.small{font-size:11px;fill:#5f6368}"
    ".bold{font-weight:600}.box{stroke:#5f6368}.zone{fill:none;stroke:#9aa0a6;"
    "stroke-dasharray:5 4}.way{stroke:#202124;stroke-width:1.5;marker-end:url(#tip)}"
)
_TIP = (
    '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
    'orient="auto"><path d="M0 0L8 4L0 8z"/></marker>'
)


class _Declared:
    """What the picture needs to know of the declared resources."""

    def __init__(self, spec: PlatformSpec) -> None:
        found: list[Resource] = [r for asset in REGISTRY for r in asset.resources(spec)]
        self.subnets = {r.name: r for r in found if isinstance(r, Subnet)}
        self.routes = {r.name: r for r in found if isinstance(r, RouteTable)}
        self.gateways = [r for r in found if isinstance(r, NatGateway)]
        self.groups = {r.name: r for r in found if isinstance(r, SecurityGroup)}
        self.servers = {r.name: r for r in found if isinstance(r, Group)}
        self.balancers = [r for r in found if isinstance(r, LoadBalancer)]
        self.databases = [r for r in found if isinstance(r, Instance)]

    def balancer_in(self, subnet: str) -> LoadBalancer | None:
        return next((b for b in self.balancers if subnet in _names(b.subnets)), None)

    def entries(self, group: str) -> list[Opening]:
        return list(self.groups[group].ingress)


def network_svg(spec: PlatformSpec) -> str:
    """The whole picture: zones as columns, tiers as rows, and the only ways between them."""
    declared = _Declared(spec)
    height = _TOP + _ROW * len(SUBNET_TIERS) + 60
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="The network: two zones, four tiers">',
        f"<style>{_STYLE}</style><defs>{_TIP}</defs>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        *_surroundings(spec, height),
    ]
    for number, tier in enumerate(SUBNET_TIERS):
        parts += _row(spec, declared, tier, _TOP + number * _ROW)
    platform = _ports(declared.entries("platform")) or "nobody"
    note = f"Runs of the data platform reach the database, too; in: {platform}."
    parts += [_text(_LEFT, height - 12, note, "small"), "</svg>"]
    return "\n".join(parts) + "\n"


def _surroundings(spec: PlatformSpec, height: int) -> list[str]:
    """The internet, the VPC and its zones, and the way in."""
    parts = [
        _box(_MIDDLE - 90, 12, 180, 30, "#f1f3f4"),
        _text(_MIDDLE, 32, "Internet", "bold", centred=True),
        _box(12, 86, _WIDTH - 24, height - 118, "none"),
        _text(24, 106, f"VPC {spec.vpc_cidr}, {spec.region}", "bold"),
        _text(_MIDDLE + 10, 68, "internet gateway, web application firewall", "small"),
        _way(42, _TOP + 14),
    ]
    for number, zone in enumerate(spec.zones):
        x = _column(number)
        size = f'width="{_SUBNET + 12}" height="{_ROW * len(SUBNET_TIERS) + 14}"'
        parts.append(f'<rect class="zone" x="{x - 6}" y="{_TOP - 22}" {size} rx="6"/>')
        parts.append(_text(x + 4, _TOP - 8, f"zone {zone}", "small"))
    return parts


def _row(spec: PlatformSpec, declared: _Declared, tier: SubnetTier, y: int) -> list[str]:
    """A tier: its subnets, the load balancer over them, and the way into it from above."""
    names = subnet_names(spec, tier)
    parts = [_text(24, y + 62, tier, "bold")]
    for number, name in enumerate(names):
        parts += _subnet(spec, declared, tier, name, _column(number), y)
    balancer = declared.balancer_in(names[0])
    if balancer:
        opening = _ports(declared.entries(_names(balancer.security_groups)[0]))
        words = f"{balancer.scheme} load balancer, in: {opening}"
        parts += [
            _box(_LEFT + 60, y + 14, 2 * _SUBNET + _GAP - 120, 26, "#ffffff"),
            _text(_MIDDLE, y + 32, words, centred=True),
        ]
    if tier != "public":
        parts.append(_way(y - 28, y + (14 if balancer else 56)))
        if balancer:
            parts.append(_way(y + 40, y + 66))
    return parts


def _subnet(
    spec: PlatformSpec, declared: _Declared, tier: SubnetTier, name: str, x: int, y: int
) -> list[str]:
    ways = f"out: {_way_out(declared.routes[name])}"
    if tier != "public":
        ways = f"in: {_ports(declared.entries(tier))}; {ways}"
    return [
        _box(x, y, _SUBNET, _ROW - 28, _COLOURS[tier]),
        _text(x + 12, y + 62, f"{name} {declared.subnets[name].cidr}", "bold"),
        _text(x + 12, y + 82, _contents(spec, declared, tier, name)),
        _text(x + 12, y + 102, ways, "small"),
    ]


def _contents(spec: PlatformSpec, declared: _Declared, tier: SubnetTier, name: str) -> str:
    if tier == "public":
        gateways = [g.name for g in declared.gateways if _names([g.subnet]) == [name]]
        return f"NAT gateway {gateways[0]}" if gateways else "no server"
    if tier == "db":
        return ", ".join(
            f"{d.instance_class} MySQL, {'primary or standby' if d.multi_az else 'one zone only'}"
            for d in declared.databases
        )
    servers = spec.web_servers if tier == "web" else spec.was_servers
    return f"{servers.at_least} to {servers.at_most} {servers.instance_type} over both zones"


def _way_out(table: RouteTable) -> str:
    target = table.internet
    if target is None:
        return "none"
    return "internet gateway" if target.name == "main" else f"NAT gateway {target.name}"


def _ports(openings: Iterable[Opening]) -> str:
    """`443, 80 from anywhere`, `3306 from was, platform`."""
    by_port: dict[int, list[str]] = {}
    for opening in openings:
        peer = opening.peer
        by_port.setdefault(opening.first_port, []).append(
            peer.name if isinstance(peer, Ref) else "anywhere"
        )
    return "; ".join(f"{port} from {', '.join(peers)}" for port, peers in by_port.items())


def _names(refs: Iterable[Ref | str]) -> list[str]:
    return [ref.name if isinstance(ref, Ref) else ref for ref in refs]


def _column(number: int) -> int:
    return _LEFT + number * (_SUBNET + _GAP)


def _box(x: int, y: int, width: int, height: int, colour: str) -> str:
    size = f'x="{x}" y="{y}" width="{width}" height="{height}"'
    return f'<rect class="box" {size} rx="4" fill="{colour}"/>'


def _text(x: int, y: int, words: str, kind: str = "", *, centred: bool = False) -> str:
    anchor = ' text-anchor="middle"' if centred else ""
    return f'<text x="{x}" y="{y}" class="{kind}"{anchor}>{escape(words)}</text>'


def _way(start: int, end: int) -> str:
    return f'<path class="way" d="M{_MIDDLE} {start}V{end}"/>'
