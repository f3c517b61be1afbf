"""The surveys as assets: dropped files to two tables of the lake, by quarter (E2, E4, Q2)."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import dagster as dg
from pydantic import Field

from data_assets.checks import check_specs
from data_assets.conventions import data_asset, data_key, infra_key
from data_assets.publishing import Publication
from data_assets.surveys.drop import DropBucket, DroppedFile, undealt
from data_assets.surveys.intake import Intake, TakenIn
from data_assets.tables import CATEGORIES, SURVEY_ANSWERS, SURVEY_RESPONSES
from resources.aws import Aws, MissingInfrastructureError
from resources.lake import Lake, NotPublishedError
from resources.secrets import PseudonymKey

RESPONSES = data_key("surveys", "responses")
ANSWERS = data_key("surveys", "answers")
SHOP_CATEGORIES = data_key("extracts", "categories")
FILES_ACCEPTED = "files_accepted"

_UPSTREAM = [
    infra_key("storage", "drop_bucket"),
    infra_key("storage", "lake_bucket"),
    infra_key("analytics", "catalog"),
    SHOP_CATEGORIES,
]
_FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=125))
"""A quarter and a month: surveys are quarterly."""


class SurveyFile(dg.Config):
    """A dropped file."""

    key: str = Field(description="Key in the drop bucket, under surveys/.")
    version_id: str | None = Field(None, description="Its version; the current one by default.")


class SurveyFiles(dg.Config):
    """Which files a run takes in."""

    files: list[SurveyFile] = Field(
        default_factory=list,
        description="Files to take in, also again; none means every file not yet dealt with.",
    )

    def due(self, drop: DropBucket) -> list[DroppedFile]:
        """The files of a run, oldest first."""
        if not self.files:
            return undealt(drop.files(), drop.dealt_with())
        named = [drop.find(file.key, file.version_id) for file in self.files]
        return sorted(named, key=lambda file: file.age_order)


@dg.multi_asset(
    name="surveys",
    pool="surveys",  # one run at a time: of two files for a quarter the newer must come last
    specs=[
        dg.AssetSpec(
            **data_asset(
                "surveys",
                "responses",
                description="One row per respondent of each quarter's survey, masked (E2, E4).",
                deps=_UPSTREAM,
                skippable=True,
                freshness_policy=_FRESH,
            )
        ),
        dg.AssetSpec(
            **data_asset(
                "surveys",
                "answers",
                description="One row per option chosen where several may be (E2).",
                deps=_UPSTREAM,
                skippable=True,
                freshness_policy=_FRESH,
            )
        ),
    ],
    check_specs=[
        *check_specs(RESPONSES),
        *check_specs(ANSWERS),
        dg.AssetCheckSpec(
            FILES_ACCEPTED,
            asset=RESPONSES,
            description="No dropped file was refused; rows left out of the others are counted.",
        ),
    ],
    can_subset=True,  # else Dagster wants a result of every check, also from a run without files
)
def surveys(
    context: dg.AssetExecutionContext,
    config: SurveyFiles,
    aws: Aws,
    lake: Lake,
    pseudonym_key: PseudonymKey,
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
    """Takes dropped files in, oldest first; the newest accepted file of a quarter is published.

    A mall without surveys has empty tables: what reads them works from the first day.

    What is downstream in the same run is left alone if the run was for files that published
    nothing; a run for whatever there is goes on in any case.
    """
    for table in (SURVEY_RESPONSES, SURVEY_ANSWERS):
        lake.declare(table)
    drop = DropBucket(aws)
    responses = Publication(context, lake, RESPONSES)
    answers = Publication(context, lake, ANSWERS)
    taken: list[TakenIn] = []
    if due := config.due(drop):
        intake = Intake(
            drop,
            lake,
            responses=responses,
            answers=answers,
            key=pseudonym_key.text(),
            categories=category_names(lake),
        )
        for file in due:
            taken.append(intake.take_in(file))
            context.log.info(f"{file.key}: {taken[-1].outcome or 'not published'}")
    for check in (*responses.check_results(), *answers.check_results(), _files_accepted(taken)):
        if _is_selected(context, check):
            yield check
    responses.require_good()
    answers.require_good()
    if not config.files or any(file.outcome == "accepted" for file in taken):
        for key, publication in ((RESPONSES, responses), (ANSWERS, answers)):
            result = publication.result()
            if key in context.selected_asset_keys:
                yield result
            else:
                context.log_event(dg.AssetMaterialization(key, metadata=result.metadata))


def _is_selected(context: dg.AssetExecutionContext, check: dg.AssetCheckResult) -> bool:
    if check.asset_key is None or check.check_name is None:
        raise ValueError("a check of the surveys names its asset and itself")
    return dg.AssetCheckKey(check.asset_key, check.check_name) in context.selected_asset_check_keys


def category_names(lake: Lake) -> list[str]:
    """What the shop sells, by which several answers in one cell are told apart.

    Raises MissingInfrastructureError before the shop's categories were ever extracted.
    """
    try:
        names: list[str] = lake.read(CATEGORIES, columns=["name"])["name"].to_pylist()
    except NotPublishedError as error:
        raise MissingInfrastructureError(
            "The lake's table of categories", SHOP_CATEGORIES.to_user_string()
        ) from error
    return names


def _files_accepted(taken: Sequence[TakenIn]) -> dg.AssetCheckResult:
    """Fails if a file was refused; says which, why, and where its report is."""
    refused = [file for file in taken if file.outcome == "quarantined"]
    lines = [_line(file) for file in taken]  # Dagster refuses a table without lines
    said = [f"{each.file.key}: {each.reason} Report: {each.report}" for each in refused]
    return dg.AssetCheckResult(
        check_name=FILES_ACCEPTED,
        asset_key=RESPONSES,
        passed=not refused,
        description="\n".join(said) or None,
        metadata={
            "files": len(taken),
            "quarantined": len(refused),
            **({"by_file": dg.MetadataValue.table(lines)} if lines else {}),
        },
    )


def _line(taken: TakenIn) -> dg.TableRecord:
    return dg.TableRecord(
        {
            "file": taken.file.key,
            "outcome": taken.outcome or "not published",
            "rows": taken.rows,
            "rows_left_out": taken.bad_rows,
            "unknown_answers": taken.unknown_answers,
            "report": taken.report or "",
        }
    )
