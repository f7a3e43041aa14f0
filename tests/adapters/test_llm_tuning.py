"""AdaLoRA's budget and regulariser, checkpoints of training, and one first matrix for ChatGLM2."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra llm")
pytest.importorskip("peft", reason="needs the extra llm")

from tiny_checkpoints import SECOND, second_here  # noqa: E402
from tiny_models import build_llama, create, fitted, papers, scores  # noqa: E402

from readbench.adapter import Context, TaskSpec  # noqa: E402
from readbench.core.errors import BenchError  # noqa: E402
from readbench_adapters.llm import training as llm_training  # noqa: E402
from readbench_adapters.llm.loading import load_causal  # noqa: E402
from readbench_adapters.llm.tuning import (  # noqa: E402
    USUAL,
    TuningConfig,
    Usual,
    budget_steps,
    orthogonality,
    ranks,
    tuned,
)
from readbench_adapters.training import loop as training_loop  # noqa: E402
from readbench_adapters.training.checkpoint import Checkpoint  # noqa: E402

TRAIN, VALIDATION, TEST = papers(32), papers(8, seed=1), papers(6, seed=2).documents
CONTEXT = Context(task=TaskSpec(task="classification"))


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_llama(tmp_path_factory.mktemp("llama"))


def load(folder: Path) -> Any:
    return load_causal(str(folder), dtype="float32", device="cpu", context=CONTEXT)


def test_the_budget_of_adalora_moves_from_its_first_rank_to_its_last(llama: Path) -> None:
    """Two layers with two targets each: 12 ranks a matrix at the start, 8 on average in the end, not the
    same everywhere; and the last epoch works with no more."""
    notes: dict[str, Any] = {}
    spec = f"llm[model={llama}, tuning=adalora, learning_rate=0.03, accumulation=1, max_tokens=160]"
    adapter = fitted(spec, TRAIN, VALIDATION, notes=notes)
    assert notes["ranks"] == {"trained": 4 * 12, "left": 4 * 8}
    assert ranks(adapter.respondent.model) == (4 * 12, 4 * 8)
    left = [int((v != 0).sum()) for n, v in adapter.respondent.model.named_parameters() if "lora_E" in n]
    assert len(set(left)) > 1


@pytest.mark.parametrize(("papers_", "epochs"), [(2, 1), (2, 3), (8, 1), (16, 1), (16, 3), (34, 1)])
def test_few_steps_move_the_budget_too(papers_: int, epochs: int, llama: Path) -> None:
    """From one optimiser step on: with 4 papers a batch and 4 batches a step, up to 16 papers are one."""
    notes: dict[str, Any] = {}
    fitted(
        f"llm[model={llama}, tuning=adalora, max_tokens=160, epochs={epochs}]",
        papers(papers_),
        VALIDATION,
        notes=notes,
    )
    assert notes["training"]["steps"] == epochs * (1 if papers_ <= 16 else 3)
    assert notes["ranks"] == {"trained": 4 * 12, "left": 4 * 8}


def test_without_the_call_after_each_step_the_budget_stays(
    llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above would see it."""
    train = training_loop.train
    monkeypatch.setattr(llm_training, "train", lambda *a, **k: train(*a, **{**k, "after_step": None}))
    notes: dict[str, Any] = {}
    fitted(
        f"llm[model={llama}, tuning=adalora, accumulation=1, max_tokens=160]", TRAIN, VALIDATION, notes=notes
    )
    assert notes["ranks"]["left"] == notes["ranks"]["trained"]


def test_the_regulariser_is_pefts_and_stays_out_of_the_curve(llama: Path) -> None:
    causal = load(llama)
    model = tuned(causal, TuningConfig("adalora"), steps=20, steps_an_epoch=10, seed=1)
    ids = torch.tensor([[3, 4, 5, 6]])
    with torch.no_grad():
        inside = model(input_ids=ids, labels=ids).loss  # PEFT's, with the regulariser
        logits = model(input_ids=ids).logits
    plain = torch.nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:])
    assert float(orthogonality(model)) == pytest.approx(float(inside - plain), rel=1e-5)
    assert float(orthogonality(model)) > 0.1


@pytest.mark.parametrize(("steps", "an_epoch"), [(1, 1), (2, 2), (10, 10), (33, 11), (1000, 1000)])
def test_the_budget_is_final_before_training_ends(steps: int, an_epoch: int) -> None:
    start, done = budget_steps(steps, an_epoch)
    assert 0 <= start < done <= an_epoch


