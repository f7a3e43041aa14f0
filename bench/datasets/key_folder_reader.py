"""Papers as files: ``docsutf8/NAME.txt`` with the text and ``keys/NAME.key`` with a keyphrase a line,
in a folder or a zip archive. Most public keyphrase sets travel like this (Hulth2003, SemEval2010)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from readbench.core.errors import BenchError
from readbench.core.types import Dataset, Part
from readbench.datasets.archive import Files, files_below, opened
from readbench.datasets.collect import Collector
from readbench.datasets.key_lines import without_counts
from readbench.datasets.lines import check_text, decoded
from readbench.datasets.options import ReadOptions
from readbench.datasets.parts import PARTS, part_of
from readbench.datasets.reading_language import Beside

_HOMES = {".txt": "docsutf8", ".key": "keys"}

# One folder around it all, one for a part, docsutf8 itself: TOP/train/docsutf8, or TOP/docsutf8/train.
_DEPTH = 3

# What the collections of LIAAD and others put beside their texts: one word, "english" or "PT".
_LANGUAGE_FILES = frozenset({"language.txt", "lan.txt", "lang.txt"})
_LONGEST_LANGUAGE = 30

# str.splitlines also splits at form feeds and at marks that texts from PDF have within a line.
_LINE_END = re.compile(r"\r\n|\r|\n")


class KeyFolderReader:
    """Reads docsutf8 and keys, which may lie in one folder more, and with one folder a part."""

    annotates = False

    def matches(self, path: Path) -> bool:
        try:
            if not path.is_dir():
                return path.suffix.lower() == ".zip" and path.is_file()
            return any(_located(name) for name in files_below(path, _DEPTH))
        except (OSError, ValueError):  # ValueError: a NUL in the path
            return False

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """The first line of a text that is not blank is the field ``title`` and what follows
        ``abstract``; a text of one line is an ``abstract`` alone. A text without keys is a document
        with no keyphrases; keys without a text are counted.

        Raises BenchError for two collections in one place, and what ``opened``, ``decoded`` and
        Collector raise.
        """
        with opened(path, _DEPTH) as files:
            return _read(files, path, options)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a file lies. A text and its keys differ in ``home`` alone."""

    top: str
    part: Part | None
    stem: str
    home: str


def _located(name: str) -> _Place | None:
    """The place of a text or of keys; None for any other file."""
    *folders, file = name.split("/")
    home = _HOMES.get(Path(file).suffix.lower(), "")
    if folders.count(home) != 1 or file.startswith(".") or "__MACOSX" in folders:
        return None
    folders.remove(home)
    parts = [part for folder in folders if (part := part_of(folder))]
    tops = [folder for folder in folders if not part_of(folder)]
    if len(parts) > 1 or len(tops) > 1:
        return None
    return _Place(tops[0] if tops else "", parts[0] if parts else None, Path(file).stem, home)


def _read(files: Files, path: Path, options: ReadOptions) -> Dataset:
    everything = sorted(files.names())
    names = {place: name for name in everything if (place := _located(name))}
    _check_collection(names, path)
    tells = [name for name in everything if Path(name).name.lower() in _LANGUAGE_FILES][:1]
    files.check([*names.values(), *tells])
    texts = sorted((p for p in names if p.home == _HOMES[".txt"]), key=_order)
    keys = {p for p in names if p.home == _HOMES[".key"]}
    if not texts:
        raise BenchError(
            "no docsutf8/*.txt in it, nor in one folder in it", where=str(path), todo="give docsutf8 and keys"
        )
    ids = _ids(texts)
    lines = {key: _LINE_END.split(_text(files, path, names[key], options)) for key in keys}
    lines, counted = without_counts(lines)
    beside = _language_beside(files, path, tells, options)
    collector = Collector(path, options, joint="/", decided=counted, beside=beside)
    for place in texts:
        row: dict[str, object] = {"id": ids[place], **_fields(_text(files, path, names[place], options))}
        if keys:
            row["keyphrases"] = lines.get(replace(place, home=_HOMES[".key"]), [])
        collector.add(row, names[place], place.part)
    dataset = collector.dataset()
    if unmatched := len(keys - {replace(place, home=_HOMES[".key"]) for place in texts}):
        remarks = {**dataset.remarks, "keyphrases without a document": unmatched}
        dataset = replace(dataset, remarks=remarks)
    return replace(dataset, name=path.stem if path.suffix.lower() == ".zip" else path.resolve().name)


def _language_beside(files: Files, path: Path, names: list[str], options: ReadOptions) -> Beside | None:
    """The language that a file of the archive names in its first line, where there is one."""
    for name in names:
        words = _text(files, path, name, options).split()
        if words and len(words[0]) < _LONGEST_LANGUAGE:
            return Beside(words[0].strip(".,;:"), name)
    return None


def _fields(text: str) -> Mapping[str, str]:
    first, *rest = _LINE_END.split(text.strip(), maxsplit=1)
    # Both fields in either case, so that the texts differ in what they say and not in their columns.
    return {"title": first.strip(), "abstract": rest[0].strip()} if rest else {"title": "", "abstract": first}


def _text(files: Files, path: Path, name: str, options: ReadOptions) -> str:
    where = f"{path}/{name}"
    text = decoded(files.read(name), options.encoding, where)
    check_text(text, where)
    return text


def _check_collection(places: Iterable[_Place], path: Path) -> None:
    tops = sorted({place.top for place in places})
    if len(tops) > 1:
        raise BenchError(
            f"several collections in it: {', '.join(top or '.' for top in tops)}",
            where=str(path),
            todo="give the folder of one of them",
        )


def _ids(places: Collection[_Place]) -> Mapping[_Place, str]:
    """File names without extension; with the part before them where parts count from 1 each."""
    if len({place.stem for place in places}) == len(places):
        return {place: place.stem for place in places}
    return {place: f"{place.part}/{place.stem}" if place.part else place.stem for place in places}


def _order(place: _Place) -> tuple[int, str]:
    return (PARTS.index(place.part) if place.part else len(PARTS), place.stem)
