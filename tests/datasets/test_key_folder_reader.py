"""docsutf8 and keys, in folders and in zip archives."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from files_of_papers import Refused, Write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from readbench.core.types import Dataset
from readbench.datasets import ReadOptions, open_dataset

Tree = Mapping[str, str | bytes]
Build = Callable[[Tree], Path]

PAPERS: Tree = {
    "docsutf8/10.txt": "\n A title \nAn abstract.\n\nIts end.\n",
    "docsutf8/9.txt": "One line alone\n",
    "keys/10.key": "\tcats \n\nbig  dogs\r\n",
    "keys/9.key": "",
}


def as_folder(tree: Tree, path: Path) -> Path:
    for name, content in tree.items():
        file = path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def as_zip(tree: Tree, path: Path) -> Path:
    with zipfile.ZipFile(path.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in tree.items():
            archive.writestr(name, content)
    return path.with_suffix(".zip")


@pytest.fixture(params=[as_folder, as_zip], ids=["folder", "zip"])
def build(request: pytest.FixtureRequest, tmp_path: Path) -> Build:
    """Writes texts and keys, as a folder or as a zip archive, and gives its path."""
    return lambda tree: request.param(tree, tmp_path / "pets")


def under(top: str, tree: Tree) -> Tree:
    return {f"{top}/{name}": content for name, content in tree.items()}


def content(dataset: Dataset) -> tuple[object, ...]:
    return dataset.fingerprint, dataset.parts, dataset.counts, dataset.name


def test_texts_and_keys_become_papers(build: Build) -> None:
    dataset = open_dataset(str(path := build(PAPERS)))
    assert {document.id: document.fields for document in dataset.documents} == {
        "10": {"title": "A title", "abstract": "An abstract.\n\nIts end."},
        "9": {"abstract": "One line alone"},
    }
    assert dataset.targets == {"keyphrases": {"10": ("cats", "big dogs"), "9": ()}}
    assert dataset.counts == {"no keyphrases": 1}
    assert (dataset.name, dataset.source, dataset.parts) == ("pets", str(path), {})


def test_one_folder_around_it_and_other_files_play_no_role(build: Build) -> None:
    noise: Tree = {
        "README": "x",
        "pets/README.md": "x",
        "__MACOSX/pets/docsutf8/._9.txt": b"\xff",
        "pets/lan.txt": "x",
        "pets/docsutf8/.hidden.txt": "x",
        "pets/docsutf8/9.pdf": b"\xff",
        "pets/keys/9.txt": "x",
        "pets/docsutf8/a/b/9.txt": "x",
        "pets/a/docsutf8/9.txt": "x",
    }
    dataset = open_dataset(str(build({**under("pets", PAPERS), **noise})))
    assert sorted(dataset.targets["keyphrases"]) == ["10", "9"]
    assert dataset.counts == {"no keyphrases": 1}


def test_what_lacks_its_counterpart_is_counted(build: Build) -> None:
    dataset = open_dataset(str(build({"docsutf8/a.txt": "t", "docsutf8/b.txt": "t", "keys/c.key": "k"})))
    assert dataset.targets == {"keyphrases": {"a": (), "b": ()}}
    assert dataset.counts == {"no keyphrases": 2, "keyphrases without a document": 1}


def test_texts_without_any_keys_have_no_target(build: Build) -> None:
    assert open_dataset(str(build({"docsutf8/a.txt": "t"}))).targets == {}


@pytest.mark.parametrize(
    "layout", ["{part}/{home}", "{home}/{part}", "pets/{part}/{home}", "pets/{home}/{part}"]
)
def test_official_parts_are_kept(build: Build, layout: str) -> None:
    tree: Tree = {}
    for part, stem in (("train", "a"), ("Validation", "b"), ("test", "c")):
        for home, name in (("docsutf8", f"{stem}.txt"), ("keys", f"{stem}.key")):
            tree = {**tree, f"{layout.format(part=part, home=home)}/{name}": stem}
    dataset = open_dataset(str(build(tree)))
    assert dataset.parts == {"a": "train", "b": "validation", "c": "test"}
    assert [document.id for document in dataset.documents] == ["a", "b", "c"]
    assert dataset.targets["keyphrases"] == {"a": ("a",), "b": ("b",), "c": ("c",)}
    assert dataset.counts == {}


def test_parts_that_count_from_one_each_are_part_of_the_id(build: Build) -> None:
    tree = {"train/docsutf8/1.txt": "t", "test/docsutf8/1.txt": "t", "test/keys/1.key": "k"}
    dataset = open_dataset(str(build(tree)))
    assert dataset.parts == {"train/1": "train", "test/1": "test"}
    assert dataset.targets["keyphrases"] == {"train/1": (), "test/1": ("k",)}


def test_only_line_ends_end_a_line(build: Build) -> None:
    tree: Tree = {"docsutf8/a.txt": "T\x0ct\u2028u\r\nA\rB", "keys/a.key": "x\x85y\rz"}
    dataset = open_dataset(str(build(tree)))
    assert dataset.documents[0].fields == {"title": "T t u", "abstract": "A B"}
    assert dataset.targets["keyphrases"]["a"] == ("x y", "z")


def test_options_are_heeded(build: Build, write: Write) -> None:
    tree: Tree = {
        "docsutf8/a.txt": "café\nx".encode("latin-1"),
        "docsutf8/b.txt": "b" * 99,
        "keys/a.key": b"\xe9",
    }
    labels = write("labels.csv", "id,label\na,1\n")
    options = ReadOptions(encoding="latin-1", max_characters=50, language="fr", labels=labels)
    dataset = open_dataset(str(build(tree)), options)
    assert [(d.id, d.fields["title"], d.language) for d in dataset.documents] == [("a", "café", "fr")]
    assert dataset.targets == {"keyphrases": {"a": ("é",)}, "classification": {"a": "1"}}
    assert dataset.counts == {"skipped: longer than 50 characters": 1}


def test_a_byte_order_mark_is_no_text(build: Build) -> None:
    dataset = open_dataset(str(build({"docsutf8/a.txt": b"\xef\xbb\xbft", "keys/a.key": b"\xef\xbb\xbfk"})))
    assert dataset.documents[0].fields == {"abstract": "t"}
    assert dataset.targets["keyphrases"]["a"] == ("k",)


@pytest.mark.parametrize(
    ("tree", "options", "message"),
    [
        ({"keys/9.key": b"a\nb\xff"}, {}, "/keys/9.key, line 2: byte 0xFF is not utf-8; set `encoding`"),
        ({"docsutf8/9.txt": b"a\nb\n\xc3"}, {}, "/docsutf8/9.txt, line 3: byte 0xC3 is not utf-8; "),
        ({"keys/9.key": b"a\0b"}, {}, "/keys/9.key: a NUL byte in the text; "),
        ({"other/docsutf8/1.txt": "t"}, {}, ": several collections in it: ., other; give the folder of one"),
        ({"docsutf8/a\nb.txt": "t"}, {}, ": a file is named 'docsutf8/a\\nb.txt'; rename it"),
        ({}, {"annotation": "corenlp"}, ": comes without corenlp annotation; "),
        ({}, {"columns": {"keyphrases": "tags"}}, ": no column 'tags' for the keyphrases; "),
    ],
)
def test_broken_collections_are_refused(
    build: Build, refused: Refused, tree: Tree, options: dict[str, Any], message: str
) -> None:
    path = build({**dict.fromkeys(PAPERS, "t"), **tree})
    assert refused(path, **options).startswith(f"{path}{message}")


def test_a_wrong_encoding_names_its_line_in_wide_characters_too(build: Build, refused: Refused) -> None:
    path = build({"docsutf8/9.txt": "a\nb".encode("utf-16-le") + b"\0\xd8"})
    message = f"{path}/docsutf8/9.txt, line 2: byte 0x00 is not utf-16-le; "
    assert refused(path, encoding="utf-16-le").startswith(message)


def test_a_name_that_is_no_text_is_refused(tmp_path: Path, refused: Refused) -> None:
    folder = as_folder(PAPERS, tmp_path)
    try:
        (folder / "docsutf8" / "x\udcff.txt").write_bytes(b"t")
    except OSError:
        pytest.skip("this file system takes no such names")
    refused(folder).encode()


def test_links_to_folders_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    folder = as_folder(PAPERS, tmp_path / "real")
    (tmp_path / "linked").mkdir()
    for home in ("docsutf8", "keys"):
        (tmp_path / "linked" / home).symlink_to(folder / home)
    (tmp_path / "linked" / "again").symlink_to(tmp_path / "linked")
    (tmp_path / "linked" / "again").unlink()
    (tmp_path / "linked" / "docs").symlink_to(tmp_path)
    assert len(open_dataset(str(tmp_path / "linked")).documents) == 2


names = st.text("ab1é.-", min_size=1, max_size=4).filter(lambda name: name[0] != "." and name.strip("."))
bodies = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0\r"), max_size=30)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(names, st.tuples(bodies.filter(str.strip), bodies), min_size=1, max_size=5))
def test_a_folder_and_its_zip_are_the_same_dataset(
    tmp_path_factory: pytest.TempPathFactory, papers: dict[str, tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("trees") / "pets"
    tree = {f"docsutf8/{name}.txt": text for name, (text, _) in papers.items()}
    tree |= {f"keys/{name}.key": keys for name, (_, keys) in papers.items()}
    whole = open_dataset(str(as_folder(tree, folder)))
    assert content(whole) == content(open_dataset(str(as_zip(tree, folder.with_name("pets")))))
    assert {document.id for document in whole.documents} == set(papers)
    for document in whole.documents:
        text, keys = papers[document.id]
        assert "".join("".join(document.fields.values()).split()) == "".join(text.split())
        phrases = (" ".join(line.split()) for line in keys.split("\n"))
        assert whole.targets["keyphrases"][document.id] == tuple(filter(None, phrases))
