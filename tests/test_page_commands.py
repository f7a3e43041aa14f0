"""Every command block of README and docs runs as it stands, page by page, in the order of the page."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from page_blocks import KINDS, REPOSITORY, Folder, blocks, check_data, check_pip, environment, pages

if not (REPOSITORY / "mkdocs.yml").is_file():
    pytest.skip("the documentation is not part of this copy", allow_module_level=True)

PAGES = [str(page.relative_to(REPOSITORY)) for page in pages()]
SLOW = [name for name in PAGES if any(block.is_slow for block in blocks(REPOSITORY / name))]


@pytest.fixture(scope="module")
def small_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with three runs of a small suite `quick`."""
    return _runs(tmp_path_factory.mktemp("small"), small=True)


@pytest.fixture(scope="module")
def real_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of the suite that is shipped."""
    return _runs(tmp_path_factory.mktemp("real"), small=False)


def _runs(folder: Path, *, small: bool) -> Path:
    (folder / "none").mkdir()
    place = Folder(folder / "place", folder / "none", small=small)
    for _ in range(3):
        subprocess.run(
            ["bench", "run", "quick", "-q"],
            cwd=place.path,
            env=environment(place.path),
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return place.path / "results"


def run_page(name: str, folder: Folder, *, slow: bool) -> None:
    for block in blocks(REPOSITORY / name):
        if block.mark == "file":
            (folder.path / block.about).write_text(block.text, encoding="utf-8")
        elif block.kind in ("sh", "sql") and (slow or not block.is_slow):
            done = folder.run(block)
            said = f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
            assert done.returncode == 0, f"{name}, line {block.line}: status {done.returncode}\n{said}"


def test_every_block_says_what_it_is() -> None:
    every = [REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")]
    for page in every:
        for block in blocks(page):
            where = f"{page.relative_to(REPOSITORY)}, line {block.line}"
            assert block.kind in KINDS, where
            assert block.mark in ("", "file", "slow"), where
            check_data(block)


def test_the_pages_that_people_copy_from_are_run() -> None:
    assert {"README.md", "docs/ci.md", "docs/query.md", "docs/reference/python.md"} <= {*PAGES}
    tutorials = {
        str(page.relative_to(REPOSITORY)) for page in (REPOSITORY / "docs" / "tutorials").glob("*.md")
    }
    assert len(tutorials) == 5
    assert tutorials <= {*PAGES}


def test_what_pip_is_asked_for_is_looked_up() -> None:
    assert not check_pip(["install", "readbench[query]"])
    assert not check_pip(["install", "dist/readbench-0.1.0-py3-none-any.whl[keyphrases,classification]"])
    assert check_pip(["install", "readbench[querry]"]) == "no extra querry"
    assert check_pip(["install", "no-such-package"]) == "no-such-package is in no extra"


@pytest.mark.parametrize("name", PAGES)
def test_the_commands_of_a_page_run(name: str, small_runs: Path, tmp_path: Path) -> None:
    """All blocks but the slow ones, with small suites in the place of those that are shipped."""
    run_page(name, Folder(tmp_path / "work", small_runs, small=True), slow=False)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", SLOW)
def test_all_commands_of_a_page_run(name: str, real_runs: Path, tmp_path: Path) -> None:
    run_page(name, Folder(tmp_path / "work", real_runs, small=False), slow=True)


def test_a_command_that_fails_ends_its_block(small_runs: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```sh\nbench leaderboard no-such-run\nbench ls suites\n```\n")
    (block,) = blocks(page)
    done = Folder(tmp_path / "work", small_runs, small=True).run(block)
    assert done.returncode == 2
    assert "no-such-run" in done.stderr
    assert not done.stdout
