"""Writes the two files that a newcomer starts from: a commented suite for a dataset (`bench init`) and
a commented adapter (`bench new-method`). Both run as they are."""

from __future__ import annotations

import builtins
import importlib.util
import json
import keyword
import os
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from readbench.datasets import ReadOptions, open_dataset
from readbench.datasets.columns import listed, resolve
from readbench.datasets.csv_reader import CsvReader
from readbench.datasets.lines import stem, text_lines
from readbench.datasets.options import Role
from readbench.datasets.table import open_table
from readbench.errors import BenchError
from readbench.infer import infer_suite
from readbench.language_codes import language_code
from readbench.registry import Registry
from readbench.spelling import NAME
from readbench.suite import Suite, list_suites, load_suite
from readbench.suite_language import own_language
from readbench.types import Dataset, Task

LINES_LOOKED_AT = 100
"""Lines of a JSON Lines file that are read to find its keys."""

SOUNDS: dict[Role, set[str]] = {
    "title": {"title"},
    "abstract": {"abstract", "summary"},
    "keyphrases": {"keyword", "keywords", "keyphrase", "keyphrases", "tags"},
}


def write_suite(dataset: Path, output: Path | None = None) -> Path:
    """Writes a commented suite for a file of papers (or an embedded corpus) and returns where:
    ``suites/STEM.toml`` unless ``output`` says otherwise.

    Raises BenchError where the file cannot be read, holds no task that a method here does, or where
    something stands in the suite's place already.
    """
    names = _column_names(dataset)
    guessed = _guessed(names, str(dataset))
    data = open_dataset(str(dataset), ReadOptions(columns=guessed))
    suite = _inferred(data, names, dataset)
    place = output or Path("suites") / f"{stem(dataset)}.toml"
    if output is None and not place.exists() and place.stem in list_suites():
        raise BenchError(
            f"a suite is already called {place.stem!r}: {list_suites()[place.stem]}",
            where=str(place), todo="choose another name: --output suites/ANOTHER.toml",
        )  # fmt: skip
    _write(place, _suite_text(_reference(dataset, data), place, data, suite, names, guessed))
    load_suite(place)
    return place


def write_method(name: str, output: Path | None = None) -> Path:
    """Writes a commented adapter file for a new method and returns where: ``my_method.py`` for
    ``my.method`` (``my_method_method.py`` where a module ``my_method`` can be imported already: a file
    of that name would hide it) unless ``output`` says otherwise.

    Raises BenchError for a name that no spelling can hold or that another method has, and where
    something stands in the file's place already.
    """
    if not NAME.fullmatch(name):
        raise BenchError(
            "a method's name begins with an ASCII letter and goes on with letters, digits and . _ + -",
            where=f"method {name!r}", todo="write it like my.method",
        )  # fmt: skip
    if name in set(Registry()):
        raise BenchError("this name is taken", where=f"method {name!r}", todo="choose another one")
    place = output or Path(f"{_module_name(name)}.py")
    text = METHOD.replace("$CLASS", _class_name(name)).replace("$FILE", str(place)).replace("$NAME", name)
    _write(place, text)
    return place


def _write(place: Path, text: str) -> None:
    if os.path.lexists(place):
        raise BenchError(
            "it is there already and stays as it is", where=str(place),
            todo="give another place with --output, or remove it first",
        )  # fmt: skip
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("x", encoding="utf-8") as file:
            file.write(text)
    except UnicodeEncodeError as error:
        place.unlink(missing_ok=True)
        raise BenchError(f"a name cannot be written as UTF-8: {error.reason}", where=str(place)) from error
    except OSError as error:
        raise BenchError(f"cannot be written: {error.strerror or error}", where=str(place)) from error


# -- the suite -------------------------------------------------------------------------------------


