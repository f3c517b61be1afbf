"""A survey's workbook to the two tables of the lake."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from html import escape, unescape
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from benchmarks.contest import Contestant, alternate, run
from benchmarks.contestant import Prepared
from benchmarks.files import emptied
from benchmarks.mall import SEED, BenchMall, yesterday
from benchmarks.platform import materialized
from benchmarks.row import Figure, Row, faster

if TYPE_CHECKING:
    from data_assets.surveys.drop import DropBucket
    from data_assets.surveys.intake import Intake

_IMPORTS = ("ahocorasick_rs", "fastexcel")
_SMALL = 100
_NO_STRINGS = '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>'
_SHARED = re.compile(r'<c r="(\w+)" t="s"><v>(\d+)</v></c>')


def ours(key: str, small: str) -> Prepared:
    """A dropped file, taken in: read from S3, parsed, masked, audited, stored, both tables
    published, its rows that were left out put aside. So is a small one before the clock starts."""
    import importlib

    for module in _IMPORTS:
        importlib.import_module(module)
    from data_assets.surveys.drop import DropBucket
    from mall_platform.environment import build_resources
    from resources.settings import load_settings

    resources = build_resources(load_settings())
    drop = DropBucket(resources["aws"])
    taken: list[Any] = []

    def work() -> None:
        taken.append(_intake(resources, drop).take_in(drop.find(key, None)))

    _intake(resources, drop).take_in(drop.find(small, None))
    return Prepared(work, lambda: {"rows": taken[0].rows - taken[0].bad_rows})


def _intake(resources: Mapping[str, Any], drop: DropBucket) -> Intake:
    """What the asset gives its files to; `Publication` needs to know of its run only which asset
    it is and where to log."""
    import dagster as dg

    from data_assets.publishing import Publication
    from data_assets.surveys.assets import ANSWERS, RESPONSES, category_names, surveys
    from data_assets.surveys.intake import Intake

    lake = resources["lake"]
    context: Any = SimpleNamespace(assets_def=surveys, log=dg.get_dagster_logger())
    responses, answers = (Publication(context, lake, key) for key in (RESPONSES, ANSWERS))
    return Intake(
        drop,
        lake,
        responses=responses,
        answers=answers,
        key=resources["pseudonym_key"].text(),
        categories=category_names(lake),
    )


def ours_as_run(key: str, small: str) -> Prepared:
    """The same by the asset, with all that Dagster keeps of a run. So is a small file before."""
    selection = ["mall/surveys/responses", "mall/surveys/answers"]

    def taking_in(file: str) -> Prepared:
        config = {"ops": {"surveys": {"config": {"files": [{"key": file}]}}}}
        return materialized(selection, "survey_responses", _IMPORTS, config=config)

    taking_in(small).work()
    return taking_in(key)


def pandas(file: str, small: str) -> Prepared:
    """Only read, with openpyxl."""
    import pandas as pd

    read: list[Any] = []
    pd.read_excel(small, engine="openpyxl", header=1)
    return Prepared(
        lambda: read.append(pd.read_excel(file, engine="openpyxl", header=1)),
        lambda: {"rows": len(read[0])},
    )


def with_inline_strings(workbook: Path, target: Path) -> None:
    """The same workbook with every text in its cell, as openpyxl and some exporters write it."""
    with zipfile.ZipFile(workbook) as source, zipfile.ZipFile(target, "w", 8) as copy:
        parts = {name: source.read(name).decode() for name in source.namelist()}
        texts = [
            unescape(text)
            for text in re.findall(r"<t[^>]*>(.*?)</t>", parts["xl/sharedStrings.xml"], re.S)
        ]

        def inline(cell: re.Match[str]) -> str:
            text = escape(texts[int(cell[2])], quote=False)
            return f'<c r="{cell[1]}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'

        sheet = "xl/worksheets/sheet1.xml"
        parts[sheet] = _SHARED.sub(inline, parts[sheet])
        parts["xl/sharedStrings.xml"] = _NO_STRINGS
        for name, text in parts.items():
            copy.writestr(name, text)


def _workbooks(mall: BenchMall) -> Mapping[str, Path]:
    from mall_platform.sample_mall import surveys

    folder = emptied(mall.home / "surveys")
    small, shared, inline = (folder / f"{name}.xlsx" for name in ("small", "shared", "inline"))
    for workbook, respondents in ((small, _SMALL), (shared, mall.sizes.respondents)):
        _, content = next(surveys.files(SEED, 1, yesterday(), respondents))
        workbook.write_bytes(content)
    with_inline_strings(shared, inline)
    return {
        "small": small,
        "shared strings, as Excel writes": shared,
        "inline strings, as openpyxl writes": inline,
    }


def _measure(mall: BenchMall) -> list[Figure]:
    from resources.aws import Aws

    mall.shop()
    run(
        Contestant(
            "benchmarks.platform:materialized",
            {"selection": ["mall/extracts/categories"], "table": "categories"},
        ),
        mall.logs,
    )
    aws = Aws(env="local")
    workbooks = _workbooks(mall)
    keys = {kind: f"surveys/2025Q{number}.xlsx" for number, kind in enumerate(workbooks, start=1)}
    for kind, workbook in workbooks.items():
        aws.client("s3").upload_file(str(workbook), aws.bucket("drop"), keys[kind])
    small = workbooks.pop("small")
    figures = []
    for kind, workbook in workbooks.items():
        files = {"key": keys[kind], "small": keys["small"]}
        mine, as_run, peers = alternate(
            Contestant("benchmarks.survey:ours", files, rounds=mall.sizes.rounds),
            Contestant("benchmarks.survey:ours_as_run", files, rounds=mall.sizes.rounds),
            Contestant(
                "benchmarks.survey:pandas",
                {"file": str(workbook), "small": str(small)},
                rounds=mall.sizes.rounds,
            ),
            folder=mall.logs,
        )
        for runs in (mine, as_run):
            assert runs.fact("rows") >= 0.95 * mall.sizes.respondents
        assert peers.fact("rows") >= mall.sizes.respondents
        work = f"survey xlsx, {mall.sizes.respondents:,} x 12, {kind}, to both tables, published"
        alone = "pandas with openpyxl, reading alone"
        figures.append(faster(work, mine, alone, peers, 8))
        figures.append(faster(f"{work}, as a Dagster run", as_run, alone, peers, None))
    return figures


ROW = Row("survey", "a survey's workbook against pandas", _measure)
