"""A platform with the shop's categories published, and surveys that can be dropped and taken in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
import polars as pl
import pytest

from data_assets.surveys.assets import SurveyFile, SurveyFiles, surveys
from data_assets.surveys.drop import DropBucket, DroppedFile
from data_assets.tables import CATEGORIES as CATEGORIES_TABLE
from data_assets.tables import SURVEY_ANSWERS, SURVEY_RESPONSES
from resources.aws import Aws
from resources.lake import Lake
from resources.tables import Table
from tests.data_assets.surveys.files import CATEGORIES


@dataclass
class SurveyWorld:
    """Drops files, runs the asset and looks at what came of it."""

    resources: dict[str, Any]
    aws: Aws = field(init=False)
    lake: Lake = field(init=False)
    drop: DropBucket = field(init=False)

    def __post_init__(self) -> None:
        self.aws, self.lake = self.resources["aws"], self.resources["lake"]
        self.drop = DropBucket(self.aws)

    @property
    def s3(self) -> Any:
        return self.aws.client("s3")

    @property
    def key(self) -> str:
        text: str = self.resources["pseudonym_key"].text()
        return text

    def put(self, name: str, data: bytes) -> DroppedFile:
        """Drops a file under `surveys/`."""
        key = f"surveys/{name}"
        stored = self.s3.put_object(Bucket=self.drop.name, Key=key, Body=data)
        return self.drop.find(key, stored["VersionId"])

    def run(
        self,
        *files: DroppedFile,
        raises: bool = True,
        selection: Sequence[dg.AssetKey] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Materializes the surveys: of these files, or of all that aren't dealt with."""
        named = [SurveyFile(key=file.key, version_id=file.version_id) for file in files]
        wanted = ("aws", "lake", "pseudonym_key")
        return dg.materialize(
            [surveys],
            resources={name: self.resources[name] for name in wanted},
            run_config=dg.RunConfig(ops={"surveys": SurveyFiles(files=named)}),
            raise_on_error=raises,
            selection=selection,
        )

    def publish_categories(self, names: tuple[str, ...] = CATEGORIES) -> None:
        rows = pl.DataFrame(
            {
                "category_id": range(1, len(names) + 1),
                "name": names,
                "parent_id": [None] * len(names),
            }
        )
        version = self.lake.stage(CATEGORIES_TABLE)
        schema = CATEGORIES_TABLE.arrow_schema()
        self.lake.write(version, rows.select(schema.names).to_arrow().cast(schema).to_batches())
        self.lake.publish(version, [])

    def rows(self, table: Table, quarter: str = "2024Q2") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.lake.read(table, quarter).to_pylist()
        return found

    def respondents(self, quarter: str = "2024Q2") -> int:
        return len(self.rows(SURVEY_RESPONSES, quarter))

    def answers(self, quarter: str = "2024Q2") -> int:
        return len(self.rows(SURVEY_ANSWERS, quarter))

    def keys(self, prefix: str) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=self.drop.name, Prefix=prefix)
        return [item["Key"] for item in listed.get("Contents", [])]

    def object(self, key: str) -> bytes:
        content: bytes = self.s3.get_object(Bucket=self.drop.name, Key=key)["Body"].read()
        return content

    def ledger(self, file: DroppedFile) -> dict[str, Any]:
        entry: dict[str, Any] = json.loads(self.object(f"ledger/{file.id}.json"))
        return entry

    def report(self, file: DroppedFile) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.object(f"quarantine/{file.id}/report.json"))
        return report


@pytest.fixture
def world(empty_lake: dict[str, Any]) -> SurveyWorld:
    made = SurveyWorld(empty_lake)
    made.publish_categories()
    return made