def _column_names(dataset: Path) -> tuple[str, ...]:
    """Columns of a table, or keys of the first objects of JSON Lines, as the file spells them."""
    if not dataset.is_file():
        return ()  # an embedded corpus
    encoding = ReadOptions().encoding
    if CsvReader().matches(dataset):
        return open_table(dataset, encoding).header
    names: dict[str, None] = {}
    for number, line in enumerate(text_lines(dataset, encoding)):
        if number >= LINES_LOOKED_AT:
            break
        if line.strip():
            names |= dict.fromkeys(json.loads(line))
    return tuple(names)


def _guessed(names: Sequence[str], where: str) -> dict[Role, str]:
    """Columns for roles that none of the usual names plays, where just one column sounds like it:
    "Author Keywords" for the keyphrases."""
    known = resolve(names, {}, where).roles
    found: dict[Role, str] = {}
    for role, sounds in SOUNDS.items():
        alike = [name for name in names if sounds & set(re.findall("[a-z]+", name.lower()))]
        if role not in known and len(alike) == 1 and alike[0] not in {*known.values(), *found.values()}:
            found[role] = alike[0]
    return found


def _inferred(data: Dataset, names: Sequence[str], dataset: Path) -> Suite:
    try:
        return infer_suite(data)[0]
    except BenchError as error:
        found = f"columns found: {listed(names)}" if names else "it names no columns"
        raise BenchError(
            f"{error.what}; {found}", where=str(dataset),
            todo="rename the column with the gold phrases to Keywords (phrases separated by ';'), then "
            "try again",
        ) from error  # fmt: skip


def _reference(dataset: Path, data: Dataset) -> str:
    """How the suite names the dataset: relative to where bench is run, where that is possible."""
    if not dataset.is_file():
        return data.source or data.name
    absolute, here = dataset.resolve(), Path.cwd().resolve()
    if dataset.is_absolute() and absolute.is_relative_to(here):
        return os.path.relpath(absolute, here)
    return str(dataset)


def _suite_text(
    reference: str, place: Path, data: Dataset, suite: Suite, names: Sequence[str], guessed: dict[Role, str]
) -> str:
    task: Task = "keyphrases"
    section = suite.tasks[task]
    fields = {name for document in data.documents for name in document.fields}
    chosen = [name for name in section.fields if name in fields]
    if "text" in fields and not {"abstract", "text"} & set(chosen):
        chosen.append("text")
    others = sorted(fields - set(chosen))
    with_gold = sum(bool(target) for target in data.targets[task].values())
    shown = [
        f"{role} = {_quoted(name)}" + (" # guessed from its name" if role in guessed else "")
        for role, name in resolve(names, guessed, reference).roles.items()
    ]
    also = ", ".join(known for known in data.targets if known != task)
    values = {
        "PLACE": shlex.quote(str(place)),
        "NAME": _quoted(place.stem),
        "DATASET": _quoted(reference),
        "DOCUMENTS": f"{len(data.documents)} documents, {with_gold} of them with gold phrases",
        "LEFT_OUT": "".join(f"\n# {count} {what}." for what, count in data.counts.items() if count),
        "FOUND": f"Found in this file: {listed(names)}." if names else "An embedded corpus knows its own.",
        "COLUMNS": "\n".join(shown if names else []) or '# title = "Title"',
        "ALSO": f"\n# Its {also} targets are not asked for here; no method ever sees them." if also else "",
        "FIELDS": _list(chosen),
        "LANGUAGE": _quoted(language_code(own_language(data))),
        "OTHERS": f"This dataset also has: {', '.join(others)}." if others else "This dataset has no others.",
        "PRIMARY": _quoted(section.primary or "f1@10"),
        "BOARD": _list(section.board),
        "METHODS": "".join(f"    {_quoted(method)},\n" for method in section.methods),
    }
    # Each placeholder once and in one pass: a column named like a placeholder stays what it is.
    return re.sub(r"\$([A-Z_]+)", lambda match: values[match[1]], SUITE)


def _quoted(text: str) -> str:
    """A TOML basic string. JSON's is one, but for the character DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(_quoted, texts))}]"


SUITE = """\
# A suite: which methods read which papers, how they are scored, and what they may take.
# Written by `bench init`; it runs as it is:    bench run $PLACE
# Lines that are commented out show an alternative, or the default that holds without them.

