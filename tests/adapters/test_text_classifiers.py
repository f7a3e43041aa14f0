"""The classical classifiers give what plain scripts of scikit-learn give, to the last digit."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from of_type import all_of_type

from readbench.adapter import Context, TaskSpec
from readbench.authoring.conformance import check_method
from readbench.core.errors import BenchError
from readbench.core.types import Dataset, Document, PredictedLabel
from readbench.datasets import open_dataset
from readbench.methods.registry import Registry

pytest.importorskip("sklearn", reason="needs the extra classification")
pytest.importorskip("skops", reason="needs the extra classification")

from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC

from readbench_adapters.classical.files import read_estimator, write_estimator

XFYUN = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "xfyun"
SPEC = TaskSpec(task="classification", labels=("0", "1"), positive="1")
METHODS = ("majority", "logreg", "bow-logreg", "naive-bayes", "linear-svm", "random-forest")
QUICK = {name: name if name == "majority" else f"{name}[ngram_max=2]" for name in METHODS}
"""With fewer n-grams, where it does not matter which."""
SEED = 11


@pytest.fixture(scope="module")
def papers() -> tuple[Dataset, Dataset]:
    """A training part and test documents out of the embedded papers."""
    corpus = open_dataset("papers-demo")
    ids = [document.id for document in corpus.documents]
    return corpus.only(ids[:60]), corpus.only(ids[60:90])


def adapter(
    method_spec: str, spec: TaskSpec = SPEC, notes: dict[str, Any] | None = None, **context: Any
) -> Any:
    note = (notes if notes is not None else {}).__setitem__
    made = Registry().method(method_spec).create(Context(task=spec, seed=SEED, note=note, **context))
    made.load()
    return made


def fitted(method_spec: str, train: Dataset, spec: TaskSpec = SPEC, **more: Any) -> Any:
    made = adapter(method_spec, spec, **more)
    made.fit(train, Dataset("", ()))
    return made


def plain_text(document: Document) -> str:
    return f"{document.fields['title']}. {document.fields['abstract']}"


def plain(pipeline: Any, train: Dataset, test: Dataset) -> tuple[list[str], Any]:
    """Labels and probabilities (or decision values) by a script without the project."""
    known = train.targets["classification"]
    pipeline.fit([plain_text(d) for d in train.documents], [known[d.id] for d in train.documents])
    texts = [plain_text(d) for d in test.documents]
    score = getattr(pipeline, "predict_proba", None) or pipeline.decision_function
    return [str(label) for label in pipeline.predict(texts)], score(texts)


TFIDF: Callable[[], Any] = lambda: TfidfVectorizer(ngram_range=(1, 10), max_features=3000)  # noqa: E731
COUNTS: Callable[[], Any] = lambda: CountVectorizer(ngram_range=(1, 10), max_features=3000)  # noqa: E731
SCRIPTS: dict[str, Callable[[], Any]] = {
    "majority": lambda: DummyClassifier(strategy="prior"),
    "logreg": lambda: make_pipeline(TFIDF(), LogisticRegression()),
    "logreg[implementation=library]": lambda: make_pipeline(TFIDF(), LogisticRegression()),
    "bow-logreg": lambda: make_pipeline(COUNTS(), LogisticRegression(max_iter=1000)),
    "naive-bayes": lambda: make_pipeline(COUNTS(), MultinomialNB()),
    "random-forest": lambda: make_pipeline(TFIDF(), RandomForestClassifier(random_state=SEED)),
    "logreg[C=10, analyzer=char, ngram_min=2, ngram_max=4, class_weight=balanced]": lambda: make_pipeline(
        TfidfVectorizer(analyzer="char", ngram_range=(2, 4), max_features=3000),
        LogisticRegression(C=10, class_weight="balanced"),
    ),
    "naive-bayes[alpha=0.5, binary=true, max_features=none, ngram_max=2, min_df=2]": lambda: make_pipeline(
        CountVectorizer(binary=True, ngram_range=(1, 2), min_df=2), MultinomialNB(alpha=0.5)
    ),
}


@pytest.mark.parametrize("method_spec", SCRIPTS)
def test_every_label_and_probability_equals_a_plain_script(
    method_spec: str, papers: tuple[Dataset, Dataset]
) -> None:
    train, test = papers
    labels, probabilities = plain(SCRIPTS[method_spec](), train, test)
    found = fitted(method_spec, train).predict(test.documents)
    assert [prediction.label for prediction in found] == labels
    assert [[p.scores["0"], p.scores["1"]] for p in found] == probabilities.tolist()


def test_scores_of_the_svm_are_its_decision_values(papers: tuple[Dataset, Dataset]) -> None:
    train, test = papers
    labels, distances = plain(make_pipeline(TFIDF(), LinearSVC(random_state=SEED)), train, test)
    found = fitted("linear-svm", train).predict(test.documents)
    assert [prediction.label for prediction in found] == labels
    assert [(p.scores["0"], p.scores["1"]) for p in found] == [(-d, d) for d in distances.tolist()]


def test_the_baseline_on_papers_of_the_challenge() -> None:
    """Through the task's own text: title and abstract, the author field and gold keywords left out."""
    if not XFYUN.is_dir():
        pytest.skip("the papers of the challenge are not beside the repository")
    with (XFYUN / "testB.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["uuid"]: row for row in csv.DictReader(file)}
    with (XFYUN / "testB_silver_labels.csv").open(encoding="utf-8", newline="") as file:
        labels = {row["uuid"]: row["label"] for row in csv.DictReader(file)}
    documents = tuple(
        Document(id_, {name: rows[id_][name] for name in ("title", "author", "abstract")}) for id_ in labels
    )
    whole = Dataset("", documents, {"classification": labels})
    train, test = (whole.only(list(labels)[begin::8]) for begin in (0, 1))
    texts = {d.id: ". ".join(d.fields[name].strip() for name in ("title", "abstract")) for d in documents}
    script = make_pipeline(TfidfVectorizer(ngram_range=(1, 10), max_features=3000), LogisticRegression())
    script.fit([texts[d.id] for d in train.documents], [labels[d.id] for d in train.documents])
    expected = script.predict_proba([texts[d.id] for d in test.documents])
    found = fitted("logreg", train).predict(test.documents)
    assert [[p.scores["0"], p.scores["1"]] for p in found] == expected.tolist()
    right = sum(p.label == labels[d.id] for p, d in zip(found, test.documents, strict=True))
    assert right / len(found) > 0.85  # learned from an eighth


@pytest.mark.parametrize("method_spec", METHODS)
def test_several_labels_and_one_that_is_never_seen(method_spec: str, papers: tuple[Dataset, Dataset]) -> None:
    train, test = papers
    three = {d.id: ("a", "b", "c")[i % 3] for i, d in enumerate(train.documents)}
    spec = TaskSpec(task="classification", labels=("a", "b", "c", "never"))
    found = fitted(QUICK[method_spec], replace(train, targets={"classification": three}), spec).predict(
        test.documents
    )
    assert {p.label for p in found} <= {"a", "b", "c"}
    if method_spec != "linear-svm":
        assert all(tuple(p.scores) == spec.labels and p.scores["never"] == 0 for p in found)
        assert all(sum(p.scores.values()) == pytest.approx(1, abs=1e-9) for p in found)


@pytest.mark.parametrize("method_spec", METHODS)
def test_restored_scores_are_the_saved_ones(
    method_spec: str, papers: tuple[Dataset, Dataset], tmp_path: Path
) -> None:
    train, test = papers
    made = fitted(QUICK[method_spec], train)
    made.save(tmp_path)
    assert not [file for file in tmp_path.iterdir() if file.suffix not in {".json", ".skops"}]
    restored = adapter(QUICK[method_spec])
    restored.restore(tmp_path)
    assert restored.predict(test.documents) == made.predict(test.documents)


def test_a_forest_depends_on_the_seed_and_the_others_do_not(papers: tuple[Dataset, Dataset]) -> None:
    train, test = papers
    for method_spec in METHODS:
        method = Registry().method(QUICK[method_spec])
        made = [method.create(Context(task=SPEC, seed=seed)) for seed in (1, 2)]
        predictions = []
        for one in made:
            one.load()
            one.fit(train, Dataset("", ()))
            found = all_of_type(PredictedLabel, one.predict(test.documents))
            predictions.append([prediction.scores["1"] for prediction in found])
        same = predictions[0] == pytest.approx(predictions[1], abs=0.01)
        assert same is not method.adapter.stochastic, method_spec


def test_threads_do_not_change_a_forest(papers: tuple[Dataset, Dataset]) -> None:
    train, test = papers
    one, two = (fitted(QUICK["random-forest"], train, threads=threads) for threads in (1, 2))
    assert one.predict(test.documents) == two.predict(test.documents)


@pytest.mark.parametrize("method_spec", METHODS[1:])
def test_one_label_alone_is_refused(method_spec: str, papers: tuple[Dataset, Dataset]) -> None:
    train, _ = papers
    one = {document.id: "1" for document in train.documents}
    with pytest.raises(BenchError, match="all 60 documents of the training part have the label '1'"):
        fitted(method_spec, replace(train, targets={"classification": one}))
    with pytest.raises(BenchError, match="the training part has none"):
        fitted(method_spec, Dataset("", ()))


def test_texts_without_a_word_are_refused(papers: tuple[Dataset, Dataset]) -> None:
    train, _ = papers
    blank = tuple(Document(document.id, {}) for document in train.documents)
    with pytest.raises(BenchError, match="logreg finds no n-grams in the 60 training documents"):
        fitted("logreg", replace(train, documents=blank))


def test_a_solver_that_stops_early_says_so(papers: tuple[Dataset, Dataset]) -> None:
    train, _ = papers
    notes: dict[str, Any] = {}
    with pytest.warns(match="failed to converge"):
        fitted("bow-logreg[max_iter=2]", train, notes=notes)
    assert notes["not_converged"] == "the solver stopped at max_iter=2"
    notes.clear()
    fitted("bow-logreg", train, notes=notes)
    assert notes == {"features": 3000}


def test_what_is_not_trusted_is_not_read(tmp_path: Path) -> None:
    import skops.io

    path = tmp_path / "model.skops"
    skops.io.dump(make_pipeline(FunctionTransformer(plain_text)), path)
    with pytest.raises(BenchError, match="which is not trusted"):
        read_estimator(path)
    with pytest.raises(BenchError, match="which is not trusted"):
        write_estimator(make_pipeline(FunctionTransformer(plain_text)), path)
    path.write_bytes(b"PK damaged")
    with pytest.raises(BenchError, match="no model saved by skops"):
        read_estimator(path)


@pytest.mark.parametrize(
    "method_spec",
    [
        # Those that differ from logreg in nothing but the classifier.
        pytest.param(name, marks=[pytest.mark.slow] if name in ("bow-logreg", "naive-bayes") else [])
        for name in METHODS
    ],
)
def test_conformance(method_spec: str) -> None:
    assert [result for result in check_method(method_spec, sources=False) if not result.passed] == []


def test_majority_says_how_often_each_label_was_seen() -> None:
    documents = tuple(Document(str(i), {"title": "x"}) for i in range(4))
    train = Dataset("", documents, {"classification": {"0": "1", "1": "0", "2": "1", "3": "1"}})
    expected = PredictedLabel("1", {"0": 0.25, "1": 0.75})
    assert fitted("majority", train).predict(documents) == [expected] * 4
