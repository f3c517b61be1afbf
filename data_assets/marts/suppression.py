"""Small groups: which cells of a table about people must not show their figures.

A cell with few people is hidden by itself. A hidden cell could still be computed from a line
(a row of cells with a published total), so each line hides enough of its other cells too. The
rules are the contract's.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import pandas as pd

FEWEST_PEOPLE = 5
"""A figure is about at least so many people, and so are the hidden cells of a line together."""
FEWEST_HIDDEN = 2
"""A line that hides anything hides at least so many cells."""

Cell = TypeVar("Cell", bound=Hashable)


@dataclass(frozen=True)
class Line:
    """Cells that add up to a published total.

    `total` is the cell that shows their sum, if that is a cell of the same table and can be hidden
    itself; None if the sum stands elsewhere and is always shown.
    """

    cells: tuple[Any, ...]
    total: Any = None


def hidden_cells(people: Mapping[Cell, int], lines: Sequence[Line]) -> set[Cell]:
    """The cells to hide, given the people in each cell; cells of a line are in key order.

    Lines are served in their order, again and again until nothing changes. A line is protected
    also while its total is hidden: otherwise its cells would give the total away.
    """
    hidden = {cell for cell, count in people.items() if 0 < count < FEWEST_PEOPLE}
    before = -1
    while before < len(hidden):
        before = len(hidden)
        for line in lines:
            hidden |= _to_hide(line, people, hidden)
    return hidden


def _to_hide(line: Line, people: Mapping[Any, int], hidden: set[Any]) -> set[Any]:
    cells = [cell for cell in line.cells if people.get(cell, 0) > 0]
    gone = {cell for cell in cells if cell in hidden}
    if not gone and line.total not in hidden:
        return set()
    shown = sorted((cell for cell in cells if cell not in hidden), key=people.__getitem__)
    while len(gone) < FEWEST_HIDDEN or sum(people[cell] for cell in gone) < FEWEST_PEOPLE:
        if not shown:
            return gone if line.total is None else {*gone, line.total}
        gone.add(shown.pop(0))
    return gone


def lines_of(
    cells: Iterable[tuple[Any, ...]], along: int, *, total: Any | None = None
) -> list[Line]:
    """The lines that run along one part of the cells' keys, all in key order.

    `total` is the value of that part that stands for the sum of the others, if there is one.
    """
    groups: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    for cell in sorted(cells, key=_in_order):
        groups.setdefault((*cell[:along], *cell[along + 1 :]), []).append(cell)
    return [
        Line(
            tuple(cell for cell in group if total is None or cell[along] != total),
            next((cell for cell in group if total is not None and cell[along] == total), None),
        )
        for group in groups.values()
    ]


def _in_order(cell: tuple[Any, ...]) -> tuple[Any, ...]:
    """A sort key in which a missing part comes last."""
    return tuple((part is None, 0 if part is None else part) for part in cell)


def cells_of(frame: pd.DataFrame, key: Sequence[str]) -> list[tuple[Any, ...]]:
    """The key of each row, with None for a missing part."""
    import pandas as pd

    parts = [[None if pd.isna(part) else part for part in frame[name]] for name in key]
    return list(zip(*parts, strict=True))


def suppressed(
    frame: pd.DataFrame, hidden: set[Any], key: Sequence[str], figures: Sequence[str]
) -> pd.DataFrame:
    """The frame with `figures` NULL in hidden cells, and a column `suppressed` that says so."""
    result = frame.assign(suppressed=[cell in hidden for cell in cells_of(frame, key)])
    for figure in figures:
        result[figure] = result[figure].mask(result["suppressed"])
    return result
