"""`bench show`: every mark of a prediction, every way of failing, every wrong question."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from rich.console import Console

import readbench
from readbench.core.errors import BenchError
from readbench.report.show import find_cells, render_predictions
from readbench.results.manifest import RunCell
from readbench.results.store import Store

PAPERS = """\
id,title,abstract,Keywords
one,Deep networks segment lungs,Networks of trees and forests are trained,\
networks;lungs segmenting;train;random forests;absent things;lungs Segmenting;!!
two,Second paper,Nothing to compare with,
three,Third paper,Short,paper
four,Fourth paper,Short,paper
"""

METHODS = '''
"""Methods that predict what a test needs."""
import os
import time

from readbench.adapter import Adapter, RankedPhrases

PREDICTED = ("network", "segment lungs", "trained", "training sets", "forests", "Networks", "?!", "[red]a[/]")


class Known(Adapter):
    name = "test.known"
    tasks = frozenset({"keyphrases"})

    class Params(Adapter.Params):
        n: int = 8

    def predict(self, chunk):
        first = PREDICTED[: self.params.n]
        scores = tuple(1 / (1 + i) for i in range(len(first)))
        empty = RankedPhrases((), ())
        return [empty if d.id == "three" else RankedPhrases(first, scores) for d in chunk]


class Failing(Adapter):
    name = "test.failing"
    tasks = frozenset({"keyphrases"})

    class Params(Adapter.Params):
        how: str = "raise"

    def predict(self, chunk):
        for i in range(50):
            print(f"line {i} [bold]")
        if self.params.how == "exit":
            os._exit(3)
        raise KeyError("[n=2]")


class Lacking(Known):
    name = "test.lacking"
    requires = ("a_module_that_is_not_there",)
'''

SUITE = """\
dataset = {name = "papers.csv"}
tasks.keyphrases = {methods = ["test.known", "test.known[n=2]", "test.failing", "test.failing[how=exit]", \
"test.lacking"]}
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The results of one run."""
    folder = tmp_path_factory.mktemp("show")
    (folder / "methods.py").write_text(METHODS, encoding="utf-8")
    (folder / "papers.csv").write_text(PAPERS, encoding="utf-8")
    suite = folder / "shown.toml"
    suite.write_text(SUITE.replace("papers.csv", str(folder / "papers.csv")), encoding="utf-8")
    readbench.run(str(suite), output_path=folder / "results", include_paths=[folder / "methods.py"])
    return Store(folder / "results")


def shown(store: Store, method: str, document: str | None = None, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        console.print(render_predictions(store, store.runs()[0], method, document))
    text = capture.get()
    assert max(map(len, text.splitlines())) <= width
    return text


def line(text: str, *parts: str) -> bool:
    """Whether one line has all the parts, in this order."""
    for candidate in text.splitlines():
        place = 0
        for part in parts:
            place = candidate.find(part, place)
            if place < 0:
                break
        else:
            return True
    return False


def test_every_mark(store: Store) -> None:
    text = shown(store, "test.known", "one", 120)
    assert line(text, "one  Deep networks segment lungs", "f1@10 0.")
    assert line(text, "1", "network", "match")
    assert line(text, "2", "segment lungs", "near miss: in another order, “lungs segmenting”")
    assert line(text, "3", "trained", "match")
    assert line(text, "4", "training sets", "near miss: contains “train”")
    assert line(text, "5", "forests", "near miss: part of “random forests”")
    assert line(text, "–", "Networks", "not counted: the same as an earlier one")
    assert line(text, "–", "?!", "not counted: no word in it")
    assert line(text, "6", "[red]a[/]", "wrong")
    assert line(text, "gold: 2 of 7 found", "what became of it")
    assert line(text, "networks", "match at rank 1")
    assert line(text, "lungs segmenting", "nearly, at rank 2: in another order, “segment lungs”; absent")
    assert line(text, "random forests", "nearly, at rank 5: contains “forests”; absent from the text")
    assert line(text, "absent things", "missed; absent from the text")
    assert line(text, "lungs Segmenting", "not counted: the same as an earlier one")
    assert line(text, "!!", "not counted: no word in it")
    assert "--document" not in text


def test_first_documents_and_how_to_name_one(store: Store) -> None:
    text = shown(store, "test.known")
    assert line(text, "two", "No gold phrases") or "No gold phrases: there is nothing" in text
    assert "It predicted nothing for this document." in text
    assert line(text, "paper", "missed")
    assert "Fourth paper" not in text
    assert "1 more test documents. One document and all that was predicted: --document one" in text


def test_a_method_may_be_named_in_several_ways(store: Store) -> None:
    exact = shown(store, "test.known[n=2]", "one")
    assert shown(store, " test.known[ n = 2 ]", "one") == exact
    assert line(exact, "networks", "match at rank 1")
    assert line(exact, "train", "missed")


def test_a_method_that_failed(store: Store) -> None:
    text = shown(store, "test.failing")
    assert line(text, "test.failing", "failed: KeyError")
    assert "What it printed, its last 30 lines:" in text
    assert "line 49 [bold]" in text
    assert "line 19 " not in text
    assert "raise KeyError" in text
    assert "'[n=2]'" in text
    ended = shown(store, "test.failing[how=exit]")
    assert "status 3" in ended
    assert "line 49 [bold]" in ended
    lacking = shown(store, "test.lacking")
    assert line(lacking, "test.lacking", "missing_dependency")
    assert "a_module_that_is_not_there" in lacking


def test_wrong_questions(store: Store) -> None:
    run = store.runs()[0]
    with pytest.raises(BenchError, match=r"no method 'test.knwn'; did you mean 'test.known'"):
        render_predictions(store, run, "test.knwn")
    with pytest.raises(BenchError, match=r"it has: test\.known, "):
        render_predictions(store, run, "zzzz")
    with pytest.raises(BenchError, match=r"no test document has the id 'ons'; did you mean one\?"):
        render_predictions(store, run, "test.known", "ons")
    with pytest.raises(BenchError, match="the first are: one, two, three, four"):
        render_predictions(store, run, "test.known", "99")


def test_what_is_gone_is_said(store: Store, tmp_path: Path) -> None:
    copy = Store(tmp_path / "results")
    shutil.copytree(store.root, copy.root)
    run = copy.runs()[0]
    shutil.rmtree(copy.root / "datasets")
    with pytest.raises(BenchError, match="what it was run on is gone or damaged"):
        render_predictions(copy, run, "test.known")
    shutil.rmtree(copy.root / "cells")
    with pytest.raises(BenchError, match="its cell is no longer in the results folder"):
        render_predictions(copy, run, "test.known")


def cells(*methods: str) -> list[RunCell]:
    return [RunCell(task="keyphrases", method=method, key=method, status="ok") for method in methods]


def test_find_cell() -> None:
    some = cells("a.b[n=2]", "a.c", "a.c[n=3]", "a.d[n=1]", "a.d[n=2]")
    assert find_cells(some, "a.b", "run")[0].method == "a.b[n=2]"
    assert find_cells(some, "a.c", "run")[0].method == "a.c"
    assert find_cells(some, "a.c[n=3]", "run")[0].method == "a.c[n=3]"
    with pytest.raises(BenchError, match=r"run run: it has 2 methods a.d; name one: 'a.d\[n=1\]', 'a.d"):
        find_cells(some, "a.d", "run")
    with pytest.raises(BenchError, match=r"no method 'a.c\[n=4'; did you mean"):
        find_cells(some, "a.c[n=4", "run")
