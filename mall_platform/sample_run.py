"""The sample mall brought into an environment: its database, its clicks and its surveys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from data_assets.partitions import today
from resources.aws import Aws
from resources.settings import Settings

PURCHASES_PER_CUSTOMER = 10
REVIEWS_PER_CUSTOMER = 2
PRODUCTS = 2_000


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """Bars on stderr, one a piece of work."""
    columns = (
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        yield bars


def seed_shop(settings: Settings, bars: Progress, *, customers: int, days: int, seed: int) -> bool:
    """Fills the shop's database up to yesterday; False, and nothing done, if it holds rows."""
    from mall_platform.environment import build_resources
    from mall_platform.sample_mall import shop

    size = shop.ShopSize(
        customers=customers,
        purchases=customers * PURCHASES_PER_CUSTOMER,
        reviews=customers * REVIEWS_PER_CUSTOMER,
        products=PRODUCTS,
        days=days,
        last_day=today() - timedelta(days=1),
    )
    tasks = {table: bars.add_task(f"shop: {table}", total=None) for table in shop.TABLES}

    def progress(table: str, done: int, total: int) -> None:
        bars.update(tasks[table], completed=done, total=total)

    with build_resources(settings)["shop_db"].connect(local_infile=True) as connection:
        shop.create_schema(connection)
        try:
            shop.seed(connection, size, seed, progress)
        except shop.ShopNotEmptyError:
            for task in tasks.values():
                bars.remove_task(task)
            return False
    return True


def send_clicks(
    settings: Settings, bars: Progress, *, customers: int, days: int, events: int, seed: int
) -> None:
    """Lands clicks up to the hour that is over: the newest 24 hours through Firehose."""
    from mall_platform.sample_mall import clicks

    aws = Aws(env=settings.env, region=settings.region)
    hours = clicks.schedule(datetime.now(UTC), days, events)
    older, newest = hours[:-24], hours[-24:]
    landing = bars.add_task("clicks: landed hours", total=len(older))
    clicks.land(
        aws.client("s3"),
        aws.bucket("raw"),
        older,
        seed,
        customers,
        PRODUCTS,
        lambda done: bars.update(landing, completed=done),
    )
    streaming = bars.add_task("clicks: Firehose hours", total=len(newest))
    for hour in newest:
        made = clicks.events(hour.day, hour.hour, hour.events, seed, customers, PRODUCTS)
        clicks.stream(aws.client("firehose"), aws.names.click_stream, made)
        bars.advance(streaming)


def drop_surveys(
    settings: Settings, bars: Progress, *, quarters: int, respondents: int, seed: int
) -> None:
    """Drops one survey file a quarter into the drop bucket, oldest first."""
    from mall_platform.sample_mall import surveys

    aws = Aws(env=settings.env, region=settings.region)
    task = bars.add_task("surveys: files", total=quarters)
    for name, content in surveys.files(seed, quarters, today(), respondents):
        aws.client("s3").put_object(Bucket=aws.bucket("drop"), Key=f"surveys/{name}", Body=content)
        bars.advance(task)
