"""Rows to a dataset: what every reader does with a row once it has taken it out of its file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from readbench.core.errors import BenchError
from readbench.core.types import LEFT_OUT, Dataset, Decision, Document, Keyphrases, Label, Part, Target, Task
from readbench.datasets.columns import TEXT_FIELDS, Columns, field_texts, require, resolve
from readbench.datasets.given_away import gold_fields
from readbench.datasets.label_values import cleaned
from readbench.datasets.labels import join_labels, read_labels
from readbench.datasets.lines import check_text, shown, stem
from readbench.datasets.options import ReadOptions, Role
from readbench.datasets.phrase_columns import phrases_of
from readbench.datasets.reading_language import Beside, with_language
from readbench.datasets.texts import has_line_breaks
from readbench.datasets.token_lists import unfolded
from readbench.datasets.values import field_text, keyphrase_value, scalar
from readbench.text.languages import first_language

NO_KEYPHRASES = "no keyphrases"
"""The remark on documents without gold phrases."""


def why_left_out(left_out: Mapping[str, int]) -> str:
    """In a message, why no document remains."""
    return ", ".join(f"{LEFT_OUT}: {reason} ({number})" for reason, number in left_out.items())


class Collector:
    """Takes rows one by one, and makes the dataset of them in the end.

    ``hidden`` names columns, in lower case, that become neither field nor target. ``joint`` stands
    between path and place in messages: ``/`` where the path is a folder and the place a file in it.
    ``decided`` is what the reader decided about the file before, ``beside`` the language that a file beside
    the data names.
    """

    def __init__(
        self,
        path: Path,
        options: ReadOptions,
        hidden: Collection[str] = (),
        *,
        joint: str = ", ",
        decided: Sequence[Decision] = (),
        beside: Beside | None = None,
    ) -> None:
        self._path = path
        self._options = options
        self._hidden = hidden
        self._joint = joint
        self._decisions = list(decided)
        self._beside = beside
        self._documents: list[Document] = []
        self._cells: dict[str, str | tuple[str, ...]] = {}
        self._labels: dict[str, str] = {}
        self._wrapped = 0
        self._gold: dict[str, str] = {}
        self._parts: dict[str, Part] = {}
        self._left_out: Counter[str] = Counter()
        self._remarks: Counter[str] = Counter()
        self._places: dict[str, str] = {}
        self._columns: dict[tuple[str, ...], Columns] = {}
        self._has_ids: bool | None = None

    def check_columns(self, names: Collection[str]) -> None:
        """Raises BenchError where these columns cannot make documents."""
        columns = resolve(names, self._options.columns, str(self._path), self._hidden)
        require(names, self._options.columns, str(self._path), columns.fields)

    def add(self, row: Mapping[str, object], place: str, part: Part | None = None) -> None:
        """Takes a row, by column name; ``place`` says where in the file it is, ``part`` to which part
        of an official split it belongs.

        Raises BenchError for an id that is absent or taken, for values of a wrong kind and for
        characters that no text has. Rows without text or with too much are counted and left out.
        """
        where = f"{self._path}{self._joint}{place}"
        row = unfolded(row, where)
        columns = self._columns_of(tuple(row), where)
        roles = columns.roles
        id_ = self._id(row, roles.get("id"), place, where)
        fields = self._fields(row, columns, where)
        values = {role: row[column] for role, column in roles.items()}
        cell = keyphrase_value(values.get("keyphrases"), where)
        label = scalar(values.get("label"), "label", where)
        language = first_language(scalar(values.get("language"), "language", where))
        phrases = (cell,) if isinstance(cell, str) else cell
        for text in (*fields.values(), *phrases, label, language):
            check_text(text, where)
        limit = self._options.max_characters
        if not any(name in fields for name in TEXT_FIELDS):
            self._left_out["no text"] += 1
        elif sum(map(len, fields.values())) > limit:
            self._left_out[f"longer than {limit} characters"] += 1
        else:
            self._documents.append(Document(id_, fields, language))
            self._cells[id_] = cell
            self._labels[id_] = label
            if part is not None:
                self._parts[id_] = part

    def dataset(self) -> Dataset:
        """The dataset of the rows taken. Raises BenchError where no document is among them, and where the
        keyphrases of a column cannot be parted."""
        if not self._places:
            raise BenchError("has no rows", where=str(self._path), todo="give one row a document")
        names = dict.fromkeys(name for names in self._columns for name in names)
        fields = {field for columns in self._columns.values() for field in columns.fields}
        require(names, self._options.columns, str(self._path), fields)
        if not self._documents:
            raise BenchError(f"no document is left; {why_left_out(self._left_out)}", where=str(self._path))
        self._decide_columns()
        if not self._has_ids:
            self._decisions.append(
                Decision("ids", "rows are numbered from 1: no column is called id or uuid")
            )
        documents, language = with_language(self._documents, self._options, self._beside)
        self._decisions.append(language)
        targets: dict[Task, Mapping[str, Target]] = {}
        phrases: Mapping[str, Keyphrases] = {}
        if column := self._played("keyphrases"):
            phrases, decided = phrases_of(
                self._cells, self._options.keyphrase_separator, f"`{column}`", str(self._path)
            )
            targets["keyphrases"] = phrases
            self._decisions += decided
            self._count(NO_KEYPHRASES, sum(not found for found in phrases.values()))
        known: Mapping[str, Label] = {}
        if self._options.labels is not None or self._played("label"):
            targets["classification"] = known = self._known_labels()
            self._count("no label", len(documents) - len(known))
        return Dataset(
            name=stem(self._path),
            documents=self._without_gold(documents, phrases, known),
            targets=targets,
            remarks=dict(self._remarks),
            source=str(self._path),
            parts=self._parts,
            left_out=dict(self._left_out),
            decisions=tuple(self._decisions),
            hidden=self._gold,
            columns=tuple(name for name in names if name.strip()),
        )

    def _fields(self, row: Mapping[str, object], columns: Columns, where: str) -> dict[str, str]:
        """The texts of a row by field; those that have a line break are counted, and so are abstracts that
        are none."""
        found = field_texts(row, columns, where)
        texts = {name: field_text(row[column]) for name, column in columns.fields.items()}
        self._wrapped += any(has_line_breaks(text) for name, text in texts.items() if name != "authors")
        if "abstract" not in found and texts.get("abstract", "").strip():
            self._remarks["abstracts that say only that there is none"] += 1
        return found

    def _decide_columns(self) -> None:
        """What the columns are to the dataset, and what was done to their texts."""
        roles = {role: name for columns in self._columns.values() for role, name in columns.roles.items()}
        exports = {columns.export.name for columns in self._columns.values() if columns.export}
        named = [f"{role} `{name}`" for role, name in roles.items() if name.strip().lower() != role]
        if named or exports:
            origin = [f"an export of {' and '.join(sorted(exports))}"] if exports else []
            self._decisions.append(Decision("columns", ", ".join(origin + named)))
        hidden = dict.fromkeys(name for columns in self._columns.values() for name in columns.hidden)
        if hidden:
            listed = ", ".join(f"`{name}`" for name in hidden)
            self._decisions.append(Decision("hidden", f"{listed}, gold by name, and no field"))
            self._gold |= dict.fromkeys((name.strip().lower() for name in hidden), "by its name")
        if self._wrapped:
            chosen = "joined, blank lines stay,"
            self._decisions.append(
                Decision("line breaks", chosen, self._wrapped, len(self._places), "documents")
            )

    def _without_gold(
        self, documents: tuple[Document, ...], phrases: Mapping[str, Keyphrases], labels: Mapping[str, Label]
    ) -> tuple[Document, ...]:
        """The documents without the fields that are gold by what they hold."""
        gold = gold_fields(documents, phrases, labels)
        if not gold:
            return documents
        self._decisions += gold.values()
        self._gold |= {name: f"it holds {d.seen:,} of {d.of:,} {d.unit}" for name, d in gold.items()}
        return tuple(
            replace(
                document, fields={name: text for name, text in document.fields.items() if name not in gold}
            )
            for document in documents
        )

    def _columns_of(self, names: tuple[str, ...], where: str) -> Columns:
        # Once for each set of names: in CSV there is one, in JSON Lines there are few.
        columns = self._columns.get(names)
        if columns is None:
            columns = self._columns[names] = resolve(names, self._options.columns, where, self._hidden)
        return columns

    def _id(self, row: Mapping[str, object], column: str | None, place: str, where: str) -> str:
        has_id = column is not None
        if self._has_ids is None:
            self._has_ids = has_id
        if has_id != self._has_ids:
            # Row numbers beside ids of the file's own could meet, and nobody could tell them apart.
            first = next(iter(self._places.values()))
            what = f"has an id, {first} has none" if has_id else f"has no id, {first} has one"
            raise BenchError(what, where=where, todo="give every row an id, or none")
        if column is None:
            id_ = str(len(self._places) + 1)
        else:
            id_ = scalar(row[column], "id", where)
            check_text(id_, where)
        if not id_:
            raise BenchError("the id is empty", where=where, todo="give every row an id, or none")
        if id_ in self._places:
            raise BenchError(
                f"the id {shown(id_)} is in {self._places[id_]} and again in {place}",
                where=str(self._path),
                todo="give every document an id of its own",
            )
        self._places[id_] = place
        return id_

    def _known_labels(self) -> Mapping[str, Label]:
        if self._options.labels is None:
            labels = cleaned(self._labels, f"column `{self._played('label')}`")
            self._decisions.append(labels.decision)
            return {id_: label for id_, label in labels.known.items() if label}
        given = cleaned(read_labels(self._options.labels, self._options), f"of {self._options.labels}")
        self._decisions.append(given.decision)
        known, unmatched = join_labels(given.known, self._labels, self._options.labels, self._path)
        self._count("labels without a document", unmatched)
        return known

    def _played(self, role: Role) -> str:
        """The column that plays a role; "" where none does."""
        return next((columns.roles[role] for columns in self._columns.values() if role in columns.roles), "")

    def _count(self, what: str, number: int) -> None:
        if number:
            self._remarks[what] += number
