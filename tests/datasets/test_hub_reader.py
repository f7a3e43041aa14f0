"""The Hugging Face hub, as folders in its format, and as a hub that cannot be reached."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from files_of_papers import Refused

from readbench.core.errors import BenchError, MissingDependency
from readbench.datasets import ReadOptions, hub_network, open_dataset
from readbench.datasets.hub_reader import _spelled

MIDAS = {
    "id": 7,
    "document": ["Deep", "reading", "."],
    "doc_bio_tags": ["B", "I", "O"],
    "extractive_keyphrases": ["deep reading"],
    "abstractive_keyphrases": ["machines"],
}

Hub = Callable[[int], None]


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The library with a cache of its own, and without any way out."""
    library: ModuleType = pytest.importorskip("datasets")
    monkeypatch.setattr(library.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(hub_network, "_asked", lambda url: pytest.fail(f"asked for {url}"))
    return library


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of Parquet files, as most datasets of the hub are."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "mine"
    (path / "data").mkdir(parents=True)
    (path / "README.md").write_text("---\nlicense: mit\n---\n# Mine\n")
    for split, ids in (("train", [1, 2]), ("validation", [3]), ("test", [4])):
        rows = [
            {
                "id": id_,
                "Title": f"t{id_}",
                "abstract": "a",
                "keywords": ["cats", "big  dogs"],
                "year": 2003.0,
                "label": id_ - 2,
                "image": {"bytes": b"x"},
                "venue": None,
                "at": b"x",
            }
            for id_ in ids
        ]
        table = pa.Table.from_pylist(rows)
        if split == "train":  # the library takes the classes from here for all splits
            features: dict[str, Any] = {
                name: {"dtype": str(kind), "_type": "Value"}
                for name, kind in (
                    ("id", "int64"),
                    ("Title", "string"),
                    ("abstract", "string"),
                    ("year", "float64"),
                    ("venue", "null"),
                    ("at", "binary"),
                )
            }
            features["keywords"] = {"feature": {"dtype": "string", "_type": "Value"}, "_type": "Sequence"}
            features["image"] = {"bytes": {"dtype": "binary", "_type": "Value"}}
            features["label"] = {"names": ["no", "medical"], "_type": "ClassLabel"}
            order = {name: features[name] for name in table.column_names}
            table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": order}})})
        pq.write_table(table, path / "data" / f"{split}-00000-of-00001.parquet")
    return path


@pytest.mark.usefixtures("library")
def test_a_folder_in_the_format_of_the_hub(folder: Path) -> None:
    dataset = open_dataset(f"hub:{folder}")
    assert [(document.id, document.fields) for document in dataset.documents] == [
        (str(id_), {"title": f"t{id_}", "abstract": "a"}) for id_ in (1, 2, 3, 4)
    ]
    assert dataset.parts == {"1": "train", "2": "train", "3": "validation", "4": "test"}
    assert dataset.targets["keyphrases"] == dict.fromkeys("1234", ("cats", "big dogs"))
    assert dataset.targets["classification"] == {"2": "no", "3": "medical"}  # -1 and 2 are no classes
    assert (dataset.name, dataset.source) == ("mine", f"hub:{folder}")
    assert dataset.counts == {"no label": 2}


@pytest.mark.usefixtures("library")
def test_one_split_of_a_folder_and_columns_by_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    options = ReadOptions.model_validate({"columns": {"title": "abstract", "abstract": "title"}})
    dataset = open_dataset("hub:mine::test", options)
    assert [document.fields for document in dataset.documents] == [{"title": "a", "abstract": "t4"}]
    assert dataset.parts == {"4": "test"}
    assert open_dataset("hub:./mine:default:train[:1]").parts == {"1": "train"}


@pytest.mark.usefixtures("library")
def test_token_lists_as_in_the_midas_sets(tmp_path: Path) -> None:
    folder = tmp_path / "midas"
    folder.mkdir()
    for name, id_ in (("train", 7), ("valid", 8), ("test", 9)):
        (folder / f"{name}.jsonl").write_text(json.dumps({**MIDAS, "id": id_}) + "\n")
    dataset = open_dataset(f"hub:{folder}")
    assert dataset.documents[0].fields == {"text": "Deep reading ."}
    assert dataset.targets == {"keyphrases": dict.fromkeys("789", ("deep reading", "machines"))}
    assert dataset.parts == {"7": "train", "8": "validation", "9": "test"}
    # The same files without the library: the same papers.
    assert open_dataset(str(folder)).fingerprint == dataset.fingerprint
    assert open_dataset(str(folder)).parts == dataset.parts


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("reference", ["hub:{}:german", "hub:{}::other", "hub:{}/data/none"])
def test_what_is_not_there_is_refused(folder: Path, refused: Refused, reference: str) -> None:
    message = refused(reference.format(folder))
    assert "cannot load it: " in message or "neither a folder nor a name" in message


@pytest.mark.usefixtures("library")
def test_a_folder_without_data_is_refused(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "none").mkdir()
    assert refused(f"hub:{tmp_path / 'none'}").startswith(
        f"hub:{tmp_path / 'none'}: the library datasets cannot"
    )


@pytest.mark.usefixtures("library")
def test_broken_data_is_refused(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "train.parquet").write_bytes(b"PAR1 and no more")
    assert ": the library datasets cannot load it: " in refused(f"hub:{tmp_path / 'bad'}")


@pytest.mark.usefixtures("library")
def test_rows_are_checked_as_those_of_files_are(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "twice").mkdir()
    (tmp_path / "twice" / "train.jsonl").write_text('{"id": "a", "title": "t"}\n' * 2)
    path = f"hub:{tmp_path / 'twice'}"
    assert refused(path).startswith(f"{path}: the id 'a' is in train, row 1 and again in train, row 2; ")


def test_annotation_is_refused(refused: Refused) -> None:
    assert refused("hub:a/b", annotation="corenlp").startswith("hub:a/b: comes without corenlp annotation")


@pytest.mark.parametrize(
    ("reference", "place", "config", "split"),
    [
        ("hub:squad", "squad", None, None),
        ("hub:midas/inspec", "midas/inspec", None, None),
        ("hub:midas/inspec:raw", "midas/inspec", "raw", None),
        ("hub:midas/inspec:raw:test", "midas/inspec", "raw", "test"),
        ("hub:midas/inspec::test", "midas/inspec", None, "test"),
    ],
)
def test_names_are_spelled(reference: str, place: str, config: str | None, split: str | None) -> None:
    source = _spelled(reference)
    assert (source.place, source.config, source.split, source.is_folder) == (place, config, split, False)


def test_folders_with_colons_are_spelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a:b").mkdir()
    monkeypatch.chdir(tmp_path)
    source = _spelled("hub:a:b:raw")
    assert (source.place, source.config, source.is_folder) == (str(tmp_path / "a:b"), "raw", True)


@pytest.mark.parametrize(
    "name", ["", ":", "a/b/c", "../x", "/nowhere", "a b", "a:b:c:d", "-x", "a\0b", "http://x"]
)
def test_what_no_dataset_is_called_is_refused(refused: Refused, name: str) -> None:
    assert "neither a folder nor a name that the hub could have" in refused(f"hub:{name}")


def test_without_the_library_the_line_that_brings_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingDependency) as caught:
        open_dataset("hub:midas/inspec")
    assert str(caught.value) == "hub:midas/inspec: needs the library datasets; pip install 'readbench[hub]'"


