"""Questions and answers of the instruction format: JSON Lines with ``context`` (Instruction, Input, an open
Answer) and ``target``, as one file, or as a folder with train.jsonl and dev.jsonl."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from readbench.core.errors import BenchError
from readbench.core.types import Dataset, Decision, Document, Part, StatedFacts, Target, Task
from readbench.datasets.collect import why_left_out
from readbench.datasets.jsonl_reader import json_objects
from readbench.datasets.lines import check_text, head, shown, stem
from readbench.datasets.options import ReadOptions
from readbench.datasets.part_folder_reader import json_lines_files, part_files
from readbench.datasets.parts import part_of
from readbench.datasets.reader import JSON_LINES_EXTENSIONS, is_of_kind
from readbench.datasets.values import Number, scalar
from readbench.text.facts import read_answer

_INPUT = re.compile(r"\n[^\S\n]*Input:")
_FIRST_LINE_BYTES = 1 << 20
_KEYS = [re.compile(rb'(?<!\\)"%s"\s*:' % key) for key in (b"context", b"target")]
_HAN = re.compile("[\u3400-\u9fff]")
_ROW = 'write {"context": "Instruction: …\\nInput: …\\nAnswer: ", "target": "…"}'


class InstructionReader:
    """Reads the instruction format, also gzipped.

    A document has the fields ``instruction`` and ``input``. Every row has a target for the task extraction
    and, where that is a label, one for classification too; the slices are ``facts`` and ``labels``. Of a
    folder without a test file the development file is the test part.
    """

    annotates = False

    def matches(self, path: Path) -> bool:
        files = [file for file in json_lines_files(path) if part_of(stem(file))]
        return _is_instructions(files[0] if files else path)

    def read(self, path: Path, options: ReadOptions) -> Dataset:
        """Raises BenchError as ``json_objects`` does, for a row without context or target, for a target
        that is no answer of the format, and for options that it has no use for."""
        if options.columns or options.labels is not None:
            raise BenchError(
                "is of the instruction format, which has neither columns nor labels of another file",
                where=str(path),
                todo="remove columns and labels from the suite's [dataset]",
            )
        rows = Rows(path, options)
        if not json_lines_files(path):
            rows.add_file(path)
            return rows.dataset(stem(path))
        files: dict[Part, Path] = part_files(path)
        for part, file in files.items():
            judges = part == "validation" and "test" not in files
            rows.add_file(file, "test" if judges else part)
        return rows.dataset(path.resolve().name)


class Rows:
    """Takes files of rows, and makes the dataset of them in the end."""

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self._path, self._options = path, options
        self._fields: dict[str, dict[str, str]] = {}
        self._languages: dict[str, str] = {}
        self._targets: dict[str, StatedFacts] = {}
        self._parts: dict[str, Part] = {}
        self._places: dict[str, str] = {}
        self._left_out: Counter[str] = Counter()

    def add_file(self, file: Path, part: Part | None = None) -> None:
        """A document is known by ``id``, or by its file and line: ``dev-12``. Rows without text or with too
        much are counted and left out. Raises BenchError as ``InstructionReader.read`` says."""
        for place, row in json_objects(file, self._options.encoding):
            where = f"{file}, {place}"
            id_ = scalar(row.get("id"), "id", where) or f"{stem(file)}-{place.removeprefix('line ')}"
            language = scalar(row.get("language"), "language", where)
            fields, target = instruction_fields(row, where), _target(row, where)
            check_text(id_ + language, where)
            if id_ in self._places:
                raise BenchError(
                    f"the id {shown(id_)} is in {self._places[id_]} too",
                    where=where,
                    todo="give every row an id of its own, or none",
                )
            self._places[id_] = where
            limit = self._options.max_characters
            if not fields:
                self._left_out["no text"] += 1
            elif sum(map(len, fields.values())) > limit:
                self._left_out[f"longer than {limit} characters"] += 1
            else:
                self._fields[id_], self._targets[id_], self._languages[id_] = fields, target, language
                if part is not None:
                    self._parts[id_] = part

    def dataset(self, name: str) -> Dataset:
        """Raises BenchError where no document is left."""
        if not self._fields:
            reasons = why_left_out(self._left_out)
            what = f"no document is left; {reasons}" if reasons else "has no rows"
            raise BenchError(what, where=str(self._path), todo=_ROW)
        language, decision = self._language()
        labels = {id_: target.label for id_, target in self._targets.items() if target.label is not None}
        targets: dict[Task, Mapping[str, Target]] = {"extraction": self._targets}
        if labels:
            targets["classification"] = labels
        return Dataset(
            name=name,
            documents=tuple(
                Document(id_, fields, self._languages[id_] or language)
                for id_, fields in self._fields.items()
            ),
            targets=targets,
            left_out=dict(self._left_out),
            decisions=(decision,),
            source=str(self._path),
            parts=self._parts,
            slices={
                "facts": tuple(id_ for id_ in self._fields if id_ not in labels),
                "labels": tuple(labels),
            },
        )

    def _language(self) -> tuple[str, Decision]:
        """The language of rows that name none: what the options say, or Chinese where nobody says anything
        and most rows are in Chinese characters."""
        if "language" in self._options.model_fields_set:
            return self._options.language, self._decision(f"`{self._options.language}`, as said")
        chinese = sum(_is_chinese(" ".join(fields.values())) for fields in self._fields.values())
        language = "zh" if 2 * chinese > len(self._fields) else self._options.language
        seen = chinese if language == "zh" else len(self._fields) - chinese
        why = "Chinese characters" if language == "zh" else "no Chinese characters"
        return language, self._decision(f"`{language}`, {why}", seen, len(self._fields), "rows")

    def _decision(self, chosen: str, seen: int = 0, of: int = 0, unit: str = "") -> Decision:
        return Decision("language", chosen, seen, of, unit, option="--language")


def is_instruction(row: Mapping[str, object]) -> bool:
    """Whether a row has a context of this format, whatever else it has."""
    context = row.get("context")
    return isinstance(context, str) and _texts(context) is not None


def instruction_fields(row: Mapping[str, object], where: str) -> dict[str, str]:
    """The fields of a row, ``instruction`` and ``input``, those that are blank left out. Raises BenchError
    for another context than that of the format, such as one with an answer in it."""
    context = row.get("context")
    if not isinstance(context, str) or isinstance(context, Number):
        raise BenchError("the context is no text", where=where, todo=_ROW)
    check_text(context, where)
    texts = _texts(context)
    if texts is None:
        raise BenchError(
            "the context is not an Instruction, an Input and an Answer that is left open",
            where=where,
            todo=_ROW,
        )
    return {name: stripped for name, text in texts.items() if (stripped := text.strip())}


def _texts(context: str) -> dict[str, str] | None:
    """What a context says after ``Instruction:`` and after the first ``Input:`` that begins a line, up to the
    ``Answer:`` that ends it on a line of its own; None for a text of another form. In one pass: a single
    regular expression takes time in the square of a text that does not match."""
    begun = context.lstrip().removeprefix("Instruction:")
    body = begun.rstrip().removesuffix("Answer:")
    if len(begun) == len(context.lstrip()) or len(body) == len(begun.rstrip()):
        return None
    instruction, *rest = _INPUT.split(body, maxsplit=1)
    last = rest[-1] if rest else instruction
    if "\n" not in last[len(last.rstrip()) :]:
        return None
    return {"instruction": instruction, **({"input": rest[0]} if rest else {})}


def _target(row: Mapping[str, object], where: str) -> StatedFacts:
    text = row.get("target")
    if not isinstance(text, str) or isinstance(text, Number):
        raise BenchError("the target is no text", where=where, todo=_ROW)
    check_text(text, where)
    try:
        return read_answer(text)
    except BenchError as error:
        raise BenchError(
            f"the target cannot be read: {error.what}",
            where=where,
            todo='write a list of objects with subject, predicate and object, or ["LABEL"]',
        ) from None


def _is_instructions(path: Path) -> bool:
    if not is_of_kind(path, JSON_LINES_EXTENSIONS, lambda beginning: beginning.startswith(b"{")):
        return False
    # Bytes, not JSON: which encoding the file is in is not known yet.
    line = head(path, _FIRST_LINE_BYTES).lstrip().partition(b"\n")[0]
    return all(key.search(line) for key in _KEYS)


def _is_chinese(text: str) -> bool:
    letters = sum(map(str.isalpha, text))
    return 2 * len(_HAN.findall(text)) > letters
