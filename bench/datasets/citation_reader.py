"""Exports of reference managers and databases: RIS, BibTeX, PubMed's nbib, Web of Science's plain text.

Each is parsed by its library (the extra ``exports``): rispy, bibtexparser, nbib.
"""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from readbench.core.errors import BenchError
from readbench.core.types import Decision
from readbench.datasets.lines import check_encoding, text_lines
from readbench.datasets.options import ReadOptions
from readbench.datasets.row_reader import Opened, RowReader, needed

Row = dict[str, object]

MAX_CHARACTERS = 2**28
"""These files are parsed as a whole. 100,000 references take less."""

_BIBTEX_START = re.compile(r"(?m)^(?=[ \t]*@[A-Za-z]+[ \t]*[{(])")
MOST_UNCLOSED = 100
_BIBTEX_PIECE = 20_000
"""Characters. Each call of the library costs a millisecond, whatever it is given."""

_BRACES = re.compile(r"[{}]")


def _ris(text: str) -> list[Row]:
    import rispy

    return [
        {
            "id": _first(entry, "accession_number", "id", "doi"),
            "title": _first(entry, "title", "primary_title", "translated_title"),
            "abstract": _first(entry, "abstract", "notes_abstract"),
            "authors": _names(entry.get("authors") or entry.get("first_authors")),
            "keyphrases": _listed(entry.get("keywords")),
            "language": _first(entry, "language"),
            "journal": _first(entry, "journal_name", "secondary_title", "alternate_title3"),
        }
        for entry in rispy.loads(text)
    ]


def _web_of_science(text: str) -> list[Row]:
    import rispy

    entries = rispy.loads(text, implementation=rispy.WokParser)
    names = rispy.WokParser.DEFAULT_MAPPING
    return [
        {
            "id": _joined(entry.get(names["UT"])),
            "title": _joined(entry.get(names["TI"])),
            "abstract": _joined(entry.get(names["AB"])),
            "authors": _names(entry.get(names["AU"])),
            "keyphrases": _joined(entry.get(names["DE"])),
            "language": _joined(entry.get(names["LA"])),
            "journal": _joined(entry.get(names["SO"])),
        }
        for entry in entries
    ]


def _nbib(text: str) -> list[Row]:
    import nbib

    return [
        {
            "id": str(entry.get("pubmed_id") or ""),
            "title": entry.get("title") or entry.get("transliterated_title") or "",
            "abstract": entry.get("abstract") or "",
            "authors": _names([author.get("author") for author in entry.get("authors", [])]),
            "keyphrases": [str(word).lstrip("*") for word in entry.get("keywords", [])],
            "language": entry.get("language") or "",
            "journal": entry.get("journal") or "",
        }
        for entry in nbib.read(text.replace("\r\n", "\n").replace("\ufeff", ""))
    ]


def _bibtex(text: str) -> list[Row]:
    from bibtexparser.bparser import BibTexParser
    from bibtexparser.customization import convert_to_unicode

    logging.getLogger("bibtexparser").setLevel(logging.ERROR)
    parser = BibTexParser(
        common_strings=True, ignore_nonstandard_types=False, customization=convert_to_unicode
    )
    parser.expect_multiple_parse = True
    for piece in _bibtex_pieces(text):
        parser.parse(piece)
    return [
        {
            "id": entry.get("ID", ""),
            "title": _unbraced(entry.get("title")),
            "abstract": _unbraced(entry.get("abstract")),
            "authors": _unbraced(entry.get("author")),
            "keyphrases": _unbraced(
                entry.get("keywords") or entry.get("keyword") or entry.get("author_keywords")
            ),
            "language": entry.get("language") or entry.get("langid") or "",
            "journal": _unbraced(entry.get("journal") or entry.get("booktitle")),
        }
        for entry in parser.bib_database.entries
    ]


def _bibtex_pieces(text: str) -> Iterator[str]:
    """The text in pieces of whole entries. One with a brace that is never closed is a piece by itself: the
    library takes time in the square of what follows it, and would read nothing of that.

    Raises ValueError where there are more than ``MOST_UNCLOSED``.
    """
    joined: list[str] = []
    length = unclosed = 0
    for entry in _BIBTEX_START.split(text):
        closed = entry.count("{") == entry.count("}")
        if joined and (not closed or length > _BIBTEX_PIECE):
            yield "".join(joined)
            joined, length = [], 0
        if closed:
            joined.append(entry)
            length += len(entry)
        else:
            unclosed += 1
            if unclosed > MOST_UNCLOSED:
                raise ValueError(f"the braces of more than {MOST_UNCLOSED} entries do not match")
            yield entry
    yield "".join(joined)


