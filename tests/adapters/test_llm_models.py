"""A language model by its name: where it is looked for, which loader it gets, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra llm")
transformers = pytest.importorskip("transformers", reason="needs the extra llm")
for library in ("gguf", "peft", "sentencepiece"):
    pytest.importorskip(library, reason="needs the extra llm")

from tiny_checkpoints import FIRST, SECOND, first_here, second_here, write_second  # noqa: E402

from readbench.adapter import Context, TaskSpec  # noqa: E402
from readbench.core.errors import BenchError, MissingDependency  # noqa: E402
from readbench.machine.weights import find_causal, require_causal  # noqa: E402
from readbench_adapters.llm.loading import CausalModel, load_causal  # noqa: E402
from readbench_adapters.llm.model_folder import kind_of  # noqa: E402

WORDS = ["<s>", "</s>", "<unk>", "a", "paper", "judge", "1", "0", "user", "answer", ":"]
TEMPLATE = (
    "{% for m in messages %}<s>user : {{ m.content }} {% endfor %}"
    "{% if add_generation_prompt %}answer :{% endif %}"
)


@pytest.fixture(scope="module")
def context() -> Context:
    return Context(task=TaskSpec(task="keyphrases", fields=("title",)))


def load(folder: Path | str, context: Context) -> CausalModel:
    return load_causal(str(folder), dtype="float32", device="cpu", context=context)


def write_llama(folder: Path, *, template: str | None = TEMPLATE) -> Path:
    """A tiny Llama of random numbers with a tokenizer of whole words."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=None,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    return folder


def test_a_folder_of_transformers(tmp_path: Path, context: Context) -> None:
    found = load(write_llama(tmp_path / "llama"), context)
    assert (found.kind, found.lora_targets) == ("hf", ("q_proj", "v_proj"))
    assert found.described["source"] == "path"
    assert not found.model.training
    ids = found.tokenizer.chat("judge paper")
    assert [WORDS[i] for i in ids] == ["<s>", "user", ":", "judge", "paper", "answer", ":"]
    assert found.tokenizer.answer("1") == [WORDS.index("1"), found.tokenizer.eos_id]
    assert found.tokenizer.pad_id == found.tokenizer.eos_id == 1
    assert found.tokenizer.decode([*ids, 1]) == "user : judge paper answer :"


def test_without_a_template_the_prompt_is_plain(tmp_path: Path, context: Context) -> None:
    found = load(write_llama(tmp_path / "llama", template=None), context)
    assert [WORDS[i] for i in found.tokenizer.chat("judge a paper")] == ["judge", "a", "paper"]


def test_a_special_token_in_a_paper_is_text(tmp_path: Path, context: Context) -> None:
    tokenizer = load(write_llama(tmp_path / "llama"), context).tokenizer
    for paper in ("judge a</s> paper", "judge </s> paper"):  # neither is a word
        ids = tokenizer.chat(paper)
        assert [WORDS[i] for i in ids] == ["<s>", "user", ":", "judge", "<unk>", "paper", "answer", ":"]


def test_a_precision_is_taken_by_name_or_as_itself(tmp_path: Path, context: Context) -> None:
    folder = str(write_llama(tmp_path / "llama"))
    for dtype in ("bfloat16", torch.bfloat16):
        model = load_causal(folder, dtype=dtype, device="cpu", context=context).model
        assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
        assert model.model.rotary_emb.inv_freq.dtype == torch.float32


def test_tensors_that_are_not_the_models_are_told(tmp_path: Path, context: Context) -> None:
    from safetensors.torch import load_file, save_file

    folder = write_llama(tmp_path / "llama")
    whole = load_file(folder / "model.safetensors")
    name = "model.layers.1.mlp.up_proj.weight"
    for changed, told in [
        ({key: value for key, value in whole.items() if key != name}, f"missing {name}"),
        (
            whole | {"model.layers.1.mlp.more.weight": torch.ones(2)},
            "unexpected model.layers.1.mlp.more.weight",
        ),
        (whole | {name: torch.ones(2, 2)}, f"mismatched .*{name}"),
    ]:
        save_file(changed, folder / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(BenchError, match=told) as caught:
            load(folder, context)
        assert "\n" not in str(caught.value)


def test_code_beside_a_checkpoint_does_not_run(tmp_path: Path, context: Context) -> None:
    folder = write_llama(tmp_path / "llama")
    said = json.loads((folder / "config.json").read_text())
    said |= {"model_type": "mine", "auto_map": {"AutoConfig": "code.C", "AutoModelForCausalLM": "code.M"}}
    (folder / "config.json").write_text(json.dumps(said))
    (folder / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(BenchError, match="transformers cannot load it"):
        load(folder, context)
    assert not (tmp_path / "ran").exists()


@second_here
def test_a_folder_of_chatglm2(context: Context) -> None:
    found = load(SECOND, context)
    assert (found.kind, found.lora_targets) == ("chatglm2", ("q_proj", "k_proj", "v_proj"))
    assert type(found.model).__name__ == "GlmForCausalLM"
    assert len(found.described["names_sha256"]) == len(found.described["sha256"]) == 64
    assert found.tokenizer.chat("1")[:2] == [701, 703]


def test_a_wrong_tokenizer_a_pointer_and_a_quantised_variant_are_told(
    tmp_path: Path, context: Context
) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"quantization_bit": 4}, r"is a quantised variant \(4 bits\)"),
        ({"padded_vocab_size": 65024}, "another model's tokenizer"),
        ({"_name_or_path": "THUDM/chatglm3-6b"}, "chat format is not known"),
    ]
    for number, (said, told) in enumerate(wrong):
        with pytest.raises(BenchError, match=told):
            load(write_second(tmp_path / str(number), **said), context)
    folder = write_second(tmp_path / "pointer")
    (folder / "pytorch_model-00001-of-00002.bin").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(BenchError, match="Git LFS pointer"):
        load(folder, context)


@first_here
def test_the_first_generation_is_told_apart_and_needs_its_tokenizer(context: Context) -> None:
    found = find_causal(str(FIRST))
    assert found is not None
    assert kind_of(found) == "chatglm"
    with pytest.raises(BenchError, match=r"ice_text\.model is absent"):
        load(FIRST, context)


def test_what_is_not_here_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "none"))
    for name, told in [
        ("chatglm2-6b", "hf download THUDM/chatglm2-6b, or name its folder"),
        ("chatglm-6b", "hf download THUDM/chatglm-6b, or name its folder"),
        ("somebody/something", "hf download somebody/something"),
        (str(tmp_path), "holds no config.json and no GGUF file"),
        (str(tmp_path / "absent"), "is not there"),
    ]:
        assert find_causal(name) is None
        with pytest.raises(MissingDependency, match=told):
            require_causal(name)


def test_a_known_name_is_found_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    place = tmp_path / "models--THUDM--chatglm2-6b"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("abc")
    write_second(place / "snapshots" / "abc")
    found = require_causal("chatglm2-6b")
    assert (found.source, found.folder) == ("cache", place / "snapshots" / "abc")
    key = found.key()
    assert len(key) == 64
    with (found.folder / "pytorch_model-00001-of-00002.bin").open("ab") as shard:
        shard.write(b"changed")
    assert found.key() != key
