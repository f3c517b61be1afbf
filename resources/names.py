"""The names of what the platform has on AWS, which infrastructure and data both refer to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Tier = Literal["web", "was"]
Purpose = Literal["lake", "raw", "drop", "backup", "artifact", "log", "state"]


@dataclass(frozen=True)
class Names:
    """Names in one environment, by the contract: `mall-<env>-…`."""

    env: str

    def bucket(self, purpose: Purpose, account_id: str) -> str:
        return f"mall-{self.env}-{purpose}-{account_id}"

    @property
    def prefix(self) -> str:
        return f"mall-{self.env}"

    @property
    def boundary(self) -> str:
        """The policy beyond which no role can be given anything."""
        return f"{self.prefix}-boundary"

    @property
    def data_role(self) -> str:
        """What data runs work as."""
        return f"{self.prefix}-data"

    @property
    def apply_role(self) -> str:
        """What infrastructure runs work as."""
        return f"{self.prefix}-apply"

    @property
    def quicksight_role(self) -> str:
        """What QuickSight queries as."""
        return f"{self.prefix}-quicksight"

    @property
    def database(self) -> str:
        """The Glue database."""
        return f"mall_{self.env}"

    @property
    def workgroup(self) -> str:
        return self.prefix

    @property
    def crawler(self) -> str:
        return f"{self.prefix}-clicks-raw"

    @property
    def click_stream(self) -> str:
        return f"{self.prefix}-clicks"

    @property
    def alert_topic(self) -> str:
        return f"{self.prefix}-alerts"

    @property
    def shop_database(self) -> str:
        """The RDS instance."""
        return f"{self.prefix}-shop"

    @property
    def pseudonym_key_secret(self) -> str:
        return f"mall/{self.env}/pseudonym-key"

    @property
    def slack_token_secret(self) -> str:
        return f"mall/{self.env}/slack-token"

    @property
    def shop_session_key_secret(self) -> str:
        """What signs the cookies of the shop's customers."""
        return f"mall/{self.env}/shop-session-key"

    def tier(self, tier: Tier) -> str:
        """What belongs to one tier of servers: load balancer, group, template, pipeline, role."""
        return f"{self.prefix}-{tier}"

    @property
    def private_domain(self) -> str:
        """The zone of names that only the VPC knows: `db.` and `app.`."""
        return f"{self.prefix}.internal"
