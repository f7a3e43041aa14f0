"""Models kept as folders: trained, used on files of any size, gone on with, and refused when damaged."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from readbench.core.errors import BenchError, DamagedFile
from readbench.core.types import Document
from readbench.datasets import ReadOptions, open_dataset
from readbench.trained import predicting
from readbench.trained.fitting import fit
from readbench.trained.folder import read_model
from readbench.trained.predicting import opened, predict_file
from readbench_adapters.classical.files import read_estimator

CORPUS = open_dataset("papers-demo")


def papers(path: Path, documents: Sequence[Document]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("uuid", "title", "abstract", "Keywords"))
        for document in documents:
            writer.writerow(
                [document.id, document.fields["title"], document.fields["abstract"], "gold; gold"]
            )
    return path


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "bayes"
    fit("naive-bayes[ngram_max=2]", CORPUS.only(d.id for d in CORPUS.documents[:120]), folder)
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_model_says_what_it_is(classifier: Path) -> None:
    manifest = read_model(classifier)
    assert manifest.method == "naive-bayes[ngram_max=2]"
    assert (manifest.spec.labels, manifest.spec.positive) == (("0", "1"), "1")
    assert manifest.documents == {"train": 120, "validation": 0, "test": 0}
    assert all((classifier / name).is_file() for name in manifest.files)
    assert not any(name.endswith((".pkl", ".pickle", ".joblib")) for name in manifest.files)


def test_predictions_in_the_order_of_the_file(classifier: Path, tmp_path: Path) -> None:
    source = papers(tmp_path / "in.csv", CORPUS.documents[120:])
    with opened(classifier) as model:
        done = predict_file(model, source, tmp_path / "out.csv")
        predict_file(model, source, tmp_path / "out.jsonl")
    assert (done.documents, done.resumed) == (120, 0)
    table = rows(tmp_path / "out.csv")
    assert [row["id"] for row in table] == [d.id for d in CORPUS.documents[120:]]
    gold = CORPUS.targets["classification"]
    assert sum(row["label"] == gold[row["id"]] for row in table) > 100
    assert all(abs(float(row["score.0"]) + float(row["score.1"]) - 1) < 1e-9 for row in table)
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["label"] for line in lines] == [row["label"] for row in table]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv", "out.jsonl"]


def test_an_interrupted_prediction_goes_on(
    classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predicting, "BLOCK", 16)
    source = papers(tmp_path / "in.csv", CORPUS.documents[120:])
    whole, output = tmp_path / "whole.csv", tmp_path / "out.csv"

    def interrupt(done: int) -> None:
        if done > 48:
            raise KeyboardInterrupt

    with opened(classifier) as model:
        predict_file(model, source, whole)
        with pytest.raises(KeyboardInterrupt):
            predict_file(model, source, output, progress=interrupt)
        assert not output.exists()
        # A torn last line, as a power cut leaves it, is cut off.
        with output.with_name("out.csv.part").open("ab") as file:
            file.write(b"demo-168,1,0.")
        done = predict_file(model, source, output)
    assert (done.documents, done.resumed) == (72, 48)
    assert output.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize(
    "state",
    [
        "",
        "[" * 100_000,
        '{"documents": 1e999, "bytes": 3}',
        '{"documents": -3, "bytes": -5}',
        '{"documents": 9, "bytes": 8e99}',
        "null",
    ],
)
def test_a_damaged_state_begins_anew(classifier: Path, tmp_path: Path, state: str) -> None:
    source, output = papers(tmp_path / "in.csv", CORPUS.documents[120:126]), tmp_path / "out.csv"
    with opened(classifier) as model:
        identity = predicting._identity(model, source, None)
        output.with_name("out.csv.part").write_text("torn")
        known = state.replace("{", json.dumps(identity)[:-1] + ", ") if state.startswith("{") else state
        output.with_name("out.csv.part.json").write_text(known)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DamagedFile)
            done = predict_file(model, source, output)
    assert (done.documents, done.resumed) == (6, 0)
    assert output.read_text().startswith("id,label")


def test_other_reading_begins_anew(classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of a file read as another language would stand beside the other half."""
    monkeypatch.setattr(predicting, "BLOCK", 16)
    source, output = papers(tmp_path / "in.csv", CORPUS.documents[120:]), tmp_path / "out.csv"

    def interrupt(done: int) -> None:
        if done >= 32:
            raise KeyboardInterrupt

    with opened(classifier) as model:
        with pytest.raises(KeyboardInterrupt):
            predict_file(model, source, output, progress=interrupt)
        done = predict_file(model, source, output, options=ReadOptions(language="fr"))
    assert (done.documents, done.resumed) == (120, 0)


