"""Where messages to the person in charge go (P2, M1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from resources.secrets import Secrets

if TYPE_CHECKING:
    from slack_sdk.web.client import WebClient


class Slack(dg.ConfigurableResource):
    """Slack's Web API at a base URL, a channel, and the token from Secrets Manager.

    `token` wins over the secret when it is set. `ui_base_url` is the Dagster UI that messages
    link to.
    """

    token: str = ""
    token_secret_id: str
    secrets: Secrets
    base_url: str
    channel: str
    ui_base_url: str

    def get_client(self) -> WebClient:
        """A client that waits for at most 10 s and tries again on rate limits, 5xx and resets."""
        from slack_sdk.http_retry.builtin_handlers import (
            ConnectionErrorRetryHandler,
            RateLimitErrorRetryHandler,
            ServerErrorRetryHandler,
        )
        from slack_sdk.web.client import WebClient

        return WebClient(
            self.token or self.secrets.text(self.token_secret_id),
            base_url=self.base_url,
            timeout=10,
            retry_handlers=[
                ConnectionErrorRetryHandler(max_retry_count=3),
                RateLimitErrorRetryHandler(max_retry_count=3),
                ServerErrorRetryHandler(max_retry_count=3),
            ],
        )

    def post(self, text: str) -> None:
        """Posts to the channel; raises slack_sdk's SlackApiError or the connection's error."""
        self.get_client().chat_postMessage(channel=self.channel, text=text)