def _opener(
    kind: str, library: str, begins: str, parse: Callable[[str], list[Row]]
) -> Callable[[Path, ReadOptions], Opened]:
    start = re.compile(begins, re.I | re.M)

    def open_citations(path: Path, options: ReadOptions) -> Opened:
        """Raises MissingDependency without the library; BenchError for what it cannot parse."""
        decision = check_encoding(path, options.encoding)
        text, length = io.StringIO(), 0
        for line in text_lines(path, options.encoding):
            length += text.write(line.rstrip("\r\n") + "\n")
            if length > MAX_CHARACTERS:
                raise BenchError(
                    f"has more than {MAX_CHARACTERS} characters", where=str(path), todo="give it in pieces"
                )
        try:
            rows = parse(text.getvalue())
        except ImportError:
            raise needed(library, path) from None
        except Exception as error:  # each library raises what its own parser raises
            why = (str(error).splitlines() or [type(error).__name__])[0][:200]
            raise BenchError(
                f"the library {library} cannot read it as {kind}: {why}",
                where=str(path),
                todo="export it again, or as CSV",
            ) from None
        begun = max(len(rows), len(start.findall(text.getvalue())))
        lost = begun - len(rows)
        doubt = f"{lost:,} that begin in the file could not be read" if lost else ""
        file = Decision("file", f"{kind}, by {library},", len(rows), begun, "references", doubt)
        rows, ids = _with_ids(rows)
        return Opened(_placed(rows), (decision, file, ids))

    return open_citations


def _with_ids(rows: list[Row]) -> tuple[list[Row], Decision]:
    """The rows with their ids, or without any where some lack one or two are the same: they are numbered
    then. Columns that no row fills are left out."""
    ids = [str(row["id"]).strip() for row in rows]
    distinct = len({id_ for id_ in ids if id_})
    filled = {name for row in rows for name, value in row.items() if value}
    if distinct < len(rows):
        filled.discard("id")
        chosen = "rows are numbered: not every reference has an id of its own"
    else:
        chosen = "the file's own"
    kept = [{name: value for name, value in row.items() if name in filled} for row in rows]
    return kept, Decision("ids", chosen, distinct, len(rows), "references")


def _placed(rows: list[Row]) -> Iterator[tuple[str, Mapping[str, object]]]:
    return ((f"reference {number}", row) for number, row in enumerate(rows, 1))


def _first(entry: Mapping[str, Any], *names: str) -> str:
    return next((text for name in names if (text := _joined(entry.get(name)))), "")


def _joined(value: object) -> str:
    if isinstance(value, list):
        return " ".join(str(part) for part in value)
    return "" if value is None else str(value)


def _names(value: object) -> str:
    return "; ".join(str(name) for name in value if name) if isinstance(value, list) else _joined(value)


def _listed(value: object) -> object:
    """Keywords a line each; one line alone is a text that is still to be split."""
    if isinstance(value, list) and len(value) == 1:
        return str(value[0])
    return [str(word) for word in value] if isinstance(value, list) else value


def _unbraced(value: object) -> str:
    return _BRACES.sub("", _joined(value))


def _begins(pattern: bytes) -> Callable[[bytes], bool]:
    return lambda beginning: re.match(pattern, beginning) is not None


RIS = RowReader({".ris"}, _begins(rb"TY  - "), _opener("RIS", "rispy", r"^TY  - ", _ris))
BIBTEX = RowReader(
    {".bib", ".bibtex"},
    _begins(rb"@[A-Za-z]+\s*\{"),
    _opener("BibTeX", "bibtexparser", r"^[ \t]*@(?!comment|string|preamble)[a-z]+[ \t]*[{(]", _bibtex),
)
NBIB = RowReader({".nbib"}, _begins(rb"PMID- "), _opener("PubMed's nbib", "nbib", r"^PMID- ", _nbib))
WEB_OF_SCIENCE = RowReader(
    {".ciw"},
    _begins(rb"(FN .*\r?\n)?(VR .*\r?\n)?PT [A-Z]"),
    _opener("Web of Science's plain text", "rispy", r"^PT [A-Z]", _web_of_science),
)
