"""From the drop bucket to published tables, or to quarantine (E2, E4, Q2)."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import dagster as dg
import pytest

from data_assets.surveys import intake
from data_assets.surveys.assets import ANSWERS, RESPONSES
from data_assets.surveys.drop import DropBucket, NoSuchFileError
from data_assets.tables import SURVEY_ANSWERS, SURVEY_RESPONSES
from resources.aws import MissingInfrastructureError
from resources.catalog import Catalog
from tests.data_assets.surveys.conftest import SurveyWorld
from tests.data_assets.surveys.files import (
    HEADER,
    delimited,
    respondent,
    respondents,
    with_dirt,
    xlsx,
)

GOOD = xlsx([HEADER, *respondents(3)])


def checks(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], bool]:
    return {
        (check.asset_key.path[-1], check.check_name): check.passed
        for check in result.get_asset_check_evaluations()
    }


def materialized(result: dg.ExecuteInProcessResult) -> set[dg.AssetKey]:
    return {event.asset_key for event in result.get_asset_materialization_events()}


def pseudonym(key: str, text: str) -> bytes:
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()[:16]


def test_a_dropped_file_is_published_masked_in_both_tables(world: SurveyWorld) -> None:
    row = respondent(1, email=" ＨＡＮＡＫＯ@Example.jp", comment="住所は東京都港区1-2-3です")
    file = world.put("2024Q2.xlsx", xlsx([HEADER, row, *respondents(2, first=2)]))
    result = world.run()

    first = world.rows(SURVEY_RESPONSES)[0]
    assert first["respondent_key"] == pseudonym(world.key, "respondent\x002024Q2\x00R00001")
    assert first["email_key"] == pseudonym(world.key, "email\0hanako@example.jp")
    assert (first["age_band"], first["comment_length"]) == ("30s", 15)
    assert world.rows(SURVEY_ANSWERS)[0] == {
        "respondent_key": first["respondent_key"],
        "question": "channels_seen",
        "answer": "LINE",
    }
    assert materialized(result) == {RESPONSES, ANSWERS}
    assert all(checks(result).values())
    assert len(checks(result)) == 7
    assert world.ledger(file)["outcome"] == "accepted"
    assert world.keys("quarantine/") == []


def test_glue_keeps_where_a_quarter_came_from(world: SurveyWorld) -> None:
    file = world.put("2024Q2.xlsx", xlsx(with_dirt(respondent(1, age=None, gender="?"))))
    world.run()
    for table in (SURVEY_RESPONSES, SURVEY_ANSWERS):
        entry = world.lake.catalog.entry(table.name, "2024Q2")
        assert entry is not None
        assert (
            entry.parameters
            | {
                "mall.source_key": "surveys/2024Q2.xlsx",
                "mall.source_version": file.version_id,
                "mall.source_last_modified": file.last_modified.isoformat(),
                "mall.source_rows": "21",
                "mall.quarantined_rows": "1",
            }
            == entry.parameters
        )


BROKEN = {
    "2024Q1 empty.xlsx": (b"", "empty"),
    "2024Q1 picture.xlsx": (b"\x89PNG\r\n\x1a\n" + bytes(99), "not_a_spreadsheet"),
    "2024Q1 locked.xlsx": (
        bytes.fromhex("d0cf11e0a1b11ae1") + "EncryptedPackage".encode("utf-16-le"),
        "password_protected",
    ),
    "2024Q1 other.csv": (delimited([["商品", "価格"], ["靴", 100]]), "missing_columns"),
    "2024Q1 unknown.csv": (
        delimited([HEADER, *(respondent(n, channel="看板") for n in range(9))]),
        "too_many_bad_rows",
    ),
    "アンケート 最終版.csv": (delimited([HEADER, *respondents(2)]), "no_quarter"),
    "2024Q1と2024Q2.csv": (delimited([HEADER, *respondents(2)]), "ambiguous_quarter"),
    "../../2024Q1 up.csv": (b"nothing", "missing_columns"),
    "2024Q1/%2e%2e?a=b&c#d +'\".csv": (b"", "no_quarter"),
    "2024Q1_=cmd|x.csv": (b"", "empty"),
}


def test_broken_files_go_to_quarantine_and_the_next_good_one_still_works(
    world: SurveyWorld,
) -> None:
    files = {name: world.put(name, data) for name, (data, _) in BROKEN.items()}
    good = world.put("2024Q2.xlsx", GOOD)
    result = world.run()

    assert world.respondents() == 3
    assert materialized(result) == {RESPONSES, ANSWERS}
    assert world.ledger(good)["outcome"] == "accepted"
    for name, file in files.items():
        data, reason = BROKEN[name]
        report = world.report(file)
        assert (report["reason"], report["key"]) == (reason, f"surveys/{name}")
        kept = [key for key in world.keys(f"quarantine/{file.id}/") if "report." not in key]
        assert [world.object(key) for key in kept] == [data]
        assert ".." not in kept[0]
        assert world.ledger(file)["outcome"] == "quarantined"
    assert world.keys("surveys/") == ["surveys/2024Q2.xlsx"]

    accepted = checks(result).pop(("responses", "files_accepted"))
    assert not accepted
    (check,) = [c for c in result.get_asset_check_evaluations() if c.check_name == "files_accepted"]
    assert check.metadata["quarantined"].value == len(BROKEN)
    assert str(check.description).count("Report: s3://") == len(BROKEN)


def test_a_quarantined_file_never_comes_again(world: SurveyWorld) -> None:
    world.put("2024Q2.xlsx", b"")
    assert not checks(world.run())[("responses", "files_accepted")]
    assert checks(world.run()) == {("responses", "files_accepted"): True}


def test_a_run_of_broken_files_only_publishes_nothing(world: SurveyWorld) -> None:
    result = world.run(world.put("2024Q2.xlsx", b""))
    assert result.success
    assert materialized(result) == set()
    assert world.lake.catalog.location("survey_responses", "2024Q2") is None


def test_a_run_for_whatever_there_is_lets_downstream_assets_run(world: SurveyWorld) -> None:
    """Also when nothing was dropped, so that a run of the whole graph goes through."""
    assert materialized(world.run()) == {RESPONSES, ANSWERS}


def test_a_corrected_file_of_the_same_name_is_taken_in(world: SurveyWorld) -> None:
    world.put("2024Q2.xlsx", b"")
    world.run()
    world.put("2024Q2.xlsx", GOOD)
    world.run()
    assert world.respondents() == 3


def test_a_broken_file_leaves_the_quarter_as_it_was(world: SurveyWorld) -> None:
    world.put("2024Q2.xlsx", GOOD)
    world.run()
    before = world.lake.catalog.location("survey_responses", "2024Q2")
    world.put("2024Q2.xlsx", b"broken")
    world.run()
    assert world.lake.catalog.location("survey_responses", "2024Q2") == before


def test_new_content_under_the_same_name_replaces_the_quarter(world: SurveyWorld) -> None:
    first = world.put("2024Q2.xlsx", GOOD)
    second = world.put("2024Q2.xlsx", xlsx([HEADER, *respondents(5)]))
    assert first.id != second.id
    world.run()
    assert world.respondents() == 5
    assert world.ledger(first)["outcome"] == world.ledger(second)["outcome"] == "accepted"


def test_the_same_file_twice_changes_nothing(world: SurveyWorld) -> None:
    world.put("2024Q2.xlsx", GOOD)
    world.run()
    before = world.rows(SURVEY_RESPONSES), world.rows(SURVEY_ANSWERS)
    world.put("2024Q2.xlsx", GOOD)
    world.run()
    assert (world.rows(SURVEY_RESPONSES), world.rows(SURVEY_ANSWERS)) == before


def test_of_two_files_for_a_quarter_the_newest_wins_in_whatever_order_they_come(
    world: SurveyWorld,
) -> None:
    older = world.put("2024Q2 corrected.xlsx", GOOD)
    newer = world.put("2024年第2四半期.csv", delimited([HEADER, *respondents(5)]))
    assert older.age_order < newer.age_order
    world.run(newer)
    late = world.run(older)
    assert world.respondents() == 5
    assert materialized(late) == set()
    assert world.ledger(older)["outcome"] == "superseded"


def test_a_file_older_than_the_published_one_is_superseded(world: SurveyWorld) -> None:
    """Whatever their names."""
    world.put("2024Q2 a.xlsx", GOOD)
    world.run()
    entry = world.lake.catalog.entry("survey_responses", "2024Q2")
    assert entry is not None
    later = {intake.SOURCE_LAST_MODIFIED: "2100-01-01T00:00:00+00:00"}
    world.lake.catalog.switch(
        SURVEY_RESPONSES, "2024Q2", entry.location, {**entry.parameters, **later}
    )
    file = world.put("2024Q2 b.xlsx", xlsx([HEADER, *respondents(5)]))
    world.run()
    assert world.respondents() == 3
    assert world.ledger(file)["outcome"] == "superseded"


def test_one_of_the_two_assets_may_be_asked_for(world: SurveyWorld) -> None:
    """Both tables are published together all the same."""
    world.put("2024Q2.xlsx", GOOD)
    result = world.run(selection=[ANSWERS])
    assert (world.respondents(), world.answers()) == (3, 9)
    assert materialized(result) == {RESPONSES, ANSWERS}


def test_quarters_do_not_touch_each_other(world: SurveyWorld) -> None:
    world.put("2024Q1.xlsx", xlsx([HEADER, *respondents(2)]))
    world.put("2024Q2.xlsx", GOOD)
    world.run()
    assert (world.respondents("2024Q1"), world.respondents("2024Q2")) == (2, 3)
    keys = {
        row["respondent_key"]
        for q in ("2024Q1", "2024Q2")
        for row in world.rows(SURVEY_RESPONSES, q)
    }
    assert len(keys) == 5


def test_rows_left_out_are_reported_by_row_column_and_reason(world: SurveyWorld) -> None:
    secret = "hanako.yamada@example.jp"
    file = world.put("2024Q2.csv", delimited(with_dirt(respondent(1, age=secret, channel=secret))))
    result = world.run()
    assert checks(result)[("responses", "files_accepted")]
    assert world.report(file)["bad_cells"] == [
        {"row": 2, "column": "age", "reason": "is not an age, or not within one age band"},
        {"row": 2, "column": "channel", "reason": "is not one of the options"},
    ]
    csv = world.object(f"quarantine/{file.id}/report.csv").decode("utf-8-sig")
    assert "2,age," in csv
    assert "surveys/2024Q2.csv" in world.keys("surveys/")


def test_personal_data_is_nowhere_but_in_the_dropped_originals(
    world: SurveyWorld, capfd: pytest.CaptureFixture[str]
) -> None:
    """(E4)"""
    planted = ["hanako.yamada@example.jp", "山田花子", "090-1234-5678", "ID-SECRET-77"]
    comment = "山田花子です。090-1234-5678まで"
    rows = [
        [*HEADER, "担当 hanako.yamada@example.jp"],
        [
            *respondent(1, respondent_id="ID-SECRET-77", email=planted[0], comment=comment),
            "山田花子",
        ],
        [*respondent(2, age="山田花子", email=planted[0], channel="090-1234-5678"), None],
        *([*row, None] for row in respondents(20, first=3)),
    ]
    world.put("2024Q2.xlsx", xlsx(rows))
    world.put("2024Q3.xlsx", xlsx([rows[0], *(rows[2] for _ in range(5))]))
    result = world.run()
    assert world.respondents() == 21

    told = [str(event) for event in result.all_events]
    told += [
        world.object(key).decode("utf-8") for key in world.keys("quarantine/") if "report." in key
    ]
    told += [world.object(key).decode("utf-8") for key in world.keys("ledger/")]
    entry = world.lake.catalog.entry("survey_responses", "2024Q2")
    told += [str(entry), *capfd.readouterr()]
    for page in world.s3.get_paginator("list_objects_v2").paginate(Bucket=world.lake.bucket):
        for item in page.get("Contents", []):
            if item["Key"].endswith(".parquet"):
                continue
            told.append(item["Key"])
    for table in (SURVEY_RESPONSES, SURVEY_ANSWERS):
        told.append(str(world.rows(table)))
    for value in planted:
        assert not [text for text in told if value in text], value


def test_a_leak_is_found_before_anything_is_stored(world: SurveyWorld) -> None:
    """A category of the shop that is a respondent's e-mail would come out in `answer` (E4)."""
    world.put("2024Q2.xlsx", GOOD)
    world.run()
    before = _lake_keys(world)
    leak = "hanako@example.jp"
    world.publish_categories(("トップス", leak))
    categories = _lake_keys(world) - before
    rows = [HEADER, respondent(1, email=leak, categories_bought=leak), *respondents(5, first=2)]
    file = world.put("2024Q2.xlsx", xlsx(rows))
    other = world.put("2024Q3.xlsx", GOOD)
    result = world.run(raises=False)

    assert not result.success
    assert not checks(result)[("answers", "no_raw_personal_data")]
    assert (world.respondents(), world.respondents("2024Q3")) == (3, 3)
    assert file.id not in world.drop.dealt_with()
    assert other.id in world.drop.dealt_with()
    stored = _lake_keys(world) - before - categories
    assert not [k for k in stored if "survey_answers/quarter=2024Q2" in k]
    assert leak not in str(result.all_events)