@second_here
def test_chatglm2_trains_one_first_matrix_a_layer() -> None:
    causal = load(SECOND)
    model = tuned(causal, TuningConfig("lora"), steps=10, steps_an_epoch=10, seed=1)
    attention = causal.model.model.layers[0].self_attn
    first = attention.q_proj.lora_A["default"].weight
    assert attention.k_proj.lora_A["default"].weight is first
    assert attention.v_proj.lora_A["default"].weight is first
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == 2 * 8 * (64 + 64 + 2 * 32)


def test_the_usual_settings_are_the_known_ones() -> None:
    assert USUAL["lora"] == Usual(5e-5)
    params = create("llm").params
    config = params.training_config(3)
    assert (config.batch_size, config.accumulation, config.epochs, config.schedule) == (4, 4, 3, "cosine")
    assert (config.learning_rate, config.seed) == (5e-5, 3)
    assert (params.rank, params.alpha, params.dropout) == (8, 32, 0.1)
    given = create("llm[tuning=p-tuning-v2, virtual_tokens=9, learning_rate=0.5]").params
    assert given.tuning_config().virtual == 9
    assert given.training_config(1).learning_rate == 0.5
    assert create("llm[tuning=p-tuning-v2]").params.tuning_config().virtual == 128


class Interrupted(Exception):
    pass


def test_training_goes_on_where_it_was_interrupted(
    llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same scores, bit for bit, and the same curve as training in one piece; dropout included."""
    usual = f"model={llama}, learning_rate=0.01, accumulation=1, max_tokens=160, dropout=0.2, epochs=4"
    whole: dict[str, Any] = {}
    expected = scores(fitted(f"llm[{usual}]", TRAIN, VALIDATION, notes=whole), TEST)

    spec = f'llm[{usual}, checkpoints="{tmp_path}"]'
    write, calls = Checkpoint.write, []

    def interrupted(self: Checkpoint, state: dict[str, Any]) -> None:
        write(self, state)
        calls.append(len(state["curve"]))
        if len(calls) == 2:
            raise Interrupted

    monkeypatch.setattr(Checkpoint, "write", interrupted)
    with pytest.raises(Interrupted):
        fitted(spec, TRAIN, VALIDATION)
    assert len(list(tmp_path.rglob("*.pt"))) == 1
    notes: dict[str, Any] = {}
    found = scores(fitted(spec, TRAIN, VALIDATION, notes=notes), TEST)
    assert calls == [1, 2, 3, 4]
    assert found == expected
    losses = [[point["train_loss"] for point in record["learning_curve"]] for record in (whole, notes)]
    assert losses[0] == losses[1]
    assert notes["training"]["resumed_after"] == 2
    assert notes["training"]["steps"] == whole["training"]["steps"]
    assert list(tmp_path.iterdir()) == []  # nothing is kept once training is over


def test_other_ingredients_are_another_checkpoint(tmp_path: Path) -> None:
    one, other = (Checkpoint.of(tmp_path, rank=rank) for rank in (8, 9))
    assert one.folder != other.folder
    one.write({"step": 1})
    assert other.read() is None
    kept = one.read()
    assert kept is not None
    assert kept["step"] == 1
    (one.folder / "epoch.pt").write_bytes(b"nonsense")
    with pytest.raises(BenchError, match="is no checkpoint"):
        one.read()
    one.clear()
    other.clear()
    assert list(tmp_path.iterdir()) == []


def test_gradient_checkpointing_changes_no_number(llama: Path) -> None:
    usual = f"model={llama}, learning_rate=0.01, accumulation=1, max_tokens=160, dropout=0.0"
    plain: dict[str, Any] = {}
    again: dict[str, Any] = {}
    fitted(f"llm[{usual}]", TRAIN, VALIDATION, notes=plain)
    fitted(f"llm[{usual}, gradient_checkpointing=true]", TRAIN, VALIDATION, notes=again)
    for one, other in zip(plain["learning_curve"], again["learning_curve"], strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-4)


def test_modules_that_a_model_lacks_are_one_line(llama: Path) -> None:
    with pytest.raises(BenchError, match="does not go with this model"):
        fitted(f"llm[model={llama}, targets=[query_key_value], max_tokens=160]", TRAIN, VALIDATION)
