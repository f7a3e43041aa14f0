"""The check that names every row of a submission that the competition would refuse
(`bench submit --validate`)."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from readbench.core.errors import BenchError
from readbench.core.files import regular
from readbench.datasets.lines import check_text, head
from readbench.datasets.stream import stream_documents

LABELS = ("0", "1")
UUID, KEYWORDS, LABEL = "uuid", "Keywords", "label"
ALLOWED = (UUID, KEYWORDS, LABEL)

_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
_MAX_CELL_CHARACTERS = 2**31 - 1


class Check:
    """Compares a submission with its input. ``without_keywords`` counts empty cells, which are allowed: a
    paper may have no keyphrase."""

    def __init__(self, submission: Path, source: Path, *, needs: Sequence[str] = ()) -> None:
        self._submission, self._source, self._needs = submission, source, needs
        self.without_keywords = 0
        self._stopped = ""

    def problems(self) -> Iterator[str]:
        """One line each, with its row: columns, encoding, a row of another length, a uuid that is missing,
        doubled or unknown, an empty one, a label that is not 0 or 1, a keyword of no characters.

        Cells count as they are, with the blanks around them. Raises BenchError where one of both files cannot
        be read, and where the input has no ids or has one twice.
        """
        source = stream_documents(self._source, needs_ids=True)
        wanted = {document.id: number for number, document in enumerate(source, 1)}
        try:
            packed = head(self._submission, 2) == b"\x1f\x8b" or self._submission.suffix.lower() == ".gz"
            if packed:
                yield "header: the file is packed; the competition reads plain CSV"
                return
            with regular(self._submission).open(
                encoding="utf-8-sig", errors="surrogateescape", newline=""
            ) as lines:
                yield from self._of_lines(lines, wanted)
        except OSError as error:
            why = f"cannot be read: {error.strerror or error}"
            raise BenchError(why, where=str(self._submission)) from error

    def _of_lines(self, lines: Iterator[str], wanted: Mapping[str, int]) -> Iterator[str]:
        records = self._records(lines)
        _, header = next(records, ("", []))
        if not isinstance(header, list):
            yield f"header: {header}"
            return
        refusals = list(self._header(header))
        yield from refusals
        if any("the columns are in the order" not in line for line in refusals):
            return
        seen: dict[str, str] = {}
        for place, cells in records:
            if not isinstance(cells, list):
                yield f"{place}: {cells}"
            elif len(cells) != len(header):
                yield f"{place}: {len(cells)} fields where the header has {len(header)}"
                if header[0] == UUID:
                    seen.setdefault(cells[0], place)  # it is there: it need not be named once more
            else:
                row = dict(zip(header, cells, strict=True))
                yield from (f"{place}: {line}" for line in self._row(row, place, seen, wanted))
        if self._stopped:
            yield f"{self._stopped}: reading stopped there, and no later row was checked"
            return
        for uuid, number in wanted.items():
            if uuid not in seen:
                yield f"missing: the uuid {uuid} of row {number} of the input"

    def _header(self, header: Sequence[str]) -> Iterator[str]:
        lacking = [name for name in (UUID, *self._needs) if name not in header]
        unknown = [name for name in header if name not in ALLOWED]
        if lacking or unknown or len(header) < 2 or len(set(header)) < len(header):
            line = f"header: the columns are {', '.join(header)}, not {', '.join(ALLOWED)}"
            apart = [mark for mark in ";\t" if len(header) == 1 and mark in header[0]]
            yield f"{line}; they are separated by {apart[0]!r}, not by a comma" if apart else line
            return
        order = [name for name in ALLOWED if name in header]
        if list(header) != order:
            yield f"header: the columns are in the order {', '.join(header)}, not {', '.join(order)}"

    def _row(
        self, row: Mapping[str, str], place: str, seen: dict[str, str], wanted: Mapping[str, int]
    ) -> Iterator[str]:
        for cell in row.values():
            if bad := _ESCAPED_BYTE.search(cell):
                yield f"byte 0x{ord(bad[0]) - 0xDC00:02X} is not utf-8"
                break
            try:
                check_text(cell, "")
            except BenchError as error:
                yield error.what
                break
        uuid = row[UUID]
        if not uuid.strip():
            yield "the uuid is empty"
        elif uuid in seen:
            yield f"the uuid {uuid} is in {seen[uuid]} already"
        elif uuid not in wanted:
            shown = uuid if uuid == uuid.strip() else repr(uuid)
            yield f"the uuid {shown} is not in the input"
        seen.setdefault(uuid, place)
        if LABEL in row and row[LABEL] not in LABELS:
            yield f"the label is {row[LABEL]!r}, not {' or '.join(LABELS)}"
        keywords = row.get(KEYWORDS)
        if keywords == "":
            self.without_keywords += 1
        elif keywords is not None and not all(phrase.strip() for phrase in keywords.split(";")):
            yield f"an empty keyword in {keywords!r}"

    def _records(self, lines: Iterator[str]) -> Iterator[tuple[str, list[str] | str]]:
        """The header and the rows with their places; of one that is no CSV, what is wrong with it."""
        csv.field_size_limit(max(csv.field_size_limit(), _MAX_CELL_CHARACTERS))
        reader = csv.reader(lines, strict=True)
        number = -1
        while True:
            line = reader.line_num + 1
            place = "header" if number < 0 else f"row {number + 1} (line {line})"
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                unclosed = str(error) == "unexpected end of data"
                if unclosed:
                    self._stopped = place
                yield place, f"broken CSV: {'a quote is never closed' if unclosed else error}"
                number += 1
                continue
            if cells:
                number += 1
                yield place, cells
