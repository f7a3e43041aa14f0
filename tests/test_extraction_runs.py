"""Extraction from a dataset to its board: suites, records, `bench show`, `bench init`."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console

import readbench
from readbench.authoring.scaffold_suite import write_suite
from readbench.core.types import Document, ExtractedFacts, Fact, StatedFacts
from readbench.datasets import open_dataset
from readbench.planning.infer import infer_suite
from readbench.planning.suite import list_suites, load_suite
from readbench.report.show import render_predictions
from readbench.report.show_facts import facts_of
from readbench.results.score_files import read_scores
from readbench.results.store import Store
from readbench.trained.fitting import fit
from readbench.trained.predicting import opened, predict_file

METHODS = '''
"""A method that answers in words, some of which cannot be read."""
from readbench.adapter import Adapter
from readbench.text.facts import find_answer
from readbench.types import ExtractedFacts


class Telling(Adapter):
    name = "test.telling"
    tasks = frozenset({"extraction"})

    def fit(self, train, validation):
        self.train = train

    def predict(self, chunk):
        found = []
        for document in chunk:
            said = '好的：["茶叶"]' if "评论" in document.fields["input"] else "[bold] I do not know"
            stated = find_answer(said)
            if stated is None:
                found.append(ExtractedFacts(parsed=False, raw=said))
            else:
                found.append(ExtractedFacts(stated.facts, stated.label, raw=said))
        return found
'''


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The results of one run of the embedded corpus, without a suite."""
    folder = tmp_path_factory.mktemp("extraction")
    (folder / "methods.py").write_text(METHODS, encoding="utf-8")
    readbench.run(
        dataset="facts-demo",
        methods=["dictionary-triples", "test.telling"],
        output_path=folder / "results",
        include_paths=[folder / "methods.py"],
    )
    return Store(folder / "results")


