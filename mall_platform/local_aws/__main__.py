"""`python -m mall_platform.local_aws --home DIR [--port N]`: serves until SIGTERM."""

from __future__ import annotations

import argparse
import logging
import os
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m mall_platform.local_aws")
    parser.add_argument("--home", type=Path, required=True, help="folder for everything it holds")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0: a free one")
    arguments = parser.parse_args()
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )

    from mall_platform.local_aws.server import serve

    serve(arguments.home.resolve(), arguments.port)
    # All is ended and discarded; taking the interpreter down as well would take seconds.
    logging.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main()
