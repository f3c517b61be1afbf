"""Which partitions a query needs, from its conditions on partition keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlglot import exp

    from mall_platform.local_aws.athena.engine_names import TableUse
    from mall_platform.local_aws.athena.storage_tables import Partition


class Pruning:
    """Chooses partitions for each use of a table in one query."""

    def __init__(self, connection: Any, tree: exp.Expression, uses: Sequence[TableUse]) -> None:
        self._connection = connection

    def kept(self, use: TableUse, partitions: Sequence[Partition]) -> Sequence[Partition]:
        """The partitions that may hold rows that the query needs."""
        return partitions
