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
LONGEST_HEADER = 100_000_000
"""Bytes; longer ones the library refuses."""
SHOWN = 3
"""Names shown of a long list."""


def read_config(folder: Path) -> dict[str, Any]:
    """config.json. Raises BenchError where it is absent, a pointer, or no JSON object."""
    return read_json(folder / CONFIG)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises BenchError where the file is absent, a pointer, or no such object."""
    try:
        value = json.loads(whole(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
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
    if _begins_with(path, LFS_POINTER):
        raise BenchError(
            f"{path.name} is a Git LFS pointer, not the file itself",
            where=str(path.parent),
            todo="run `git lfs pull` in that folder",
        )
    return path


def refuse_unfinished(folder: Path) -> None:
    """Raises BenchError where a download into this folder broke off, or still goes on: the hub's client
    keeps what it has in files that end in ``.incomplete``."""
    begun = list(folder.rglob("*.incomplete"))
    if begun:
        raise BenchError(
            f"is half downloaded: {len(begun)} files are incomplete", where=str(folder), todo=_again(folder)
        )


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
            # Files of before torch 1.6 are no archives, and cannot be mapped.
            archive = _begins_with(path, b"PK")
            shard = torch.load(path, map_location="cpu", mmap=archive, weights_only=True)
            if not isinstance(shard, dict):
                raise ValueError("no tensors with names")
        except (BenchError, MemoryError):
            raise
        except Exception as error:  # a damaged pickle raises errors of any kind
            raise _unreadable(path, error) from error
        yield from shard.items()


def check_headers(files: Iterable[Path]) -> None:
    """Raises BenchError for a safetensors file that is shorter than its header says, or has none. Needs no
    library (the format: 8 bytes of length, a JSON object, the numbers)."""
    for path in files:
        if path.suffix != ".safetensors":
            continue
        size = whole(path).stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            try:
                if length > min(size - 8, LONGEST_HEADER):
                    raise ValueError("its header breaks off")
                header = json.loads(file.read(length))
                ends = [int(one["data_offsets"][1]) for name, one in header.items() if name != "__metadata__"]
            except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
                raise _unreadable(path, ValueError("its header is damaged")) from error
        if 8 + length + max(ends, default=0) > size:
            raise _unreadable(path, ValueError("it is cut short"))


def check_tensors(files: Iterable[Path]) -> None:
    """Opens each file, and reads no tensor. Raises BenchError, which names the file, for one that is cut
    short, or holds something else than tensors."""
    for path in files:
        if path.suffix == ".safetensors":
            from safetensors import safe_open

            try:
                with safe_open(path, framework="pt"):
                    continue
            except Exception as error:  # SafetensorError is a class of the extension, not of Python
                raise _unreadable(path, error) from error
        for _ in tensors([path]):
            break


def holds_code(error: BaseException) -> bool:
    """Whether torch refused a pickle for what it holds beside tensors."""
    return isinstance(error, pickle.UnpicklingError) and "global" in str(error).lower()


def code_refused(path: Path) -> BenchError:
    return BenchError(
        f"{path.name} cannot be read as tensors: it holds code or objects, and no code of a checkpoint runs",
        where=str(path.parent),
        todo="give the model as safetensors",
    )


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
    size, metadata = sum(p.stat().st_size for p in paths), index.get("metadata")
    counted = metadata.get("total_size") if isinstance(metadata, dict) else None
    if isinstance(counted, int | float) and size < counted:
        raise BenchError(
            f"the weight files hold {size:,} bytes of {counted:,}", where=str(folder), todo=_again(folder)
        )
    return paths


def _begins_with(path: Path, mark: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(mark)) == mark
    except OSError as error:
        raise BenchError(f"{path.name} cannot be read: {error.strerror}", where=str(path.parent)) from error


def _unreadable(path: Path, error: Exception) -> BenchError:
    if holds_code(error):
        return code_refused(path)
    # What torch says of other pickles is how to switch its safety off.
    line = "no file of tensors" if "eights only" in str(error) else str(error).partition("\n")[0]
    return BenchError(
        f"{path.name} cannot be read as tensors ({line})", where=str(path.parent), todo=_again(path.parent)
    )


def _again(folder: Path) -> str:
    return f"download it to the end, e.g. hf download REPOSITORY --local-dir {folder}"
