"""A Glue crawl: looks at the objects under its targets, and makes the catalog say what is there.

Tables, as AWS names them: for an S3 target, the folder above the first `key=value` folder is a
table, named after that folder with the crawler's prefix; for a catalog target, the table that is
named. `key=value` folders are its partitions.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from moto.glue.models import FakeCrawler, FakeTable, GlueBackend
from moto.s3.models import FakeKey, s3_backends

from mall_platform.local_aws.glue_schemas import Format, Schema, infer, merge

_STORAGE: dict[Format, dict[str, Any]] = {
    "json": {
        "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
        "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "SerdeInfo": {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"},
    },
    "parquet": {
        "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        "SerdeInfo": {
            "SerializationLibrary": ("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"),
            "Parameters": {"serialization.format": "1"},
        },
    },
}

_known_objects: dict[str, tuple[Format, Schema] | None] = {}


class CrawlError(Exception):
    """A crawl that fails as a whole; the message stands in LastCrawl."""


@dataclass
class Found:
    """What lies under one table's folder: `root` is s3://bucket/folder/, `keys` the names of
    the partition keys, `partitions` the objects by partition values."""

    root: str
    keys: tuple[str, ...] = ()
    partitions: dict[tuple[str, ...], list[FakeKey]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def location(self, values: Sequence[str]) -> str:
        folders = (f"{key}={value}/" for key, value in zip(self.keys, values, strict=True))
        return self.root + "".join(folders)


def crawl(backend: GlueBackend, crawler: FakeCrawler) -> None:
    """Crawls all targets once. Raises CrawlError."""
    for target in crawler.targets.get("CatalogTargets", []):
        for name in target["Tables"]:
            table = _table(backend, target["DatabaseName"], name)
            _crawl_table(backend, crawler, table)
    for target in crawler.targets.get("S3Targets", []):
        if crawler.database_name not in backend.databases:
            raise CrawlError(f"Database {crawler.database_name} not found.")
        for found in _tables_under(backend, target):
            _crawl_folder(backend, crawler, found)


def _table(backend: GlueBackend, database: str, name: str) -> FakeTable:
    tables = backend.databases[database].tables if database in backend.databases else {}
    if name not in tables:
        raise CrawlError(f"Table {database}.{name} not found.")
    return tables[name]


def _crawl_table(backend: GlueBackend, crawler: FakeCrawler, table: FakeTable) -> None:
    definition = table.as_dict()
    location = definition["StorageDescriptor"]["Location"].rstrip("/") + "/"
    keys = tuple(key["Name"] for key in definition.get("PartitionKeys", []))
    found = Found(location, keys)
    for key, folders in _objects(backend, location, []):
        values = dict(pair for folder in folders if (pair := _pair(folder)))
        if all(name in values for name in keys):
            found.partitions[tuple(values[name] for name in keys)].append(key)
    _update(backend, crawler, definition, found)


def _crawl_folder(backend: GlueBackend, crawler: FakeCrawler, found: Found) -> None:
    folder = found.root.rstrip("/").rpartition("/")[2]
    name = f"{crawler.table_prefix or ''}{re.sub(r'[^a-z0-9_]', '_', folder.lower())}"
    database = backend.databases[crawler.database_name]
    if name in database.tables:
        _update(backend, crawler, database.tables[name].as_dict(), found)
        return
    inferred = _inferred(found)
    if inferred is None:
        return
    format_, schema = inferred
    definition = {
        "Name": name,
        "Owner": "owner",
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [{"Name": key, "Type": "string"} for key in found.keys],
        "StorageDescriptor": _storage(format_, schema, found.root),
        "Parameters": _parameters(crawler, format_, found),
    }
    backend.create_table(crawler.database_name, name, definition)
    _register(backend, crawler, backend.get_table(crawler.database_name, name), found)


def _update(
    backend: GlueBackend, crawler: FakeCrawler, definition: dict[str, Any], found: Found
) -> None:
    """Brings an existing table up to what was found, as the crawler's policy lets it."""
    inferred = _inferred(found)
    table = _table(backend, definition["DatabaseName"], definition["Name"])
    updates = (crawler.schema_change_policy or {}).get("UpdateBehavior") != "LOG"
    if inferred is not None and updates and not _only_new_folders(crawler):
        format_, schema = inferred
        storage = definition["StorageDescriptor"]
        columns = _columns(storage["Columns"], schema, adds_only=_adds_columns_only(crawler))
        parameters = {**definition.get("Parameters", {}), **_parameters(crawler, format_, found)}
        wanted = {"StorageDescriptor": {**storage, "Columns": columns}, "Parameters": parameters}
        if any(definition.get(name) != value for name, value in wanted.items()):
            kept = ("Name", "Owner", "Description", "TableType", "PartitionKeys", "Retention")
            given = {name: definition[name] for name in kept if name in definition}
            backend.update_table(definition["DatabaseName"], definition["Name"], given | wanted)
    _register(backend, crawler, table, found)


def _register(backend: GlueBackend, crawler: FakeCrawler, table: FakeTable, found: Found) -> None:
    """Adds the partitions found, and drops those that are gone if the crawler may."""
    if not found.keys:
        return
    storage = table.as_dict()["StorageDescriptor"]
    known = {tuple(partition.values): partition for partition in list(table.partitions.values())}
    inherits = _output(crawler, "Partitions") == "InheritFromTable"
    for values in sorted(found.partitions):
        wanted = {**storage, "Location": found.location(values)}
        if values not in known:
            table.create_partition({"Values": list(values), "StorageDescriptor": wanted})
        elif inherits and known[values].partition_input.get("StorageDescriptor") != wanted:
            kept = known[values].partition_input
            table.update_partition(list(values), {**kept, "StorageDescriptor": wanted})
    if (crawler.schema_change_policy or {}).get("DeleteBehavior") == "DELETE_FROM_DATABASE":
        for values in set(known) - set(found.partitions):
            table.delete_partition(list(values))


