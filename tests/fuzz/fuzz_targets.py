"""What is fuzzed: a small valid file, and how the project reads it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random

import fuzz_models
import fuzz_results
import fuzz_seeds as seeds

from readbench.core.types import Dataset
from readbench.datasets import ReadOptions, open_dataset
from readbench.datasets.stream import stream_documents
from readbench.gate.thresholds import read_thresholds
from readbench.planning.checking import check_suite
from readbench.planning.infer import infer_suite
from readbench.planning.plan import Options
from readbench.planning.reading import read_suite
from readbench.trained.submission_check import Check

Read = Callable[[Path, Random | None], object]


@dataclass(frozen=True)
class Target:
    """``name`` is the file that is damaged, ``content`` what it holds before, ``beside`` the files around it
    that stay whole. ``read`` gets the path of the damaged file, and what chooses between ways of reading it:
    None for each in turn, without options."""

    name: str
    content: bytes
    read: Read
    beside: Mapping[str, bytes] = field(default_factory=dict)

    def write(self, folder: Path, data: bytes) -> Path:
        for name, content in {**self.beside, self.name: data}.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder / self.name


def used(dataset: Dataset) -> None:
    """What every run does with a dataset before it plans."""
    assert len(dataset.fingerprint) == 64
    for decision in dataset.decisions:
        assert "\0" not in decision.sentence()
    infer_suite(dataset)


def options(rng: Random | None) -> ReadOptions:
    """Mostly none, and sometimes what a user may say; none without ``rng``."""
    if rng is None:
        return ReadOptions()
    given: list[dict[str, object]] = [{}, {}, {}, {"encoding": "latin-1"}, {"language": "pt"}]
    given += [{"keyphrase_separator": ","}, {"columns": {"keyphrases": "abstract"}}, {"max_characters": 40}]
    return ReadOptions.model_validate(rng.choice(given))


def as_dataset(path: Path, rng: Random | None) -> None:
    used(open_dataset(str(path), options(rng)))


def as_stream(path: Path, rng: Random | None) -> None:
    for document in stream_documents(path, options(rng)):
        assert document.id


def either(path: Path, rng: Random | None) -> None:
    if rng is None or rng.random() < 0.3:
        as_stream(path, rng)
    if rng is None or rng.random() < 0.8:
        as_dataset(path, rng)


def as_folder(path: Path, rng: Random | None) -> None:
    """The damaged file is one of a folder, which is two levels up at most."""
    folder = path.parents[1] if path.parent.name in ("docsutf8", "keys") else path.parent
    annotated = path.name.startswith("corenlp")
    used(open_dataset(str(folder), ReadOptions(annotation="corenlp") if annotated else options(rng)))


def as_gold(path: Path, rng: Random | None) -> None:  # noqa: ARG001 - the signature of targets
    used(open_dataset(str(path.parent / "papers.jsonl"), ReadOptions(gold_file=Path(path.name))))


def as_labels(path: Path, rng: Random | None) -> None:  # noqa: ARG001
    used(open_dataset(str(path.parent / "papers.jsonl"), ReadOptions(labels=path)))


def as_suite(path: Path, rng: Random | None) -> None:  # noqa: ARG001
    papers = str(path.parent / "papers.csv")
    read = read_suite(str(path), papers, None, Options())
    check_suite(read.suite, read.dataset, Options())


def as_thresholds(path: Path, rng: Random | None) -> None:  # noqa: ARG001
    read_thresholds(path, "quick", methods=["pke.tfidf", "yake"])


def as_submission(path: Path, rng: Random | None) -> None:  # noqa: ARG001
    for problem in Check(path, path.parent / "papers.csv").problems():
        assert "\n" not in problem


def as_input_of_a_submission(path: Path, rng: Random | None) -> None:  # noqa: ARG001
    for problem in Check(path.parent / "submission.csv", path).problems():
        assert "\n" not in problem


def installed(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


def targets_of(group: str) -> tuple[Target, ...]:
    """The targets of a group. Some are made by a run or by training, which no other group has to wait for."""
    if group == "results":
        beside = fuzz_results.files()
        return tuple(
            Target(name, content, fuzz_results.in_turn, beside)
            for name, content in beside.items()
            if fuzz_results.is_read(name)
        )
    if group == "baselines":
        beside = fuzz_results.baseline()
        return tuple(
            Target(name, content, fuzz_results.as_baseline, beside)
            for name, content in beside.items()
            if name.startswith("kept/") and fuzz_results.is_read(name)
        )
    if group == "models":
        return tuple(
            Target(name, content, fuzz_models.as_model, folder)
            for folder in map(fuzz_models.folder_of, fuzz_models.TRAINED)
            for name, content in folder.items()
        )
    return all_targets()[group]


@cache
def all_targets() -> Mapping[str, tuple[Target, ...]]:
    """The targets of each group."""
    rows = {**seeds.TABLES, **seeds.OBJECTS}
    libraries = {".ris": "rispy", ".ciw": "rispy", ".bib": "bibtexparser", ".nbib": "nbib"}
    rows |= {name: data for name, data in seeds.REFERENCES.items() if installed(libraries[Path(name).suffix])}
    binary = {"papers.parquet": seeds.parquet()}
    if installed("openpyxl"):
        binary["papers.xlsx"] = seeds.workbook()
    parts = {"train.jsonl": seeds.LINES, "test.jsonl": seeds.LINES.replace(b'"p', b'"q')}
    parts["corenlp_train.jsonl"] = seeds.CORENLP
    questions = {"train.jsonl": seeds.INSTRUCTIONS, "dev.jsonl": seeds.INSTRUCTIONS}
    papers = {"papers.csv": seeds.TABLES["papers.csv"], "papers.jsonl": seeds.LINES}
    folders = [
        *(Target(name, content, as_folder, seeds.KEY_FILES) for name, content in seeds.KEY_FILES.items()),
        *(Target(name, content, as_folder, parts) for name, content in parts.items()),
        *(Target(name, content, as_folder, questions) for name, content in questions.items()),
    ]
    submitted = {"submission.csv": seeds.SUBMISSION}
    return {
        "rows": tuple(Target(name, content, either) for name, content in rows.items()),
        "binary": (
            *(Target(name, content, either) for name, content in binary.items()),
            Target("keys.zip", seeds.zipped(seeds.KEY_FILES), as_dataset),
        ),
        "folders": tuple(folders),
        "gold": (
            Target("gold.json", seeds.GOLD, as_gold, papers),
            Target("labels.csv", seeds.LABELS, as_labels, papers),
        ),
        "suites": (
            Target("suite.toml", seeds.SUITE, as_suite, papers),
            Target("thresholds.toml", seeds.THRESHOLDS, as_thresholds),
        ),
        "answers": tuple(
            Target(name, text.encode(), fuzz_models.as_answer) for name, text in fuzz_models.ANSWERS.items()
        ),
        "submissions": (
            Target("submission.csv", seeds.SUBMISSION, as_submission, papers),
            Target("papers.csv", papers["papers.csv"], as_input_of_a_submission, submitted),
        ),
    }
