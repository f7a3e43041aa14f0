"""Reading verbs answer at once: they import no model library, no data frame and no array."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from bench_process import Bench, write_suite

pytestmark = pytest.mark.alone

OF_READERS = frozenset(("bibtexparser", "nbib", "openpyxl", "py3langid", "pyparsing", "rispy"))
"""What reads one kind of file, or tells the language of texts that are not plainly English."""
HEAVY = OF_READERS | frozenset(
    ("nltk", "numpy", "pandas", "pke", "pyarrow", "scipy", "sklearn", "spacy", "torch", "transformers")
)
PROBE = """
import sys
from readbench.cli import main

try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
sys.stderr.write("\\n" + " ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def imported(bench: Bench, *arguments: object) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *map(str, arguments)],
        env=bench.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--help"], id="help"),
        pytest.param(["--version"], id="version"),
        pytest.param(["run", "--help"], id="run-help"),
        pytest.param(["ls", "methods"], id="ls-methods"),
        pytest.param(["ls", "suites"], id="ls-suites"),
    ],
)
def test_nothing_heavy_is_imported(bench: Bench, arguments: list[str]) -> None:
    assert imported(bench, *arguments) & HEAVY == set()


def test_a_table_in_english_needs_no_library_of_other_files(bench: Bench, tmp_path: Path) -> None:
    text = "We study the word{0} of the page{0} and the line{0} in the book{0} and show the tree{0}"
    rows = "".join(f"{number},{text.format(number)},{number % 2}\n" for number in range(40))
    (tmp_path / "papers.csv").write_text(f"id,abstract,label\n{rows}", encoding="utf-8")
    arguments = ["--dataset", tmp_path / "papers.csv", "--method", "majority", "--output-path", tmp_path]
    assert imported(bench, "plan", *arguments) & OF_READERS == set()


@pytest.mark.parametrize("format", ["rich", "json", "csv", "md"])
def test_a_board_imports_nothing_heavy(board: tuple[Bench, Path], format: str) -> None:
    bench, results = board
    arguments = ["leaderboard", "--format", format, "--output-path", results]
    assert imported(bench, *arguments) & HEAVY == set()


@pytest.fixture(scope="module")
def board(extension: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, Path]:
    folder = tmp_path_factory.mktemp("board")
    bench = Bench(extension)
    suite = write_suite(folder, ["hostile.good", "hostile.missing"])
    done = bench("run", suite, "--limit", "12", "--output-path", folder / "results")
    assert done.returncode == 0, done.stderr
    return bench, folder / "results"


def test_help_is_instant(bench: Bench) -> None:
    """Relative to the interpreter's own start, so that a slow machine is not a failure. It takes 9 to 12
    times as long; one library for data more would double that."""

    def fastest(*arguments: str) -> float:
        times = []
        for _ in range(5):
            start = time.perf_counter()
            subprocess.run([sys.executable, *arguments], env=bench.env, check=True, capture_output=True)
            times.append(time.perf_counter() - start)
        return min(times)

    assert fastest("-m", "readbench.cli", "--help") < 16 * fastest("-c", "pass")
