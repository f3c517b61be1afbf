"""A contestant in a process of its own: prepares, waits for the word, works, says what it took.

`python -m benchmarks.contestant MODULE:FUNCTION ARGUMENTS` calls the function with the arguments
(a JSON object). It imports and prepares whatever isn't to be measured and gives a `Prepared`.
On standard output the process says `ready`, waits for a line, works, and answers in JSON;
whatever the work prints goes to standard error.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import psutil

Facts = Mapping[str, float]


@dataclass(frozen=True)
class Prepared:
    """What is measured, and afterwards what it did, such as its number of rows."""

    work: Callable[[], object]
    facts: Callable[[], Facts]


def cpu_s() -> float:
    """CPU time of this process and its children, ended or not, in seconds."""
    spent = sum(os.times()[:4])
    for child in psutil.Process().children(recursive=True):
        try:
            spent += sum(child.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return spent


def main(target: str, arguments: str) -> None:
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        module, function = target.split(":")
        prepared: Prepared = getattr(importlib.import_module(module), function)(
            **json.loads(arguments)
        )
        gc.collect()
        print("ready", file=answers, flush=True)
        sys.stdin.readline()
        began, spent = time.perf_counter(), cpu_s()
        prepared.work()
        measured = {"wall_s": time.perf_counter() - began, "cpu_s": cpu_s() - spent}
        print(json.dumps(measured), file=answers, flush=True)
        print(json.dumps(dict(prepared.facts())), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
