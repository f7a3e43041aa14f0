"""The file that goes to the competition (`bench submit`): ``uuid,Keywords,label``, one row a paper of the
input, in its order. ``submission_check`` names what the competition would refuse."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from readbench.core.errors import BenchError
from readbench.core.types import Dataset, PredictedLabel, RankedPhrases, Task
from readbench.core.units import count_of
from readbench.datasets import ReadOptions, open_dataset
from readbench.datasets.columns import TEXT_FIELDS, resolve
from readbench.datasets.csv_reader import CsvReader
from readbench.datasets.jsonl_reader import JsonLinesReader, json_objects
from readbench.datasets.labels import join_labels, read_labels
from readbench.datasets.stream import stream_documents
from readbench.datasets.table import open_table
from readbench.datasets.token_lists import unfolded
from readbench.trained.fitting import FitPlan, learns, plan_fit, train
from readbench.trained.predicting import BLOCK, Model, csv_line, joined_phrases, opened
from readbench.trained.row_file import RowFile
from readbench.trained.submission_check import KEYWORDS, LABEL, LABELS, UUID

CLASSIFIER, KEYPHRASES = "bert", "pke.tfidf"
"""The final plan of the competition notes that this project began from: BERT for labels, TF-IDF for
keyphrases."""

PHRASES = 6
"""Keyphrases a paper: gold has 5.8 on average in the competition's first test set."""


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
    source: Path,
    output: Path,
    *,
    classifier: str | None = None,
    labels: Training | None = None,
    keyphrases: str | None = None,
    gold_keyphrases: Training | None = None,
    phrases: int = PHRASES,
    fresh: bool = False,
    threads: int = 1,
    say: Callable[[str], None] = lambda line: None,  # noqa: ARG005
) -> Submitted:
    """Trains what is to be trained, predicts for every paper of ``source`` and writes the submission, with a
    column for each method that is given. A classifier that abstains is given the commonest label of its
    training, and the number of those is returned.

    Methods, libraries, training files, the input and the output are looked at before anything is trained.
    Raises BenchError for what is wrong with them; nothing is left behind then.
    """
    if classifier is None and keyphrases is None:
        raise BenchError("nothing to submit", todo="give --classifier METHOD, --keyphrases METHOD or both")
    if phrases < 1:
        raise BenchError(f"--phrases {phrases} asks for no keywords", todo="give --phrases 1 or more")
    read = [training.file for training in (labels, gold_keyphrases) if training is not None]
    read += [training.documents for training in (labels,) if training and training.documents]
    header = [UUID, *([KEYWORDS] if keyphrases else []), *([LABEL] if classifier else [])]
    with RowFile(output, [source, *read], fresh=fresh) as file, ExitStack() as stack:
        try:
            plans: dict[Task, FitPlan] = {}
            if classifier is not None:
                dataset = _training(labels, source, "classification", "--train-labels")
                plans["classification"] = plan_fit(classifier, dataset, task="classification")
            if keyphrases is not None:
                dataset = _training(gold_keyphrases, source, "keyphrases", "--train-keyphrases")
                plans["keyphrases"] = plan_fit(keyphrases, dataset, task="keyphrases")
            papers = _check_input(source, plans)
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-submit-")))
            models: dict[Task, Model] = {}
            for task, plan in plans.items():
                if learns(plan.method, plan.spec):
                    count = count_of(len(plan.parts["train"].documents), "paper")
                    say(f"training {plan.method.spec} on {count}")
                else:
                    say(f"{plan.method.spec} needs no training")
                train(plan, folder / task, threads=threads)
                models[task] = stack.enter_context(opened(folder / task, threads=threads))
            done = empty = abstentions = 0
            file.begin()
            file.write(csv_line(header))
            for row in _rows(source, models, phrases, _commonest(plans)):
                file.write(csv_line([row.uuid, *row.cells]))
                done, empty = done + 1, empty + row.empty
                abstentions += row.abstained
                if done % BLOCK == 0:
                    say(f"{done:,} of {count_of(papers, 'paper')}")
            file.publish()
        except BaseException:
            file.discard()
            raise
    return Submitted(output, done, empty, abstentions)