def _columns(
    current: list[dict[str, str]], schema: Schema, *, adds_only: bool
) -> list[dict[str, str]]:
    """A table's columns after a crawl: types widen and never narrow; what no object has goes,
    unless the crawler only adds."""
    types: Schema = {column["Name"]: column["Type"] for column in current}
    kept = types if adds_only else {name: types[name] for name in types if name in schema}
    found = {name: schema[name] for name in schema if not (adds_only and name in types)}
    details = {column["Name"]: column for column in current}
    return [
        {**details.get(name, {}), "Name": name, "Type": type_ or "string"}
        for name, type_ in merge([kept, found]).items()
    ]


def _inferred(found: Found) -> tuple[Format, Schema] | None:
    """The commonest format among the objects and its merged schema."""
    schemas: dict[Format, list[Schema]] = defaultdict(list)
    for key in (key for keys in found.partitions.values() for key in keys):
        if inferred := _of_object(key):
            schemas[inferred[0]].append(inferred[1])
    if not schemas:
        return None
    format_ = max(schemas, key=lambda each: len(schemas[each]))
    partition_keys = {key.lower() for key in found.keys}
    merged = merge(schemas[format_])
    return format_, {name: t for name, t in merged.items() if name not in partition_keys}


def _of_object(key: FakeKey) -> tuple[Format, Schema] | None:
    """What an object holds; remembered by its ETag, so that a rerun reads new objects only."""
    if key.etag not in _known_objects:
        _known_objects[key.etag] = infer(key.value)
    return _known_objects[key.etag]


def _tables_under(backend: GlueBackend, target: dict[str, Any]) -> Iterator[Found]:
    location = target["Path"].rstrip("/") + "/"
    tables: dict[str, Found] = {}
    for key, folders in _objects(backend, location, target.get("Exclusions") or []):
        above = 0
        while above < len(folders) and not _pair(folders[above]):
            above += 1
        has_partitions = above < len(folders)
        root = location + "".join(f"{folder}/" for folder in folders[: above * has_partitions])
        pairs = [pair for folder in folders if (pair := _pair(folder))]
        found = tables.setdefault(root, Found(root, tuple(name for name, _ in pairs)))
        if found.keys == tuple(name for name, _ in pairs):
            found.partitions[tuple(value for _, value in pairs)].append(key)
    yield from tables.values()


def _objects(
    backend: GlueBackend, location: str, exclusions: Iterable[str]
) -> Iterator[tuple[FakeKey, list[str]]]:
    """The objects under a location, each with the folders between; hidden ones are left out."""
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    s3 = s3_backends[backend.account_id][backend.partition]
    if bucket not in s3.buckets:
        raise CrawlError(f"The S3 location does not exist: {location}")
    excluded = [_glob(pattern) for pattern in exclusions]
    for name in sorted(s3.buckets[bucket].keys):
        if not name.startswith(prefix):
            continue
        *folders, file = name[len(prefix) :].split("/")
        hidden = any(part.startswith(("_", ".")) for part in (*folders, file))
        if not file or hidden or any(p.fullmatch(name[len(prefix) :]) for p in excluded):
            continue
        key = s3.get_object(bucket, name)
        if key is not None and key.contentsize:
            yield key, folders


def _glob(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*|\?)", pattern)
    known = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(known.get(part, re.escape(part)) for part in parts))


def _pair(folder: str) -> tuple[str, str] | None:
    name, equals, value = folder.partition("=")
    return (name, value) if equals and name else None


def _storage(format_: Format, schema: Schema, location: str) -> dict[str, Any]:
    columns = [{"Name": name, "Type": type_ or "string"} for name, type_ in schema.items()]
    storage = _STORAGE[format_]
    if format_ == "json":
        paths = {"paths": ",".join(sorted(schema))}
        storage = {**storage, "SerdeInfo": {**storage["SerdeInfo"], "Parameters": paths}}
    return {"Columns": columns, "Location": location, "Compressed": False, **storage}


def _parameters(crawler: FakeCrawler, format_: Format, found: Found) -> dict[str, str]:
    objects = [key for keys in found.partitions.values() for key in keys]
    return {
        "classification": format_,
        "typeOfData": "file",
        "objectCount": str(len(objects)),
        "sizeKey": str(sum(key.contentsize for key in objects)),
        "CrawlerSchemaSerializerVersion": "1.0",
        "CrawlerSchemaDeserializerVersion": "1.0",
        "UPDATED_BY_CRAWLER": crawler.name,
    }


def _only_new_folders(crawler: FakeCrawler) -> bool:
    policy = crawler.recrawl_policy or {}
    return bool(policy.get("RecrawlBehavior") == "CRAWL_NEW_FOLDERS_ONLY")


def _adds_columns_only(crawler: FakeCrawler) -> bool:
    return _output(crawler, "Tables") == "MergeNewColumns"


def _output(crawler: FakeCrawler, what: str) -> str | None:
    """CrawlerOutput.<what>.AddOrUpdateBehavior of the crawler's configuration."""
    configuration = json.loads(crawler.configuration or "{}")
    behaviour = configuration.get("CrawlerOutput", {}).get(what, {}).get("AddOrUpdateBehavior")
    return str(behaviour) if behaviour else None
