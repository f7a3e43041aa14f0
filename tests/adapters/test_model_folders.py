"""A model's folder that cannot be asked is told in one line that names it, before the run where its files
show it; whatever its files hold, a library's error never comes through."""

from __future__ import annotations

import importlib.util
import json
import pickle
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra llm")
pytest.importorskip("transformers", reason="needs the extra llm")
pytest.importorskip("peft", reason="needs the extra llm")

from tiny_bert import save_tiny_bert  # noqa: E402
from tiny_checkpoints import write_second  # noqa: E402
from tiny_models import build_chatglm, build_llama, create, papers  # noqa: E402

from readbench.adapter import Context, MissingDependency, TaskSpec  # noqa: E402
from readbench.core.errors import BenchError  # noqa: E402
from readbench_adapters.llm.loading import load_causal  # noqa: E402
from readbench_adapters.llm.model_folder import ENCODERS  # noqa: E402
from readbench_adapters.llm.quantization import require_quantization  # noqa: E402

CONTEXT = Context(task=TaskSpec(task="classification"))
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_llama(tmp_path_factory.mktemp("llama") / "model")


@pytest.fixture
def folder(llama: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(llama, tmp_path / "model"))


def load(folder: Path) -> Any:
    return load_causal(str(folder), dtype="float32", device="cpu", context=CONTEXT)


def changed(folder: Path, name: str, **values: Any) -> None:
    said = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(said | values))


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise SystemExit('code of a checkpoint ran')",)


def code_in_a_pickle(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    torch.save({"model.norm.weight": Evil()}, folder / "pytorch_model.bin")


def code_in_a_bare_pickle(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"model.norm.weight": Evil()}))


def cut_weights(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-100])


