"""The mall that is measured: a local AWS in a temporary MALL_HOME, with data on demand."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from mall_platform import local
from resources.settings import Settings, load_settings

SEED = 7
PRODUCTS = 2_000

_NEEDED = ("database/shop_database", "storage", "streaming", "analytics")


@dataclass(frozen=True)
class Sizes:
    """How much is measured; `large_` is the second size at which memory is looked at."""

    customers: int
    purchases: int
    days: int
    large_purchases: int
    large_days: int
    respondents: int
    clicks: int
    rounds: int


FULL = Sizes(
    customers=500_000,
    purchases=3_000_000,
    days=30,
    large_purchases=12_000_000,
    large_days=120,
    respondents=50_000,
    clicks=5_000_000,
    rounds=3,
)
QUICK = Sizes(
    customers=20_000,
    purchases=200_000,
    days=10,
    large_purchases=800_000,
    large_days=40,
    respondents=5_000,
    clicks=200_000,
    rounds=1,
)


@dataclass
class BenchMall:
    """A running mall. `logs` takes what contestants print."""

    home: Path
    sizes: Sizes
    out: Console
    _seeded: set[str] = field(default_factory=set)

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    def shop(self) -> tuple[str, str]:
        """Fills the shop's database; the first and last day of its purchases."""
        return self._seed("mall", self.sizes.purchases, self.sizes.days)

    def large_shop(self) -> tuple[str, tuple[str, str]]:
        """Another database on the same server, for memory: its name and days."""
        days = self._seed("mall_large", self.sizes.large_purchases, self.sizes.large_days)
        return "mall_large", days

    def _seed(self, database: str, purchases: int, days: int) -> tuple[str, str]:
        from mall_platform.environment import build_resources
        from mall_platform.sample_mall import shop

        last_day = yesterday()
        span = (last_day - timedelta(days=days - 1)).isoformat(), last_day.isoformat()
        if database in self._seeded:
            return span
        size = shop.ShopSize(
            customers=self.sizes.customers,
            purchases=purchases,
            reviews=self.sizes.customers // 10,
            products=PRODUCTS,
            days=days,
            last_day=last_day,
        )
        shop_db = build_resources(load_settings())["shop_db"]
        with (
            self.out.status(f"Seeding {purchases:,} purchases ..."),
            shop_db.connect(local_infile=True) as connection,
        ):
            with connection.cursor() as cursor:
                cursor.execute(f"CREATE DATABASE IF NOT EXISTS {database} CHARACTER SET utf8mb4")
            connection.select_db(database)
            shop.create_schema(connection)
            shop.seed(connection, size, SEED)
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE TABLE customers, purchases")
        self._seeded.add(database)
        return span

    def clicks(self) -> Path:
        """Yesterday's clicks as Firehose lands them: the folder, and the same in the raw bucket."""
        from mall_platform.sample_mall import clicks
        from resources.aws import Aws

        folder = self.home / "clicks"
        if folder.exists():
            return folder
        last_day = yesterday()
        midnight = datetime.combine(last_day + timedelta(days=1), datetime.min.time(), UTC)
        hours = clicks.schedule(midnight - timedelta(hours=9), 2, self.sizes.clicks)
        aws = Aws(env="local")
        store = _Both(aws.client("s3"), self.home)
        with self.out.status(f"Landing {self.sizes.clicks:,} clicks ..."):
            clicks.land(store, aws.bucket("raw"), hours, SEED, self.sizes.customers, PRODUCTS)
        return folder


@dataclass(frozen=True)
class _Both:
    """Puts objects in S3, and the same bytes under a folder."""

    s3: Any
    folder: Path

    def put_object(self, **arguments: Any) -> Any:
        path = self.folder / arguments["Key"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(arguments["Body"])
        return self.s3.put_object(**arguments)


def yesterday() -> date:
    """The last Tokyo day that is over."""
    from data_assets.partitions import today

    return today() - timedelta(days=1)


@contextmanager
def bench_mall(sizes: Sizes, out: Console) -> Iterator[BenchMall]:
    """A mall for the time of a benchmark: nothing of it is left afterwards."""
    from infra_assets.registry import apply_all
    from resources.aws import Aws

    home = Path(tempfile.mkdtemp(prefix="mall-bench-"))
    os.environ.update(MALL_HOME=str(home), MALL_ENV="local")
    load_settings.cache_clear()
    settings: Settings = load_settings()
    try:
        with out.status("Starting a local AWS ..."):
            local.start(settings)
            apply_all(Aws(env="local"), load_settings(), _with_upstream(_NEEDED))
        yield BenchMall(home, sizes, out)
    finally:
        local.stop(settings, wipe=True)


def _with_upstream(selection: Sequence[str]) -> list[str]:
    """Addresses of the selected assets and areas, and of all that they need."""
    from infra_assets.registry import REGISTRY

    assets = {asset.address: asset for asset in REGISTRY}
    due = [a.address for a in REGISTRY if a.address in selection or a.area in selection]
    found: set[str] = set()
    while due:
        address = due.pop()
        if address not in found:
            found.add(address)
            due.extend(assets[address].deps)
    return [address for address in assets if address in found]
