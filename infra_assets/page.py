"""What docs/infrastructure.md and deploy/operator/ show of the code, renewed by
`python -m infra_assets.page`."""

from __future__ import annotations

import json
import re

from infra_assets.infra_asset import InfraAsset
from infra_assets.operator_rights import operator_policies
from infra_assets.picture import network_svg
from infra_assets.registry import REGISTRY
from infra_assets.spec import PlatformSpec, platform_spec
from resources.settings import PROJECT_ROOT, Settings

PAGE = PROJECT_ROOT / "docs" / "infrastructure.md"
PICTURE = PROJECT_ROOT / "docs" / "images" / "network.svg"

OPERATOR = PROJECT_ROOT / "deploy" / "operator"

_TABLE = re.compile(r"(<!-- assets: .* -->\n).*?(<!-- end of assets -->)", re.S)
_CITED = re.compile(r"\(([A-Z][0-9](?:(?:, |-)[A-Z][0-9])*)\)")


def production() -> PlatformSpec:
    """Production's spec as the code has it, in an account that only documentation knows."""
    return platform_spec(Settings(env="prod", spec={}), "123456789012")


def picture() -> str:
    return network_svg(production())


def page(text: str) -> str:
    """The page with its table of assets as the registry has it."""
    renewed, tables = _TABLE.subn(lambda found: f"{found[1]}{_table()}{found[2]}", text)
    if tables != 1:
        raise ValueError(f"{PAGE} has {tables} tables of assets")
    return renewed


def requirements_of(asset: InfraAsset) -> str:
    """The requirements that an asset's description cites."""
    return ", ".join(_CITED.findall(asset.description))


def _table() -> str:
    spec = production()
    rows = [
        f"| `infra/{asset.address}` | {_sentence(asset)} | {requirements_of(asset)} "
        f"| {len(asset.resources(spec))} |"
        for asset in sorted(REGISTRY, key=lambda asset: asset.address)
    ]
    header = "| asset | what | for | resources |\n| --- | --- | --- | --- |\n"
    return header + "\n".join(rows) + "\n"


def _sentence(asset: InfraAsset) -> str:
    first = " ".join(asset.description.split("\n\n")[0].split())
    return _CITED.sub("", first).replace(" .", ".").strip()


def operator_files() -> dict[str, str]:
    """The text of each policy file for operators, by its name."""
    return {
        f"{name}.json": json.dumps(policy, indent=2) + "\n"
        for name, policy in operator_policies().items()
    }


def main() -> None:
    OPERATOR.mkdir(exist_ok=True)
    for name, text in operator_files().items():
        (OPERATOR / name).write_text(text, "utf-8")
    PICTURE.write_text(picture(), "utf-8")
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
