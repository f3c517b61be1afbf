"""Runs one statement: queries, what writes their rows somewhere, views."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mall_platform.local_aws.athena import ddl_statements as statements
from mall_platform.local_aws.athena import types
from mall_platform.local_aws.athena.ddl import Ddl
from mall_platform.local_aws.athena.engine_catalog import View, glue_columns
from mall_platform.local_aws.athena.engine_errors import (
    MalformedQueryError,
    QueryCancelledError,
    ScanLimitError,
)
from mall_platform.local_aws.athena.engine_files import Layout, Target, key_folder, upload, write
from mall_platform.local_aws.athena.engine_names import table_name
from mall_platform.local_aws.athena.engine_plan import Plan, Planner
from mall_platform.local_aws.athena.engine_profile import bytes_scanned
from mall_platform.local_aws.athena.errors import AthenaError, NotSupportedError
from mall_platform.local_aws.athena.results import ResultColumn, csv_line, shown
from mall_platform.local_aws.athena.results_pages import Result
from mall_platform.local_aws.athena.storage import Location
from mall_platform.local_aws.athena.storage_scan import literal
from mall_platform.local_aws.athena.storage_tables import Table, default_location

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from threading import Event

    from mall_platform.local_aws.athena.engine_catalog import Catalog, TableName
    from mall_platform.local_aws.athena.storage import Storage
    from mall_platform.local_aws.athena.storage_footers import Footers

_ROWS = (ResultColumn("rows", types.BIGINT),)


@dataclass(frozen=True)
class Request:
    """What a client asked for. `output` is the folder for result files; `scan_limit_bytes` cancels
    a query that reads more; `enforced` says that the workgroup's settings override the client's."""

    id: str
    sql: str
    database: str | None
    output: Location
    parameters: tuple[str, ...] = ()
    scan_limit_bytes: int | None = None
    enforced: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a statement ended. `output_url` is its result file or, for CTAS, its base name."""

    result: Result
    output_url: str
    manifest_url: str | None = None


@dataclass(frozen=True)
class Services:
    """What statements work on."""

    catalog: Catalog
    storage: Storage
    footers: Footers
    prepared: dict[str, str]
    results: Path


