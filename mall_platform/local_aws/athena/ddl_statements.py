"""Every kind of statement, parsed as far as its query: what it is and what it names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mall_platform.local_aws.athena.ddl_lexer import Reader
from mall_platform.local_aws.athena.engine_errors import MalformedQueryError
from mall_platform.local_aws.athena.errors import NotSupportedError
from mall_platform.local_aws.athena.storage_tables import Column

if TYPE_CHECKING:
    from collections.abc import Callable

Name = tuple[str, ...]
"""A table's name as written: up to catalog, database and name, in lower case."""

Property = str | tuple[str, ...]


@dataclass(frozen=True)
class Statement:
    """A statement; `type` and `subtype` are Athena's StatementType and SubstatementType."""

    type = "DDL"
    subtype = ""


@dataclass(frozen=True)
class QueryText:
    """A query inside a statement. `sql` is as long as the statement, everything else blanked, so
    that positions in errors are those of the statement."""

    sql: str

    @classmethod
    def between(cls, sql: str, start: int, end: int) -> QueryText:
        blank = "".join(sign if sign == "\n" else " " for sign in sql[:start])
        return cls(blank + sql[start:end])

    @property
    def text(self) -> str:
        return self.sql.strip()


@dataclass(frozen=True)
class Select(Statement):
    query: QueryText
    type = "DML"
    subtype = "SELECT"


@dataclass(frozen=True)
class CreateTableAs(Statement):
    name: Name
    query: QueryText
    properties: dict[str, Property]
    if_not_exists: bool
    with_data: bool
    subtype = "CREATE_TABLE_AS_SELECT"


@dataclass(frozen=True)
class Unload(Statement):
    query: QueryText
    location: str
    properties: dict[str, Property]
    type = "DML"
    subtype = "UNLOAD"


@dataclass(frozen=True)
class Insert(Statement):
    name: Name
    columns: tuple[str, ...]
    query: QueryText
    type = "DML"
    subtype = "INSERT"


@dataclass(frozen=True)
class CreateView(Statement):
    name: Name
    query: QueryText
    replace: bool
    subtype = "CREATE_VIEW"


@dataclass(frozen=True)
class DropView(Statement):
    name: Name
    if_exists: bool
    subtype = "DROP_VIEW"


@dataclass(frozen=True)
class CreateDatabase(Statement):
    name: str
    if_not_exists: bool
    comment: str
    location: str
    properties: dict[str, str]
    subtype = "CREATE_DATABASE"


@dataclass(frozen=True)
class DropDatabase(Statement):
    name: str
    if_exists: bool
    cascade: bool
    subtype = "DROP_DATABASE"


@dataclass(frozen=True)
class CreateTable(Statement):
    """Hive's CREATE EXTERNAL TABLE. `serde` is a class, empty for the default of `stored_as`."""

    name: Name
    if_not_exists: bool
    columns: tuple[Column, ...]
    keys: tuple[Column, ...] = ()
    comment: str = ""
    serde: str = ""
    serde_properties: dict[str, str] = field(default_factory=dict)
    stored_as: str = "TEXTFILE"
    formats: tuple[str, str] | None = None
    location: str = ""
    properties: dict[str, str] = field(default_factory=dict)
    subtype = "CREATE_TABLE"


@dataclass(frozen=True)
class DropTable(Statement):
    name: Name
    if_exists: bool
    subtype = "DROP_TABLE"


@dataclass(frozen=True)
class AddPartitions(Statement):
    name: Name
    if_not_exists: bool
    partitions: tuple[tuple[dict[str, str], str], ...]
    subtype = "ALTER_TABLE_ADD_PARTITION"


@dataclass(frozen=True)
class DropPartitions(Statement):
    name: Name
    if_exists: bool
    partitions: tuple[dict[str, str], ...]
    subtype = "ALTER_TABLE_DROP_PARTITION"


@dataclass(frozen=True)
class SetLocation(Statement):
    name: Name
    partition: dict[str, str]
    location: str
    subtype = "ALTER_TABLE_SET_LOCATION"


@dataclass(frozen=True)
class AddColumns(Statement):
    name: Name
    columns: tuple[Column, ...]
    replace: bool
    subtype = "ALTER_TABLE_ADD_COLUMNS"