def _lake_keys(world: SurveyWorld) -> set[str]:
    pages = world.s3.get_paginator("list_objects_v2").paginate(Bucket=world.lake.bucket)
    return {item["Key"] for page in pages for item in page.get("Contents", [])}


@pytest.mark.parametrize("table", ["survey_responses", "survey_answers"])
def test_when_an_audit_fails_neither_table_is_switched(
    table: str, world: SurveyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.put("2024Q2.xlsx", GOOD)
    world.run()
    original = intake.row_count_matches_source

    def miscounted(expected: int, written: int) -> Any:
        audit = original(expected, written)
        wrong = original(expected + 1, written)
        return lambda version: (wrong if version.table.name == table else audit)(version)

    monkeypatch.setattr(intake, "row_count_matches_source", miscounted)
    file = world.put("2024Q2.xlsx", xlsx([HEADER, *respondents(5)]))
    result = world.run(raises=False)
    assert not result.success
    assert not checks(result)[(table.removeprefix("survey_"), "row_count_matches_source")]
    assert (world.respondents(), world.answers()) == (3, 9)
    assert file.id not in world.drop.dealt_with()

    monkeypatch.undo()
    world.run()
    assert (world.respondents(), world.answers()) == (5, 15)


class Crash(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("calls", range(3))
def test_a_crash_while_publishing_is_made_good_by_the_next_run(
    calls: int, world: SurveyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first switch, between the two, and before the ledger is written."""
    world.put("2024Q2.xlsx", GOOD)
    world.run()
    seen = []

    def dying(original: Any) -> Any:
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            if len(seen) == calls:
                raise Crash
            seen.append(args)
            return original(self, *args, **kwargs)

        return call

    monkeypatch.setattr(Catalog, "switch", dying(Catalog.switch))
    monkeypatch.setattr(DropBucket, "record", dying(DropBucket.record))
    world.put("2024Q2.xlsx", xlsx([HEADER, *respondents(5)]))
    with pytest.raises(Crash):
        world.run()
    assert world.respondents() == (3 if calls == 0 else 5)
    assert world.answers() == (9 if calls < 2 else 15)

    monkeypatch.undo()
    world.run()
    assert (world.respondents(), world.answers()) == (5, 15)


@pytest.mark.parametrize("step", ["put", "copy", "record", "remove"])
def test_a_crash_while_quarantining_is_made_good_by_the_next_run(
    step: str, world: SurveyWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = world.put("2024Q2.xlsx", b"broken")

    def die(*_: Any) -> None:
        raise Crash

    monkeypatch.setattr(DropBucket, step, die)
    with pytest.raises(Crash):
        world.run()
    monkeypatch.undo()
    world.run()
    assert world.ledger(file)["outcome"] == "quarantined"
    kept = [key for key in world.keys(f"quarantine/{file.id}/") if "report." not in key]
    assert [world.object(key) for key in kept] == [b"broken"]


def test_without_the_shops_categories_the_run_says_what_to_materialize(world: SurveyWorld) -> None:
    glue = world.aws.client("glue")
    glue.delete_table(DatabaseName=world.aws.names.database, Name="categories")
    file = world.put("2024Q2.xlsx", GOOD)
    with pytest.raises(MissingInfrastructureError, match="mall/extracts/categories"):
        world.run()
    assert file.id not in world.drop.dealt_with()


def test_a_file_that_is_not_there_is_named(world: SurveyWorld) -> None:
    world.put("2024Q2.xlsx", GOOD)
    with pytest.raises(NoSuchFileError, match=r"surveys/2024Q1\.xlsx"):
        world.drop.find("surveys/2024Q1.xlsx", None)
    with pytest.raises(NoSuchFileError):
        world.drop.find("ledger/x.json", None)


def test_the_drop_bucket_lists_versions_oldest_first_and_no_deleted_files(
    world: SurveyWorld,
) -> None:
    first, second = world.put("2024Q2.csv", b"1"), world.put("2024Q2.csv", b"2")
    world.put("2024Q1.csv", b"3")
    world.s3.put_object(Bucket=world.drop.name, Key="surveys/folder/")
    world.s3.delete_object(Bucket=world.drop.name, Key="surveys/2024Q1.csv")
    assert [file.id for file in world.drop.files()] == [first.id, second.id]
    assert [world.drop.read(file) for file in (first, second)] == [b"1", b"2"]


def test_in_a_bucket_without_versions_new_content_is_a_new_file(world: SurveyWorld) -> None:
    bucket = DropBucket(world.aws)
    bucket.name = "plain-drop"
    world.s3.create_bucket(
        Bucket="plain-drop",
        CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"},
    )
    ids = set()
    for content in (b"1", b"2"):
        bucket.put("surveys/2024Q2.csv", content)
        (file,) = bucket.files()
        ids.add(file.id)
        assert bucket.read(file) == content
        bucket.remove(file)
        assert bucket.read(file) == content
    assert len(ids) == 2
