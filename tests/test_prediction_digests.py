"""Every method predicts what it predicted when ``prediction_digests.json`` was written.

Where predictions change on purpose, or with another version of a library, write the file anew and say so in
the commit:

    python tests/test_prediction_digests.py --write              # all groups that can run here
    python tests/test_prediction_digests.py --write quick facts  # these groups
"""

from __future__ import annotations

import argparse
import copy
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from prediction_digests import (
    FILE,
    GROUPS,
    Group,
    differences,
    entry,
    measure,
    read_file,
    rounded,
    write_file,
)

TODO = "on purpose? python tests/test_prediction_digests.py --write"


@pytest.mark.parametrize(
    "group",
    [
        pytest.param(group, id=group.name, marks=[pytest.mark.slow] if group.slow else [])
        for group in GROUPS.values()
    ],
)
@pytest.mark.timeout(1800)
def test_every_method_predicts_what_it_did(group: Group, tmp_path: Path) -> None:
    if why := group.absent():
        pytest.skip(why)
    for module in group.modules:
        pytest.importorskip(module)
    found, failed = measure(group, tmp_path)
    changed = [*failed, *differences(found, read_file()[group.name])]
    assert not changed, "\n".join([f"{len(changed)} methods of {group.name} differ ({TODO}):", *changed])


def test_the_file_has_every_group() -> None:
    assert read_file().keys() == GROUPS.keys()


PARTS: dict[str, dict[str, Any]] = {
    "fold 0": {"a": {"phrases": ["tea", "cup"], "scores": [0.5, 0.25]}, "b": {"label": None}}
}


def test_a_digest_sees_order_text_and_the_sixth_digit() -> None:
    kept = {"t: m": entry(PARTS, False)}
    assert not list(differences({"t: m": entry(copy.deepcopy(PARTS), False)}, kept))
    for column, value in (
        ("phrases", ["cup", "tea"]),
        ("phrases", ["tea", "Cup"]),
        ("scores", [0.5, 0.250001]),
    ):
        other = copy.deepcopy(PARTS)
        other["fold 0"]["a"][column] = value
        assert list(differences({"t: m": entry(other, False)}, kept)) == ["t: m: other predictions"]
    assert list(differences({}, kept)) == ["t: m: is in the file and was not run"]
    assert list(differences(kept, {})) == ["t: m: is not in the file"]


def test_scores_in_single_precision_have_a_tolerance_and_phrases_none() -> None:
    kept = {"t: llm[x=1]": entry(PARTS, True)}
    assert kept["t: llm[x=1]"]["scores"] == [0.5, 0.25]
    near, far, swapped = (copy.deepcopy(PARTS) for _ in range(3))
    near["fold 0"]["a"]["scores"] = [0.50001, 0.25]
    far["fold 0"]["a"]["scores"] = [0.51, 0.25]
    swapped["fold 0"]["a"]["phrases"] = ["cup", "tea"]
    assert not list(differences({"t: llm[x=1]": entry(near, True)}, kept))
    (line,) = differences({"t: llm[x=1]": entry(far, True)}, kept)
    assert line == "t: llm[x=1]: other scores: 1 of 2, the furthest 0.51 and not 0.5"
    (line,) = differences({"t: llm[x=1]": entry(swapped, True)}, kept)
    assert line == "t: llm[x=1]: other predictions"


def test_last_bits_do_not_decide_a_tie() -> None:
    tie = 1 / 1024  # 9.765625e-4: its seventh digit is a 5, and nothing follows
    assert {rounded(tie * (1 + bits * 2**-52)) for bits in (-2, 0, 2)} == {"0.000976562"}


def write(names: list[str]) -> None:
    kept = read_file() if FILE.is_file() else {}
    for name in names or list(GROUPS):
        group = GROUPS[name]
        if why := group.absent():
            print(f"{name}: left as it is, {why}")
            continue
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            found, failed = measure(group, Path(folder))
        if failed:
            sys.exit("\n".join([f"{name}: nothing is written", *failed]))
        for line in differences(found, kept.get(name, {})):
            print(f"{name}: {line}")
        kept[name] = found
        write_file(kept)
        print(f"{name}: {len(found)} methods, {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--write", nargs="*", metavar="GROUP", choices=[*GROUPS], help="write these anew; all"
    )
    asked = parser.parse_args().write
    if asked is None:
        parser.print_help()
        sys.exit(2)
    write(asked)
