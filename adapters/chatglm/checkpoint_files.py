"""The files of a downloaded checkpoint: is everything there, and what are its tensors? Reads pickled
shards with ``weights_only`` and memory-mapped, so that no code of a checkpoint runs and one shard at a
time is in memory."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from readbench.core.errors import BenchError

if TYPE_CHECKING:
    import torch

CONFIG = "config.json"
INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
SINGLE = ("model.safetensors", "pytorch_model.bin")
LFS_POINTER = b"version https://git-lfs"
SHOWN = 3
"""Names shown of a long list."""


def read_config(folder: Path) -> dict[str, Any]:
    """config.json. Raises BenchError where it is absent, a pointer, or no JSON object."""
    return read_json(folder / CONFIG)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises BenchError where the file is absent, a pointer, or no such object."""
    try:
        value = json.loads(whole(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise BenchError(f"is no JSON: {error}", where=str(path), todo=_again(path.parent)) from error
    if not isinstance(value, dict):
        raise BenchError("is no JSON object", where=str(path), todo=_again(path.parent))
    return value


def weight_files(folder: Path) -> list[Path]:
    """The files that hold the weights, in the order of the index; safetensors come before ``.bin``.

    Raises BenchError where the folder is half downloaded: a shard of the index that is absent, a Git LFS
    pointer in place of a file, or fewer bytes than the index counts.
    """
    for name in INDEXES:
        if (folder / name).is_file():
            return _sharded(folder, read_json(folder / name), name)
    for name in SINGLE:
        if (folder / name).is_file():
            return [whole(folder / name)]
    shards = sorted(path.name for path in folder.glob("pytorch_model-*-of-*.bin"))
    if shards:
        raise BenchError(
            f"has {len(shards)} weight files but no {INDEXES[1]}", where=str(folder), todo=_again(folder)
        )
    raise BenchError("holds no weights", where=str(folder), todo=_again(folder))


def whole(path: Path) -> Path:
    """The file, if it is there and no Git LFS pointer. Raises BenchError otherwise."""
    if not path.is_file():
        raise BenchError(f"{path.name} is absent", where=str(path.parent), todo=_again(path.parent))
    with path.open("rb") as file:
        if file.read(len(LFS_POINTER)) == LFS_POINTER:
            raise BenchError(
                f"{path.name} is a Git LFS pointer, not the file itself",
                where=str(path.parent),
                todo="run `git lfs pull` in that folder",
            )
    return path


def refuse_quantised(folder: Path, config: Mapping[str, Any]) -> None:
    """Raises BenchError for a checkpoint whose weights are stored in 4 or 8 bits by its authors."""
    bits = config.get("quantization_bit")
    if bits or config.get("quantization_config"):
        raise BenchError(
            f"is a quantised variant{f' ({bits} bits)' if bits else ''}, whose format cannot be read",
            where=str(folder),
            todo="use the full one, and quantization=4bit or 8bit to load it small",
        )


def tensors(files: Iterable[Path]) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor by its name, file by file, memory-mapped; a consumer that keeps one must copy it.

    Raises BenchError for a file that is cut short or holds something else than tensors.
    """
    import torch

    for path in files:
        try:
            if path.suffix == ".safetensors":
                from safetensors import safe_open

                with safe_open(path, framework="pt") as opened:
                    for name in opened.keys():  # noqa: SIM118 - no mapping
                        yield name, opened.get_tensor(name)
                continue
            shard = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
        except (RuntimeError, OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
            raise _unreadable(path, error) from error
        except Exception as error:
            if type(error).__name__ != "SafetensorError":  # a class of the extension, not of Python
                raise
            raise _unreadable(path, error) from error
        yield from shard.items()


def names_sum(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """A checksum of names: SHA-256 over the sorted lines ``name shape``. Two checkpoints that have it in
    common are of one architecture and one size."""
    lines = [f"{name} {'x'.join(map(str, shape))}" for name, shape in sorted(shapes.items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def refuse_differences(
    where: Path, expected: Mapping[str, tuple[int, ...]], actual: Mapping[str, tuple[int, ...]]
) -> None:
    """Raises BenchError where a tensor is missing, extra, or has another shape than the architecture."""
    missing, extra = expected.keys() - actual.keys(), actual.keys() - expected.keys()
    reshaped = [n for n in expected.keys() & actual.keys() if tuple(expected[n]) != tuple(actual[n])]
    differences = [f"lacks {shown(missing)}"] if missing else []
    differences += [f"has {shown(extra)}, which the architecture does not know"] if extra else []
    differences += [
        f"{name} is {tuple(actual[name])} in place of {tuple(expected[name])}"
        for name in sorted(reshaped)[:SHOWN]
    ]
    if differences:
        raise BenchError("; ".join(differences), where=str(where), todo=_again(where))


def shown(names: Iterable[str]) -> str:
    """A few of many names."""
    ordered = sorted(names)
    rest = len(ordered) - SHOWN
    return ", ".join(ordered[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _sharded(folder: Path, index: Mapping[str, Any], name: str) -> list[Path]:
    named = index.get("weight_map")
    if not isinstance(named, dict) or not named:
        raise BenchError("has no weight_map", where=str(folder / name), todo=_again(folder))
    files = list(dict.fromkeys(str(file) for file in named.values()))
    if any(Path(file).name != file for file in files):
        raise BenchError("names files outside of its folder", where=str(folder / name))
    absent = [file for file in files if not (folder / file).is_file()]
    if absent:
        raise BenchError(
            f"{len(absent)} of {len(files)} weight files are absent: {shown(absent)}",
            where=str(folder),
            todo=_again(folder),
        )
    paths = [whole(folder / file) for file in files]
    size, counted = sum(p.stat().st_size for p in paths), (index.get("metadata") or {}).get("total_size", 0)
    if size < counted:
        raise BenchError(
            f"the weight files hold {size:,} bytes of {counted:,}", where=str(folder), todo=_again(folder)
        )
    return paths


def _unreadable(path: Path, error: Exception) -> BenchError:
    line = str(error).partition("\n")[0]
    return BenchError(
        f"{path.name} cannot be read as tensors ({line})", where=str(path.parent), todo=_again(path.parent)
    )


def _again(folder: Path) -> str:
    return f"download it to the end, e.g. hf download REPOSITORY --local-dir {folder}"
