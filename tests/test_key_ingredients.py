"""Each ingredient of a key, changed alone, changes the key; what cannot change a result does not.

The ingredients are read off the planner, so that a new one without a case here fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from readbench.core.digests import digest
from readbench.core.types import Dataset, Document
from readbench.datasets import open_dataset
from readbench.machine.versions import versions_of
from readbench.planning import planner
from readbench.planning.plan import Options, Plan
from readbench.planning.planner import make_plan
from readbench.planning.suite import Suite
from readbench.results.store import Store

METHODS = """
import os
from readbench.adapter import Adapter, Needs, Params, Preparation, PreparationNeed, RankedPhrases


class Base(Preparation):
    name = "base"
    requires = ("yaml",)

    class Params(Params):
        n: int = 1

    params: Params

    def needs(self):
        return {}

    def build(self, documents, folder, context):
        pass

    def open(self, folder):
        return folder


class Upper(Base):
    name = "upper"

    def needs(self):
        return {"base": PreparationNeed(Base(n=self.params.n), parts=())}


class One(Adapter):
    name = "toy.one"
    tasks = frozenset({"keyphrases"})
    stochastic = True

    class Params(Params):
        n: int = 1
        base: int = 1

    params: Params

    def needs(self):
        return Needs({"upper": PreparationNeed(Upper(n=self.params.base))})

    def weights(self):
        return {"model": os.environ.get("TOY_WEIGHTS", "first")}

    def predict(self, chunk):
        return [RankedPhrases((), ()) for _ in chunk]


class Two(One):
    name = "toy.two"
"""


HOLDOUT: dict[str, Any] = {"kind": "holdout", "test": 0.3, "near_duplicates": "ignore"}


class Bench:
    """Plans one method, with something changed."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.monkeypatch = folder, monkeypatch
        self.method, self.fields, self.threads = "toy.one", ["title"], 1
        self.data = open_dataset("papers-demo")
        self.split = HOLDOUT
        self.options: dict[str, Any] = {}
        self.text = METHODS

    def plan(self) -> Plan:
        place = self.folder / "toy.py"
        place.write_text(self.text, encoding="utf-8")
        section = {"methods": [self.method], "fields": self.fields}
        suite = Suite.model_validate(
            {
                "name": "toy",
                "tasks": {"keyphrases": section},
                "split": self.split,
                "limits": {"threads": self.threads},
            }
        )
        options = Options(include_paths=(place,), **self.options)
        return make_plan(suite, self.data, options, Store(self.folder / "results"))

    def keys(self) -> dict[str, str]:
        """Of the cell (the first, where there are several) and of each preparation."""
        made = self.plan()
        return {"cell": made.cells[0].key} | {
            planned.preparation.name: key for key, planned in made.preparations.items()
        }


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


def with_another_abstract(data: Dataset) -> Dataset:
    """A dataset that differs in what the method does not read."""
    first = data.documents[0]
    changed = Document(first.id, {**first.fields, "abstract": "Another text."}, first.language)
    return replace(data, documents=(changed, *data.documents[1:]))


def patched(name: str, value: Any) -> Callable[[Bench], None]:
    return lambda bench: bench.monkeypatch.setattr(planner, name, value)


def given(**values: Any) -> Callable[[Bench], None]:
    return lambda bench: vars(bench).update(values)


def edited(old: str, new: str) -> Callable[[Bench], None]:
    def edit(bench: Bench) -> None:
        assert old in bench.text
        bench.text = bench.text.replace(old, new)

    return edit


def other_data(bench: Bench) -> None:
    bench.data = with_another_abstract(bench.data)


def other_titles(bench: Bench) -> None:
    """The same ids, and other texts."""
    documents = [
        replace(document, fields={**document.fields, "title": f"{document.fields['title']} again"})
        for document in bench.data.documents
    ]
    bench.data = replace(bench.data, documents=tuple(documents))


def test_versions_are_those_of_all_that_a_library_depends_on() -> None:
    found = versions_of(["rich", "a_module_that_is_not_there"])
    assert found["a_module_that_is_not_there"] == "absent"
    for name in ("rich", "markdown-it-py", "mdurl"):  # mdurl: of markdown-it-py
        assert found[name] == metadata.version(name)


