"""The files that `bench init` and `bench new-method` write: they load, run and pass what others must pass."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import pytest
from of_type import of_type

from readbench.authoring.conformance import check_method
from readbench.authoring.filling import TomlTemplate, toml_lines, toml_list, toml_string
from readbench.authoring.scaffold_method import write_method
from readbench.authoring.scaffold_suite import write_suite
from readbench.core.errors import BenchError
from readbench.core.types import Document
from readbench.datasets import open_dataset
from readbench.methods.registry import Registry
from readbench.planning.suite import find_suite, load_suite

TEMPLATES = resources.files("readbench.authoring") / "templates"
HEADER = ("uuid", "Title", "Abstract", "Keywords")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def papers(name: str, header: Sequence[str] = HEADER, documents: int = 8) -> Path:
    """A CSV of embedded papers: id, title, abstract, keyphrases, as many columns as the header has."""
    corpus = open_dataset("papers-demo")
    gold = corpus.targets["keyphrases"]
    with Path(name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for document in corpus.documents[:documents]:
            row = [document.id, document.fields["title"], document.fields["abstract"]]
            writer.writerow([*row, "; ".join(of_type(tuple, gold[document.id])), "x", "y"][: len(header)])
    return Path(name)


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "readbench.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"COLUMNS": "100"},
    )


def test_both_files_run_as_they_are() -> None:
    papers("mine.csv")
    assert bench("init", "mine.csv").returncode == 0
    assert bench("new-method", "my.method").returncode == 0
    done = bench("run", "mine", "--method", "my.method", "--include-path", "my_method.py")
    assert done.returncode == 0, done.stderr
    assert "Only one method ran: my.method, f1@10 0." in done.stdout
    assert bench("check", "my.method", "--include-path", "my_method.py").returncode == 0


# -- the suite -------------------------------------------------------------------------------------


def test_suite_says_what_was_found() -> None:
    papers("mine.csv", ("uuid", "Title", "Abstract", "Keywords", "label", "Journal"))
    place = write_suite(Path("mine.csv"))
    assert place == Path("suites/mine.toml")
    suite = load_suite(place)
    assert (suite.name, suite.dataset.name, suite.split.kind) == ("mine", "mine.csv", "all")
    assert suite.dataset.columns == {
        "id": "uuid",
        "title": "Title",
        "abstract": "Abstract",
        "keyphrases": "Keywords",
        "label": "label",
    }
    assert suite.tasks["keyphrases"].fields == ("title", "abstract")
    shipped = load_suite(find_suite("keyphrases"))
    assert suite.tasks["keyphrases"].methods == shipped.tasks["keyphrases"].methods
    text = place.read_text(encoding="utf-8")
    assert "8 documents, 8 of them with gold phrases" in text
    assert "This dataset also has: journal." in text
    assert "Its classification targets are not asked for here" in text


def test_every_line_of_a_suite_that_is_commented_out_holds_too() -> None:
    """The alternatives are offered to be uncommented: they must be ones that the suite accepts."""
    place = write_suite(papers("papers.csv"))
    lines = place.read_text(encoding="utf-8").splitlines()
    section = [line for line in lines if line != 'kind = "all"']
    offered = [line.removeprefix("# ") if " = " in line and line[:2] == "# " else line for line in section]
    other = Path("other.toml")
    other.write_text("\n".join(offered), encoding="utf-8")
    suite = load_suite(other)
    assert (suite.split.kind, suite.split.validation, str(suite.dataset.labels)) == (
        "holdout",
        0.1,
        "labels.csv",
    )


@pytest.mark.parametrize("name", ["it's my data.csv", 'a "quote".csv', "ünï #1 $NAME.csv"])
def test_odd_file_names(name: str) -> None:
    suite = load_suite(write_suite(papers(name)))
    assert suite.dataset.name == name
    assert suite.name == Path(name).stem
    assert open_dataset(name, suite.dataset).fingerprint


def test_columns_that_sound_like_a_role() -> None:
    papers("export.csv", ("Key", "Main Title", "Long Abstract", "Author Keywords"))
    place = write_suite(Path("export.csv"))
    assert "# guessed from its name" in place.read_text(encoding="utf-8")
    suite = load_suite(place)
    assert suite.dataset.columns["keyphrases"] == "Author Keywords"
    data = open_dataset("export.csv", suite.dataset)
    assert len(of_type(tuple, data.targets["keyphrases"]["1"])) > 1
    assert set(data.documents[0].fields) == {"title", "abstract", "key"}


def test_json_lines_of_plain_text() -> None:
    rows = [{"id": f"{i}", "text": f"Text {i}.", "keyphrases": ["text"]} for i in range(3)]
    Path("plain.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    suite = load_suite(write_suite(Path("plain.jsonl"), Path("here.toml")))
    assert suite.tasks["keyphrases"].fields == ("text",)
    assert dict(suite.dataset.columns) == {"id": "id", "keyphrases": "keyphrases"}


def test_paths_are_those_seen_from_where_bench_is_run(tmp_path: Path) -> None:
    inside = papers("papers.csv").resolve()
    assert load_suite(write_suite(inside)).dataset.name == "papers.csv"
    (tmp_path / "elsewhere").mkdir()
    os.chdir("elsewhere")
    assert load_suite(write_suite(inside)).dataset.name == str(inside)


def test_embedded_corpus() -> None:
    assert load_suite(write_suite(Path("papers-demo"))).dataset.name == "papers-demo"


def test_suite_refusals() -> None:
    place = write_suite(papers("papers.csv"))
    before = place.read_bytes()
    with pytest.raises(BenchError, match=r"papers\.toml: it exists already"):
        write_suite(Path("papers.csv"))
    assert place.read_bytes() == before
    # A shipped suite has the name: the user's gets another one, and both can be named.
    assert write_suite(papers("quick.csv")) == Path("suites/my-quick.toml")
    with pytest.raises(BenchError, match=r"columns found: 'uuid', 'title'; rename the column"):
        write_suite(papers("bare.csv", ("uuid", "title")))
    with pytest.raises(BenchError, match=r"no dataset or file 'absent.csv'"):
        write_suite(Path("absent.csv"))
    Path("file").touch()
    with pytest.raises(BenchError, match="cannot be written"):
        write_suite(Path("papers.csv"), Path("file/suite.toml"))


def test_every_piece_is_toml_as_it_stands() -> None:
    pieces = [file for file in TEMPLATES.iterdir() if file.name.endswith(".toml")]
    assert "papers.toml" in {piece.name for piece in pieces}
    for piece in pieces:
        assert tomllib.loads(piece.read_text(encoding="utf-8")) is not None, piece.name


def test_a_placeholder_is_filled_once_and_never_forgotten() -> None:
    template = TomlTemplate('name = "$NAME" # of $NAME, 5 $$')
    assert template.substitute(NAME=toml_string("a $DATASET")) == 'name = "a $DATASET" # of "a $DATASET", 5 $'
    with pytest.raises(KeyError, match="NAME"):
        template.substitute(OTHER=1)
    assert tomllib.loads(f"a = {toml_lines(['x', 'y'])}") == {"a": ["x", "y"]}
    assert tomllib.loads(f"a = {toml_list([])}\nb = {toml_lines([])}") == {"a": [], "b": []}


# -- the method ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "file", "class_name"),
    [
        ("my.method", "my_method.py", "MyMethod"),
        ("counter", "counter.py", "CounterMethod"),
        ("true", "true.py", "TrueMethod"),
        ("c++.x-2", "c___x_2.py", "CX2"),
        ("json", "json_method.py", "Json"),
        ("readbench", "readbench_method.py", "Readbench"),
    ],
)
def test_names(name: str, file: str, class_name: str) -> None:
    place = write_method(name)
    assert place == Path(file)
    method = Registry([place]).method(f"{name}[longest=2]")
    assert method.adapter.__name__ == class_name
    assert method.spec == f"{name}[longest=2]"


@pytest.mark.parametrize("parameters", ["", "[longest=1, n_best=1]", "[early=0]"])
def test_method_conforms(parameters: str) -> None:
    place = write_method("my.method")
    assert [r for r in check_method(f"my.method{parameters}", [place]) if not r.passed] == []


def test_template_is_a_method_as_it_stands() -> None:
    with resources.as_file(TEMPLATES / "method.py") as template:
        assert [r for r in check_method("MY_NAME", [template]) if not r.passed] == []


def test_method_reads_a_huge_text_quickly() -> None:
    from readbench.adapter import Context
    from readbench.tasks.spec import TaskSpec

    adapter = (
        Registry([write_method("my.method")])
        .method("my.method")
        .create(Context(task=TaskSpec(task="keyphrases")))
    )
    adapter.load()
    words = [f"word{i % 997} of" if i % 3 else f"rare{i}" for i in range(20_000)]
    prediction = adapter.predict([Document("huge", {"title": "T", "abstract": " ".join(words)})])[0]
    assert len(getattr(prediction, "phrases", ())) == 20


def test_method_refusals() -> None:
    for name in ("", "9x", "my method", "my/method", "é", "a[b=1]"):
        with pytest.raises(BenchError, match="begins with an ASCII letter"):
            write_method(name)
    with pytest.raises(BenchError, match="this name is taken"):
        write_method("pke.tfidf")
    place = write_method("my.method")
    with pytest.raises(BenchError, match="it exists already"):
        write_method("my.method")
    with pytest.raises(BenchError, match="it exists already"):
        write_method("other", place)


@pytest.mark.skipif(shutil.which("ruff", path=str(Path(sys.executable).parent)) is None, reason="no ruff")
@pytest.mark.parametrize("length", [88, 110])
def test_method_is_clean_and_formatted(length: int) -> None:
    place = write_method("my.method")
    ruff = [sys.executable, "-m", "ruff"]
    choice = ["--isolated", "--line-length", str(length)]
    rules = ["--select", "E,F,W,B,UP,SIM,C4,RUF,PTH,ARG,RET,ANN,D1"]
    for command in (["check", *rules], ["format", "--check"]):
        done = subprocess.run([*ruff, *command, *choice, str(place)], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_method_is_well_typed() -> None:
    pytest.importorskip("mypy")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(write_method("my.method"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_a_suite_for_labels_and_one_for_both_tasks() -> None:
    corpus = open_dataset("papers-demo")
    labels = corpus.targets["classification"]
    for name, header in (
        ("labels", ("uuid", "abstract", "label")),
        ("both", ("uuid", "abstract", "label", "Keywords")),
    ):
        with Path(f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            for document in corpus.documents[:40]:
                row = [document.id, document.fields["abstract"], labels[document.id]]
                phrases = of_type(tuple, corpus.targets["keyphrases"][document.id])
                writer.writerow([*row, "; ".join(phrases)][: len(header)])
    alone = load_suite(write_suite(Path("labels.csv")))
    assert (list(alone.tasks), alone.split.kind) == (["classification"], "holdout")
    assert alone.spec("classification").labels == ("0", "1")
    both = load_suite(write_suite(Path("both.csv")))
    assert (both.split_of("keyphrases").kind, both.split_of("classification").kind) == ("all", "holdout")
    done = bench("run", "labels", "--method", "majority", "--method", "naive-bayes")
    assert done.returncode == 0, done.stderr
    assert "classification: 40" not in done.stdout
    assert "10 test documents, 26 for training, 4 for validation" in done.stdout
