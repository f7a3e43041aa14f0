"""The verb that asks the results folder in SQL: ``bench query``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from readbench.cli.app import Output, app, console, emit, say
from readbench.core.errors import BenchError
from readbench.results.places import RESULTS


class RowFormat(StrEnum):
    """How the rows of an answer are printed."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


@app.command()
def query(
    sql: Annotated[
        str | None, typer.Argument(metavar="[SELECT]", help="One SELECT statement, in quotes.")
    ] = None,
    schema: Annotated[bool, typer.Option("--schema", help="List the views and their columns.")] = False,
    format: Annotated[RowFormat, typer.Option(help="How to print the rows.")] = RowFormat.table,
    output: Annotated[Path | None, typer.Option(help="With parquet: the file to write.")] = None,
    output_path: Output = RESULTS,
) -> None:
    """Query the results in SQL. Views: runs, records, metrics, costs, scores, predictions, documents.

    Needs DuckDB: pip install 'readbench[query]'.
    """
    if schema:
        _show_schema(output_path)
        return
    if sql is None or not sql.strip():
        todo = "bench query \"SELECT method, value FROM metrics WHERE metric = 'f1@10'\", or --schema"
        raise BenchError("there is no question", todo=todo)
    if (format is RowFormat.parquet) != (output is not None):
        raise BenchError("parquet and --output go together", todo="--format parquet --output FILE")
    from readbench.report.query.output import as_csv, as_json, as_table, write_parquet
    from readbench.report.query.run import ask

    answer = ask(sql, output_path)
    if output is not None:
        rows = write_parquet(answer, output)
        say(f"{output}: {rows:,} row{'' if rows == 1 else 's'}")
    elif format is RowFormat.table:
        console().print(as_table(answer))
    else:
        for line in (as_csv if format is RowFormat.csv else as_json)(answer):
            emit(line)


def _show_schema(output_path: Path) -> None:
    from readbench.report.query.run import schema

    for name, summary, columns in schema(output_path):
        say(f"{name}: {summary}")
        for column, kind in columns:
            say(f"    {column}  {kind}")