@dataclass(frozen=True)
class SetProperties(Statement):
    name: Name
    properties: dict[str, str]
    subtype = "ALTER_TABLE_SET_TBLPROPERTIES"


@dataclass(frozen=True)
class RepairTable(Statement):
    name: Name
    subtype = "MSCK_REPAIR_TABLE"


@dataclass(frozen=True)
class ShowDatabases(Statement):
    pattern: str | None
    type = "UTILITY"
    subtype = "SHOW_DATABASES"


@dataclass(frozen=True)
class ShowTables(Statement):
    database: str | None
    pattern: str | None
    views_only: bool
    type = "UTILITY"
    subtype = "SHOW_TABLES"


@dataclass(frozen=True)
class ShowPartitions(Statement):
    name: Name
    type = "UTILITY"
    subtype = "SHOW_PARTITIONS"


@dataclass(frozen=True)
class ShowColumns(Statement):
    name: Name
    type = "UTILITY"
    subtype = "SHOW_COLUMNS"


@dataclass(frozen=True)
class ShowCreate(Statement):
    name: Name
    view: bool
    type = "UTILITY"
    subtype = "SHOW_CREATE_TABLE"


@dataclass(frozen=True)
class ShowProperties(Statement):
    name: Name
    key: str | None
    type = "UTILITY"
    subtype = "SHOW_TBLPROPERTIES"


@dataclass(frozen=True)
class Describe(Statement):
    name: Name
    type = "UTILITY"
    subtype = "DESCRIBE_TABLE"


@dataclass(frozen=True)
class Prepare(Statement):
    name: str
    statement: str
    type = "UTILITY"
    subtype = "PREPARE"


@dataclass(frozen=True)
class Execute(Statement):
    name: str
    values: tuple[str, ...]
    type = "DML"
    subtype = "EXECUTE"


@dataclass(frozen=True)
class Deallocate(Statement):
    name: str
    type = "UTILITY"
    subtype = "DEALLOCATE"


def parse(sql: str) -> Statement:
    """The statement that a text is.

    Raises MalformedQueryError for what no statement of Athena's looks like and NotSupportedError
    for those that the local Athena doesn't run. The query inside isn't parsed yet.
    """
    reader = Reader(sql)
    if reader.at_end:
        raise MalformedQueryError("Query is empty")
    word = reader.peek()
    if word in {"SELECT", "WITH", "VALUES", "TABLE", "("}:
        return Select(QueryText.between(sql, 0, _end(sql)))
    for words, read in _READERS.items():
        if reader.accept(*words.split()):
            statement = read(reader)
            reader.end()
            return statement
    if word in _REFUSED:
        raise NotSupportedError(f"the local Athena doesn't run {word} statements")
    return reader.fail(
        "Expecting: 'ALTER', 'CREATE', 'DEALLOCATE', 'DESCRIBE', 'DROP', 'EXECUTE', 'INSERT', "
        "'MSCK', 'PREPARE', 'SHOW', 'UNLOAD', 'VALUES', 'WITH', <query>"
    )


_REFUSED = {
    "EXPLAIN",
    "DELETE",
    "UPDATE",
    "MERGE",
    "OPTIMIZE",
    "VACUUM",
    "ANALYZE",
    "USING",
    "CALL",
    "GRANT",
    "REVOKE",
    "SET",
    "USE",
    "TRUNCATE",
}


def _end(sql: str) -> int:
    text = sql.rstrip()
    while text.endswith(";"):
        text = text[:-1].rstrip()
    return len(text)


def _rest(reader: Reader) -> QueryText:
    """Everything from here on, as a query."""
    start = reader.offset
    if reader.at_end:
        reader.fail("Expecting: <query>")
    reader.back_to(len(reader.sql))
    return QueryText.between(reader.sql, start, _end(reader.sql))


def _if_exists(reader: Reader) -> bool:
    return reader.accept("IF", "EXISTS")


def _if_not_exists(reader: Reader) -> bool:
    return reader.accept("IF", "NOT", "EXISTS")


def _name(reader: Reader) -> Name:
    return tuple(part for part in reader.qualified())


