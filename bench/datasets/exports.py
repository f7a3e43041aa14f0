"""How bibliographic databases name the columns of the tables that they export."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from readbench.datasets.options import Role


@dataclass(frozen=True, slots=True)
class Export:
    """One kind of export: known where ``needs`` and at least ``least`` of ``some`` are among the columns (in
    lower case). ``roles`` says what its columns are, ``hidden`` which are gold of another kind."""

    name: str
    needs: frozenset[str]
    some: frozenset[str]
    least: int
    roles: Mapping[Role, str]
    hidden: frozenset[str] = frozenset()
    quoted: bool = True


EXPORTS = (
    Export(
        "Web of Science",
        frozenset({"ti"}),
        frozenset({"pt", "au", "so", "la", "de", "id", "ab", "py", "ut", "dt"}),
        3,
        {
            "id": "ut",
            "title": "ti",
            "abstract": "ab",
            "authors": "au",
            "keyphrases": "de",
            "language": "la",
        },
        # Keywords Plus, and categories that indexers gave.
        frozenset({"id", "wc", "sc"}),
        quoted=False,
    ),
    Export(
        "Scopus",
        frozenset({"title"}),
        frozenset({"author keywords", "index keywords", "eid", "source title", "document type"}),
        2,
        {
            "id": "eid",
            "keyphrases": "author keywords",
            "language": "language of original document",
        },
        frozenset({"index keywords"}),
    ),
    Export(
        "Zotero",
        frozenset({"title", "item type"}),
        frozenset({"key", "abstract note", "manual tags", "automatic tags", "publication title"}),
        2,
        {"id": "key", "abstract": "abstract note", "keyphrases": "manual tags"},
        frozenset({"automatic tags"}),
    ),
    Export(
        "IEEE Xplore",
        frozenset({"document title"}),
        frozenset(
            {"author keywords", "ieee terms", "mesh_terms", "publication title", "document identifier"}
        ),
        2,
        {"title": "document title", "keyphrases": "author keywords"},
        frozenset({"ieee terms", "mesh_terms", "inspec controlled terms", "inspec non-controlled terms"}),
    ),
    Export(
        "PubMed",
        frozenset({"pmid", "title"}),
        frozenset({"abstract", "citation", "first author", "journal/book", "nihms id", "doi"}),
        2,
        {"id": "pmid"},
    ),
)

NO_ABSTRACT = frozenset(
    {"[no abstract available]", "[no abstract available.]", "no abstract available", "no abstract available."}
)
"""What databases write in the place of an abstract, in lower case."""


def export_of(keys: Collection[str]) -> Export | None:
    """The kind of export that has these columns, in lower case; None for a table of one's own."""
    there = set(keys)
    for export in EXPORTS:
        if export.needs <= there and len(export.some & there) >= export.least:
            return export
    return None