class Run:
    """One statement on a DuckDB connection of its own."""

    def __init__(
        self, connection: Any, services: Services, request: Request, cancelled: Event
    ) -> None:
        self._cancelled = cancelled
        self._connection = connection
        self._services = services
        self._catalog = services.catalog
        self._storage = services.storage
        self._request = request
        self.scanned_bytes = 0

    def run(self, statement: statements.Statement) -> Outcome:
        """Raises AthenaError if the statement fails, and DuckDB's errors for what a value does."""
        match statement:
            case statements.Select():
                return self._select(statement)
            case statements.Unload():
                return self._unload(statement)
            case statements.CreateTableAs():
                return self._create_table_as(statement)
            case statements.Insert():
                return self._insert(statement)
            case statements.CreateView():
                return self._create_view(statement)
            case statements.Prepare():
                self._services.prepared[statement.name] = statement.statement
                return self._text_outcome([], [])
            case statements.Deallocate():
                self._prepared(statement.name)
                del self._services.prepared[statement.name]
                return self._text_outcome([], [])
            case statements.Execute():
                return self._execute(statement)
        ddl = Ddl(self._catalog, self._storage, self._request.database)
        columns, lines = ddl.run(statement)
        return self._text_outcome(columns, lines)

    # --- queries ---------------------------------------------------------------------------------

    def _planner(self) -> Planner:
        return Planner(self._connection, self._catalog, self._storage, self._services.footers)

    def _plan(self, query: statements.QueryText) -> Plan:
        return self._planner().plan(query, self._request.database, self._request.parameters)

    def _measured(self, plan: Plan) -> None:
        """Adds what the query just run has read. Over the workgroup's limit or cancelled, it ends
        here, before anything is written."""
        if self._cancelled.is_set():
            raise QueryCancelledError
        profile = self._connection.get_profiling_information()
        self.scanned_bytes += bytes_scanned(profile, plan.scans, plan.named)
        limit = self._request.scan_limit_bytes
        if limit is not None and self.scanned_bytes > limit:
            raise ScanLimitError

    def _select(self, statement: statements.Select) -> Outcome:
        output = self._request.output
        plan = self._plan(statement.query)
        values = [shown(f"c{i}", column.type) for i, column in enumerate(plan.columns)]
        body = self._services.results / f"{self._request.id}.csv"
        self._connection.execute(
            f"COPY ({plan.selecting(values)}) TO {literal(str(body))} "
            "(FORMAT csv, HEADER false, FORCE_QUOTE *, NULLSTR '')"
        )
        self._measured(plan)
        key = output.key(f"{self._request.id}.csv")
        header = csv_line([column.name for column in plan.columns])
        self._storage.put(output.bucket, key, header + body.read_bytes())
        self._storage.put(output.bucket, f"{key}.metadata", _metadata(plan.columns))
        result = Result(plan.columns, body, has_header=True)
        return Outcome(result, f"s3://{output.bucket}/{key}")

    def _execute(self, statement: statements.Execute) -> Outcome:
        text = self._prepared(statement.name)
        request = replace(
            self._request, sql=text, parameters=statement.values or self._request.parameters
        )
        inner = statements.parse(text)
        if isinstance(inner, statements.Execute):
            raise MalformedQueryError("EXECUTE of an EXECUTE")
        run = Run(self._connection, self._services, request, self._cancelled)
        outcome = run.run(inner)
        self.scanned_bytes += run.scanned_bytes
        return outcome

    def _prepared(self, name: str) -> str:
        if name not in self._services.prepared:
            raise AthenaError(f"Prepared statement not found: {name}", "NOT_FOUND")
        return self._services.prepared[name]

    def _create_view(self, statement: statements.CreateView) -> Outcome:
        found = self._planner().columns(statement.query, self._request.database)
        _check_names(found)
        name = self._name(statement.name)
        columns = {column.name.lower(): str(column.type) for column in found}
        view = View(statement.query.text, self._request.database or name.database, columns)
        self._catalog.put_view(name, view, replace=statement.replace)
        return self._text_outcome([], [])

    # --- rows to S3 ------------------------------------------------------------------------------

    def _unload(self, statement: statements.Unload) -> Outcome:
        output = self._request.output
        target = Location.parse(statement.location)
        layout, keys = _layout(statement.properties, "format", "compression")
        self._must_be_empty(target, f"Unload target directory is not empty: {target.url}")
        plan = self._plan(statement.query)
        names = _check_names(plan.columns)
        _check_keys(names, keys)
        targets = [Target(c.name, c.type) for c in plan.columns]

        def folder_of(values: tuple[str, ...]) -> Location:
            return Location(target.bucket, target.prefix + key_folder(keys, values))

        urls, rows = self._write(plan, targets, layout, folder_of)
        return self._written(output, self._request.id, urls, rows)

    def _create_table_as(self, statement: statements.CreateTableAs) -> Outcome:
        output = self._request.output
        name = self._name(statement.name)
        if self._catalog.described(name):
            if statement.if_not_exists:
                return self._text_outcome([], [])
            raise AthenaError(f"Destination table '{name}' already exists", "TABLE_ALREADY_EXISTS")
        layout, keys = _layout(statement.properties, "format", "write_compression")
        location, base = self._ctas_place(statement, output)
        plan = self._plan(statement.query)
        names = _check_names(plan.columns)
        _check_keys(names, keys)
        described = _table_input(name, plan.columns, layout, location, len(keys))
        urls: list[str] = []
        rows = 0

        def folder_of(values: tuple[str, ...]) -> Location:
            return Location(location.bucket, location.prefix + key_folder(keys, values))

        used: set[tuple[str, ...]] = set()
        if statement.with_data:
            targets = [Target(c.name.lower(), c.type) for c in plan.columns]
            urls, rows = self._write(plan, targets, layout, folder_of, used)
        self._catalog.create_table(name, described)
        self._register(name, used, folder_of)
        return self._written(base, self._request.id, urls, rows)

    def _ctas_place(
        self, statement: statements.CreateTableAs, output: Location
    ) -> tuple[Location, Location]:
        """Where a new table's files go and where its manifest goes."""
        given = statement.properties.get("external_location")
        if given is None:
            base = Location(output.bucket, f"{output.prefix}tables/")
            return Location(base.bucket, f"{base.prefix}{self._request.id}/"), base
        if self._request.enforced:
            raise AthenaError(
                "The Create Table As Select query failed because it was submitted with an "
                "'external_location' property to an Athena Workgroup that enforces a centralized "
                "output location for all queries. Please remove the 'external_location' property "
                "and resubmit the query.",
                "INVALID_TABLE_PROPERTY",
            )
        location = Location.parse(str(given))
        self._must_be_empty(
            location,
            f"Target directory for table '{'.'.join(statement.name)}' already exists: "
            f"{location.url}. You may need to manually clean the data at location "
            f"'{location.url}' before retrying. Athena will not delete data in your account.",
        )
        return location, output

    def _insert(self, statement: statements.Insert) -> Outcome:
        output = self._request.output
        name = self._name(statement.name)
        table = self._catalog.table_or_view(name)
        if table is None:
            raise AthenaError(f"Table '{name}' does not exist", "TABLE_NOT_FOUND")
        if isinstance(table, View):
            raise NotSupportedError("Inserting into views is not supported")
        formats = {"parquet": "PARQUET", "json": "JSON", "delimited": "TEXTFILE"}
        if table.format not in formats:
            raise NotSupportedError(f"Inserting into a table stored as {table.format}")
        plan = _arranged(self._plan(statement.query), statement.columns, table)
        layout = Layout(
            formats[table.format],
            table.options.get("parquet.compression", "").upper(),
            None,
            table.options.get("field.delim", "\x01"),
            len(table.keys),
        )
        known = {partition.values: partition for partition in self._catalog.partitions(table)}

        def folder_of(values: tuple[str, ...]) -> Location:
            if not values:
                return table.location
            found = known.get(values)
            return found.location if found else default_location(table, values)

        used: set[tuple[str, ...]] = set()
        targets = [Target(c.name, c.type) for c in table.all_columns]
        urls, rows = self._write(plan, targets, layout, folder_of, used)
        self._register(name, used - set(known), folder_of)
        return self._written(output, self._request.id, urls, rows)

    def _write(
        self,
        plan: Plan,
        targets: Sequence[Target],
        layout: Layout,
        folder_of: Callable[[tuple[str, ...]], Location],
        used: set[tuple[str, ...]] | None = None,
    ) -> tuple[list[str], int]:
        with self._storage.scratch_folder() as scratch:
            files, rows = write(self._connection, plan, targets, layout, Path(scratch))
            self._measured(plan)
            urls = upload(self._storage, files, folder_of, self._request.id)
        if used is not None:
            used.update(file.values for file in files if file.values)
        return urls, rows

    def _register(
        self,
        name: TableName,
        partitions: set[tuple[str, ...]],
        folder_of: Callable[[tuple[str, ...]], Location],
    ) -> None:
        described = self._catalog.described(name) or {}
        for values in sorted(partitions):
            descriptor = {**described["StorageDescriptor"], "Location": folder_of(values).url}
            self._catalog.add_partition(name, values, descriptor)

    def _must_be_empty(self, location: Location, message: str) -> None:
        if any(self._storage.listing(location.bucket).under(location.prefix)):
            raise AthenaError(message, "HIVE_PATH_ALREADY_EXISTS")

    # --- results ---------------------------------------------------------------------------------

    def _name(self, parts: Sequence[str]) -> TableName:
        return table_name(parts, self._request.database)

    def _written(self, base: Location, name: str, urls: Sequence[str], rows: int) -> Outcome:
        """The outcome of a statement that wrote files: a manifest lists them."""
        manifest = base.key(f"{name}-manifest.csv")
        content = "".join(f"{url}\n" for url in urls).encode()
        self._storage.put(base.bucket, manifest, content)
        self._storage.put(base.bucket, base.key(f"{name}.metadata"), _metadata(_ROWS))
        result = Result(_ROWS, None, has_header=False, update_count=rows)
        return Outcome(
            result,
            f"s3://{base.bucket}/{base.key(name)}",
            f"s3://{base.bucket}/{manifest}",
        )

    def _text_outcome(self, columns: Sequence[str], lines: Sequence[str]) -> Outcome:
        """The outcome of DDL and utility statements: lines of text in a `.txt` file."""
        output = self._request.output
        described = tuple(ResultColumn(column, types.VARCHAR, "string") for column in columns)
        body = self._services.results / f"{self._request.id}.csv"
        body.write_bytes(b"".join(csv_line([line]) for line in lines))
        key = output.key(f"{self._request.id}.txt")
        self._storage.put(output.bucket, key, "".join(f"{line}\n" for line in lines).encode())
        self._storage.put(output.bucket, f"{key}.metadata", _metadata(described))
        result = Result(described, body, has_header=False, cells=1)
        return Outcome(result, f"s3://{output.bucket}/{key}")


