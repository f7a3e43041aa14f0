"""Kea and WINGNUS give what pke gives: learned by its own function from the same documents, phrases and
scores equal a plain loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from of_type import all_of_type, of_type

from readbench.adapter import Context, PreparationNeed
from readbench.authoring.conformance import check_method
from readbench.core.errors import BenchError
from readbench.core.types import Dataset, Document, RankedPhrases
from readbench.datasets import open_dataset
from readbench.methods.registry import Registry
from readbench.tasks.spec import TaskSpec

pke = pytest.importorskip("pke", reason="needs the extra keyphrases")
skops = pytest.importorskip("skops", reason="needs the extra keyphrases")

from nltk.stem.snowball import SnowballStemmer  # noqa: E402
from pke import supervised  # noqa: E402
from pke.utils import (  # noqa: E402
    compute_document_frequency,
    load_document_frequency_file,
    train_supervised_model,
)

from readbench_adapters.pke.supervised import shipped_classifier  # noqa: E402

SPEC = TaskSpec(task="keyphrases")
TRAIN, TEST = 24, 10
N_BEST = 50
PLAIN = {"pke.kea": supervised.Kea, "pke.wingnus": supervised.WINGNUS}
EMPTY = Dataset(name="", documents=())


@pytest.fixture(scope="module")
def parts() -> tuple[Dataset, tuple[Document, ...]]:
    """Embedded papers to learn from and to predict; one of the first has no text, one no gold."""
    corpus = open_dataset("papers-demo")
    ids = [document.id for document in corpus.documents]
    train, test = corpus.only(ids[:TRAIN]), corpus.only(ids[TRAIN : TRAIN + TEST]).documents
    gold = dict(train.targets["keyphrases"])
    gold.pop(ids[1])
    blank = Document(ids[0], {"title": " "})
    documents = (blank, *(SPEC.project(document) for document in train.documents[1:]))
    return (
        replace(train, documents=documents, targets={"keyphrases": gold}),
        tuple(SPEC.project(document) for document in test),
    )


@pytest.fixture(scope="module")
def model() -> Any:
    """spaCy as pke's reader sets it up."""
    import importlib

    from readbench.machine.weights import require_spacy_package

    nlp = importlib.import_module(require_spacy_package("en_core_web_sm")).load(
        disable=["ner", "textcat", "parser"]
    )
    nlp.add_pipe("sentencizer")
    nlp.tokenizer.infix_finditer = pke.readers.infix_re.finditer
    return nlp


@cache
def shipped_frequencies() -> Any:
    return load_document_frequency_file(str(Path(pke.__file__).parent / "models" / "df-semeval2010.tsv.gz"))


Prepare = Callable[[Mapping[str, PreparationNeed]], dict[str, Any]]


@pytest.fixture(scope="module")
def prepare(parts: tuple[Dataset, tuple[Document, ...]], tmp_path_factory: pytest.TempPathFactory) -> Prepare:
    """Builds what a method needs, each preparation once."""
    train, test = parts
    built: dict[str, Any] = {}

    def of(needs: Mapping[str, PreparationNeed]) -> dict[str, Any]:
        opened = {}
        for name, need in needs.items():
            key = f"{need.preparation.name} {need.preparation.params} {need.parts}"
            if key not in built:
                folder = tmp_path_factory.mktemp("preparation")
                documents = {(): (), ("train",): train.documents, ("test",): test}[need.parts]
                context = Context(task=SPEC, preparations=of(need.preparation.needs()))
                need.preparation.build(documents, folder, context)
                built[key] = need.preparation.open(folder)
            opened[name] = built[key]
        return opened

    return of


def ours(spec: str, train: Dataset, test: Sequence[Document], prepare: Prepare) -> Any:
    method = Registry().method(spec)
    bare = method.create(Context(task=SPEC))
    adapter = method.create(Context(task=SPEC, preparations=prepare(bare.needs().preparations)))
    adapter.load()
    adapter.fit(train, EMPTY)
    predictions = all_of_type(RankedPhrases, adapter.predict(test))
    return [list(zip(found.phrases, found.scores, strict=True)) for found in predictions]


def plain_loop(
    name: str, train: Dataset, test: Sequence[Document], model: Any, folder: Path, *, df: str, file: str
) -> list[list[tuple[str, float]]]:
    """What pke's documentation does, with nothing of this project."""
    stem = SnowballStemmer("porter").stem
    parsed = [(document.id, model(SPEC.text(document))) for document in train.documents]
    targets = train.targets["keyphrases"]
    gold = {id_: of_type(tuple, targets.get(id_, ())) for id_, _ in parsed}
    references = {
        id_: [" ".join(stem(word) for word in phrase.split()) for phrase in phrases]
        for id_, phrases in gold.items()
    }
    if df == "train":
        counts = folder / "df.tsv.gz"
        compute_document_frequency([document for _, document in parsed], str(counts))
        frequencies = load_document_frequency_file(str(counts))
    else:
        frequencies = shipped_frequencies()
    if file == "train":
        train_supervised_model(parsed, references, str(folder / "model"), df=frequencies, model=PLAIN[name]())
    predictions = []
    for document in test:
        extractor = PLAIN[name]()
        extractor.load_document(input=model(SPEC.text(document)), language="en")
        extractor.candidate_selection()
        path = str(folder / "model") if file == "train" else None
        extractor.candidate_weighting(model_file=path, df=frequencies)
        predictions.append(extractor.get_n_best(n=N_BEST))
    return predictions


@pytest.mark.parametrize(("df", "file"), [("shipped", "train"), ("train", "train"), ("shipped", "shipped")])
@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.filterwarnings("ignore:Trying to unpickle")
def test_phrases_and_scores_equal_a_plain_loop(
    name: str, df: str, file: str, parts: Any, prepare: Prepare, model: Any, tmp_path: Path
) -> None:
    train, test = parts
    expected = plain_loop(name, train, test, model, tmp_path, df=df, file=file)
    assert all(len(phrases) > 5 for phrases in expected)
    assert len({score for phrases in expected for _, score in phrases}) > 20
    assert ours(f"{name}[df={df}, model={file}]", train, test, prepare) == expected


def test_features_are_those_of_pke_by_number(parts: Any, prepare: Prepare) -> None:
    train, test = parts
    length_alone = ours("pke.wingnus[features=[6]]", train, test, prepare)
    by_length = {(len(phrase.split(" ")), score) for phrase, score in length_alone[0]}
    assert len(by_length) == len({length for length, _ in by_length}) > 1
    for wrong in ("[7]", "[]", "[1, 1]"):
        with pytest.raises(BenchError, match="features are some of 1 to 6"):
            Registry().method(f"pke.wingnus[features={wrong}]")


def test_nothing_to_learn_is_one_clear_line(parts: Any, prepare: Prepare) -> None:
    train, test = parts
    foreign = dict.fromkeys(train.targets["keyphrases"], ("a phrase that no paper has",))
    with pytest.raises(BenchError, match="none of them is a keyphrase"):
        ours("pke.kea", replace(train, targets={"keyphrases": foreign}), test, prepare)


def test_another_pickle_than_the_shipped_one_is_not_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "models").mkdir()
    real = Path(pke.__file__).parent / "models" / "Kea-semeval2010.py3.pickle"
    (tmp_path / "models" / real.name).write_bytes(real.read_bytes() + b"\n")
    monkeypatch.setattr(pke, "__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(BenchError, match="no other pickle is read"):
        shipped_classifier("Kea")


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["pke.kea", "pke.wingnus[df=train]"])
def test_conformance(spec: str) -> None:
    assert [result for result in check_method(spec, sources=False) if not result.passed] == []