name = $NAME
version = 1 # raise it when a change makes results incomparable with earlier ones
description = "Keyphrases of my papers: which method, at which cost?"
seed = 20240 # of splits, samples and methods: the same seed gives the same result

# What is read: $DOCUMENTS.$LEFT_OUT
# A path (CSV or JSON Lines, also .gz) as seen from where bench is run, or a name of `bench ls datasets`.
[dataset]
name = $DATASET
language = $LANGUAGE # of documents that name none (ISO 639-1); stemming and some methods depend on it
# encoding = "utf-8"
# keyphrase_separator = ";" # between the phrases of one cell
# max_characters = 1000000 # longer documents are left out and counted
# labels = "labels.csv" # a second file of id and label, joined by id

# Which column is what. Roles: id, title, abstract, authors, keyphrases, label, language; any other
# column is a field under its own name. Gold (keyphrases, label) never reaches a method.
# $FOUND$ALSO
[dataset.columns]
$COLUMNS

# Which documents are learned from, and which judge. "all": every document is a test document, right
# for methods that learn nothing. Methods that learn (say, `pke.tfidf[df=train]`) need a holdout.
[split]
kind = "all"
# kind = "holdout"
# test = 0.25 # shares of the documents; what neither takes is for training
# validation = 0.1

# What is asked. Only these fields are the text that methods read, in this order.
# $OTHERS
[tasks.keyphrases]
fields = $FIELDS
primary = $PRIMARY # the metric that ranks; `bench ls metrics` explains them all
board = $BOARD # shown beside it
# `bench ls methods` lists them, `bench ls methods NAME` shows the parameters of one: each entry may
# carry its own, such as "pke.tfidf[n=2]", and a method may stand here several times.
methods = [
$METHODS]

# What one method may take before it is stopped; it stays on the board, as timeout or out_of_memory.
[limits]
timeout = "30m"
memory = "8GiB"
threads = 1 # of each method's libraries: more are faster, and not comparable with one
"""


# -- the method ------------------------------------------------------------------------------------


def _module_name(name: str) -> str:
    module = re.sub(r"\W", "_", name)
    taken = module in sys.stdlib_module_names or importlib.util.find_spec(module) is not None
    return f"{module}_method" if taken else module


def _class_name(name: str) -> str:
    parts = re.findall(r"[^\W_]+", name)
    joined = "".join(part[:1].upper() + part[1:] for part in parts)
    # Whatever else has this name in the file or in Python would be hidden.
    taken = re.search(rf"\b{joined}\b", METHOD) or keyword.iskeyword(joined) or hasattr(builtins, joined)
    return f"{joined}Method" if taken else joined


METHOD = '''\
"""$NAME: a method for keyphrases in one file. It runs as it is; make it yours.

    bench check $NAME --include-path $FILE
    bench run quick --method $NAME --include-path $FILE
    bench run quick --method '$NAME[longest=2]' --include-path $FILE

Repeat --method to have several side by side. The harness owns data, splits, seeds,
clocks and scores. This class only learns (fit) and predicts (predict), in a process of
its own, and never sees the gold phrases of a test document. `bench check` runs the
tests that the built-in methods pass.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from readbench.adapter import Adapter, RankedPhrases
from readbench.types import Dataset, Document, Task

# A phrase holds no such word, no number and no punctuation: a cheap stand-in for nouns.
STOP_WORDS = """
a about after all also among an and any are as at be because been before between both
but by can could did do does during each few for from had has have how however i if in
into is it its may might more most much must no not of on only or other our out over own
same should show shown shows since so some such than that the their them then there
these they this those through thus to under up use used using very was we were what when
where which while who why will with within without would yet you your
"""
STOPS = frozenset(STOP_WORDS.split())
TOKEN = re.compile(r"\\w+(?:[-'\\u2019]\\w+)*|[^\\w\\s]")
ON_A_PAGE = 100  # words after which a phrase no longer counts as early


