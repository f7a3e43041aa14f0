"""Scores of labels against log-probabilities added up by hand; free answers against a plain greedy loop."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra llm")
pytest.importorskip("peft", reason="needs the extra llm")

import numpy as np  # noqa: E402
from tiny_checkpoints import SECOND, second_here  # noqa: E402
from tiny_models import build_chatglm, build_llama, fitted, papers  # noqa: E402

from readbench.adapter import Context, TaskSpec  # noqa: E402
from readbench.core.errors import BenchError  # noqa: E402
from readbench_adapters.llm.heads import HeadAtPositions, base_of, read  # noqa: E402
from readbench_adapters.llm.loading import CausalModel, load_causal  # noqa: E402
from readbench_adapters.llm.scoring import Answers, FreeAnswer, Scorer, ends_of_answers, generate  # noqa: E402

CONTEXT = Context(task=TaskSpec(task="classification"))
PROMPTS = ["Is it medical? dose", "sensor network routing and more words", "a"]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> CausalModel:
    folder = build_llama(tmp_path_factory.mktemp("llama"))
    return load_causal(str(folder), dtype="float32", device="cpu", context=CONTEXT)


@pytest.fixture(scope="module")
def chatglm2() -> CausalModel:
    return load_causal(str(SECOND), dtype="float32", device="cpu", context=CONTEXT)


def by_hand(causal: CausalModel, prompt: list[int], answers: list[list[int]]) -> list[float]:
    """One forward pass an answer, alone and whole; the softmax over the vocabulary in double precision."""
    found = []
    for answer in answers:
        with torch.no_grad():
            logits = causal.model(input_ids=torch.tensor([prompt + answer])).logits[0].double()
        logs = logits.log_softmax(dim=-1)
        found.append(sum(float(logs[len(prompt) - 1 + i, id_]) for i, id_ in enumerate(answer)))
    total = np.logaddexp.reduce(found)
    return [value - total for value in found]


@pytest.mark.parametrize(
    "labels",
    [("0", "1"), ("medical", "other"), ("yes", "yes, it is", "no"), ("10", "1", "0"), ("1.0", "1.5", "1.7")],
)
@pytest.mark.parametrize("batch", [1, 2, 16])
def test_label_scores_are_the_log_probabilities_of_the_answers(
    labels: tuple[str, ...], batch: int, llama: CausalModel
) -> None:
    tokenizer = llama.tokenizer
    answers = Answers.of(tokenizer, labels)
    prompts = [tokenizer.chat(prompt) for prompt in PROMPTS]
    found = Scorer(llama.model, tokenizer, "cpu", batch).labels(prompts, answers)
    begins = any(a != b and a.startswith(b) for a in labels for b in labels)
    rows = [tokenizer.answer(label) if begins else tokenizer.encode(label) for label in labels]
    for prompt, row in zip(prompts, found, strict=True):
        assert list(row) == pytest.approx(by_hand(llama, prompt, rows), abs=1e-5)


@second_here
def test_the_answer_0_of_chatglm2_is_two_tokens_and_one_of_them_is_compared(chatglm2: CausalModel) -> None:
    answers = Answers.of(chatglm2.tokenizer, ("0", "1"))
    assert answers.shared == 1
    assert len(answers.rows[0]) == 2
    assert answers.branch is not None
    prompts = [chatglm2.tokenizer.chat(prompt) for prompt in PROMPTS]
    found = Scorer(chatglm2.model, chatglm2.tokenizer, "cpu", 4).labels(prompts, answers)
    for prompt, row in zip(prompts, found, strict=True):
        expected = by_hand(chatglm2, prompt, [list(answer) for answer in answers.rows])
        assert list(row) == pytest.approx(expected, abs=1e-5)


LABELS_OF_SEVERAL_TOKENS = ("medical science", "medical imaging", "networks", "law", "law and order")


def test_a_prompt_is_read_once_for_all_labels(llama: CausalModel, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = llama.tokenizer
    answers = Answers.of(tokenizer, LABELS_OF_SEVERAL_TOKENS)
    prompts = [tokenizer.chat(prompt) for prompt in PROMPTS]
    read_ids = []
    forward = type(llama.model).forward

    def counted(model: Any, *args: Any, **options: Any) -> Any:
        read_ids.append(options["input_ids"].numel())
        return forward(model, *args, **options)

    scorer = Scorer(llama.model, tokenizer, "cpu", 1)
    monkeypatch.setattr(llama.model, "forward", counted.__get__(llama.model))
    found = scorer.labels(prompts, answers)
    behind = max(map(len, answers.rows)) * len(answers.rows)
    assert sum(map(len, prompts)) < sum(read_ids) < sum(map(len, prompts)) + len(prompts) * behind
    monkeypatch.undo()
    for prompt, row in zip(prompts, found, strict=True):
        rows = [list(answer) for answer in answers.rows]
        assert list(row) == pytest.approx(by_hand(llama, prompt, rows), abs=1e-5)


@pytest.mark.parametrize(
    "tuning", ["lora", "adalora", "prefix-tuning", "prompt-tuning", "p-tuning", "p-tuning-v2", "full"]
)
def test_labels_of_several_tokens_whatever_the_tuning(tuning: str, tmp_path: Path) -> None:
    """Prompts of several lengths in one batch, against one row a prompt and label, each read whole."""
    folder = build_llama(tmp_path)
    more = ", virtual_tokens=4" if "tuning" in tuning else ""
    usual = "learning_rate=0.02, epochs=1, accumulation=1, agreement=0, max_tokens=200"
    adapter = fitted(f"llm[model={folder}, tuning={tuning}, {usual}{more}]", papers(12), papers(4, seed=1))
    tokenizer, model = adapter.causal.tokenizer, adapter.respondent.model
    answers = Answers.of(tokenizer, LABELS_OF_SEVERAL_TOKENS)
    prompts = [tokenizer.chat(prompt) for prompt in PROMPTS]
    scorer = Scorer(model, tokenizer, "cpu", 3 * len(answers.rows))
    expected = scorer._one_by_one(prompts, answers)
    expected -= np.logaddexp.reduce(expected, axis=1, keepdims=True)
    assert scorer.labels(prompts, answers) == pytest.approx(expected, abs=1e-5)


def test_a_model_that_does_not_keep_all_it_read_reads_each_label() -> None:
    """A sliding window of attention: what it keeps is too short to go on from."""
    from transformers import MistralConfig, MistralForCausalLM

    from readbench_adapters.llm.shared_cache import read_prompts

    torch.manual_seed(4)
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "vocab_size": 60}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "sliding_window": 4}
    model = MistralForCausalLM(MistralConfig(**sizes, **heads)).eval()
    prompts, answers = [[5, 6, 7, 8, 9, 10, 11], [12, 13]], Answers(((20, 21, 22), (23, 24), (25,)), 0)
    tokenizer: Any = SimpleNamespace(pad_id=0)
    with torch.no_grad():
        assert read_prompts(model, prompts, model.get_output_embeddings(), pad=0, device="cpu") is None
    found = Scorer(model, tokenizer, "cpu", 8).labels(prompts, answers)
    one: Any = SimpleNamespace(model=model)
    for prompt, row in zip(prompts, found, strict=True):
        rows = [list(answer) for answer in answers.rows]
        assert list(row) == pytest.approx(by_hand(one, prompt, rows), abs=1e-5)


@pytest.mark.parametrize(
    "second", [False, pytest.param(True, marks=second_here)], ids=["chatglm", "chatglm2"]
)
def test_labels_of_several_tokens_of_chatglm(second: bool, tmp_path: Path) -> None:
    """The masks of the first one follow from the whole text: it reads each label."""
    folder = SECOND if second else build_chatglm(tmp_path / "model")
    causal = load_causal(str(folder), dtype="float32", device="cpu", context=CONTEXT)
    answers = Answers.of(causal.tokenizer, ("medical science", "law", "law and order"))
    assert answers.branch is None
    prompts = [causal.tokenizer.chat(prompt) for prompt in PROMPTS]
    found = Scorer(causal.model, causal.tokenizer, "cpu", 9).labels(prompts, answers)
    for prompt, row in zip(prompts, found, strict=True):
        rows = [list(answer) for answer in answers.rows]
        assert list(row) == pytest.approx(by_hand(causal, prompt, rows), abs=1e-5)


def test_one_label_that_begins_another_is_told_apart_by_its_end(llama: CausalModel) -> None:
    ends = Answers.of(llama.tokenizer, ("1", "10"))
    assert all(row[-1] == llama.tokenizer.eos_id for row in ends.rows)
    assert ends.branch is None
    clear = Answers.of(llama.tokenizer, ("0", "1"))
    assert clear.branch == tuple(llama.tokenizer.encode(label)[0] for label in ("0", "1"))


def test_labels_that_the_tokenizer_writes_alike_are_refused(llama: CausalModel) -> None:
    with pytest.raises(BenchError, match="does not tell these labels apart"):
        Answers.of(llama.tokenizer, ("a", ""))


def test_the_head_in_place_gives_the_models_own_logits() -> None:
    """Also of a model that does something to logits after its head: Gemma 2 caps them."""
    from transformers import Gemma2Config, Gemma2ForCausalLM

    torch.manual_seed(2)
    model = Gemma2ForCausalLM(
        Gemma2Config(
            vocab_size=50,
            hidden_size=16,
            intermediate_size=24,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
            final_logit_softcapping=0.5,
            initializer_range=0.5,
        )
    ).eval()
    rows = [[5, 6, 7, 8], [9, 10]]
    positions = torch.tensor([[1, 3], [0, 1]])
    with torch.no_grad():
        found = read(
            model,
            rows,
            HeadAtPositions(base_of(model).get_output_embeddings(), positions, 4, exact=True),
            pad=0,
            device="cpu",
        )
        columns = HeadAtPositions(
            base_of(model).get_output_embeddings(), positions, 4, exact=True, columns=torch.tensor([3, 30])
        )
        few = read(model, rows, columns, pad=0, device="cpu")
        whole = [model(input_ids=torch.tensor([row])).logits[0] for row in rows]
    assert found.shape == (2, 2, 50)
    for row, at in enumerate(positions.tolist()):
        assert torch.allclose(found[row], whole[row][at], atol=1e-6)
        assert torch.allclose(few[row], whole[row][at][:, [3, 30]], atol=1e-6)
    assert float(found.abs().max()) <= 0.5
    assert model.get_output_embeddings().weight.shape == (50, 16)  # it is back in its place


@pytest.mark.parametrize(
    "tuning", ["none", "lora", "prefix-tuning", "prompt-tuning", "p-tuning", "p-tuning-v2"]
)
def test_free_answers_are_greedy_whatever_the_tuning(tuning: str, tmp_path: Path) -> None:
    """Against a plain loop of whole forward passes through the same heads as scoring uses."""
    folder = build_llama(tmp_path)
    more = ", virtual_tokens=4" if "tuning" in tuning else ""
    usual = "learning_rate=0.02, epochs=1, accumulation=1, agreement=0, max_tokens=200"
    spec = f"llm[model={folder}, tuning={tuning}, {usual}{more}]"
    adapter = fitted(spec, papers(12), papers(4, seed=1))
    tokenizer = adapter.causal.tokenizer
    prompts = [tokenizer.chat(prompt) for prompt in [*PROMPTS, PROMPTS[0].replace("dose", "clinic")]]
    said = generate(
        adapter.respondent.model, tokenizer, prompts, device="cpu", batch_size=4, max_new_tokens=5
    )
    wanted = [greedy(adapter, prompt, 5) for prompt in prompts]
    assert [one.text for one in said] == [tokenizer.decode(ids) for ids in wanted]
    assert [one.whole for one in said] == [len(ids) < 5 for ids in wanted]


@pytest.mark.parametrize(
    ("tuning", "batches"),
    [("none", 1), ("lora", 1), ("adalora", 1), ("prompt-tuning", 3), ("p-tuning-v2", 3)],
)
def test_prompts_of_several_lengths_are_answered_together_where_the_tuning_allows(
    tuning: str, batches: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = build_llama(tmp_path)
    usual = "learning_rate=0.02, epochs=1, accumulation=1, agreement=0, max_tokens=200"
    adapter = fitted(f"llm[model={folder}, tuning={tuning}, {usual}]", papers(12), papers(4, seed=1))
    model, tokenizer = adapter.respondent.model, adapter.causal.tokenizer
    prompts = [tokenizer.chat(prompt) for prompt in PROMPTS]
    assert len(set(map(len, prompts))) == 3
    asked = []
    write = model.generate

    def counted(**options: Any) -> Any:
        asked.append(options["input_ids"].shape)
        return write(**options)

    monkeypatch.setattr(model, "generate", counted)
    said = generate(model, tokenizer, prompts, device="cpu", batch_size=4, max_new_tokens=12)
    assert len(asked) == batches
    wanted = [greedy(adapter, prompt, 12) for prompt in prompts]
    assert [one.text for one in said] == [tokenizer.decode(ids) for ids in wanted]
    assert [one.whole for one in said] == [len(ids) < 12 for ids in wanted]


def greedy(adapter: Any, prompt: list[int], count: int) -> list[int]:
    ids: list[int] = []
    head = base_of(adapter.respondent.model).get_output_embeddings()
    for _ in range(count):
        row = [*prompt, *ids]
        selected = HeadAtPositions(head, torch.tensor([[len(row) - 1]]), len(row))
        with torch.no_grad():
            logits = read(adapter.respondent.model, [row], selected, pad=0, device="cpu")
        ids.append(int(logits[0, 0].argmax()))
        if ids[-1] == adapter.causal.tokenizer.eos_id:
            return ids[:-1]
    return ids


def test_half_precision_is_compared_in_single() -> None:
    """In bf16 two labels often tie exactly; the head in single precision sees which is ahead."""
    torch.manual_seed(0)
    head = torch.nn.Linear(32, 6, bias=False).to(torch.bfloat16)
    hidden = torch.randn(64, 1, 32).to(torch.bfloat16)
    positions = torch.zeros((64, 1), dtype=torch.int64)
    columns = torch.tensor([1, 4])
    exact = HeadAtPositions(head, positions, 1, columns=columns, exact=True)(hidden)[:, 0]
    own = HeadAtPositions(head, positions, 1, columns=columns)(hidden)[:, 0]
    true = (hidden.double() @ head.weight.double().T)[:, 0, [1, 4]]
    assert exact.dtype == torch.float32
    assert float((exact - true).abs().max()) < 1e-5
    assert float((own - true).abs().max()) > 1e-4


@pytest.mark.parametrize("as_list", [True, False])
def test_an_answer_ends_where_the_model_says(as_list: bool, tmp_path: Path) -> None:
    """Its own generation_config names what ends an answer: one id, or several, beside the tokenizer's."""
    folder = build_llama(tmp_path)
    spec = f"llm[model={folder}, tuning=none, agreement=0, max_tokens=200]"
    adapter = fitted(spec, papers(2), papers(2))
    tokenizer, model = adapter.causal.tokenizer, adapter.respondent.model
    prompt = tokenizer.chat(PROMPTS[0])
    plain = greedy(adapter, prompt, 12)
    assert len(plain) == 12
    place = next(i for i in range(3, 12) if plain[i] not in plain[:i])
    said = json.loads((folder / "generation_config.json").read_text())
    said["eos_token_id"] = [399, plain[place]] if as_list else plain[place]
    (folder / "generation_config.json").write_text(json.dumps(said))
    again = fitted(spec, papers(2), papers(2)).respondent.model
    (answer,) = generate(again, tokenizer, [prompt], device="cpu", batch_size=4, max_new_tokens=12)
    assert answer == FreeAnswer(tokenizer.decode(plain[:place]), whole=True)
    (answer,) = generate(model, tokenizer, [prompt], device="cpu", batch_size=4, max_new_tokens=12)
    assert answer == FreeAnswer(tokenizer.decode(plain), whole=False)


def test_ends_that_are_no_ids_are_told(llama: CausalModel) -> None:
    model = type("Model", (), {"generation_config": type("Config", (), {"eos_token_id": ["</s>"]})})
    with pytest.raises(BenchError, match="which is no id"):
        ends_of_answers(model, llama.tokenizer)
