"""`./mall bench`: measures the platform's speed and memory beside peers, in one run."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click
from rich.console import Console
from rich.table import Table

from benchmarks import clicks, customers, mart, page, purchases, starting, survey
from benchmarks.mall import FULL, QUICK, bench_mall
from benchmarks.row import Figure, Row

ROWS: tuple[Row, ...] = (
    purchases.SPEED,
    customers.ROW,
    survey.ROW,
    clicks.ROW,
    mart.ROW,
    purchases.MEMORY,
    starting.IMPORT,
    starting.INFRA,
    starting.DEMO,
    starting.TEST,
)
"""In this order: the memory of purchases needs more of them published than the marts want."""

out = Console()


def _epilog() -> str:
    return "\b\nRows:\n" + "\n".join(f"  {row.name:<18}{row.says}" for row in ROWS)


@click.command(
    epilog=_epilog(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.argument("names", nargs=-1, metavar="[ROW]...", type=click.Choice([r.name for r in ROWS]))
@click.option("--quick", is_flag=True, help="Small sizes: whether it runs, not how fast it is.")
@click.option("--all", "everything", is_flag=True, help="Also the rows that take minutes.")
@click.option("--write", is_flag=True, help="Write the figures to docs/benchmarks.md.")
def main(names: tuple[str, ...], quick: bool, everything: bool, write: bool) -> None:
    """Measure our work beside the obvious ways to do it, on a local AWS of the benchmark's own.

    Exit code 1 if something that must be reached was not.
    """
    if quick and write:
        raise click.UsageError("Figures of small sizes are not to be written.")
    chosen = [
        row for row in ROWS if row.name in names or (not names and (everything or not row.slow))
    ]
    out.print(page.machine())
    missed = False
    with bench_mall(QUICK if quick else FULL, out) as mall:
        for row in chosen:
            when = page.now()
            figures = row.measure(mall)
            _print(row, figures, when)
            missed |= any(figure.reached is False for figure in figures)
            if write:
                lines = [page.line(row.name, figure, when) for figure in figures]
                page.write({row.name: lines}, [each.name for each in ROWS])
    sys.exit(1 if missed else 0)


def _print(row: Row, figures: Sequence[Figure], when: str) -> None:
    table = Table(title=f"{row.name} ({when})", title_justify="left", show_lines=True)
    for name in ("work", "ours", "peer", "ratio", "must reach"):
        table.add_column(name)
    for figure in figures:
        colour = {True: "green", False: "red", None: ""}[figure.reached]
        cells = (figure.work, figure.ours, figure.peer, figure.ratio, figure.must)
        table.add_row(*cells, style=colour or None)
    out.print(table)


if __name__ == "__main__":
    main(prog_name="mall bench")
