"""The file that goes to the competition (`bench submit`): ``uuid,Keywords,label``, one row a paper of the
input, in its order; and the check that names every row which the competition would refuse."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from readbench.datasets import ReadOptions, open_dataset
from readbench.datasets.columns import TEXT_FIELDS, resolve
from readbench.datasets.labels import join_labels, read_labels
from readbench.datasets.stream import stream_documents
from readbench.datasets.table import open_table
from readbench.errors import BenchError
from readbench.fitting import fit
from readbench.predicting import BLOCK, Model, opened
from readbench.store import cannot_write
from readbench.types import Dataset, PredictedLabel, RankedPhrases, Task

CLASSIFIER, KEYPHRASES = "bert", "pke.tfidf"
"""The final plan of the competition notes that this project began from: BERT for labels, TF-IDF for
keyphrases."""

PHRASES = 6
"""Keyphrases a paper: gold has 5.8 on average in the competition's first test set."""

LABELS = ("0", "1")
UUID, KEYWORDS, LABEL = "uuid", "Keywords", "label"


@dataclass(frozen=True)
class Training:
    """A file to learn from. ``documents`` holds the papers where the file has ids and gold alone."""

    file: Path
    documents: Path | None = None


@dataclass(frozen=True)
class Submitted:
    output: Path
    rows: int
    empty_keyphrases: int
    abstentions: int


def submit(
    source: Path, output: Path, *, classifier: str | None = None, labels: Training | None = None,
    keyphrases: str | None = None, gold_keyphrases: Training | None = None, phrases: int = PHRASES,
    fresh: bool = False, threads: int = 1, say: Callable[[str], None] = lambda line: None,  # noqa: ARG005
) -> Submitted:  # fmt: skip
    """Trains what is to be trained, predicts for every paper of ``source`` and writes the submission, with a
    column for each method that is given. A classifier that abstains is given the commonest label of its
    training, and the number of those is told.

    Raises BenchError for bad input, and where the output is there already.
    """
    if classifier is None and keyphrases is None:
        raise BenchError("nothing to submit", todo="give --classifier METHOD, --keyphrases METHOD or both")
    if output.exists() and not fresh:
        raise BenchError("is there already", where=str(output), todo="choose another --output, or --fresh")
    header = [UUID, *([KEYWORDS] if keyphrases else []), *([LABEL] if classifier else [])]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-submit-")))
        models: dict[Task, Model] = {}
        commonest = ""
        if classifier is not None:
            dataset = _training(labels, source, "classification", "--train-labels")
            known = [label for label in dataset.targets["classification"].values() if isinstance(label, str)]
            commonest = max(sorted(set(known)), key=known.count)
            say(f"training {classifier} on {len(known)} labelled papers")
            fit(classifier, dataset, folder / "classifier", task="classification", threads=threads)
            models["classification"] = stack.enter_context(opened(folder / "classifier", threads=threads))
        if keyphrases is not None:
            dataset = _training(gold_keyphrases, source, "keyphrases", "--train-keyphrases")
            say(f"preparing {keyphrases} on {len(dataset.documents)} papers")
            fit(keyphrases, dataset, folder / "keyphrases", task="keyphrases", threads=threads)
            models["keyphrases"] = stack.enter_context(opened(folder / "keyphrases", threads=threads))
        done = empty = abstentions = 0
        part = output.with_name(f"{output.name}.part")
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            with part.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(header)
                for row in _rows(source, models, phrases, commonest):
                    writer.writerow([row.uuid, *row.cells])
                    done, empty = done + 1, empty + row.empty
                    abstentions += row.abstained
                    if done % BLOCK == 0:
                        say(f"{done} papers")
            part.replace(output)
        except OSError as error:
            raise cannot_write(output, error) from error
    return Submitted(output, done, empty, abstentions)


@dataclass(frozen=True)
class _Row:
    uuid: str
    cells: Sequence[str]
    empty: bool
    abstained: bool


