"""Documents, targets and predictions as Parquet files: what crosses the border of a cell's process."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from readbench.core.files import regular
from readbench.core.types import Document, Target, Task, Token, plain_target, target_from_plain

if TYPE_CHECKING:
    import pyarrow as pa

PREDICTIONS = "predictions.parquet"
ROWS_PER_GROUP = 8192


def write_documents(documents: Sequence[Document], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    token = pa.struct(
        [
            ("word", pa.string()),
            ("lemma", pa.string()),
            ("pos", pa.string()),
            ("offset", pa.int32()),
            ("space", pa.bool_()),
            ("sentence", pa.int32()),
        ]
    )
    schema = pa.schema(
        [
            ("id", pa.string()),
            ("language", pa.string()),
            ("names", pa.list_(pa.string())),
            ("texts", pa.list_(pa.large_string())),
            ("annotation", pa.list_(token)),
        ]
    )
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for start in range(0, len(documents), ROWS_PER_GROUP):
            rows = documents[start : start + ROWS_PER_GROUP]
            writer.write_table(
                pa.table(
                    {
                        "id": [d.id for d in rows],
                        "language": [d.language for d in rows],
                        "names": [list(d.fields) for d in rows],
                        "texts": [list(d.fields.values()) for d in rows],
                        "annotation": [
                            None
                            if d.annotation is None
                            else [{s: getattr(t, s) for s in Token.__slots__} for t in d.annotation]
                            for d in rows
                        ],
                    },
                    schema=schema,
                )
            )


def read_documents(path: Path) -> list[Document]:
    import pyarrow.parquet as pq

    table = pq.read_table(regular(path))
    columns = [table.column(name).to_pylist() for name in ("id", "language", "names", "texts", "annotation")]
    return [
        Document(
            id_,
            dict(zip(names, texts, strict=True)),
            language,
            None if tokens is None else tuple(Token(**token) for token in tokens),
        )
        for id_, language, names, texts, tokens in zip(*columns, strict=True)
    ]


def write_targets(targets: Mapping[Task, Mapping[str, Target]], path: Path) -> None:
    """Targets as one JSON text a row: their shape is the task's own business."""
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [
        (task, id_, json.dumps(plain_target(target)))
        for task, known in targets.items()
        for id_, target in known.items()
    ]
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    names = ("task", "id", "target")
    arrays = [pa.array(column, pa.string()) for column in columns]
    pq.write_table(pa.table(dict(zip(names, arrays, strict=True))), path, compression="zstd")


def read_targets(path: Path) -> dict[Task, dict[str, Target]]:
    import json

    import pyarrow.parquet as pq

    targets: dict[Task, dict[str, Target]] = {}
    table = pq.read_table(regular(path))
    for task, id_, text in zip(*(table.column(name).to_pylist() for name in table.column_names), strict=True):
        targets.setdefault(task, {})[id_] = target_from_plain(json.loads(text))
    return targets


class PredictionWriter:
    """Writes predictions in constant memory, in the order in which they come."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer: Any = None
        self._waiting: dict[str, list[Any]] = {}

    def add(self, columns: Mapping[str, list[Any]]) -> None:
        for name, values in columns.items():
            self._waiting.setdefault(name, []).extend(values)
        if len(self._waiting["id"]) >= ROWS_PER_GROUP:
            self._flush()

    def close(self) -> None:
        self._flush()
        if self._writer is not None:
            self._writer.close()

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._waiting.get("id"):
            return
        table = pa.table(self._waiting)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, _without_nulls(table.schema), compression="zstd")
        self._writer.write_table(table.cast(self._writer.schema))
        self._waiting = {name: [] for name in self._waiting}


def write_columns(columns: Mapping[str, list[Any]], path: Path) -> None:
    """Writes predictions that are all there, in place of what stands under that name."""
    path.unlink(missing_ok=True)
    writer = PredictionWriter(path)
    for start in range(0, len(columns["id"]), ROWS_PER_GROUP):
        writer.add({name: values[start : start + ROWS_PER_GROUP] for name, values in columns.items()})
    writer.close()


def _without_nulls(schema: pa.Schema) -> pa.Schema:
    """A first chunk of empty lists has no item type yet; text for phrases, numbers for scores."""
    import pyarrow as pa

    fields = []
    for field in schema:
        kind = field.type
        if pa.types.is_list(kind) and pa.types.is_null(kind.value_type):
            kind = pa.list_(pa.float64() if "score" in field.name else pa.string())
        elif pa.types.is_null(kind):
            kind = pa.string()
        fields.append(pa.field(field.name, kind))
    return pa.schema(fields)


def read_columns(path: Path) -> dict[str, list[Any]]:
    import pyarrow.parquet as pq

    return dict(pq.read_table(regular(path)).to_pydict())


def predictions_digest(columns: Mapping[str, list[Any]]) -> str:
    """SHA-256 over the predictions in the order of their ids: equal digests are equal predictions."""
    names = sorted(columns)
    order = sorted(range(len(columns["id"])), key=lambda i: columns["id"][i])
    digest = hashlib.sha256()
    for i in order:
        digest.update(repr([columns[name][i] for name in names]).encode())
    return digest.hexdigest()
