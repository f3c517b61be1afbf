"""Folders that contestants write to."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any


def emptied(folder: str | Path) -> Path:
    """A folder that exists and holds nothing."""
    path = Path(folder)
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


class Bucket:
    """The lake bucket on the local S3, for what peers store; it has no folder `benchmark` else."""

    def __init__(self) -> None:
        from resources.aws import Aws

        aws = Aws(env="local")
        self._s3: Any = aws.client("s3")
        self._name = aws.bucket("lake")

    def location(self, name: str) -> str:
        """An `s3://` location for something of that name."""
        return f"s3://{self._name}/benchmark/{name}"

    def store(self, folder: Path) -> None:
        """Uploads the Parquet files below a folder."""
        for path in folder.rglob("*.parquet"):
            self._s3.upload_file(str(path), self._name, f"benchmark/{folder.name}/{path.name}")


def parquet_rows(folder: Path) -> dict[str, float]:
    """The fact `rows`: those of all Parquet files below a folder."""
    import pyarrow.parquet as pq

    return {"rows": sum(pq.read_metadata(path).num_rows for path in folder.rglob("*.parquet"))}
