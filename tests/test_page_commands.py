"""Every command block of README, CONTRIBUTING and docs runs as it stands: page by page, from the top."""

from __future__ import annotations

from pathlib import Path

import pytest
from page_blocks import COMMANDS, KINDS, REPOSITORY, Block, Folder, blocks, check_data, check_pip, pages

if not (REPOSITORY / "mkdocs.yml").is_file():
    pytest.skip("the documentation is not part of this copy", allow_module_level=True)

PAGES = pages()
NOT_RUN = {
    "docs/api-models.md": 1,
    "docs/cluster.md": 2,
}
"""How many blocks of a page are marked as not run. A new one has to be entered here too."""


WITH_COMMANDS = [name for name, of_page in PAGES.items() if any(block.is_command for block in of_page)]
SLOW = [name for name in WITH_COMMANDS if any(block.mark == "slow" for block in PAGES[name])]
FAST = [name for name in WITH_COMMANDS if name not in SLOW]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with three runs of a small suite `quick`."""
    return _runs(Folder(tmp_path_factory.mktemp("runs")), 3)


@pytest.fixture(scope="module")
def tiny_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with one run of one method."""
    return _runs(Folder(tmp_path_factory.mktemp("tiny"), tiny=True), 1)


def _runs(folder: Folder, count: int) -> Path:
    done = folder.bash(f"for number in {' '.join(map(str, range(count)))}; do bench run quick -q; done")
    assert done.returncode == 0, done.stderr
    return folder.path / "results"


def run_page(name: str, of_page: list[Block], folder: Folder) -> None:
    for block in of_page:
        if block.mark == "file":
            (folder.path / block.about).write_text(block.text, encoding="utf-8")
        elif block.is_command:
            done = folder.run(block)
            said = f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
            assert done.returncode == 0, f"{name}, line {block.line}: status {done.returncode}\n{said}"


@pytest.mark.parametrize("name", PAGES)
def test_every_block_says_what_it_is(name: str) -> None:
    for block in PAGES[name]:
        where = f"{name}, line {block.line}"
        assert block.kind in KINDS, where
        assert block.mark in ("", "file", "slow", "not run"), where
        assert block.mark != "not run" or len(block.about.split()) > 3, f"{where}: why is it not run?"
        check_data(block)
    not_run = [block for block in PAGES[name] if block.mark == "not run"]
    assert len(not_run) == NOT_RUN.get(name, 0)


def test_no_page_with_commands_is_left_out() -> None:
    run = {*FAST, *SLOW}
    shown = {name for name, of_page in PAGES.items() for block in of_page if "\nbench " in f"\n{block.text}"}
    assert shown <= run | NOT_RUN.keys()
    tutorials = {f"docs/tutorials/{page.name}" for page in (REPOSITORY / "docs" / "tutorials").glob("*.md")}
    assert len(tutorials) == 5
    assert {"README.md", "CONTRIBUTING.md", "docs/ci.md", "docs/query.md", *tutorials} <= run


def test_what_pip_is_asked_for_is_looked_up() -> None:
    assert not check_pip(["install", "readbench[query]"])
    assert not check_pip(["install", "dist/readbench-0.1.0-py3-none-any.whl[keyphrases,classification]"])
    assert check_pip(["install", "readbench[querry]"]) == "no extra querry"
    assert check_pip(["install", "no-such-package"]) == "no-such-package is in no extra"


@pytest.mark.parametrize("name", FAST)
def test_the_commands_of_a_page_run(name: str, tiny_runs: Path, tmp_path: Path) -> None:
    run_page(name, PAGES[name], Folder(tmp_path, tiny_runs, tiny=True))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", SLOW)
def test_the_commands_of_a_long_page_run(name: str, runs: Path, tmp_path: Path) -> None:
    run_page(name, PAGES[name], Folder(tmp_path, runs))


def test_a_command_that_fails_ends_its_block(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```sh\nbench leaderboard no-such-run\nbench ls suites\n```\n")
    (block,) = blocks(page)
    assert block.kind in COMMANDS
    done = Folder(tmp_path).bash(block.text)
    assert done.returncode == 2
    assert "no-such-run" in done.stderr
    assert not done.stdout


def test_a_page_with_a_wrong_command_fails(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```sh\nbench ls suites\n```\n\n```sh\nbench ls suitess\n```\n")
    with pytest.raises(AssertionError, match=r"page.md, line 5: status 2"):
        run_page("page.md", blocks(page), Folder(tmp_path))