ALL = frozenset({"cell", "upper", "base"})
CASES: dict[str, tuple[Callable[[Bench], None], frozenset[str]]] = {
    "project": (patched("distribution_of", lambda name: f"{name} 99"), ALL),
    "sources": (edited("return folder", "return folder  # edited"), ALL),
    "libraries": (patched("versions_of", lambda names: {"numpy": "0.0"}), ALL),  # noqa: ARG005
    # Of what the lowest preparation imports: whoever stands on it depends on it, too.
    "versions": (patched("versions_of", lambda names: {"pyyaml": "0.0"} if "yaml" in names else {}), ALL),
    "threads": (given(threads=2), ALL),
    "device": (patched("device_for", lambda wanted: "cuda"), ALL),  # noqa: ARG005
    "method": (given(method="toy.two"), frozenset({"cell"})),
    "params": (given(method="toy.one[n=2]"), frozenset({"cell"})),
    "task": (given(fields=["title", "abstract"]), frozenset({"cell", "upper"})),
    "dataset": (other_data, frozenset({"cell"})),
    "documents": (other_titles, frozenset({"cell", "upper"})),
    "split": (
        given(split={"kind": "holdout", "test": 0.4, "near_duplicates": "ignore"}),
        frozenset({"cell", "upper"}),
    ),
    "seed": (given(options={"seed": 5}), frozenset({"cell", "upper"})),
    "weights": (lambda bench: bench.monkeypatch.setenv("TOY_WEIGHTS", "second"), frozenset({"cell"})),
    "preparations": (given(method="toy.one[base=2]"), ALL),
    "inputs": (given(method="toy.one[base=2]"), ALL),
}
BY_OTHER_TESTS = {
    "fold": "test_every_fold_has_a_key_of_its_own",
    "members": "tests/test_ensembles.py",
    "learns_from": "tests/test_learned_ensembles.py",
    "name": "test_preparations_of_two_names_are_two",
}


def test_every_ingredient_has_a_case(bench: Bench) -> None:
    seen: dict[str, set[str]] = {"cell": set(), "preparation": set()}

    def spying(value: Any) -> str:
        if isinstance(value, dict):
            seen["cell" if "method" in value else "preparation"].update(value)
        return real(value)

    real = digest
    bench.monkeypatch.setattr(planner, "digest", spying)
    bench.plan()
    shared = {"project", "sources", "libraries", "threads", "device", "params", "task", "versions"}
    of_cell = {
        "method",
        "dataset",
        "split",
        "fold",
        "seed",
        "weights",
        "preparations",
        "members",
        "learns_from",
    }
    assert seen == {"cell": shared | of_cell, "preparation": shared | {"name", "documents", "inputs"}}
    assert seen["cell"] | seen["preparation"] == {*CASES, *BY_OTHER_TESTS}


@pytest.mark.parametrize("ingredient", CASES)
def test_each_alone_changes_the_key(bench: Bench, ingredient: str) -> None:
    change, whose = CASES[ingredient]
    before = bench.keys()
    assert bench.keys() == before
    change(bench)
    after = bench.keys()
    assert {name for name in before if before[name] != after[name]} == whose


def test_every_fold_has_a_key_of_its_own(bench: Bench) -> None:
    bench.split = {"kind": "kfold", "folds": 3, "near_duplicates": "ignore"}
    made = bench.plan()
    assert len({cell.key for cell in made.cells}) == 3
    upper = [key for key, planned in made.preparations.items() if planned.preparation.name == "upper"]
    base = [key for key, planned in made.preparations.items() if planned.preparation.name == "base"]
    assert (len(upper), len(base)) == (3, 1)


def test_preparations_of_two_names_are_two(bench: Bench) -> None:
    before = bench.keys()
    bench.text = bench.text.replace('name = "upper"', 'name = "lower"')
    assert bench.keys()["lower"] != before["upper"]


@pytest.mark.parametrize(
    "change",
    [
        given(options={"workers": 2}),
        given(options={"timeout_s": 1.0, "memory_bytes": 2**30}),
        given(options={"retry": True}),
        given(options={"fresh": True}),
        given(options={"strict": True}),
    ],
)
def test_what_cannot_change_a_result_changes_no_key(bench: Bench, change: Callable[[Bench], None]) -> None:
    before = bench.keys()
    change(bench)
    assert bench.keys() == before


def test_another_order_of_the_file_changes_nothing(bench: Bench) -> None:
    before = bench.keys()
    bench.data = replace(bench.data, documents=bench.data.documents[::-1])
    assert bench.keys() == before


def test_methods_of_two_families_share_a_preparation(tmp_path: Path) -> None:
    """Its key holds its own sources, and not those of the method that asks for it."""
    pytest.importorskip("pke", reason="needs the extra keyphrases")
    section = {"methods": ["pke.firstphrases", "sgrank"]}
    suite = Suite.model_validate({"name": "two", "tasks": {"keyphrases": section}})
    made = make_plan(suite, open_dataset("papers-demo"), Options(), Store(tmp_path))
    assert [p.preparation.name for p in made.preparations.values()].count("parse") == 1
