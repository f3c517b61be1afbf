"""One thing made while the one before it is still in use."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TypeVar

_Item = TypeVar("_Item")


@contextmanager
def one_ahead(items: Generator[_Item]) -> Iterator[Iterator[_Item]]:
    """The items, each made by a thread while the caller still uses the one before it.

    The first is begun at once. Leaving closes the generator, taken to its end or not.
    """
    with closing(items), ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        first = thread.submit(next, items, None)

        def taken() -> Iterator[_Item]:
            following = first
            while (item := following.result()) is not None:
                following = thread.submit(next, items, None)
                yield item

        yield taken()
