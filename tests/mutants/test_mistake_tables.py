"""The tables of mistakes: each of them can be put in, and names tests that are there."""

from __future__ import annotations

import pytest
from try_mutants import ROOT, known_areas, mutants_of


@pytest.mark.parametrize("area", known_areas())
def test_each_mistake_has_one_place_and_changes_it(area: str) -> None:
    for mutant in mutants_of(area):
        text = (ROOT / mutant["file"]).read_text(encoding="utf-8")
        assert text.count(mutant["old"]) == 1, f"{mutant['file']}: {mutant['old']!r}"
        assert mutant["new"] != mutant["old"]


@pytest.mark.parametrize("area", known_areas())
def test_the_tests_that_must_fail_are_there(area: str) -> None:
    for mutant in mutants_of(area):
        assert mutant["tests"]
        for test in mutant["tests"]:
            file, _, name = test.partition("::")
            assert (ROOT / file).exists(), file
            if name:
                text = (ROOT / file).read_text(encoding="utf-8")
                assert f"def {name.partition('[')[0]}(" in text, test
