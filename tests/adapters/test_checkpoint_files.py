"""Every way in which a download is not whole gets one clear line, before any tensor is read."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra llm")

from tiny_checkpoints import write_shards  # noqa: E402

from readbench.core.errors import BenchError  # noqa: E402
from readbench_adapters.chatglm.checkpoint_files import (  # noqa: E402
    check_headers,
    check_tensors,
    names_sum,
    read_config,
    refuse_differences,
    refuse_quantised,
    tensors,
    weight_files,
)

LAST = "pytorch_model-00002-of-00002.bin"
INDEX = "pytorch_model.bin.index.json"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 1968299480\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text("{}")
    write_shards(tmp_path, {f"layer.{i}.weight": torch.full((30, 20), float(i)) for i in range(6)})
    return tmp_path


def test_every_tensor_comes_once(folder: Path) -> None:
    found = dict(tensors(weight_files(folder)))
    assert sorted(found) == [f"layer.{i}.weight" for i in range(6)]
    assert all(float(found[f"layer.{i}.weight"].mean()) == i for i in range(6))


def test_safetensors_come_first(folder: Path) -> None:
    from safetensors.torch import save_file

    save_file({"only.weight": torch.ones(2)}, folder / "model.safetensors")
    # An index counts more than a single file: it says what belongs together.
    assert [path.name for path in weight_files(folder)][1] == LAST
    for path in folder.glob("pytorch*"):
        path.unlink()
    assert [name for name, _ in tensors(weight_files(folder))] == ["only.weight"]


def shard_absent(folder: Path) -> None:
    (folder / LAST).unlink()


def shard_a_pointer(folder: Path) -> None:
    (folder / LAST).write_bytes(POINTER)


def shard_short_in_the_index(folder: Path) -> None:
    index = json.loads((folder / INDEX).read_text())
    (folder / INDEX).write_text(json.dumps(index | {"metadata": {"total_size": 12_487_168_064}}))


def shards_without_index(folder: Path) -> None:
    (folder / INDEX).unlink()


def index_a_pointer(folder: Path) -> None:
    (folder / INDEX).write_bytes(POINTER)


def index_cut_short(folder: Path) -> None:
    (folder / INDEX).write_text((folder / INDEX).read_text()[:50])


def index_empty(folder: Path) -> None:
    (folder / INDEX).write_text("{}")


def index_that_leaves_its_folder(folder: Path) -> None:
    (folder / INDEX).write_text(json.dumps({"weight_map": {"a": "../secret.bin"}}))


def nothing_there(folder: Path) -> None:
    for path in folder.glob("pytorch*"):
        path.unlink()


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (shard_absent, f"1 of 2 weight files are absent: {LAST}; download it to the end"),
        (shard_a_pointer, f"{LAST} is a Git LFS pointer, not the file itself; run `git lfs pull`"),
        (shard_short_in_the_index, "bytes of 12,487,168,064"),
        (shards_without_index, f"has 2 weight files but no {INDEX}"),
        (index_a_pointer, f"{INDEX} is a Git LFS pointer"),
        (index_cut_short, "is no JSON"),
        (index_empty, "has no weight_map"),
        (index_that_leaves_its_folder, "names files outside of its folder"),
        (nothing_there, "holds no weights"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_is_not_whole_is_told(folder: Path, broken: Callable[[Path], None], told: str) -> None:
    broken(folder)
    with pytest.raises(BenchError) as caught:
        weight_files(folder)
    line = str(caught.value)
    assert told in line
    assert str(folder) in line
    assert "\n" not in line


@pytest.mark.parametrize("kept", [0, 10, 1500])
def test_a_shard_that_was_cut_is_told(folder: Path, kept: int) -> None:
    whole = (folder / LAST).read_bytes()
    (folder / LAST).write_bytes(whole[:kept] + b"" * (len(whole) - kept))
    with pytest.raises(BenchError, match=f"{LAST} cannot be read as tensors") as caught:
        list(tensors(sorted(folder.glob("*.bin"))))
    assert "\n" not in str(caught.value)


def test_a_safetensors_file_that_was_cut_is_told(folder: Path) -> None:
    from safetensors.torch import save_file

    path = folder / "model.safetensors"
    save_file({"only.weight": torch.ones(200)}, path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(BenchError, match="cannot be read as tensors"):
        list(tensors([path]))


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise SystemExit('code of a checkpoint ran')",)


@pytest.mark.parametrize("write", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_code_in_a_shard_does_not_run(folder: Path, write: Callable[[Any, Path], None]) -> None:
    write({"layer.0.weight": Evil()}, folder / LAST)
    with pytest.raises(BenchError, match="cannot be read as tensors"):
        list(tensors([folder / LAST]))


def test_files_of_before_archives_are_read(folder: Path) -> None:
    torch.save({"a": torch.ones(3)}, folder / LAST, _use_new_zipfile_serialization=False)
    assert [name for name, _ in tensors([folder / LAST])] == ["a"]
    (folder / LAST).write_bytes(b"something else")
    with pytest.raises(BenchError, match=f"{LAST} cannot be read as tensors"):
        check_tensors([folder / LAST])


@pytest.mark.parametrize("kept", [0, 4, 8, 40, -10])
def test_a_cut_header_is_seen_without_a_library(folder: Path, kept: int) -> None:
    from safetensors.torch import save_file

    path = folder / "model.safetensors"
    save_file({"only.weight": torch.ones(200)}, path)
    check_headers([path])
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(BenchError, match=r"model\.safetensors cannot be read as tensors"):
        check_headers([path])


def test_quantised_variants_are_told(folder: Path) -> None:
    refuse_quantised(folder, {"quantization_bit": 0})
    for said in ({"quantization_bit": 4}, {"quantization_config": {"quant_method": "gptq"}}):
        with pytest.raises(BenchError, match="is a quantised variant"):
            refuse_quantised(folder, said)


def test_a_configuration_that_is_absent_is_told(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"config\.json is absent"):
        read_config(tmp_path)


def test_the_sum_of_names_knows_names_and_shapes_and_no_order() -> None:
    names = {"a": (1, 2), "b": (3,)}
    assert names_sum(names) == names_sum(dict(reversed(names.items())))
    assert len({names_sum(n) for n in (names, {"a": (1, 2)}, {"a": (2, 1), "b": (3,)}, {"c": (1, 2)})}) == 4


def test_a_long_list_of_differences_is_cut() -> None:
    expected: dict[str, tuple[int, ...]] = {f"t{i}": (1,) for i in range(9)}
    with pytest.raises(BenchError, match="lacks t0, t1, t2 and 6 more"):
        refuse_differences(Path("model"), expected, {})
