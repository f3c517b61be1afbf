"""A survey's workbook to the two tables of the lake."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from html import escape, unescape
from pathlib import Path
from typing import Any

from benchmarks.contest import Contestant, alternate, run
from benchmarks.contestant import Prepared
from benchmarks.files import emptied
from benchmarks.mall import SEED, BenchMall, yesterday
from benchmarks.platform import materialized
from benchmarks.row import Figure, Row, faster

_IMPORTS = ("ahocorasick_rs", "fastexcel")
_SMALL = 100
_NO_STRINGS = '<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"/>'
_SHARED = re.compile(r'<c r="(\w+)" t="s"><v>(\d+)</v></c>')


def ours(key: str, small: str) -> Prepared:
    """A dropped file, taken in by the asset: parsed, masked, audited, both tables published.

    So is a small one before the clock starts.
    """
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
        mine, peers = alternate(
            Contestant(
                "benchmarks.survey:ours",
                {"key": keys[kind], "small": keys["small"]},
                rounds=mall.sizes.rounds,
            ),
            Contestant(
                "benchmarks.survey:pandas",
                {"file": str(workbook), "small": str(small)},
                rounds=mall.sizes.rounds,
            ),
            folder=mall.logs,
        )
        assert mine.fact("rows") >= 0.95 * mall.sizes.respondents
        assert peers.fact("rows") >= mall.sizes.respondents
        work = f"survey xlsx, {mall.sizes.respondents:,} x 12, {kind}, to both tables, published"
        figures.append(faster(work, mine, "pandas with openpyxl, reading alone", peers, 8))
    return figures


ROW = Row("survey", "a survey's workbook against pandas", _measure)
