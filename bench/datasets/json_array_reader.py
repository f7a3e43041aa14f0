"""Papers from one JSON value: an array of objects, an object that holds one, or objects by id."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from readbench.core.errors import BenchError
from readbench.datasets.jsonl_reader import KeyTwice, json_objects, json_value
from readbench.datasets.lines import check_encoding, shown, text_lines
from readbench.datasets.options import ReadOptions
from readbench.datasets.row_reader import Opened, RowReader

MAX_CHARACTERS = 2**29
"""A value is read as a whole, and its objects take several times its size."""

_TODO = 'write [{"id": "…", "title": "…"}, …], or one object a line in a file named .jsonl'


def open_json(path: Path, options: ReadOptions) -> Opened:
    """The objects of a JSON file; one that has an object a line is read as JSON Lines.

    Raises BenchError for a file that is no JSON, that holds no objects, or is longer than
    ``MAX_CHARACTERS``.
    """
    decision = check_encoding(path, options.encoding)
    pieces, length = [], 0
    for line in text_lines(path, options.encoding):
        pieces.append(line)
        length += len(line)
        if length > MAX_CHARACTERS:
            raise BenchError(
                f"has more than {MAX_CHARACTERS} characters",
                where=str(path),
                todo="write one object a line, as JSON Lines",
            )
    text = "".join(pieces)
    try:
        value = json_value(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and text.lstrip().startswith("{"):
            return Opened(json_objects(path, options.encoding), (decision,))
        raise BenchError(
            f"broken JSON at column {error.colno}: {error.msg}",
            where=f"{path}, line {error.lineno}",
            todo=_TODO,
        ) from None
    except KeyTwice as error:
        twice = f"the key {shown(str(error))} is there twice"
        raise BenchError(twice, where=str(path), todo="keep one") from None
    except RecursionError:
        raise BenchError("broken JSON: nested too deeply", where=str(path), todo=_TODO) from None
    return Opened(_rows(value, path), (decision,))


def _rows(value: object, path: Path) -> Iterator[tuple[str, Mapping[str, object]]]:
    for place, row in _placed(value, path):
        if not isinstance(row, dict):
            raise BenchError("is no JSON object", where=f"{path}, {place}", todo=_TODO)
        yield place, row


def _placed(value: object, path: Path) -> list[tuple[str, object]]:
    if isinstance(value, list):
        return [(f"object {number}", row) for number, row in enumerate(value, 1)]
    if isinstance(value, dict):
        arrays = [
            key
            for key, inner in value.items()
            if isinstance(inner, list) and inner and isinstance(inner[0], dict)
        ]
        others = [inner for inner in value.values() if isinstance(inner, str)]
        if len(arrays) == 1 and not any(key.lower() in ("title", "abstract", "text") for key in value):
            return _placed(value[arrays[0]], path)
        if value and not others and all(isinstance(inner, dict) for inner in value.values()):
            named = any(key.lower() in ("id", "uuid") for inner in value.values() for key in inner)
            return [
                (f"object {number}", inner if named else {"id": id_, **inner})
                for number, (id_, inner) in enumerate(value.items(), 1)
            ]
        return [("object 1", value)]
    raise BenchError("is neither a JSON array nor an object", where=str(path), todo=_TODO)


JSON_ARRAY = RowReader({".json"}, lambda beginning: beginning.startswith(b"["), open_json)