def _rows(source: Path, models: Mapping[Task, Model], phrases: int, commonest: str) -> Iterator[_Row]:
    documents = iter(stream_documents(source, needs_ids=True))
    seen: set[str] = set()
    while block := list(islice(documents, BLOCK)):
        found = {task: model.predict(block) for task, model in models.items()}
        for document in block:
            if document.id in seen:
                raise BenchError(f"the uuid {document.id!r} is there twice", where=str(source))
            seen.add(document.id)
            cells, empty, abstained = [], False, False
            if "keyphrases" in found:
                ranked = found["keyphrases"][document.id]
                assert isinstance(ranked, RankedPhrases)
                best = [phrase.replace(";", ",") for phrase in ranked.phrases[:phrases]]
                cells.append(";".join(best))
                empty = not best
            if "classification" in found:
                predicted = found["classification"][document.id]
                assert isinstance(predicted, PredictedLabel)
                abstained = predicted.label is None
                cells.append(commonest if predicted.label is None else predicted.label)
            yield _Row(document.id, cells, empty, abstained)


def _training(training: Training | None, source: Path, task: Task, flag: str) -> Dataset:
    """The papers to learn from, with gold: those of the file itself, or where it has ids and labels alone,
    of ``documents`` or of the input."""
    if training is None:
        if task == "keyphrases":
            return open_dataset(str(source))  # most methods learn nothing; those that do will say so
        raise BenchError("there is nothing to learn from", todo=f"give {flag} FILE")
    table = open_table(training.file, "utf-8")
    names = set(resolve(table.header, {}, str(training.file)).fields)
    if task == "classification" and not names & set(TEXT_FIELDS):
        documents = training.documents or source
        labels = read_labels(training.file, ReadOptions())
        dataset = open_dataset(str(documents))
        known, _ = join_labels(labels, [d.id for d in dataset.documents], training.file, documents)
        return replace(dataset, targets={"classification": known})
    dataset = open_dataset(str(training.file))
    if not any(dataset.targets.get(task, {}).values()):
        raise BenchError(
            f"has no gold for the task {task}", where=str(training.file), todo=f"give another {flag}"
        )
    return dataset


def problems(submission: Path, source: Path, *, needs: Sequence[str] = ()) -> Iterator[str]:
    """Everything that the competition would refuse, one line each with its row: columns, encoding, a uuid
    that is missing, doubled or unknown, an empty one, a label that is not 0 or 1.

    ``needs`` names columns that must be there besides ``uuid``; without it, at least one of the two.
    Raises BenchError where the input itself cannot be read.
    """
    wanted = {document.id: number for number, document in enumerate(stream_documents(source, needs_ids=True), 1)}
    try:
        table = open_table(submission, "utf-8")
        header = [name.strip() for name in table.header]
        allowed = (UUID, KEYWORDS, LABEL)
        lacking = [name for name in (UUID, *needs) if name not in header]
        unknown = [name for name in header if name not in allowed]
        if lacking or unknown or len(header) < 2 or len(set(header)) < len(header):
            yield f"header: the columns are {', '.join(header)}, not {', '.join(allowed)}"
            return
        order = [name for name in allowed if name in header]
        if header != order:
            yield f"header: the columns are in the order {', '.join(header)}, not {', '.join(order)}"
        seen: dict[str, str] = {}
        for row in table.rows:
            cells = dict(zip(header, (cell.strip() for cell in row.cells), strict=True))
            uuid = cells[UUID]
            if not uuid:
                yield f"{row.place}: the uuid is empty"
            elif uuid in seen:
                yield f"{row.place}: the uuid {uuid} is in {seen[uuid]} already"
            elif uuid not in wanted:
                yield f"{row.place}: the uuid {uuid} is not in the input"
            seen.setdefault(uuid, row.place)
            if LABEL in cells and cells[LABEL] not in LABELS:
                yield f"{row.place}: the label is {cells[LABEL]!r}, not {' or '.join(LABELS)}"
            if KEYWORDS in cells and any(not phrase.strip() for phrase in cells[KEYWORDS].split(";")):
                yield f"{row.place}: an empty keyword in {cells[KEYWORDS]!r}"
    except BenchError as error:
        yield str(error)
        return
    for uuid, number in wanted.items():
        if uuid not in seen:
            yield f"missing: the uuid {uuid} of row {number} of the input"