def test_a_broken_library_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused) -> None:
    def broken(name: str) -> None:
        raise ImportError(f"{name}: no pyarrow\nat all")

    pytest.importorskip("datasets")
    monkeypatch.setattr("importlib.import_module", broken)
    assert "cannot be imported: datasets: no pyarrow; pip install --upgrade" in refused(f"hub:{tmp_path}")


# -- the network ------------------------------------------------------------------------------------


@pytest.fixture
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, and no switch that says offline, of the machine that the tests run on."""
    for name in (
        "HF_HUB_OFFLINE",
        "HF_DATASETS_OFFLINE",
        "http_proxy",
        "HTTP_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hub(direct: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:  # noqa: ARG001
    """A hub on this machine that answers with a status."""
    servers = []

    def start(status: int) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(status if self.path == "/api/datasets/own/set" else 418)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}/")

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("status", [200, 401, 403])
def test_a_hub_that_answers_is_asked_further(hub: Hub, status: int) -> None:
    hub(status)
    hub_network.check_hub("own/set")  # a token may help where this question was not allowed


def test_names_that_the_hub_does_not_have_are_refused(hub: Hub, refused: Refused) -> None:
    pytest.importorskip("datasets")
    hub(404)
    assert refused("hub:own/set").startswith("hub:own/set: no dataset own/set on http://127.0.0.1:")


def test_a_hub_that_fails_is_told(hub: Hub) -> None:
    hub(503)
    with pytest.raises(BenchError, match="cannot be reached: 503 Service Unavailable; connect, set HF_HUB_"):
        hub_network.check_hub("own/set")


@pytest.mark.usefixtures("direct")
def test_a_hub_that_accepts_and_says_nothing_is_told_in_time(
    monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    pytest.importorskip("datasets")
    monkeypatch.setattr(hub_network, "SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        message = refused("hub:own/set")
    assert time.monotonic() - began < 3
    assert message.startswith("hub:own/set: http://127.0.0.1:")
    assert " cannot be reached: " in message


@pytest.mark.usefixtures("direct")
@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "http://[::1", "nonsense", "http://x y/"])
def test_no_hub_at_all_is_told(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    with pytest.raises(BenchError) as caught:
        hub_network.check_hub("own/set")
    assert f"{endpoint} cannot be reached: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_that_is_looked_up_forever_is_told_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    monkeypatch.setattr(hub_network, "_answer", lambda _: (never.wait(20), "")[1:])
    monkeypatch.setattr(hub_network, "SECONDS", 0.2)
    with pytest.raises(BenchError, match="no answer within"):
        hub_network.check_hub("own/set")
    never.set()


def test_offline_means_the_cache_alone_and_at_once(tmp_path: Path) -> None:
    """In a process of its own: the library reads its switches when it is imported."""
    pytest.importorskip("datasets")
    code = (
        "import socket, time\n"
        "def refuse(*a, **k): raise AssertionError('the network was used')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from readbench.datasets import open_dataset\n"
        "from readbench.errors import BenchError\n"
        "try: open_dataset('hub:own/set')\n"
        "except BenchError as error: print(error)\n"
    )
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env, timeout=60
    )
    assert done.stdout.startswith("hub:own/set: the library datasets cannot load it: ")
    assert "network" not in done.stdout


def test_datasets_that_are_code_are_read_from_the_copy_of_the_hub(
    library: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def load_dataset(place: str, config: str | None, **how: object) -> object:
        asked.append((place, config, how))
        if "revision" not in how:
            raise RuntimeError("Dataset scripts are no longer supported, but found set.py\nmore")
        return {"test": library.Dataset.from_list([MIDAS])}

    monkeypatch.setattr(hub_network, "check_hub", lambda _: None)
    monkeypatch.setattr(library, "load_dataset", load_dataset)
    dataset = open_dataset("hub:own/set:raw")
    assert dataset.targets == {"keyphrases": {"7": ("deep reading", "machines")}}
    assert (dataset.name, dataset.parts) == ("set", {"7": "test"})
    assert asked == [
        ("own/set", "raw", {"split": None}),
        ("own/set", "raw", {"split": None, "revision": "refs/convert/parquet"}),
    ]


def test_other_failures_are_told_in_one_line(
    library: ModuleType, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    def load_dataset(*_: object, **__: object) -> SimpleNamespace:
        raise ValueError("Config name is missing.\nPlease pick one")

    monkeypatch.setattr(hub_network, "check_hub", lambda _: None)
    monkeypatch.setattr(library, "load_dataset", load_dataset)
    assert "cannot load it: Config name is missing.; name the config" in refused("hub:own/set")