def template_that_raises(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("{{ raise_exception('only tools') }}")


def template_that_cannot_be_read(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("{% for m in messages %}{{ m.content }}")


def template_that_repeats(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("{{ messages[0].content }} {{ messages[0].content }}")


def word_for_a_number(folder: Path) -> None:
    changed(folder, "config.json", hidden_size="thirty-two")


def list_for_a_number(folder: Path) -> None:
    changed(folder, "config.json", num_attention_heads=[4])


def unknown_activation(folder: Path) -> None:
    changed(folder, "config.json", hidden_act="none such")


def far_too_wide(folder: Path) -> None:
    changed(folder, "config.json", intermediate_size=10**9)


def no_end(folder: Path) -> None:
    changed(folder, "generation_config.json", eos_token_id="</s>")


def other_tokenizer(folder: Path) -> None:
    said = json.loads((folder / "tokenizer.json").read_text())
    said["model"]["vocab"] = {token: id_ + 5000 for token, id_ in said["model"]["vocab"].items()}
    (folder / "tokenizer.json").write_text(json.dumps(said))


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (code_in_a_pickle, r"pytorch_model\.bin cannot be read as tensors: it holds code"),
        (code_in_a_bare_pickle, r"pytorch_model\.bin cannot be read as tensors"),
        (cut_weights, r"model\.safetensors cannot be read as tensors"),
        (template_that_raises, r"chat template cannot be filled \(TemplateError: only tools\)"),
        (template_that_cannot_be_read, "chat template cannot be filled"),
        (template_that_repeats, "chat template repeats the prompt"),
        (word_for_a_number, "cannot load it"),
        (list_for_a_number, "cannot load it"),
        (unknown_activation, "cannot load it"),
        (far_too_wide, r"config\.json speaks of [\d,]+ numbers, and the weight files hold [\d,]+ bytes"),
        (no_end, "eos_token_id|cannot be loaded|cannot load it"),
        (other_tokenizer, "its tokenizer"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_cannot_be_loaded_is_one_line(folder: Path, broken: Callable[[Path], None], told: str) -> None:
    broken(folder)
    line = line_of(folder, ", predict=generate")
    assert re.search(told, line)
    assert "\n" not in line
    assert "weights_only" not in line


def half_downloaded(folder: Path) -> None:
    (folder / ".cache" / "huggingface" / "download").mkdir(parents=True)
    (folder / ".cache" / "huggingface" / "download" / f"{WEIGHTS}.abc.incomplete").write_bytes(b"")


def shards_absent(folder: Path) -> None:
    index = {"metadata": {}, "weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (folder / f"{WEIGHTS}.index.json").write_text(json.dumps(index))


def no_weights(folder: Path) -> None:
    (folder / WEIGHTS).unlink()


def pointer(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\n")


def no_tokenizer(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()


def quantised(folder: Path) -> None:
    changed(folder, "config.json", quantization_config={"quant_method": "gptq"})


def no_json(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": ' + "[" * 100_000)


def layers_without_end(folder: Path) -> None:
    changed(folder, "config.json", num_hidden_layers=10**12)


def an_encoder(folder: Path) -> None:
    shutil.rmtree(folder)
    save_tiny_bert(folder, head=False)


def with_two_halves(folder: Path) -> None:
    changed(folder, "config.json", model_type="bart", is_encoder_decoder=True)


BEFORE_THE_RUN = [
    (half_downloaded, "is half downloaded: 1 files are incomplete"),
    (shards_absent, "1 of 1 weight files are absent: model-00001-of-00002.safetensors"),
    (no_weights, "holds no weights"),
    (pointer, "is a Git LFS pointer"),
    (no_tokenizer, "holds no tokenizer"),
    (quantised, "is a quantised variant"),
    (no_json, "is no JSON"),
    (layers_without_end, "is no number of layers"),
    (an_encoder, r"is an encoder \(bert\), which writes no text"),
    (with_two_halves, r"is an encoder with a decoder \(bart\)"),
]


@pytest.mark.parametrize(("broken", "told"), BEFORE_THE_RUN, ids=lambda v: v.__name__ if callable(v) else "")
def test_what_its_files_show_is_told_before_the_run(
    folder: Path, broken: Callable[[Path], None], told: str
) -> None:
    broken(folder)
    method = create(f"llm[model={folder}]")
    method.needs()
    method.weights()
    with pytest.raises(MissingDependency, match=told) as caught:
        method.missing()
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
    with pytest.raises(BenchError, match=told):
        load(folder)


def test_a_chatglm_folder_without_its_tokenizer_is_told_before_the_run(tmp_path: Path) -> None:
    folder = write_second(tmp_path / "second")
    create(f"llm[model={folder}]").missing()
    (folder / "tokenizer.model").unlink()
    with pytest.raises(MissingDependency, match=r"tokenizer\.model is absent"):
        create(f"llm[model={folder}]").missing()


def test_encoders_are_those_of_transformers() -> None:
    """Of the model types that it would load as causal, those that fill in masks and are read both ways."""
    from transformers.models.auto import modeling_auto as known

    causal = {*known.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES}
    masked = {*known.MODEL_FOR_MASKED_LM_MAPPING_NAMES}
    assert masked & causal - WRITERS <= ENCODERS
    assert not ENCODERS & (causal - masked)
    assert not ENCODERS & WRITERS


WRITERS = {"bart", "mbart", "mvp", "plbart", "bigbird_pegasus", "reformer", "xlm", "xlnet"}
"""In both lists, and no encoder alone."""


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_bitsandbytes_is_advised_where_it_can_help(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingDependency) as caught:
        require_quantization(device)
    assert ("pip install bitsandbytes" in str(caught.value)) is (device == "cuda")
    assert ("needs a CUDA device" in str(caught.value)) is (device == "cpu")


# -- whatever the files hold ------------------------------------------------------------------------

VALUES: list[Any] = [None, True, -1, 0, 1, 3, 10**6, 10**12, 0.5, 1e300, "", "x", "1", [], [1], {}, {"a": 1}]
INDEX = "model.safetensors.index.json"
BEGINNING = 3000
"""Bytes: the header of the weights, the first pieces of a tokenizer."""


def mutated(folder: Path, source: random.Random) -> str:
    """Changes one value, or some bytes, of one file of a folder. Returns what it did."""
    path = source.choice([*sorted(folder.iterdir()), folder / "config.json", folder / INDEX])
    if path.name == INDEX:
        file: Any = source.choice(["../x", "/dev/zero", "absent", WEIGHTS, 3, None, {}, [WEIGHTS]])
        index = {"metadata": source.choice(VALUES), "weight_map": source.choice([*VALUES, {"a": file}])}
        path.write_text(json.dumps(index))
        return f"{INDEX} = {index}"
    if path.suffix != ".json" or source.random() < 0.3:
        data = bytearray(path.read_bytes())
        for _ in range(source.randint(1, 4)):
            data[source.randrange(min(len(data), BEGINNING))] = source.randrange(256)
        path.write_bytes(data if source.random() < 0.8 else data[: source.randrange(len(data))])
        return f"bytes of {path.name}"
    said = json.loads(path.read_text())
    place = said
    while source.random() < 0.6 and any(isinstance(v, dict) and v for v in place.values()):
        place = source.choice([v for v in place.values() if isinstance(v, dict) and v])
    key = source.choice(sorted(place))
    place[key] = source.choice(VALUES)
    path.write_text(json.dumps(said))
    return f"{path.name}: {key} = {place[key]!r}"


def line_of(folder: Path, more: str = "") -> str:
    """The line with which a run of a model ends; empty where it predicts. Nothing else may come out."""
    try:
        method = create(f"llm[model={folder}, tuning=none, agreement=0, max_tokens=64{more}]")
        method.needs()
        method.weights()
        method.missing()
        method.load()
        method.fit(papers(2), papers(2))
        method.predict(papers(1).documents)
    except BenchError as error:
        return str(error)
    return ""


def fuzz(whole: Path, folder: Path, count: int, seed: int) -> None:
    lines = []
    for number in range(count):
        source = random.Random(f"{seed}:{number}")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(whole, folder)
        did = mutated(folder, source)
        begun = perf_counter()
        try:
            lines.append(line_of(folder))
        except Exception as error:
            raise AssertionError(f"{seed}:{number} {did}: {type(error).__name__}: {error}") from error
        assert perf_counter() - begun < LONGEST_S, f"{seed}:{number} {did}"
    assert [line for line in lines if "\n" in line] == []
    assert 0 < lines.count("") < count


LONGEST_S = 30.0
"""On a machine that others use, too; alone it takes a tenth of a second."""
FORMATS: dict[str, Callable[[Path], Path]] = {
    "llama": build_llama,
    "second": lambda folder: write_second(folder, seq_length=512),
    "first": build_chatglm,
}


@pytest.mark.parametrize("format_", FORMATS)
def test_a_damaged_folder_ends_in_a_result_or_a_line(format_: str, tmp_path: Path) -> None:
    fuzz(FORMATS[format_](tmp_path / "whole"), tmp_path / "model", 20, 0)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("format_", FORMATS)
def test_many_damaged_folders(format_: str, tmp_path: Path) -> None:
    fuzz(FORMATS[format_](tmp_path / "whole"), tmp_path / "model", 300, 1)
