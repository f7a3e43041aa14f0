"""A real run of small methods on papers with hostile texts, for the tests of the page."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

import readbench
from readbench.compare.paired import Side, open_side
from readbench.planning.plan import Options
from readbench.report.page import build_page, read_contents
from readbench.results.store import Store
from readbench.runs.interface import Quiet
from readbench.runs.running import run_suite

ATTACK = "<script>alert(1)</script>"
BREAK_OUT = "</script><img src=x onerror=alert(2)>"
SECRET = "catatonia"
"""A word that stands in texts, gold and predictions and nowhere else."""

METHODS = '''
"""Methods for the tests of the page."""
from readbench.adapter import Adapter, PredictedLabel, RankedPhrases


class Words(Adapter):
    """Words of the title, from some place on."""

    name = "toy.words"
    tasks = frozenset({"keyphrases"})

    class Params(Adapter.Params):
        start: int = 0
        label: str = ""

    def predict(self, chunk):
        return [self.one(document.fields.get("title", "").lower().split()) for document in chunk]

    def one(self, words):
        found = tuple(dict.fromkeys(words[self.params.start :][:5]))
        return RankedPhrases(found, tuple(1.0 / (place + 1) for place in range(len(found))))


class Failing(Words):
    """Fails with markup in its message."""

    name = "toy.failing"

    def predict(self, chunk):
        raise ValueError("<script>alert(1)</script> at " + chunk[0].fields["title"][:3])


class Length(Adapter):
    """Long titles are of class 1."""

    name = "toy.length"
    tasks = frozenset({"classification"})

    class Params(Adapter.Params):
        longest: int = 40

    def predict(self, chunk):
        return [self.one(len(document.fields.get("title", ""))) for document in chunk]

    def one(self, length):
        sure = 0.9 if abs(length - self.params.longest) > 5 else 0.6
        label, other = ("1", "0") if length > self.params.longest else ("0", "1")
        return PredictedLabel(label, {label: sure, other: 1 - sure})
'''

WORDS = (
    f"{SECRET} deep network image protein cell graph kernel energy battery solar climate risk patient trial "
    "school language market policy soil water virus bone heart robot sensor laser plasma quantum polymer"
).split()


@dataclass(frozen=True)
class PageRuns:
    """Two runs of one suite: all methods, then again with ``--fresh``."""

    folder: Path
    names: tuple[str, ...]

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def sides(self, *names: str) -> list[Side]:
        return [open_side(name, self.results) for name in names or self.names[-1:]]

    def page(self, *, texts: bool = True) -> str:
        return build_page(read_contents(self.sides(), texts=texts), readbench.__version__)

    def write(self, *, texts: bool = True) -> Path:
        path = self.folder / f"page-{'with' if texts else 'without'}.html"
        path.write_text(self.page(texts=texts), encoding="utf-8")
        return path


def papers(count: int) -> list[dict[str, object]]:
    """Papers whose gold is in the title; some of the titles are attacks on the page."""
    made: list[dict[str, object]] = []
    chooser = random.Random(7)
    for place in range(count):
        words = chooser.sample(WORDS, 4 + place % 4)
        title = " ".join(words)
        if place == 0:
            title = f"{ATTACK} {title} {BREAK_OUT} \u202ereversed"
        elif place == 1:
            title = f"{SECRET}s \u4e2d\u6587 {title}"
        made.append(
            {
                "id": f"p{place}" if place else "p&0 <b>",
                "title": title,
                "abstract": f"We study {title} and {SECRET} in {chooser.randint(3, 60) * 'many '}samples.",
                "keyphrases": [words[0], words[-1], "absent phrase"],
                "label": str(int(len(title) > 40)) if place % 5 else "1",
            }
        )
    return made


def make_page_runs(folder: Path, documents: int = 60) -> PageRuns:
    lines = [json.dumps(paper) for paper in papers(documents)]
    (folder / "papers.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "toys.py").write_text(METHODS, encoding="utf-8")
    labelled = f'toy.words[label="{ATTACK}", start=2]'
    words = ["toy.words", labelled, "toy.words[start=1]", "toy.words[start=4]", "toy.failing"]
    suite = [
        f"dataset = {{name = {json.dumps(str(folder / 'papers.jsonl'))}}}",
        "[split]",
        'kind = "all"',
        'near_duplicates = "ignore"',
        "[tasks.keyphrases]",
        f"methods = {json.dumps(words)}",
        "[tasks.classification]",
        'methods = ["toy.length", "toy.length[longest=30]"]',
    ]
    (folder / "papers.toml").write_text("\n".join(suite), encoding="utf-8")
    names = []
    for fresh in (False, True):
        options = Options(include_paths=(folder / "toys.py",), fresh=fresh)
        store = Store(folder / "results")
        finished = run_suite(str(folder / "papers.toml"), None, None, options, store, Quiet())
        names.append(finished.board.manifest.name)
    return PageRuns(folder, tuple(names))
