"""Athena in moto: queries run, and metadata comes from Glue."""

from __future__ import annotations

import importlib
import sys
import threading
from typing import TYPE_CHECKING, Any

from mall_platform.local_aws import hooks, lifecycle
from mall_platform.local_aws.athena import storage
from mall_platform.local_aws.athena.hook_metadata import install_metadata

if TYPE_CHECKING:
    from collections.abc import Callable

    from moto.athena.responses import AthenaResponse

_CALLS = "mall_platform.local_aws.athena.hook_calls"
_REPLACED = (
    "start_query_execution",
    "get_query_execution",
    "get_query_results",
    "get_query_runtime_statistics",
    "list_query_executions",
    "stop_query_execution",
)
_ADDED = ("batch_get_query_execution",)


def install() -> None:
    """Makes moto's Athena execute queries. Called once, before the first request.

    What executes them is loaded in the background, so that the server starts at once.
    """
    from moto.athena.responses import AthenaResponse

    storage.lock_etags()
    for name in _REPLACED:
        hooks.replace(AthenaResponse, name)(_answer(name))
    for name in _ADDED:
        hooks.operation(AthenaResponse)(_added(name))
    install_metadata()
    lifecycle.on_reset(lambda: _if_loaded("drop_everything"))
    lifecycle.on_stop(lambda: _if_loaded("close"))
    threading.Thread(target=_warm_up, name="athena-warm-up", daemon=True).start()


def _calls() -> Any:
    return importlib.import_module(_CALLS)


def _answer(name: str) -> Callable[..., Any]:
    def answer(original: Callable, self: AthenaResponse) -> Any:
        return getattr(_calls(), name)(self)

    return answer


def _added(name: str) -> Callable[..., Any]:
    def answer(self: AthenaResponse) -> Any:
        return getattr(_calls(), name)(self)

    answer.__name__ = name
    return answer


def _warm_up() -> None:
    _calls().engine().warm_up()


def _if_loaded(name: str) -> None:
    if _CALLS in sys.modules:
        getattr(_calls(), name)()
