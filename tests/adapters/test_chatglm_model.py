"""The tiny ChatGLM of the first generation against what the original code computes for it; each tuning
on it scores a text the same alone and in a padded batch."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra llm")
pytest.importorskip("transformers", reason="needs the extra llm")

import numpy as np  # noqa: E402
from tiny_checkpoints import FIRST, first_here, write_shards  # noqa: E402

from readbench.core.errors import BenchError  # noqa: E402
from readbench_adapters.chatglm import chatglm1_model as chatglm_model  # noqa: E402
from readbench_adapters.chatglm.chatglm1_model import ChatGLMConfig, ChatGLMForCausalLM, layout, load_chatglm  # noqa: E402

CLOSE = 1e-5
SIZES: dict[str, Any] = {
    "vocab_size": 320,
    "hidden_size": 64,
    "inner_hidden_size": 160,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "bos_token_id": 296,
    "eos_token_id": 297,
    "mask_token_id": 292,
    "gmask_token_id": 293,
    "pad_token_id": 3,
}


@pytest.fixture(scope="module")
def reference() -> dict[str, Any]:
    return {key: torch.tensor(value) for key, value in np.load(FIRST / "reference.npz").items()}


def padding_of(ids: Any) -> Any:
    """1 from the first token on that is no padding."""
    return (ids != 3).cumsum(dim=1).clamp(max=1)


def random_model() -> Any:
    torch.manual_seed(0)
    model = ChatGLMForCausalLM(ChatGLMConfig(**SIZES)).eval()
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.1)
        elif "layernorm.weight" not in name:
            torch.nn.init.normal_(parameter, std=0.02)
    return model


@first_here
def test_masks_and_positions_are_the_originals(reference: dict[str, Any]) -> None:
    ids = reference["b_ids"]
    hidden, positions = layout(ids, padding_of(ids), ChatGLMConfig(**SIZES))
    assert torch.equal(hidden, reference["b_mask"])
    assert torch.equal(positions, reference["b_pos"])


@first_here
def test_logits_loss_and_gradients_are_the_originals(reference: dict[str, Any]) -> None:
    model, _ = load_chatglm(FIRST, dtype=torch.float32)
    with torch.no_grad():
        alone = model(input_ids=reference["a_ids"]).logits
    assert float((alone - reference["a_logits"]).abs().max()) <= CLOSE
    mask = padding_of(reference["b_ids"])
    padded = model(input_ids=reference["b_ids"], attention_mask=mask, labels=reference["b_labels"])
    difference = (padded.logits - reference["b_logits"]).detach()[mask.bool()]
    assert float(difference.abs().max()) <= CLOSE
    assert padded.loss.item() == pytest.approx(float(reference["b_loss"]), abs=CLOSE)
    padded.loss.backward()
    parameters = dict(model.named_parameters())
    gradients = {key.partition("|")[2]: value for key, value in reference.items() if key.startswith("grad|")}
    assert len(gradients) == 24
    for name, expected in gradients.items():
        assert float((parameters[name].grad - expected).abs().max()) <= CLOSE, name


def alpha_of_the_depth(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(chatglm_model, "ALPHA", (2 * 3) ** 0.5)


def causal_context(patch: pytest.MonkeyPatch) -> None:
    def causal(ids: Any, *given: Any, **more: Any) -> tuple[Any, Any]:
        hidden, positions = layout(ids, *given, **more)
        return hidden | torch.ones_like(hidden).triu(1), positions

    patch.setattr(chatglm_model, "layout", causal)


def one_row_of_positions(patch: pytest.MonkeyPatch) -> None:
    def plain(ids: Any, *given: Any, **more: Any) -> tuple[Any, Any]:
        hidden, positions = layout(ids, *given, **more)
        return hidden, torch.arange(positions.shape[-1]).expand_as(positions)

    patch.setattr(chatglm_model, "layout", plain)


def exact_frequencies(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(torch.Tensor, "half", lambda self: self)


def neighbours_rotate(patch: pytest.MonkeyPatch) -> None:
    def interleaved(x: Any, rotary: Any) -> Any:
        halves = x.unflatten(-1, (2, -1))
        turned = torch.stack((-halves[..., 1::2], halves[..., 0::2]), dim=-1).flatten(-2)
        return (halves * rotary.cos() + turned * rotary.sin()).flatten(-2)

    patch.setattr(chatglm_model, "rotate", interleaved)


def erf_gelu(patch: pytest.MonkeyPatch) -> None:
    gelu = torch.nn.functional.gelu
    patch.setattr(torch.nn.functional, "gelu", lambda x, **_given: gelu(x))


@first_here
@pytest.mark.parametrize(
    "wrong",
    [
        alpha_of_the_depth,
        causal_context,
        one_row_of_positions,
        exact_frequencies,
        neighbours_rotate,
        erf_gelu,
    ],
    ids=lambda wrong: wrong.__name__,
)
def test_a_wrong_reading_is_caught(
    wrong: Any, reference: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, _ = load_chatglm(FIRST, dtype=torch.float32)
    wrong(monkeypatch)
    with torch.no_grad():
        logits = model(input_ids=reference["a_ids"]).logits
    assert float((logits - reference["a_logits"]).abs().max()) > 2 * CLOSE


def texts() -> tuple[Any, Any]:
    """Two texts with an answer, the second shorter and padded on the left."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(10, 280, (2, 18), generator=generator)
    ids[:, 12], ids[:, 13] = 293, 296
    ids[1, :7] = 3
    return ids, padding_of(ids)


