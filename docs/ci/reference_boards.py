"""The boards that the documentation speaks of: their index, and the tables that pages quote from them.

``python docs/ci/reference_boards.py`` writes ``results/reference/README.md`` and renews each table between
``<!-- board: NAME -->`` and ``<!-- end of board -->`` in ``docs/*.md``. A folder of ``results/reference`` is
what ``bench baseline --board-only`` keeps of a run, ``command.txt``, which says how it was made, and where
there is something to know of it, ``note.txt``.
"""

from __future__ import annotations

import re
from pathlib import Path

from readbench.compare.paired import Side, open_side
from readbench.core.escape import for_markdown, markdown_code, markdown_table
from readbench.core.units import show_seconds
from readbench.report.markup import shown_table
from readbench.report.words import closing_sentence, documents_of_parts, load_notes, own_code_lines
from readbench.results.leaderboard import Table
from readbench.results.record import Record, weights_of

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "results" / "reference"
INDEX = REFERENCE / "README.md"
QUOTED = re.compile(r"(<!-- board: ([\w-]+) -->\n).*?(<!-- end of board -->)", re.DOTALL)
NAMED = (
    "ccpke",
    "spacy",
    "textacy",
    "yake",
    "keybert",
    "scikit-learn",
    "torch",
    "transformers",
    "numpy",
    "scipy",
)
"""The libraries whose versions the index names; a record has all."""

HEAD = """# Boards that the documentation speaks of

Each folder holds one run: its records with costs, versions and weights, and the scores per document of the
metrics on its board. No text of a document is in it. `bench leaderboard results/reference/NAME` shows the
whole board, with `--pairs` every two methods. `bench compare results/reference/NAME RUN` shows how a run of
yours differs. `python docs/ci/reference_boards.py` writes this page from the folders.
"""


def names() -> list[str]:
    return sorted(path.parent.name for path in REFERENCE.glob("*/runs"))


def opened(name: str) -> Side:
    return open_side(str(REFERENCE / name), REFERENCE)


def index() -> str:
    return "\n".join([HEAD, *(_section(name) for name in names())])


def quoted(page: str) -> str:
    """A page with the tables of the boards that it quotes as they are."""
    return QUOTED.sub(lambda found: f"{found[1]}{board(found[2])}\n{found[3]}", page)


def board(name: str) -> str:
    """Its tables in Markdown."""
    lines: list[str] = []
    for table in opened(name).board.tables:
        lines += [""] * bool(lines) + _table(table)
    return "\n".join(lines)


def _table(table: Table) -> list[str]:
    shown = shown_table(table)
    rows = [[ranks, markdown_code(method), *map(for_markdown, cells)] for ranks, method, *cells in shown.rows]
    return markdown_table(shown.head, rows, right=range(2, len(shown.head)))


def _section(name: str) -> str:
    side = opened(name)
    manifest = side.manifest
    records = [row.record for table in side.board.tables for row in table.rows if row.record is not None]
    machine = manifest.machine
    lines = [f"## {name}", ""]
    for table in side.board.tables:
        lines += [for_markdown(closing_sentence(table)), ""]
    facts = {
        "command": markdown_code((REFERENCE / name / "command.txt").read_text(encoding="utf-8").strip()),
        "suite": f"{manifest.suite}, version {manifest.suite_version}",
        "documents": "; ".join(f"{table.task}: {documents_of_parts(table)}" for table in side.board.tables),
        "dataset": f"{manifest.dataset}, fingerprint {manifest.fingerprint[:12]}",
        "measured": f"{manifest.started_at[:10]}, {show_seconds(manifest.wall_s)} in all",
        "machine": f"{machine['cores']} cores of {machine['cpu']}, {machine['memory_gib']} GiB, "
        f"{machine['system']} {machine['architecture']}, Python {machine['python']}",
        "load": _load(records),
        "versions": ", ".join(f"{library} {version}" for library, version in _versions(records).items()),
        "weights": "; ".join(_weights(records)) or "none",
    }
    if (note := REFERENCE / name / "note.txt").is_file():
        facts["to know"] = for_markdown(note.read_text(encoding="utf-8").strip())
    lines += markdown_table(["what", "is"], [[what, fact] for what, fact in facts.items()])
    for table in side.board.tables:
        lines += ["", *_table(table), ""]
        lines += [f"* {for_markdown(line)}" for line in (*own_code_lines(table), *load_notes(table))]
    return "\n".join(lines).rstrip() + "\n"


def _load(records: list[Record]) -> str:
    uses = [record.processor for record in records if record.processor is not None]
    busy = max((use.others or 0.0 for use in uses), default=0.0)
    stolen = max((use.stolen or 0.0 for use in uses), default=0.0)
    return f"other work took at most {busy:.2f} of the processors beside a cell, the host {stolen:.2f}"


def _versions(records: list[Record]) -> dict[str, str]:
    known = {library: version for record in records for library, version in record.versions.items()}
    return {library: known[library] for library in NAMED if library in known}


def _weights(records: list[Record]) -> list[str]:
    named = {
        f"{weights.get('name', '?')}, SHA-256 {weights.get('sha256', '?')[:12]}"
        for record in records
        for weights in weights_of(record)
    }
    return sorted(named)


def main() -> None:
    INDEX.write_text(index(), encoding="utf-8")
    for page in sorted((ROOT / "docs").rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        if (renewed := quoted(text)) != text:
            page.write_text(renewed, encoding="utf-8")


if __name__ == "__main__":
    main()
