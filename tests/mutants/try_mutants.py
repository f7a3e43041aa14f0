"""Puts each mistake of the tables beside this file into a copy of the code and runs the tests that must fail.

``python tests/mutants/try_mutants.py [AREA...] [--log FILE]`` prints each mistake with the test that failed,
or ``missed``, and a table of areas; an area is a file ``AREA.toml``. The tests of an area are first run
without a mistake: what fails then would fail with every mistake, and proves nothing. With ``--log`` each end
is a line of JSON in FILE, and what stands there already is not tried again. Exit status 1: one is missed.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from pathlib import Path
from time import monotonic, sleep
from typing import Any, NoReturn

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
LONGEST_S = 900
CAUGHT, MISSED, HUNG = "caught", "missed", "hung"
PASSED = "\nall passed\n"
LIBRARIES = (
    "hypothesis",
    "numpy",
    "pandas",
    "pyarrow.parquet",
    "pydantic",
    "rich.console",
    "scipy.stats",
    "typer",
)
"""Imported once for all: that takes as long as many a test file."""


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("areas", nargs="*")
    parser.add_argument("--log", type=Path)
    options = parser.parse_args(words)
    mutants = [mutant for area in options.areas or known_areas() for mutant in mutants_of(area)]
    ends = tried_before(options.log)
    for library in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(library)
    assert not any(name.startswith("readbench") for name in sys.modules)
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        copy = copied(Path(place))
        checked: set[str] = set()
        for mutant in mutants:
            if name_of(mutant) in ends:
                continue
            if tests := [test for test in mutant["tests"] if test not in checked]:
                failed = tests_fail(tests, copy)
                assert failed is None, f"without a mistake, {failed}"
                checked.update(tests)
            end, failed = tried(mutant, copy)
            ends[name_of(mutant)] = end
            print(f"{end}: {name_of(mutant)}\n    {failed or ''}", flush=True)
            if options.log is not None:
                line = {"name": name_of(mutant), "end": end, "failed": failed}
                with options.log.open("a", encoding="utf-8") as log:
                    log.write(json.dumps(line) + "\n")
    return shown(mutants, ends)


def known_areas() -> list[str]:
    return sorted(path.stem for path in HERE.glob("*.toml"))


def mutants_of(area: str) -> list[dict[str, Any]]:
    text = (HERE / f"{area}.toml").read_text(encoding="utf-8")
    return [mutant | {"area": area} for mutant in tomllib.loads(text)["mutant"]]


def name_of(mutant: dict[str, Any]) -> str:
    return f"{mutant['area']}: {mutant['file']}: {mutant['old'].strip()!r} -> {mutant['new'].strip()!r}"


def tried_before(log: Path | None) -> dict[str, str]:
    if log is None or not log.exists():
        return {}
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return {line["name"]: line["end"] for line in lines}


def copied(place: Path) -> Path:
    """The files of the repository in ``place``, with the data beside it that some tests need."""
    copy = place / "copy"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, done.stdout.split("\0")):
        if (ROOT / name).exists() or (ROOT / name).is_symlink():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name, follow_symlinks=False)
    if (data := ROOT.parent / "shared").exists():
        (place / "shared").symlink_to(data.resolve())
    return copy


def tried(mutant: dict[str, Any], copy: Path) -> tuple[str, str | None]:
    """How it ended, and the first test that failed."""
    path = copy / mutant["file"]
    text = path.read_text(encoding="utf-8")
    assert text.count(mutant["old"]) == 1, f"{mutant['file']} does not hold {mutant['old']!r} once"
    path.write_text(text.replace(mutant["old"], mutant["new"]), encoding="utf-8")
    try:
        failed = tests_fail(mutant["tests"], copy)
    except TimeoutError:
        return HUNG, None
    finally:
        path.write_text(text, encoding="utf-8")
    return (MISSED if failed is None else CAUGHT), failed


def tests_fail(tests: list[str], copy: Path) -> str | None:
    """The line of pytest's summary about the first failure; none where all passed. The tests run in a fork of
    this process, which has imported the libraries and nothing of the project."""
    output = copy.parent / "output"
    child = os.fork()
    if child == 0:
        run_tests(tests, copy, output)
    end = monotonic() + LONGEST_S
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if monotonic() > end:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise TimeoutError(f"{tests} ran longer than {LONGEST_S} s")
        sleep(0.05)
    text = output.read_text(encoding="utf-8", errors="replace")
    if text.endswith(PASSED):
        return None
    failures = re.findall(r"^(?:FAILED|ERROR) .*$", text, re.MULTILINE)
    return failures[0] if failures else text[-500:]


def run_tests(tests: list[str], copy: Path, output: Path) -> NoReturn:
    """In the fork: whatever happens, the process ends here."""
    try:
        os.setsid()
        os.chdir(copy)
        os.environ |= {"PYTHONPATH": str(copy / ".src"), "PYTHONDONTWRITEBYTECODE": "1"}
        sys.path.insert(0, str(copy / ".src"))
        sys.dont_write_bytecode = True
        with output.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        status = pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-m", "not slow", *tests])
        sys.stdout.write(PASSED if status == 0 else "")
        sys.stdout.flush()
    finally:
        os._exit(0)


def shown(mutants: list[dict[str, Any]], ends: dict[str, str]) -> int:
    """The table; a mistake after which the tests never ended counts as caught."""
    found: Counter[tuple[str, bool]] = Counter()
    for mutant in mutants:
        found[mutant["area"], ends[name_of(mutant)] != MISSED] += 1
    print("\n| area | caught | of |\n| --- | ---: | ---: |")
    for area in dict.fromkeys(mutant["area"] for mutant in mutants):
        print(f"| {area} | {found[area, True]} | {found[area, True] + found[area, False]} |")
    caught = sum(count for (_, was_caught), count in found.items() if was_caught)
    print(f"| all | {caught} | {len(mutants)} |")
    return 0 if caught == len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
