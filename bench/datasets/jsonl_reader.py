"""Papers from JSON Lines: one object a line, one object a document."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from readbench.core.errors import BenchError
from readbench.core.types import Dataset
from readbench.datasets.collect import Collector
from readbench.datasets.lines import check_encoding, check_text, shown, text_lines
from readbench.datasets.options import ReadOptions
from readbench.datasets.reader import JSON_LINES_EXTENSIONS, is_of_kind
from readbench.datasets.values import Number


class JsonLinesReader:
    """Reads JSON Lines, also gzipped."""

    annotates = False

    def matches(self, path: Path) -> bool:
        return is_of_kind(path, JSON_LINES_EXTENSIONS, _looks_like_json)

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Raises BenchError; which ones, Collector, ``text_lines`` and ``json_objects`` say."""
        return read_json_lines(path, options)


def read_json_lines(path: Path, options: ReadOptions, hidden: Collection[str] = ()) -> Dataset:
    """The dataset of a file of JSON objects; ``hidden`` keys become neither field nor target.

    Raises BenchError as ``json_objects`` and Collector do.
    """
    collector = Collector(path, options, hidden, decided=[check_encoding(path, options.encoding)])
    for place, value in json_objects(path, options.encoding):
        collector.add(value, place)
    return collector.dataset()


def json_objects(path: Path, encoding: str) -> Iterator[tuple[str, dict[str, object]]]:
    """The objects of a file, one a line, each with its place: ``line 3``.

    Raises BenchError for a line that is no JSON, or no object. Blank lines are passed over.
    """
    for number, line in enumerate(text_lines(path, encoding), 1):
        if line.strip():
            place = f"line {number}"
            yield place, _object(line, f"{path}, {place}")


def _looks_like_json(beginning: bytes) -> bool:
    return beginning.startswith((b"{", b"["))  # an array is refused with better words than here


def json_value(text: str) -> object:
    """A JSON value whose numbers are ``Number`` and whose NaN is None. Raises as ``json.loads`` does, and
    ValueError for an object that has a key twice."""
    return json.loads(
        text,
        object_pairs_hook=_with_keys_once,
        parse_int=Number,
        parse_float=Number,
        parse_constant=lambda name: None,  # noqa: ARG005
    )


def _with_keys_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        raise KeyTwice(counts.most_common(1)[0][0])
    return found


class KeyTwice(ValueError):
    """An object has a key twice, and nobody knows which value is meant."""


def _object(line: str, where: str) -> dict[str, object]:
    try:
        value = json_value(line)
    except json.JSONDecodeError as error:
        check_text(line, where)  # a NUL says more than the syntax error that it makes
        raise BenchError(
            f"broken JSON at column {error.colno}: {error.msg}", where=where, todo="write one object a line"
        ) from None
    except KeyTwice as error:
        raise BenchError(
            f"the key {shown(str(error))} is there twice", where=where, todo="keep one"
        ) from None
    except RecursionError:
        raise BenchError("broken JSON: nested too deeply", where=where, todo="write a flat object") from None
    if not isinstance(value, dict):
        raise BenchError(
            "is no JSON object",
            where=where,
            todo="write one object a line (of an array: jq -c '.[]' FILE)",
        )
    return value
