"""Puts each mistake of ``mutants.toml`` into a copy of the code and runs the tests that must fail then.

``python tests/mutants/try_mutants.py [AREA...]`` prints a line for each mistake that no test caught, and a
table of areas. Exit status 1 where one is left.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
COPIED = ("bench", "adapters", "suites", "tests", ".src", "pyproject.toml")
LONGEST_S = 300
CAUGHT, MISSED = "caught", "missed"


def main(areas: list[str]) -> int:
    mutants = tomllib.loads((HERE / "mutants.toml").read_text(encoding="utf-8"))["mutant"]
    chosen = [mutant for mutant in mutants if not areas or mutant["area"] in areas]
    ends: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory(prefix="mutants-") as place:
        copy = Path(place)
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, copy / name, symlinks=True)
            else:
                shutil.copy2(source, copy / name)
        for mutant in chosen:
            end = tried(mutant, copy)
            ends[mutant["area"], end] += 1
            if end == MISSED:
                print(
                    f"missed: {mutant['file']}: {mutant['old'].strip()!r} -> {mutant['new'].strip()!r}",
                    flush=True,
                )
    print("\n| area | caught | of |\n| --- | ---: | ---: |")
    for area in dict.fromkeys(mutant["area"] for mutant in chosen):
        print(f"| {area} | {ends[area, CAUGHT]} | {ends[area, CAUGHT] + ends[area, MISSED]} |")
    caught = sum(count for (_, end), count in ends.items() if end == CAUGHT)
    print(f"| all | {caught} | {len(chosen)} |")
    return 0 if caught == len(chosen) else 1


def tried(mutant: dict[str, Any], copy: Path) -> str:
    """Whether a test failed, or none ended in time."""
    path = copy / mutant["file"]
    text = path.read_text(encoding="utf-8")
    assert text.count(mutant["old"]) == 1, f"{mutant['file']} does not hold {mutant['old']!r} once"
    path.write_text(text.replace(mutant["old"], mutant["new"]), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not slow"]
    try:
        done = subprocess.run(
            [*command, *mutant["tests"]],
            cwd=copy,
            env=os.environ | {"PYTHONPATH": str(copy / ".src"), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            timeout=LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return CAUGHT
    finally:
        path.write_text(text, encoding="utf-8")
    return MISSED if done.returncode == 0 else CAUGHT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