def _metadata(columns: Sequence[ResultColumn]) -> bytes:
    """The metadata file beside a result. Athena's own is an undocumented binary."""
    import json

    from mall_platform.local_aws.athena.results import column_info

    return json.dumps([column_info(column) for column in columns]).encode()


def _check_names(columns: Sequence[ResultColumn]) -> list[str]:
    """Names of columns that become columns of a table: given, and different ones."""
    names: list[str] = []
    for index, column in enumerate(columns, start=1):
        if column.name == f"_col{index - 1}":
            raise AthenaError(
                f"Column name not specified at position {index}", "MISSING_COLUMN_NAME"
            )
        if column.name.lower() in names:
            raise AthenaError(
                f"Column name '{column.name.lower()}' specified more than once",
                "DUPLICATE_COLUMN_NAME",
            )
        if column.type.name == "unknown":
            raise AthenaError(f"Column type is unknown at position {index}", "COLUMN_TYPE_UNKNOWN")
        names.append(column.name.lower())
    return names


def _check_keys(names: Sequence[str], keys: Sequence[str]) -> None:
    if keys and list(names[-len(keys) :]) != list(keys):
        raise AthenaError(
            "Partition keys must be the last columns in the table and in the same order as the "
            f"table properties: [{', '.join(keys)}]",
            "HIVE_COLUMN_ORDER_MISMATCH",
        )


