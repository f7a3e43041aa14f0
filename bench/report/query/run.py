"""Answers one SELECT over a results folder with DuckDB. Nothing is written, and nothing outside is read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from readbench.core.damage import counts_as_absent
from readbench.core.errors import BenchError, MissingDependency
from readbench.report.query.views import (
    JSON,
    PARQUET,
    create_statements,
    has_wildcards,
    needed,
    one_cell,
    read_views,
    tables_of,
    words_of,
)

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

MEMORY = "2GB"
"""What DuckDB may take. It writes nothing to disk, so that a larger question fails."""
ROWS_AT_ONCE = 1_000
TODO = "bench query --schema lists views and columns"


@dataclass
class Answer:
    """The columns and rows of an answer: either as rows or as one table, computed when it is asked for.

    Its properties and methods raise BenchError where DuckDB refuses the statement, or cannot carry it out.
    """

    connection: duckdb.DuckDBPyConnection
    sql: str

    @cached_property
    def columns(self) -> list[str]:
        return [column[0] for column in self._cursor.description or []]

    @cached_property
    def _cursor(self) -> duckdb.DuckDBPyConnection:
        cursor: duckdb.DuckDBPyConnection = _carried_out(lambda: self.connection.execute(self.sql))
        return cursor

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """The rows, once."""
        while rows := _carried_out(lambda: self._cursor.fetchmany(ROWS_AT_ONCE)):
            yield from rows

    def table(self) -> pa.Table:
        table: pa.Table = _carried_out(lambda: self.connection.sql(self.sql).to_arrow_table())
        return table


def ask(sql: str, root: Path) -> Answer:
    """The answer to one SELECT statement.

    Raises BenchError for a folder that is none, for anything but one SELECT statement and for what DuckDB
    refuses; MissingDependency without DuckDB.
    """
    connection = _connected(root)
    _check_statement(sql, connection)
    _make_views(connection, _tables(connection, sql), root, one_cell(sql, root.resolve()))
    _lock(connection, root)
    return Answer(connection, sql)


def schema(root: Path) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Each view with what one of its rows is, and its columns with their types."""
    views = read_views()
    shown = [name for name in views if not name.startswith("raw_")]
    connection = _connected(root)
    _make_views(connection, set(shown), root)
    columns = {
        name: [
            (str(column), str(kind))
            for column, kind, *_ in connection.execute(f'DESCRIBE "{name}"').fetchall()
        ]
        for name in shown
    }
    return [(name, views[name].summary, columns[name]) for name in shown]


def _connected(root: Path) -> duckdb.DuckDBPyConnection:
    if not any((root / name).is_dir() for name in ("cells", "runs")):
        raise BenchError("there is no run yet", where=str(root), todo="start with: bench run quick")
    try:
        import duckdb
    except ImportError:
        todo = "pip install 'readbench[query]'"
        raise MissingDependency("bench query needs DuckDB, which is not installed", todo=todo) from None
    connection = duckdb.connect()
    connection.execute(f"SET memory_limit = '{MEMORY}'; SET temp_directory = ''")
    return connection


def _lock(connection: duckdb.DuckDBPyConnection, root: Path) -> None:
    """From here on no file outside of the results folder can be read, and no setting changed."""
    folder = str(root.resolve()).replace("'", "''")
    connection.execute(f"SET allowed_directories = ['{folder}/']")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _check_statement(sql: str, connection: duckdb.DuckDBPyConnection) -> None:
    """Raises BenchError for anything but one SELECT: inside the results folder others could write."""
    import duckdb

    statements = _carried_out(lambda: connection.extract_statements(sql))
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        what = "no statement" if not statements else f"{len(statements)} statements"
        if len(statements) == 1:
            what = f"a statement of the kind {statements[0].type.name}"
        what = f"this is {what}; one SELECT statement can be asked"
        raise BenchError(what, where="the query", todo=TODO)


def _tables(connection: duckdb.DuckDBPyConnection, sql: str) -> set[str]:
    """The tables that a statement reads. ``phrases`` is a view and also a column: where DuckDB can say which
    words are tables, a column of that name opens no file."""
    (text,) = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchone() or ("{}",)
    tree = json.loads(text)
    tables = None if tree.get("error", True) else tables_of(tree)
    return words_of(sql) if tables is None else tables


def _make_views(
    connection: duckdb.DuckDBPyConnection, words: set[str], root: Path, cell: Sequence[str] = ()
) -> None:
    views = read_views()
    folder = root.resolve()
    for name in needed(words | ({"predictions"} if cell and has_wildcards(folder) else set()), views):
        for statement in create_statements(views[name], folder, _sources(name, folder)):
            _carried_out(lambda made=statement: connection.execute(made))
    for statement in cell:
        connection.execute(statement)


def _sources(view: str, folder: Path) -> list[Path]:
    """The files of a view: each Parquet file that is whole, and the patterns of JSON files that there are."""
    if view in PARQUET:
        return _whole(sorted(folder.glob(PARQUET[view])))
    return [folder / pattern for pattern in JSON.get(view, ()) if next(folder.glob(pattern), None)]


def _whole(paths: list[Path]) -> list[Path]:
    """The files whose schema can be read; the others are told and left out, since one of them would make the
    whole view fail."""
    import pyarrow.parquet as pq

    whole = []
    for path in paths:
        try:
            pq.read_schema(path)
        except (OSError, ValueError) as error:  # Arrow's own errors are of these kinds
            counts_as_absent(path, error)
        else:
            whole.append(path)
    return whole


def _carried_out(step: Any) -> Any:
    import duckdb

    try:
        return step()
    except duckdb.Error as error:
        lines = str(error).splitlines()
        what = lines[0] if lines else type(error).__name__
        raise BenchError(what, where="the query", todo=_todo(lines)) from None


def _todo(lines: list[str]) -> str:
    """What DuckDB proposes, else where the columns stand."""
    proposed = [line for line in lines[1:] if line.startswith(("Did you mean", "Candidate"))]
    return proposed[0] if proposed else TODO