def _list(reader: Reader, read: Callable[[Reader], object]) -> list:
    reader.expect("(")
    found = [read(reader)]
    while reader.accept(","):
        found.append(read(reader))
    reader.expect(")")
    return found


def _properties(reader: Reader) -> dict[str, Property]:
    """`(format = 'PARQUET', partitioned_by = ARRAY['dt'])` of CTAS and UNLOAD."""
    return dict(_list(reader, _property))


def _property(reader: Reader) -> tuple[str, Property]:
    key = reader.identifier()
    reader.expect("=")
    if not reader.accept("ARRAY"):
        return key, reader.take().value
    reader.expect("[")
    values = []
    while not reader.accept("]"):
        values.append(reader.string())
        reader.accept(",")
    return key, tuple(values)


def _text_property(reader: Reader) -> tuple[str, str]:
    key = reader.string()
    reader.expect("=")
    return key, reader.take().value


def _text_properties(reader: Reader) -> dict[str, str]:
    """`('key' = 'value', …)` of Hive."""
    return dict(_list(reader, _text_property))


def _column(reader: Reader) -> Column:
    name, kind = reader.identifier(), reader.type_text()
    return Column(name, kind, reader.string() if reader.accept("COMMENT") else "")


def _columns(reader: Reader) -> tuple[Column, ...]:
    return tuple(_list(reader, _column))


def _unload(reader: Reader) -> Statement:
    start, end = reader.parenthesised()
    reader.expect("TO")
    location = reader.string()
    reader.expect("WITH")
    query = QueryText.between(reader.sql, start, end)
    return Unload(query, location, _properties(reader))


def _insert(reader: Reader) -> Statement:
    name, columns = _name(reader), ()
    if reader.peek() == "(" and reader.peek(1) not in {"SELECT", "WITH", "VALUES", "("}:
        columns = tuple(_list(reader, lambda r: r.identifier()))
    return Insert(name, columns, _rest(reader))


def _create_table(reader: Reader) -> Statement:
    missing_only = _if_not_exists(reader)
    name = _name(reader)
    properties: dict[str, Property] = {}
    if reader.peek() == "(":
        raise NotSupportedError("CREATE TABLE without EXTERNAL: Iceberg tables aren't supported")
    if reader.accept("WITH"):
        properties = _properties(reader)
    reader.expect("AS")
    query, with_data = _without_data_clause(_rest(reader))
    return CreateTableAs(name, query, properties, missing_only, with_data)


def _without_data_clause(query: QueryText) -> tuple[QueryText, bool]:
    from mall_platform.local_aws.athena.ddl_lexer import tokens

    found = tokens(query.sql)
    words = [token.text.upper() for token in found[-3:]]
    if words == ["WITH", "NO", "DATA"]:
        return QueryText(query.sql[: found[-3].start]), False
    if words[-2:] == ["WITH", "DATA"]:
        return QueryText(query.sql[: found[-2].start]), True
    return query, True


def _create_external(reader: Reader) -> Statement:
    missing_only = _if_not_exists(reader)
    name = _name(reader)
    parts: dict = {"columns": _columns(reader)}
    while not reader.at_end:
        _table_clause(reader, parts)
    if not parts.get("location"):
        raise MalformedQueryError("CREATE EXTERNAL TABLE needs a LOCATION")
    return CreateTable(name=name, if_not_exists=missing_only, **parts)


def _table_clause(reader: Reader, parts: dict) -> None:
    if reader.accept("COMMENT"):
        parts["comment"] = reader.string()
    elif reader.accept("PARTITIONED", "BY"):
        parts["keys"] = _columns(reader)
    elif reader.accept("ROW", "FORMAT", "SERDE"):
        parts["serde"] = reader.string()
        if reader.accept("WITH", "SERDEPROPERTIES"):
            parts["serde_properties"] = _text_properties(reader)
    elif reader.accept("ROW", "FORMAT", "DELIMITED"):
        parts["serde"] = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
        parts["serde_properties"] = _delimited(reader)
    elif reader.accept("WITH", "SERDEPROPERTIES"):
        parts["serde_properties"] = _text_properties(reader)
    elif reader.accept("STORED", "AS", "INPUTFORMAT"):
        given = reader.string()
        reader.expect("OUTPUTFORMAT")
        parts["formats"] = (given, reader.string())
    elif reader.accept("STORED", "AS"):
        parts["stored_as"] = reader.take().value.upper()
    elif reader.accept("LOCATION"):
        parts["location"] = reader.string()
    elif reader.accept("TBLPROPERTIES"):
        parts["properties"] = _text_properties(reader)
    elif reader.peek() == "CLUSTERED":
        raise NotSupportedError("CLUSTERED BY: buckets aren't supported by the local Athena")
    else:
        reader.fail("Expecting: LOCATION, PARTITIONED BY, ROW FORMAT, STORED AS, TBLPROPERTIES")