def _layout(
    properties: Mapping[str, statements.Property], format_key: str, compression_key: str
) -> tuple[Layout, list[str]]:
    """The layout that CTAS's or UNLOAD's properties ask for, and the partition keys."""
    known = {
        format_key,
        compression_key,
        "compression",
        "compression_level",
        "parquet_compression",
        "external_location",
        "field_delimiter",
        "partitioned_by",
    }
    if unknown := sorted(set(properties) - known):
        raise NotSupportedError(f"the property {unknown[0]}")
    chosen = str(properties.get(format_key, "PARQUET")).upper()
    compression = properties.get(compression_key) or properties.get("parquet_compression") or ""
    keys = [key.lower() for key in properties.get("partitioned_by", ())]
    level = properties.get("compression_level")
    return (
        Layout(
            "TEXTFILE" if chosen == "TEXT" else chosen,
            str(compression).upper(),
            int(str(level)) if level is not None else None,
            str(properties.get("field_delimiter", "\x01")),
            len(keys),
        ),
        keys,
    )


def _arranged(plan: Plan, columns: Sequence[str], table: Table) -> Plan:
    """The plan with its columns in the table's order; columns not named are NULL.

    Raises AthenaError (TYPE_MISMATCH, …) if they don't fit.
    """
    wanted = list(columns) or [column.name for column in table.all_columns]
    kinds = {column.name: column.type for column in table.all_columns}
    for name in wanted:
        if name not in kinds:
            raise AthenaError(
                f"Insert column name does not exist in target table: {name}", "COLUMN_NOT_FOUND"
            )
    given = [column.type for column in plan.columns]
    fits = len(given) == len(wanted) and all(
        types.coerces(kind, kinds[name]) for kind, name in zip(given, wanted, strict=True)
    )
    if not fits:
        raise AthenaError(
            "Insert query has mismatched column types: "
            f"Table: [{', '.join(str(kinds[name]) for name in wanted)}], "
            f"Query: [{', '.join(map(str, given))}]",
            "TYPE_MISMATCH",
        )
    inner = ", ".join(f"g{index}" for index in range(len(wanted)))
    values = ", ".join(
        f"CAST(g{wanted.index(c.name)} AS {c.type.duckdb})"
        if c.name in wanted
        else f"CAST(NULL AS {c.type.duckdb})"
        for c in table.all_columns
    )
    sql = f"SELECT {values} FROM ({plan.sql}) AS given({inner})"  # noqa: S608
    return replace(
        plan, sql=sql, columns=tuple(ResultColumn(c.name, c.type) for c in table.all_columns)
    )


def _table_input(
    name: TableName,
    columns: Sequence[ResultColumn],
    layout: Layout,
    location: Location,
    keys: int,
) -> dict[str, Any]:
    """Glue's description of a table made by CTAS."""
    from mall_platform.local_aws.athena.ddl_formats import storage_descriptor

    described = glue_columns([(c.name.lower(), str(c.type)) for c in columns])
    plain = described[: len(described) - keys]
    descriptor = storage_descriptor(layout.format, plain, location.url)
    if layout.format == "TEXTFILE":
        descriptor["SerdeInfo"]["Parameters"] = {
            "field.delim": layout.delimiter,
            "serialization.format": layout.delimiter,
        }
    return {
        "Name": name.name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "has_encrypted_data": "false"},
        "PartitionKeys": described[len(plain) :],
        "StorageDescriptor": descriptor,
    }
