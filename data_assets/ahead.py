"""Things made by threads while those before them are still in use."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TypeVar

_Of = TypeVar("_Of")
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


@contextmanager
def made_ahead(
    make: Callable[[_Of], _Item], things: Iterable[_Of], at_once: int
) -> Iterator[Iterator[_Item]]:
    """`make` of each thing, in order; `at_once` of them are being made while the caller uses one.

    Leaving waits for what is being made and begins nothing more.
    """
    rest = iter(things)
    under_way: deque[Future[_Item]] = deque()
    with ThreadPoolExecutor(at_once, thread_name_prefix="ahead") as threads:

        def begin() -> None:
            for thing in rest:
                under_way.append(threads.submit(make, thing))
                return

        def taken() -> Iterator[_Item]:
            while under_way:
                item = under_way.popleft().result()
                begin()
                yield item

        for _ in range(at_once):
            begin()
        try:
            yield taken()
        finally:
            threads.shutdown(cancel_futures=True)