def _delimited(reader: Reader) -> dict[str, str]:
    options: dict[str, str] = {}
    clauses = {
        ("FIELDS", "TERMINATED", "BY"): "field.delim",
        ("ESCAPED", "BY"): "escape.delim",
        ("COLLECTION", "ITEMS", "TERMINATED", "BY"): "colelction.delim",
        ("MAP", "KEYS", "TERMINATED", "BY"): "mapkey.delim",
        ("LINES", "TERMINATED", "BY"): "line.delim",
        ("NULL", "DEFINED", "AS"): "serialization.null.format",
    }
    while found := next((words for words in clauses if reader.accept(*words)), None):
        options[clauses[found]] = reader.string().encode().decode("unicode_escape")
    if "field.delim" in options:
        options["serialization.format"] = options["field.delim"]
    return options


def _create_view(reader: Reader, replace: bool) -> Statement:
    name = _name(reader)
    if reader.peek() == "(":
        raise NotSupportedError("CREATE VIEW with a list of columns")
    reader.expect("AS")
    return CreateView(name, _rest(reader), replace)


def _create_database(reader: Reader) -> Statement:
    missing_only = _if_not_exists(reader)
    name, comment, location, properties = reader.identifier(), "", "", {}
    if reader.accept("COMMENT"):
        comment = reader.string()
    if reader.accept("LOCATION"):
        location = reader.string()
    if reader.accept("WITH", "DBPROPERTIES"):
        properties = _text_properties(reader)
    return CreateDatabase(name, missing_only, comment, location, properties)


def _drop_database(reader: Reader) -> Statement:
    only_existing, name = _if_exists(reader), reader.identifier()
    cascade = reader.accept("CASCADE")
    if not cascade:
        reader.accept("RESTRICT")
    return DropDatabase(name, only_existing, cascade)


def _partition(reader: Reader) -> dict[str, str]:
    """`PARTITION (dt = '2024-06-01', hour = 9)`"""
    reader.expect("PARTITION")
    return dict(_list(reader, _partition_value))


def _partition_value(reader: Reader) -> tuple[str, str]:
    key = reader.identifier()
    reader.expect("=")
    return key, reader.take().value


def _alter_table(reader: Reader) -> Statement:
    name = _name(reader)
    if reader.accept("ADD", "COLUMNS"):
        return AddColumns(name, _columns(reader), replace=False)
    if reader.accept("REPLACE", "COLUMNS"):
        return AddColumns(name, _columns(reader), replace=True)
    if reader.accept("SET", "LOCATION"):
        return SetLocation(name, {}, reader.string())
    if reader.accept("SET", "TBLPROPERTIES"):
        return SetProperties(name, _text_properties(reader))
    if reader.accept("ADD"):
        return _add_partitions(reader, name)
    if reader.accept("DROP"):
        only_existing = _if_exists(reader)
        partitions = [_partition(reader)]
        while reader.accept(","):
            partitions.append(_partition(reader))
        return DropPartitions(name, only_existing, tuple(partitions))
    if reader.peek() == "PARTITION":
        partition = _partition(reader)
        if reader.accept("SET", "LOCATION"):
            return SetLocation(name, partition, reader.string())
        raise NotSupportedError("ALTER TABLE … PARTITION other than SET LOCATION")
    raise NotSupportedError(f"ALTER TABLE … {reader.peek()}")