def _check_input(source: Path, plans: Mapping[Task, FitPlan]) -> int:
    """The number of papers. Raises BenchError for what is wrong with the input: before hours of training, not
    after them. Rows are looked at once, columns for each method."""
    papers = sum(1 for _ in stream_documents(source, needs_ids=True))
    if not papers:
        raise BenchError("has no rows", where=str(source), todo="give one row a paper")
    for plan in plans.values():
        next(iter(stream_documents(source, fields=plan.spec.fields)))
    return papers


def _commonest(plans: Mapping[Task, FitPlan]) -> str:
    if "classification" not in plans:
        return ""
    known = Counter(map(str, plans["classification"].parts["train"].targets["classification"].values()))
    return max(sorted(known), key=known.__getitem__)


@dataclass(frozen=True)
class _Row:
    uuid: str
    cells: Sequence[str]
    empty: bool
    abstained: bool


def _rows(source: Path, models: Mapping[Task, Model], phrases: int, commonest: str) -> Iterator[_Row]:
    documents = iter(stream_documents(source, needs_ids=True))
    while block := list(islice(documents, BLOCK)):
        predictions = {task: model.predict(block) for task, model in models.items()}
        for document in block:
            cells, empty, abstained = [], False, False
            if "keyphrases" in predictions:
                ranked = predictions["keyphrases"][document.id]
                assert isinstance(ranked, RankedPhrases)
                cells.append(joined_phrases(ranked.phrases[:phrases]))
                empty = not cells[-1]
            if "classification" in predictions:
                predicted = predictions["classification"][document.id]
                assert isinstance(predicted, PredictedLabel)
                abstained = predicted.label is None
                cells.append(commonest if predicted.label is None else predicted.label)
            yield _Row(document.id, cells, empty, abstained)


def _training(training: Training | None, source: Path, task: Task, flag: str) -> Dataset:
    """The papers to learn from, with gold: those of the file itself, or where it has ids and labels alone,
    of ``documents`` or of the input."""
    if training is None:
        if task == "keyphrases":
            # Most methods learn nothing; those that do say so. Keyphrases of the input are the answers.
            return replace(open_dataset(str(source)), targets={})
        raise BenchError("no training documents are given", todo=f"give {flag} FILE")
    dataset = _labelled(training, source) if task == "classification" else None
    if dataset is None:
        dataset = open_dataset(str(training.file))
    known = {target for target in dataset.targets.get(task, {}).values() if target}
    if not known:
        raise BenchError(
            f"has no gold for the task {task}", where=str(training.file), todo=f"give another {flag}"
        )
    if task == "classification" and not known <= set(LABELS):
        names = ", ".join(sorted(map(str, known))[:5])
        raise BenchError(
            f"its labels are {names}; the competition's are {' and '.join(LABELS)}",
            where=str(training.file),
            todo=f"write them as {' and '.join(LABELS)}",
        )
    return dataset


def _labelled(training: Training, source: Path) -> Dataset | None:
    """The papers of ``documents`` or of the input with the labels of a file that has ids and labels alone;
    None for one that has the papers, too."""
    if CsvReader().matches(training.file):
        columns = resolve(open_table(training.file, "utf-8").header, {}, str(training.file))
    elif JsonLinesReader().matches(training.file):
        first = next(json_objects(training.file, "utf-8"), ("", {}))[1]
        columns = resolve(unfolded(first, str(training.file)), {}, str(training.file))
    else:
        return None
    if set(columns.fields) & set(TEXT_FIELDS) or "label" not in columns.roles:
        return None
    if not CsvReader().matches(training.file):
        raise BenchError(
            "has labels without papers, and is no CSV",
            where=str(training.file),
            todo="write it as CSV with uuid and label, or add title and abstract",
        )
    documents = training.documents or source
    labels = read_labels(training.file, ReadOptions())
    dataset = open_dataset(str(documents))
    known, _ = join_labels(labels, [d.id for d in dataset.documents], training.file, documents)
    return replace(dataset, targets={"classification": known})
