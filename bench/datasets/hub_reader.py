"""Datasets of the Hugging Face hub, and folders in its format, read with its own library ``datasets``
(the extra ``hub``): ``hub:OWNER/NAME``, ``hub:OWNER/NAME:CONFIG``, ``hub:OWNER/NAME:CONFIG:SPLIT``."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from readbench.core.errors import BenchError, MissingDependency
from readbench.core.types import Dataset
from readbench.datasets.collect import Collector
from readbench.datasets.lines import shown
from readbench.datasets.options import ReadOptions
from readbench.datasets.parts import part_of
from readbench.datasets.values import plain_value

PREFIX = "hub:"

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)
_COLON = re.compile(r":(?![^\[]*\])")  # not the one of a slice: `train[:10%]`
_ROWS_AT_ONCE = 1000

# Where the hub keeps its own Parquet copy of a dataset.
_CONVERTED = "refs/convert/parquet"


class HubReader:
    """Reads ``hub:NAME`` and ``hub:FOLDER``; splits with the name of a part are that part."""

    annotates = False

    def matches(self, path: Path) -> bool:
        return str(path).startswith(PREFIX)

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Raises MissingDependency without the library; BenchError for a name that is none, for what
        the hub does not have or give, and what Collector raises."""
        # With its HTTP client this costs more than all other readers, and few need it.
        from readbench.datasets.hub_network import check_hub, is_offline

        source = _spelled(str(path))
        if importlib.util.find_spec("datasets") is None:
            raise MissingDependency(
                "needs the library datasets", where=str(path), todo="pip install 'readbench[hub]'"
            )
        if not source.is_folder and not is_offline():
            check_hub(source.place)
        collector = Collector(path, options)
        for split, rows in _loaded(source, str(path)).items():
            part = part_of(split.partition("[")[0])  # `test[:10%]` is of the test part
            for number, row in enumerate(_rows(rows), 1):
                collector.add(row, f"{split}, row {number}", part)
        return replace(collector.dataset(), name=Path(source.place).name)


@dataclass(frozen=True, slots=True)
class _Source:
    """A dataset of the hub, or a folder by its absolute path, and what of it."""

    place: str
    config: str | None
    split: str | None
    is_folder: bool


def _spelled(reference: str) -> _Source:
    text = reference.removeprefix(PREFIX)
    pieces = _COLON.split(text)
    # A folder may have colons in its name: the longest beginning that is one counts.
    for end in range(len(pieces), 0, -1):
        place = Path(":".join(pieces[:end])).expanduser()
        if pieces[0] and len(pieces) - end <= 2 and os.path.isdir(place):  # noqa: PTH112 - see reader.py
            return _Source(str(place.resolve()), *_config_and_split(pieces[end:]), is_folder=True)
    if len(pieces) > 3 or not _NAME.fullmatch(pieces[0]) or "/" in "".join(pieces[1:]):
        raise BenchError(
            f"neither a folder nor a name that the hub could have: {shown(text)}",
            where=PREFIX.rstrip(":"),
            todo="write hub:OWNER/NAME, hub:OWNER/NAME:CONFIG, hub:OWNER/NAME:CONFIG:SPLIT or hub:FOLDER",
        )
    return _Source(pieces[0], *_config_and_split(pieces[1:]), is_folder=False)


def _config_and_split(pieces: list[str]) -> tuple[str | None, str | None]:
    config, split = (*pieces, "", "")[:2]
    return config or None, split or None


def _loaded(source: _Source, where: str) -> Mapping[str, Any]:
    """Splits by their name, of the library's own type."""
    # Versions before 4 ask whether to run the code of a dataset; none is ever run from here.
    os.environ.setdefault("HF_DATASETS_TRUST_REMOTE_CODE", "0")
    try:
        library = importlib.import_module("datasets")
    except Exception as error:  # it brings a dozen libraries, and any of them may be broken
        raise MissingDependency(
            f"the library datasets cannot be imported: {_line(error)}",
            where=where,
            todo="pip install --upgrade 'readbench[hub]'",
        ) from None
    library.disable_progress_bars()
    try:
        loaded = _load(library, source)
    except Exception as error:  # the library raises what its many formats and transports raise
        raise BenchError(
            f"the library datasets cannot load it: {_line(error)}",
            where=where,
            todo="name the config and split if it has several (hub:OWNER/NAME:CONFIG:SPLIT), or download "
            "its files and give the folder",
        ) from None
    return {source.split: loaded} if source.split else dict(loaded)


def _load(library: Any, source: _Source) -> Any:
    try:
        return library.load_dataset(source.place, source.config, split=source.split)
    except (RuntimeError, ValueError) as error:
        if source.is_folder or not re.search("script|trust_remote_code", str(error)):
            raise
        # Older datasets are code, which is not run; of many the hub has a copy that is data.
        return library.load_dataset(source.place, source.config, split=source.split, revision=_CONVERTED)


def _rows(split: Any) -> Iterator[dict[str, object]]:
    """Rows as JSON Lines would give them. Classes become their names; images, audio and the like are
    not decoded, as no field is made of them."""
    classes = {
        name: list(feature.names)
        for name, feature in split.features.items()
        if type(feature).__name__ == "ClassLabel"
    }
    for table in split.with_format("arrow").iter(batch_size=_ROWS_AT_ONCE):
        for row in table.to_pylist():
            yield {
                name: _class(value, classes[name]) if name in classes else plain_value(value)
                for name, value in row.items()
            }


def _class(value: object, names: list[str]) -> str | None:
    """The name of a class by its number; -1 is the hub's mark for a hidden label."""
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else None


def _line(error: BaseException) -> str:
    """The first line of a message, cut short."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]
