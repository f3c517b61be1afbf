"""Load balancers' listeners: whether they ask clients for certificates is kept and shown."""

from __future__ import annotations

from typing import Any

from moto.elbv2.responses import ELBV2Response

from mall_platform.local_aws.hooks import replace


def install() -> None:
    def keep(original: Any, self: ELBV2Response) -> Any:
        answer = original(self)
        if asked := self._get_param("MutualAuthentication"):
            (listener,) = answer.result["Listeners"]
            listener.mutual_authentication = asked
        return answer

    for name in ("create_listener", "modify_listener"):
        replace(ELBV2Response, name)(keep)
