"""An extension package that is really installed, for every test that needs methods that misbehave."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from bench_process import Bench
from gate_runs import GateRuns, make_runs
from hypothesis import settings

from readbench.cli import main

# Workers of pytest-xdist inherit a terminal's width; what is tested here prints into pipes.
os.environ.pop("COLUMNS", None)

# How long an example takes is the machine's business.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")

EXTENSION = Path(__file__).parent / "extension"
LONGEST_FIRST = (
    "test_covered_sources.py",
    "test_pke_methods.py",
    "test_resume.py",
    "test_isolation.py",
    "test_keybert.py",
    "test_predict.py",
    "test_unfinished.py",
    "test_border.py",
    "test_check.py",
    "test_field_packages.py",
    "test_elsewhere.py",
    "test_phrase_vectors.py",
)
"""Files of a quarter of a minute and more. Workers take whole files: one of these at the end would be waited
for."""
SLOWEST = 12
"""Files whose time is shown at the end of a run of many."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Longest files first; the order of all others, and of the tests of a file, stays."""
    place = {name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What took longest, by file: many short tests of one file are not among the slowest tests."""
    taken: defaultdict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                taken[report.nodeid.partition("::")[0]] += report.duration
    if len(taken) > SLOWEST:
        total = sum(taken.values())
        terminalreporter.section(f"slowest {SLOWEST} of {len(taken)} files, {total:.0f} s in all")
        for file, seconds in sorted(taken.items(), key=lambda one: -one[1])[:SLOWEST]:
            terminalreporter.line(f"{seconds:7.1f} s  {file}")


@pytest.fixture(scope="session")
def extension(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that bench-hostile-methods is installed in."""
    source = tmp_path_factory.mktemp("extension") / "source"
    # A copy: building must leave nothing in the repository.
    shutil.copytree(EXTENSION, source, ignore=shutil.ignore_patterns("__pycache__"))
    target = source.with_name("installed")
    options = ["--quiet", "--disable-pip-version-check", "--no-build-isolation", "--no-deps", "--no-index"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(target), str(source)], check=True
    )
    return target


@pytest.fixture
def bench(extension: Path) -> Bench:
    return Bench(extension)


@pytest.fixture(scope="session")
def gate_runs(tmp_path_factory: pytest.TempPathFactory) -> GateRuns:
    """Real runs of methods that are injured in known ways, to compare and to gate."""
    return make_runs(tmp_path_factory.mktemp("gate"))


@pytest.fixture(scope="session")
def baseline(gate_runs: GateRuns) -> Path:
    """What `bench baseline` keeps of the first run."""
    folder = gate_runs.folder / "baselines"
    with pytest.raises(SystemExit) as ended:
        main(["baseline", str(gate_runs.run("before")), "--folder", str(folder)])
    assert not ended.value.code
    return folder / "tested"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of data beside the repository, which only some machines have."""
    folder = Path(__file__).resolve().parents[1].parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("no shared/data beside the repository: these files may not be copied into it")
    return folder