class $CLASS(Adapter):
    """Runs of words by how often, how early and how rarely elsewhere they occur."""

    # How the command line and the boards call it, and what it does.
    name = "$NAME"
    tasks: ClassVar[frozenset[Task]] = frozenset({"keyphrases"})
    summary = "runs of words by frequency, rarity and place"

    # Libraries it needs (import names) and the line that brings them. They are looked
    # for, not imported: where they lack, the board says what to install. Import them
    # inside load(), so that listing methods stays instant.
    requires: ClassVar[tuple[str, ...]] = ()
    install = ""

    class Params(Adapter.Params):
        """What can be set: $NAME[longest=2, early=0]. Unknown keys are refused."""

        n_best: int = Field(20, ge=1, description="phrases kept, best first")
        longest: int = Field(3, ge=1, description="words in the longest phrase")
        early: float = Field(1.0, ge=0, description="weight of an early place; 0: none")

    params: Params  # for type checkers: the harness sets it, and self.context

    def load(self) -> None:
        """Import libraries and load weights here: it has a clock of its own.

        self.context has the task (fields, language), seed, threads, device and scratch.
        """
        self.documents = 0
        self.document_frequency: Counter[str] = Counter()

    def fit(self, train: Dataset, validation: Dataset) -> None:
        """Learns: here, in how many training documents each word occurs.

        A suite whose split is "all" has no training part: then both datasets are empty.
        Gold phrases, where wanted: train.targets["keyphrases"][document.id]
        """
        del validation  # for choices such as thresholds; this method makes none
        self.documents = len(train.documents)
        for document in train.documents:
            tokens = TOKEN.findall(self.context.task.text(document))
            self.document_frequency.update({token.lower() for token in tokens})

    def predict(self, chunk: Sequence[Document]) -> list[RankedPhrases]:
        """One prediction a document, in order, each from its document alone."""
        return [self._rank(self.context.task.text(document)) for document in chunk]

    def _rank(self, text: str) -> RankedPhrases:
        count: Counter[str] = Counter()
        first: dict[str, int] = {}
        for place, phrase in self._candidates(text):
            count[phrase] += 1
            first.setdefault(phrase, place)
        score = {
            phrase: count[phrase]
            * math.sqrt(sum(self._rarity(word) for word in phrase.split()))
            * (1 + first[phrase] / ON_A_PAGE) ** -self.params.early
            for phrase in count
        }
        # The phrase ends the key: equal scores must not be left to chance.
        best = sorted(score, key=lambda phrase: (-score[phrase], first[phrase], phrase))
        best = best[: self.params.n_best]
        return RankedPhrases(tuple(best), tuple(score[phrase] for phrase in best))

    def _candidates(self, text: str) -> Iterator[tuple[int, str]]:
        """Places and phrases: every run of at most `longest` words."""
        run: list[str] = []
        for place, token in enumerate(TOKEN.findall(text)):
            word = token.lower()
            if word in STOPS or len(word) < 2 or word.isdigit():
                run = []
                continue
            run = [*run, word][-self.params.longest :]
            for length in range(1, len(run) + 1):
                yield place - length + 1, " ".join(run[-length:])

    def _rarity(self, word: str) -> float:
        """Inverse document frequency; 1 for every word where nothing was learned."""
        return 1 + math.log((1 + self.documents) / (1 + self.document_frequency[word]))

    def save(self, folder: Path) -> None:
        """Writes what fit() learned. Prefer JSON, NumPy or safetensors to pickle."""
        learned = {"documents": self.documents, "frequency": self.document_frequency}
        (folder / "learned.json").write_text(json.dumps(learned), encoding="utf-8")

    def restore(self, folder: Path) -> None:
        """Reads what save() wrote, in place of fit(); load() was called before."""
        learned = json.loads((folder / "learned.json").read_text(encoding="utf-8"))
        self.documents = learned["documents"]
        self.document_frequency = Counter(learned["frequency"])
'''
