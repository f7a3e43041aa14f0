"""Papers with an official split: a folder with train.jsonl, validation.jsonl, test.jsonl."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from readbench.core.errors import BenchError
from readbench.core.types import Dataset, Part, Token
from readbench.datasets.annotation import read_annotation, with_annotation
from readbench.datasets.collect import Collector
from readbench.datasets.jsonl_reader import json_objects
from readbench.datasets.lines import extension, stem
from readbench.datasets.options import ReadOptions
from readbench.datasets.parts import PARTS, part_of
from readbench.datasets.reader import JSON_LINES_EXTENSIONS

_ANNOTATION = "corenlp_"


class PartFolderReader:
    """Reads a folder of JSON Lines, also gzipped, of which at least one is named after a part.

    Other files of the folder are left alone; ``corenlp_PART.jsonl`` is the annotation of a part, read
    where the options ask for it.
    """

    annotates = True

    def matches(self, path: Path) -> bool:
        return any(part_of(stem(file)) for file in json_lines_files(path))

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Raises BenchError for two files of one part, for annotation that is asked for and not there,
        and what Collector, ``json_objects`` and ``read_annotation`` raise."""
        files = part_files(path)
        collector = Collector(path, options, joint="/")
        for part, file in files.items():
            for place, value in json_objects(file, options.encoding):
                collector.add(value, f"{file.name}, {place}", part)
        dataset = replace(collector.dataset(), name=path.resolve().name)
        if options.annotation == "corenlp":
            dataset = with_annotation(dataset, _annotation(path, files, options))
        return dataset


def _annotation(path: Path, files: dict[Part, Path], options: ReadOptions) -> dict[str, tuple[Token, ...]]:
    wanted = {f"{_ANNOTATION}{stem(file)}" for file in files.values()}
    annotation: dict[str, tuple[Token, ...]] = {}
    found = [file for file in json_lines_files(path) if stem(file) in wanted]
    if not found:
        raise BenchError(
            "comes without corenlp annotation",
            where=str(path),
            todo=f"put {' or '.join(sorted(f'{name}.jsonl' for name in wanted))} into it, "
            "or remove `annotation` from the suite's [dataset]",
        )
    for file in found:
        annotation |= read_annotation(file, options.encoding)
    return annotation


def part_files(path: Path) -> dict[Part, Path]:
    """The file of each part, train first."""
    found: dict[Part, Path] = {}
    for file in json_lines_files(path):
        part = part_of(stem(file))
        if part is None:
            continue
        if part in found:
            raise BenchError(
                f"{found[part].name} and {file.name} could both be the {part} part",
                where=str(path),
                todo="keep one of them in the folder",
            )
        found[part] = file
    return {part: found[part] for part in PARTS if part in found}


def json_lines_files(path: Path) -> list[Path]:
    """The JSON Lines files of a folder, by name; none where there is no folder, or none to be seen."""
    try:
        with os.scandir(path) as entries:
            names = sorted(entry.name for entry in entries if entry.is_file())
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return []
    return [path / name for name in names if extension(Path(name)) in JSON_LINES_EXTENSIONS]
