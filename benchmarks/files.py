"""Folders that contestants write to."""

from __future__ import annotations

import shutil
from pathlib import Path


def emptied(folder: str | Path) -> Path:
    """A folder that exists and holds nothing."""
    path = Path(folder)
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def parquet_rows(folder: Path) -> dict[str, float]:
    """The fact `rows`: those of all Parquet files below a folder."""
    import pyarrow.parquet as pq

    return {"rows": sum(pq.read_metadata(path).num_rows for path in folder.rglob("*.parquet"))}