def _add_partitions(reader: Reader, name: Name) -> Statement:
    missing_only = _if_not_exists(reader)
    partitions = []
    while reader.peek() == "PARTITION":
        partition = _partition(reader)
        partitions.append((partition, reader.string() if reader.accept("LOCATION") else ""))
    if not partitions:
        reader.fail("Expecting: 'PARTITION'")
    return AddPartitions(name, missing_only, tuple(partitions))


def _pattern(reader: Reader) -> str | None:
    reader.accept("LIKE")
    return None if reader.at_end else reader.string()


def _show_tables(reader: Reader, views_only: bool) -> Statement:
    database = None
    if reader.accept("IN") or reader.accept("FROM"):
        database = reader.identifier()
    return ShowTables(database, _pattern(reader), views_only)


def _show_columns(reader: Reader) -> Statement:
    if not reader.accept("IN"):
        reader.expect("FROM")
    name = _name(reader)
    if reader.accept("IN") or reader.accept("FROM"):
        name = (reader.identifier(), name[-1])
    return ShowColumns(name)


def _show_properties(reader: Reader) -> Statement:
    name = _name(reader)
    key = None
    if reader.accept("("):
        key = reader.string()
        reader.expect(")")
    return ShowProperties(name, key)


def _describe(reader: Reader) -> Statement:
    if reader.peek() in {"INPUT", "OUTPUT"}:
        raise NotSupportedError("DESCRIBE INPUT and DESCRIBE OUTPUT")
    if reader.accept("EXTENDED") or reader.accept("FORMATTED"):
        raise NotSupportedError("DESCRIBE EXTENDED and DESCRIBE FORMATTED")
    reader.accept("TABLE")
    name = _name(reader)
    if reader.peek() == "PARTITION":
        raise NotSupportedError("DESCRIBE of a partition")
    return Describe(name)


def _prepare(reader: Reader) -> Statement:
    name = reader.identifier()
    reader.expect("FROM")
    return Prepare(name, _rest(reader).text)


def _execute(reader: Reader) -> Statement:
    name = reader.identifier()
    if not reader.accept("USING"):
        return Execute(name, ())
    values, start, depth = [], reader.offset, 0
    while not reader.at_end:
        token = reader.take()
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text, 0)
        if token.text == "," and depth == 0:
            values.append(reader.sql[start : token.start])
            start = token.end
    return Execute(name, (*values, reader.sql[start : reader.offset]))


_READERS: dict[str, Callable[[Reader], Statement]] = {
    "UNLOAD": _unload,
    "INSERT INTO": _insert,
    "CREATE OR REPLACE VIEW": lambda r: _create_view(r, replace=True),
    "CREATE VIEW": lambda r: _create_view(r, replace=False),
    "CREATE EXTERNAL TABLE": _create_external,
    "CREATE TABLE": _create_table,
    "CREATE DATABASE": _create_database,
    "CREATE SCHEMA": _create_database,
    "DROP DATABASE": _drop_database,
    "DROP SCHEMA": _drop_database,
    "DROP TABLE": lambda r: DropTable(if_exists=_if_exists(r), name=_name(r)),
    "DROP VIEW": lambda r: DropView(if_exists=_if_exists(r), name=_name(r)),
    "ALTER TABLE": _alter_table,
    "MSCK REPAIR TABLE": lambda r: RepairTable(_name(r)),
    "SHOW DATABASES": lambda r: ShowDatabases(_pattern(r)),
    "SHOW SCHEMAS": lambda r: ShowDatabases(_pattern(r)),
    "SHOW TABLES": lambda r: _show_tables(r, views_only=False),
    "SHOW VIEWS": lambda r: _show_tables(r, views_only=True),
    "SHOW PARTITIONS": lambda r: ShowPartitions(_name(r)),
    "SHOW COLUMNS": _show_columns,
    "SHOW CREATE TABLE": lambda r: ShowCreate(_name(r), view=False),
    "SHOW CREATE VIEW": lambda r: ShowCreate(_name(r), view=True),
    "SHOW TBLPROPERTIES": _show_properties,
    "DESCRIBE": _describe,
    "DESC": _describe,
    "PREPARE": _prepare,
    "EXECUTE": _execute,
    "DEALLOCATE PREPARE": lambda r: Deallocate(r.identifier()),
}