def test_generation_with_a_cache_is_that_without() -> None:
    model = random_model()
    ids, mask = texts()
    ids, mask = ids[:, :15], mask[:, :15]
    found = model.generate(
        ids,
        attention_mask=mask,
        max_new_tokens=6,
        do_sample=False,
        eos_token_id=None,
        return_dict_in_generate=True,
        output_logits=True,
    )
    with torch.no_grad():
        again = model(input_ids=found.sequences, attention_mask=padding_of(found.sequences)).logits
    assert torch.equal(again[:, 14:20].argmax(dim=-1), found.sequences[:, 15:])
    assert float((torch.stack(found.logits, dim=1) - again[:, 14:20]).abs().max()) <= CLOSE


@pytest.mark.parametrize("tuning", ["lora", "adalora", "prefix", "prefix-mlp", "prompt", "p-tuning", "none"])
def test_a_text_alone_scores_as_in_a_padded_batch(tuning: str) -> None:
    peft = pytest.importorskip("peft", reason="needs the extra llm")
    given: dict[str, Any] = {"task_type": "CAUSAL_LM"}
    virtual, targets = given | {"num_virtual_tokens": 5}, {"target_modules": ["query_key_value"]}
    configs: dict[str, Callable[[], Any]] = {
        "lora": lambda: peft.LoraConfig(r=4, init_lora_weights=False, **given, **targets),
        "adalora": lambda: peft.AdaLoraConfig(total_step=10, init_r=4, target_r=2, **given, **targets),
        "prefix": lambda: peft.PrefixTuningConfig(**virtual),
        "prefix-mlp": lambda: peft.PrefixTuningConfig(prefix_projection=True, **virtual),
        "prompt": lambda: peft.PromptTuningConfig(**virtual),
        "p-tuning": lambda: peft.PromptEncoderConfig(encoder_hidden_size=16, **virtual),
        "none": lambda: None,
    }
    config = configs[tuning]()
    model = random_model()
    plain = model(input_ids=texts()[0], attention_mask=texts()[1]).logits[1, -5:]
    if config is not None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = peft.get_peft_model(model, config).eval()
    ids, mask = texts()
    labels = torch.where(torch.arange(18) > 14, ids, -100)
    with torch.no_grad():
        together = model(input_ids=ids, attention_mask=mask, layout_ids=ids).logits[1, -5:]
        alone = model(input_ids=ids[1:, 7:], attention_mask=mask[1:, 7:], layout_ids=ids[1:, 7:]).logits[
            0, -5:
        ]
    assert float((together - alone).abs().max()) <= CLOSE
    if config is not None and tuning != "adalora":  # AdaLoRA begins at nothing
        assert float((together - plain).abs().max()) > 100 * CLOSE
    if config is not None:
        model.train()
        model(input_ids=ids, attention_mask=mask, labels=labels, layout_ids=ids).loss.backward()
        trained = [p for p in model.parameters() if p.requires_grad]
        assert trained
        assert any(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in trained)