def printed(*what: object) -> str:
    console = Console(width=110, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        for one in what:
            console.print(one)
    return capture.get()


def shown(store: Store, method: str, document: str | None = None) -> str:
    return printed(render_predictions(store, store.runs()[0], method, document))


def test_the_board_has_quality_per_slice(store: Store) -> None:
    frame = readbench.leaderboard("facts-demo", output_path=store.root).set_index("method")
    assert list(frame["status"]) == ["ok", "ok"]
    dictionary, telling = frame.loc["dictionary-triples"], frame.loc["test.telling"]
    assert dictionary["facts.triples.f1"] >= dictionary["triples.f1"] > 0.3
    assert dictionary["label_accuracy"] == 0
    assert dictionary["parsed"] == 1
    assert telling["facts.parsed"] == 0
    assert telling["labels.parsed"] > 0
    assert telling["score"] < dictionary["score"]


def test_the_record_counts_what_was_answered(store: Store) -> None:
    manifest = store.manifest(store.runs()[0])
    cell = next(cell for cell in manifest.cells if cell.method == "dictionary-triples")
    record = store.record(cell.key)
    assert record is not None
    labels = open_dataset("facts-demo").slices["labels"]
    columns = read_scores(store.cell(cell.key) / "scores.parquet")
    assert columns is not None
    asked = sum(id_ in labels for id_ in columns["id"])
    assert record.counts["without_gold"] == 0
    assert record.counts["empty_predictions"] >= asked
    assert set(record.task["labels"]) == {"茶叶", "雨伞", "耳机", "旅馆", "headphones", "umbrella"}


def test_show_marks_facts_and_keeps_unread_answers(store: Store) -> None:
    text = shown(store, "dictionary-triples")
    assert "score " in text
    assert "more test documents" in text
    unread = shown(store, "test.telling")
    assert "The answer could not be read:" in unread
    assert "[bold] I do not know" in unread


A = Fact("雾港", "作者", "林青禾", "图书", "人物")


@pytest.mark.parametrize(
    ("gold", "predicted", "lines"),
    [
        (StatedFacts((A,)), ExtractedFacts((A,)), ["right"]),
        (
            StatedFacts((A,)),
            ExtractedFacts((Fact("雾港", "作者", "林青禾", "书", "人物"),)),
            ["types wrong: 图书, 人物", "found, with other types"],
        ),
        (
            StatedFacts((A,)),
            ExtractedFacts((Fact("雾港", "译者", "林青禾"),)),
            ["another predicate: 作者", "missed"],
        ),
        (StatedFacts((A,)), ExtractedFacts((Fact("甲", "乙", "丙"),)), ["wrong", "missed"]),
        (StatedFacts(), ExtractedFacts(), ["No facts, and gold has none."]),
        (StatedFacts(label="茶"), ExtractedFacts((), "茶"), ["label 茶, gold 茶"]),
        (StatedFacts(label="茶"), ExtractedFacts((A,)), ["label no label, gold 茶", "wrong"]),
        (StatedFacts((A,)), ExtractedFacts((), "茶"), ["label 茶, gold none asked for", "missed"]),
        (None, ExtractedFacts((A,)), ["No gold", "–"]),
        (StatedFacts((A,)), ExtractedFacts(parsed=False, raw=""), ["could not be read", "(an empty answer)"]),
        (StatedFacts((A,)), ExtractedFacts(parsed=False, raw="y" * 900), ["y" * 110, "…"]),
    ],
)
def test_every_mark(gold: StatedFacts | None, predicted: ExtractedFacts, lines: list[str]) -> None:
    text = printed(*facts_of(Document("d", {"input": "原文"}), gold, predicted, whole=True))
    assert text.startswith("原文\n")
    for line in lines:
        assert line in text


def test_a_suite_of_labels_alone_runs_on_the_rows_that_have_one(tmp_path: Path) -> None:
    suite = tmp_path / "labels.toml"
    suite.write_text(
        'dataset = {name = "facts-demo"}\nsplit = {kind = "holdout", test = 0.34}\n'
        'tasks.classification = {fields = ["input"], methods = ["majority"]}\n',
        encoding="utf-8",
    )
    frame = readbench.run(str(suite), output_path=tmp_path / "results")
    store = Store(tmp_path / "results")
    (task,) = store.manifest(store.runs()[0]).tasks.values()
    assert frame["status"].tolist() == ["ok"]
    assert sum(task.documents.values()) == 18
    assert len(task.spec["labels"]) == 6


def test_what_is_inferred_fits_the_dataset(tmp_path: Path) -> None:
    suite, why = infer_suite(open_dataset("facts-demo"))
    assert "36 of 36 documents have gold facts or a label" in why
    assert (suite.tasks["extraction"].language, suite.split.kind) == ("zh", "holdout")
    for name in ("train", "dev"):
        shutil.copy(
            Path(readbench.__file__).parent / "datasets" / "facts_demo.jsonl", tmp_path / f"{name}.jsonl"
        )
    lines = (tmp_path / "dev.jsonl").read_text(encoding="utf-8").replace("demo-", "other-")
    (tmp_path / "dev.jsonl").write_text(lines, encoding="utf-8")
    assert infer_suite(open_dataset(str(tmp_path)))[0].split.kind == "given"


def test_init_writes_a_suite_that_loads(tmp_path: Path) -> None:
    rows = tmp_path / 'my "rows".jsonl'
    shutil.copy(Path(readbench.__file__).parent / "datasets" / "facts_demo.jsonl", rows)
    suite = load_suite(write_suite(rows, tmp_path / "suite.toml"))
    assert suite.dataset.name == str(rows)
    assert (suite.dataset.language, suite.split.kind) == ("zh", "holdout")
    assert "18 documents that ask for facts, 18" in (tmp_path / "suite.toml").read_text(encoding="utf-8")
    assert (
        suite.tasks["extraction"].methods
        == load_suite(list_suites()["reviews-and-facts"]).tasks["extraction"].methods
    )


def test_a_model_is_kept_and_predicts_for_rows_without_targets(tmp_path: Path) -> None:
    corpus = open_dataset("facts-demo")
    manifest = fit("dictionary-triples", corpus, tmp_path / "model")
    assert manifest.spec.fields == ("instruction", "input")
    assert len(manifest.spec.labels) == 6
    text = "找出句子里的三元组，用JSON作答：\n\n《空巷》是秦半夏写的小说。"
    row = {"context": f"Instruction: 请仔细阅读，按要求作答。\nInput: {text}\nAnswer: ", "id": "new"}
    (tmp_path / "new.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    with opened(tmp_path / "model") as model:
        for name in ("out.jsonl", "out.csv"):
            predict_file(model, tmp_path / "new.jsonl", tmp_path / name)
    said = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))
    wanted = {
        "subject": "空巷",
        "predicate": "作者",
        "object": "秦半夏",
        "subject_type": "图书",
        "object_type": "人物",
    }
    assert said == {"id": "new", "label": None, "facts": [wanted], "parsed": True}
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as lines:
        (line,) = csv.DictReader(lines)
    assert (line["id"], line["label"], json.loads(line["facts"])) == ("new", "", [wanted])
