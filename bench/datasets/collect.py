"""Rows to a dataset: what every reader does with a row once it has taken it out of its file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

from readbench.core.errors import BenchError
from readbench.core.types import LEFT_OUT, Dataset, Document, Keyphrases, Label, Part, Target, Task
from readbench.datasets.columns import TEXT_FIELDS, Columns, require, resolve
from readbench.datasets.labels import join_labels, read_labels
from readbench.datasets.lines import check_text, shown, stem
from readbench.datasets.options import ReadOptions
from readbench.datasets.token_lists import unfolded
from readbench.datasets.values import field_text, keyphrases, scalar

NO_KEYPHRASES = "no keyphrases"
"""The remark on documents without gold phrases."""


def why_left_out(left_out: Mapping[str, int]) -> str:
    """In a message, why no document remains."""
    return ", ".join(f"{LEFT_OUT}: {reason} ({number})" for reason, number in left_out.items())


class Collector:
    """Takes rows one by one, and makes the dataset of them in the end.

    ``hidden`` names columns, in lower case, that become neither field nor target. ``joint`` stands
    between path and place in messages: ``/`` where the path is a folder and the place a file in it.
    """

    def __init__(
        self, path: Path, options: ReadOptions, hidden: Collection[str] = (), *, joint: str = ", "
    ) -> None:
        self._path = path
        self._options = options
        self._hidden = hidden
        self._joint = joint
        self._documents: list[Document] = []
        self._keyphrases: dict[str, Keyphrases] = {}
        self._labels: dict[str, Label] = {}
        self._parts: dict[str, Part] = {}
        self._left_out: Counter[str] = Counter()
        self._remarks: Counter[str] = Counter()
        self._places: dict[str, str] = {}
        self._columns: dict[tuple[str, ...], Columns] = {}
        self._has_ids: bool | None = None

    def check_columns(self, names: Collection[str]) -> None:
        """Raises BenchError where these columns cannot make documents."""
        resolve(names, self._options.columns, str(self._path), self._hidden)
        require(names, self._options.columns, str(self._path))

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
        fields = {
            name: text for name, column in columns.fields.items() if (text := field_text(row[column])).strip()
        }
        values = {role: row[column] for role, column in roles.items()}
        phrases = keyphrases(values.get("keyphrases"), self._options.keyphrase_separator, where)
        label = scalar(values.get("label"), "label", where)
        language = scalar(values.get("language"), "language", where)
        for text in (*fields.values(), *phrases, label, language):
            check_text(text, where)
        limit = self._options.max_characters
        if not any(name in fields for name in TEXT_FIELDS):
            self._left_out["no text"] += 1
        elif sum(map(len, fields.values())) > limit:
            self._left_out[f"longer than {limit} characters"] += 1
        else:
            self._documents.append(Document(id_, fields, language or self._options.language))
            self._keyphrases[id_] = phrases
            self._labels[id_] = label
            if part is not None:
                self._parts[id_] = part

    def dataset(self) -> Dataset:
        """The dataset of the rows taken. Raises BenchError where no document is among them."""
        if not self._places:
            raise BenchError("has no rows", where=str(self._path), todo="give one row a document")
        names = dict.fromkeys(name for names in self._columns for name in names)
        require(names, self._options.columns, str(self._path))
        if not self._documents:
            raise BenchError(f"no document is left; {why_left_out(self._left_out)}", where=str(self._path))
        targets: dict[Task, Mapping[str, Target]] = {}
        if self._played("keyphrases"):
            targets["keyphrases"] = self._keyphrases
            self._count(NO_KEYPHRASES, sum(not phrases for phrases in self._keyphrases.values()))
        if self._options.labels is not None or self._played("label"):
            targets["classification"] = known = self._known_labels()
            self._count("no label", len(self._documents) - len(known))
        return Dataset(
            name=stem(self._path),
            documents=tuple(self._documents),
            targets=targets,
            remarks=dict(self._remarks),
            source=str(self._path),
            parts=self._parts,
            left_out=dict(self._left_out),
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
            return {id_: label for id_, label in self._labels.items() if label}
        given = read_labels(self._options.labels, self._options)
        known, unmatched = join_labels(given, self._labels, self._options.labels, self._path)
        self._count("labels without a document", unmatched)
        return known

    def _played(self, role: str) -> bool:
        return any(role in columns.roles for columns in self._columns.values())

    def _count(self, what: str, number: int) -> None:
        if number:
            self._remarks[what] += number