def test_gradient_checkpointing_changes_nothing() -> None:
    ids, mask = texts()
    labels = torch.where(torch.arange(18) > 14, ids, -100)
    gradients = []
    for checkpointed in (False, True):
        model = random_model().train()
        if checkpointed:
            model.gradient_checkpointing_enable()
        model(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
        gradients.append(model.transformer.layers[0].attention.query_key_value.weight.grad)
    assert float((gradients[0] - gradients[1]).abs().max()) <= 1e-7


def test_logits_of_the_last_tokens_alone() -> None:
    model = random_model()
    ids, mask = texts()
    every = model(input_ids=ids, attention_mask=mask).logits
    assert torch.allclose(model(input_ids=ids, attention_mask=mask, logits_to_keep=3).logits, every[:, -3:])


def test_a_text_without_its_end_is_refused() -> None:
    with pytest.raises(ValueError, match="has no such end"):
        random_model()(input_ids=torch.tensor([[10, 11, 12]]))


def test_lora_at_full_size_has_the_published_number_of_parameters() -> None:
    peft = pytest.importorskip("peft", reason="needs the extra llm")
    with torch.device("meta"):
        model = ChatGLMForCausalLM(ChatGLMConfig())
        tuned = peft.get_peft_model(model, peft.LoraConfig(r=8, target_modules=["query_key_value"]))
    assert tuned.get_nb_trainable_parameters()[0] == 3_670_016


def test_a_checkpoint_is_read_and_held_against_its_configuration(tmp_path: Path) -> None:
    model = random_model()
    state = {name: tensor.half() for name, tensor in model.state_dict().items()}
    said = {"model_type": "chatglm", "position_encoding_2d": True, "num_layers": 2, **SIZES}
    said.pop("num_hidden_layers")
    (tmp_path / "config.json").write_text(json.dumps(said))
    write_shards(tmp_path, dict(state))
    loaded, _ = load_chatglm(tmp_path, dtype=torch.float32)
    assert loaded.lm_head.weight is loaded.transformer.word_embeddings.weight
    ids, mask = texts()
    expected = model(input_ids=ids, attention_mask=mask).logits
    found = loaded(input_ids=ids, attention_mask=mask).logits
    assert float((found - expected)[mask.bool()].abs().max()) < 0.05  # fp16 on disk
    for changed, told in [
        (state | {"lm_head.weight": torch.zeros(320, 64).half()}, "which ChatGLM-6B ties"),
        ({k: v for k, v in state.items() if "final_layernorm.bias" not in k}, "lacks transformer.final"),
        (state | {"transformer.prefix_encoder.weight": torch.zeros(2, 2)}, "does not know"),
    ]:
        write_shards(tmp_path, dict(changed))
        with pytest.raises(BenchError, match=told):
            load_chatglm(tmp_path, dtype=torch.float32)
    (tmp_path / "config.json").write_text(json.dumps(said | {"num_layers": 28}))
    write_shards(tmp_path, dict(state))
    with pytest.raises(BenchError, match=r"lacks transformer\.layers\.10"):
        load_chatglm(tmp_path, dtype=torch.float32)
