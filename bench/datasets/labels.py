"""Labels from a second file, joined to documents by id."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from readbench.core.errors import BenchError
from readbench.core.types import Label
from readbench.datasets.columns import listed, resolve
from readbench.datasets.lines import check_text, shown
from readbench.datasets.options import ReadOptions
from readbench.datasets.reader import url_refusal
from readbench.datasets.table import open_table


def read_labels(path: Path, options: ReadOptions) -> dict[str, Label]:
    """Labels by id, of a CSV with the two columns; an empty label stays empty.

    The column names of ``options`` count where the file has them: it need not share the dataset's.
    Raises BenchError for absent columns, for an empty id and for one that is there twice.
    """
    if url := url_refusal(str(path)):
        raise url
    table = open_table(path, options.encoding)
    there = {name.strip().lower() for name in table.header}
    mapped = {role: name for role, name in options.columns.items() if name.lower() in there}
    roles = resolve(table.header, mapped, str(path)).roles
    if "id" not in roles or "label" not in roles:
        raise BenchError(
            f"no id and label columns; columns found: {listed(table.header)}",
            where=str(path),
            todo="name the columns id and label, or name them in the suite's [dataset.columns]",
        )
    id_at, label_at = table.header.index(roles["id"]), table.header.index(roles["label"])
    labels: dict[str, Label] = {}
    places: dict[str, str] = {}
    for row in table.rows:
        where = f"{path}, {row.place}"
        id_, label = row.cells[id_at].strip(), row.cells[label_at].strip()
        check_text(id_, where)
        check_text(label, where)
        if not id_:
            raise BenchError("the id is empty", where=where, todo="give every label an id")
        if id_ in places:
            raise BenchError(
                f"the id {shown(id_)} is in {places[id_]} and again in {row.place}",
                where=str(path),
                todo="give every document one label",
            )
        places[id_] = row.place
        labels[id_] = label
    return labels


def join_labels(
    labels: Mapping[str, Label], ids: Collection[str], path: Path, dataset: Path
) -> tuple[dict[str, Label], int]:
    """The labels of the documents that have one, and how many labels have no document.

    Raises BenchError where no label has a document: the two files do not belong together.
    """
    unmatched = sum(id_ not in ids for id_ in labels)
    if unmatched == len(labels):
        example = f", such as {shown(next(iter(labels)))}," if labels else ""
        raise BenchError(
            f"none of its {len(labels)} ids{example} is in {dataset}",
            where=str(path),
            todo="give the labels of this dataset",
        )
    return {id_: labels[id_] for id_ in ids if labels.get(id_)}, unmatched