def test_another_input_begins_anew(classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predicting, "BLOCK", 16)
    source, output = papers(tmp_path / "in.csv", CORPUS.documents[120:]), tmp_path / "out.csv"

    def interrupt(done: int) -> None:
        if done >= 32:
            raise KeyboardInterrupt

    with opened(classifier) as model:
        with pytest.raises(KeyboardInterrupt):
            predict_file(model, source, output, progress=interrupt)
        papers(source, CORPUS.documents[130:])
        done = predict_file(model, source, output)
        assert (done.documents, done.resumed) == (110, 0)
        with pytest.raises(BenchError, match=r"out\.csv: is there already"):
            predict_file(model, source, output)


def test_a_changed_method_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = tmp_path / "mine.py"
    code.write_text(
        "from readbench.adapter import Adapter, RankedPhrases\n"
        "class Mine(Adapter):\n"
        "    name = 'mine'\n"
        "    tasks = frozenset({'keyphrases'})\n"
        "    def predict(self, chunk):\n"
        "        return [RankedPhrases(('old; way', 'a\\rb'), (2.0, 1.0)) for _ in chunk]\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(predicting, "BLOCK", 2)
    source, output = papers(tmp_path / "in.csv", CORPUS.documents[:6]), tmp_path / "out.csv"
    fit("mine", CORPUS, tmp_path / "model", task="keyphrases", include_paths=[code])

    def interrupt(done: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with opened(tmp_path / "model", include_paths=[code]) as model, pytest.raises(KeyboardInterrupt):
        predict_file(model, source, output, progress=interrupt)
    # In another process, the file of the code would be read again.
    changed = tmp_path / "changed" / "mine.py"
    changed.parent.mkdir()
    changed.write_text(code.read_text(encoding="utf-8").replace("old", "new"), encoding="utf-8")
    with opened(tmp_path / "model", include_paths=[changed]) as model:
        done = predict_file(model, source, output)
    assert (done.documents, done.resumed) == (6, 0)
    assert {row["keyphrases"] for row in rows(output)} == {"new, way;a b"}


def test_the_input_is_not_written_over(classifier: Path, tmp_path: Path) -> None:
    source = papers(tmp_path / "in.csv", CORPUS.documents[:6])
    before = source.read_bytes()
    with opened(classifier) as model, pytest.raises(BenchError, match="would destroy it"):
        predict_file(model, source, source, fresh=True)
    assert source.read_bytes() == before


def test_a_doubled_id_far_below_is_refused(
    classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predicting, "BLOCK", 2)
    source = tmp_path / "in.csv"
    source.write_text("uuid,title\na,red maps\nb,blue maps\na,green nets\n", encoding="utf-8")
    with opened(classifier) as model, pytest.raises(BenchError, match=r"'a' is in row 1 .*again in row 3"):
        predict_file(model, source, tmp_path / "out.csv")


def test_rows_without_text_are_counted(classifier: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("uuid,title\na,red maps\nb,\n", encoding="utf-8")
    with opened(classifier) as model:
        assert predict_file(model, source, tmp_path / "out.csv").without_text == 1
    source.write_text("uuid,Titel\na,red maps\n", encoding="utf-8")
    with opened(classifier) as model, pytest.raises(BenchError, match="no column title or abstract"):
        predict_file(model, source, tmp_path / "other.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_a_file_that_a_method_misses_is_no_trouble_with_the_output(
    classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = papers(tmp_path / "in.csv", CORPUS.documents[:2])

    def fails(*_: object) -> object:
        raise FileNotFoundError(2, "No such file", "model.bin")

    monkeypatch.setattr(predicting.Model, "predict", fails)
    with opened(classifier) as model, pytest.raises(FileNotFoundError):
        predict_file(model, source, tmp_path / "out.csv")


def test_carriage_returns_are_quoted() -> None:
    assert predicting.csv_line(["a\rb", "c"]) == b'"a\rb",c\n'


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(
    classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predicting, "BLOCK", 64)
    small, large = tmp_path / "small.csv", tmp_path / "large.csv"
    for path, times in ((small, 2), (large, 8)):
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("uuid", "title", "abstract"))
            for copy in range(times):
                for document in CORPUS.documents:
                    writer.writerow([f"{document.id}-{copy}", *document.fields.values()])
    peaks = []
    with opened(classifier) as model:
        for path in (small, large):
            tracemalloc.start()
            predict_file(model, path, path.with_suffix(".jsonl"))
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    # Four times the documents; what grows is what importing and warming up leave behind.
    assert peaks[1] < 1.5 * peaks[0]


def test_texts_without_words_get_a_row_too(classifier: Path, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("uuid,title,abstract\na,,\nb,On the of,\n", encoding="utf-8")
    with opened(classifier) as model:
        predict_file(model, source, tmp_path / "out.csv")
    assert [row["id"] for row in rows(tmp_path / "out.csv")] == ["a", "b"]


def test_preparations_are_made_block_by_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A method that needs a parse of its documents and frequencies of its training part."""
    train = CORPUS.only(d.id for d in CORPUS.documents[:40])
    fit("pke.tfidf[df=train]", train, tmp_path / "model", task="keyphrases")
    assert read_model(tmp_path / "model").preparations
    source = papers(tmp_path / "in.csv", CORPUS.documents[40:60])
    with opened(tmp_path / "model") as model:
        predict_file(model, source, tmp_path / "one.jsonl")
        monkeypatch.setattr(predicting, "BLOCK", 7)
        predict_file(model, source, tmp_path / "many.jsonl")
    text = (tmp_path / "one.jsonl").read_text(encoding="utf-8")
    assert text == (tmp_path / "many.jsonl").read_text(encoding="utf-8")
    assert all(json.loads(line)["keyphrases"] for line in text.splitlines())


def with_its_sum(folder: Path, file: Path, content: str) -> None:
    """A file of a model folder as somebody wrote it who mended the manifest, too."""
    file.write_text(content, encoding="utf-8")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    name = file.relative_to(folder).as_posix()
    manifest["files"][name] = hashlib.sha256(file.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


@pytest.mark.parametrize(
    "content", ["1.5", "{}", '{"0": "many"}', '{"0": -1}', "[]", '{"0": 1, "1": null}', ""]
)
def test_what_the_majority_saved_is_looked_at(tmp_path: Path, content: str) -> None:
    fit("majority", CORPUS, tmp_path / "model")
    with_its_sum(tmp_path / "model", tmp_path / "model" / "model" / "prior.json", content)
    with pytest.raises(BenchError, match="the method cannot read what it saved"), opened(tmp_path / "model"):
        pass


def test_a_method_that_fails_on_a_text_is_one_line(tmp_path: Path) -> None:
    """Also where what it saved is at fault, and only predicting shows it."""
    code = tmp_path / "mine.py"
    code.write_text(
        "from readbench.adapter import Adapter, RankedPhrases\n"
        "class Mine(Adapter):\n"
        "    name = 'mine'\n"
        "    tasks = frozenset({'keyphrases'})\n"
        "    def save(self, folder):\n"
        "        (folder / 'n').write_text('0')\n"
        "    def restore(self, folder):\n"
        "        self.n = int((folder / 'n').read_text())\n"
        "    def predict(self, chunk):\n"
        "        return [RankedPhrases(('a',), (1 / self.n,)) for _ in chunk]\n",
        encoding="utf-8",
    )
    fit("mine", CORPUS, tmp_path / "model", task="keyphrases", include_paths=[code])
    with (
        opened(tmp_path / "model", include_paths=[code]) as model,
        pytest.raises(
            BenchError, match=r"^mine failed while predicting \(ZeroDivisionError: division by zero\)$"
        ),
    ):
        model.predict(CORPUS.documents[:2])


def test_damaged_and_foreign_folders_are_refused(classifier: Path, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="there is no model"):
        read_model(tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(classifier, copy)
    victim = next(copy / name for name in read_model(copy).files)
    victim.write_bytes(victim.read_bytes() + b"x")
    with pytest.raises(BenchError, match="has changed since it was written"):
        read_model(copy)
    victim.unlink()
    with pytest.raises(BenchError, match="is missing"):
        read_model(copy)
    with pytest.raises(BenchError, match="it exists already"):
        fit("majority", CORPUS, copy)


def link(folder: Path, files: dict[str, str]) -> None:
    victim = folder / next(iter(files))
    victim.rename(folder.parent / "elsewhere")
    victim.symlink_to(folder.parent / "elsewhere")


def forget_all_files(folder: Path, files: dict[str, str]) -> None:  # noqa: ARG001
    files.clear()


def add_a_file(folder: Path, files: dict[str, str]) -> None:  # noqa: ARG001
    (folder / "model" / "more.json").write_text("{}")


def name_a_file_outside(folder: Path, files: dict[str, str]) -> None:
    (folder.parent / "outside").write_bytes(b"x")
    files["../outside"] = hashlib.sha256(b"x").hexdigest()


def put_a_pipe(folder: Path, files: dict[str, str]) -> None:
    victim = folder / next(iter(files))
    victim.unlink()
    os.mkfifo(victim)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (link, "is a link to another place"),
        (forget_all_files, "is not in its manifest"),
        (add_a_file, r"model/more\.json is not in its manifest"),
        (name_a_file_outside, r"names \.\./outside, which is outside of its folder"),
        (put_a_pipe, "has changed since it was written"),
    ],
)
def test_a_folder_holds_what_its_manifest_names_and_nothing_else(
    change: Callable[[Path, dict[str, str]], None], told: str, classifier: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(classifier, tmp_path / "copy"))
    manifest = json.loads((copy / "manifest.json").read_text())
    change(copy, manifest["files"])
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BenchError, match=told):
        read_model(copy)


def test_arrays_of_objects_in_an_estimator_are_one_line(tmp_path: Path) -> None:
    import skops.io
    from sklearn.naive_bayes import MultinomialNB

    estimator = MultinomialNB().fit([[1.0, 0.0], [0.0, 1.0]], [0, 1])
    skops.io.dump(estimator, tmp_path / "whole.skops")
    with (
        zipfile.ZipFile(tmp_path / "whole.skops") as whole,
        zipfile.ZipFile(tmp_path / "odd.skops", "w") as odd,
    ):
        for name in whole.namelist():
            data = whole.read(name)
            if name.endswith(".npy"):
                holder = io.BytesIO()
                np.save(holder, np.array([print], dtype=object), allow_pickle=True)
                data = holder.getvalue()
            odd.writestr(name, data)
    with pytest.raises(BenchError, match="the saved model cannot be read") as caught:
        read_estimator(tmp_path / "odd.skops")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("uuid,title\na,x\na,y\n", "the id 'a' is in row 1 .*again in row 2"),
        ("uuid,title\n,x\n", "row 1 .*the id is empty"),
        ("uuid,title\na,x,y\n", "row 1 .*3 fields where the header has 2"),
    ],
)
def test_bad_input_is_one_line_with_its_row(
    classifier: Path, tmp_path: Path, text: str, message: str
) -> None:
    source = tmp_path / "in.csv"
    source.write_text(text, encoding="utf-8")
    with opened(classifier) as model, pytest.raises(BenchError, match=message):
        predict_file(model, source, tmp_path / "out.csv")
