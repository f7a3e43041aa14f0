"""The boards that the documentation speaks of: each can be opened, and pages quote them as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from docs_scripts import loaded

from readbench.cli import main
from readbench.results.score_files import SCORES
from readbench.results.tables import PREDICTIONS

boards = loaded("ci/reference_boards")
EVERY = sorted((boards.ROOT / "docs").rglob("*.md"))
PAGES = [page for page in EVERY if "<!-- board:" in page.read_text(encoding="utf-8")]


def test_there_are_boards_and_pages_that_quote_them() -> None:
    assert len(boards.names()) >= 2
    assert PAGES


@pytest.mark.parametrize("name", boards.names())
def test_a_board_opens_and_every_method_has_its_scores(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["leaderboard", str(boards.REFERENCE / name), "--format", "md"])
    assert not ended.value.code
    out = capsys.readouterr().out
    for table in boards.opened(name).board.tables:
        for row in table.rows:
            assert row.method.partition("[")[0] in out
            for record in row.records:
                assert (
                    row.status != "ok" or (boards.REFERENCE / name / "cells" / record.key / SCORES).is_file()
                )


@pytest.mark.parametrize("name", boards.names())
def test_no_text_of_a_document_and_no_path_of_a_machine_is_kept(name: str) -> None:
    assert not list((boards.REFERENCE / name).rglob(PREDICTIONS))
    held = {path.name for path in (boards.REFERENCE / name).iterdir()} - {"note.txt"}
    assert held == {"cells", "runs", "command.txt"}
    for path in (boards.REFERENCE / name).rglob("*.json"):
        assert not re.search(r'"/(?:home|root|tmp|work)/', path.read_text(encoding="utf-8"))


def test_the_index_is_what_the_folders_say() -> None:
    assert boards.INDEX.read_text(encoding="utf-8") == boards.index()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_quotes_the_boards_as_they_are(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert boards.QUOTED.search(text)
    assert boards.quoted(text) == text
