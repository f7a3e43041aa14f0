"""Every name in a suite is checked before anything runs; `bench plan` refuses what `bench run` refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from readbench.cli import main
from readbench.planning.suite import find_suite, list_suites, load_suite

METHODS = """
from readbench.adapter import Adapter, Params as Base, PredictedLabel, RankedPhrases

class First(Adapter):
    name = "toy.first"
    tasks = frozenset({"keyphrases"})

    class Params(Base):
        n: int = 2

    def predict(self, chunk):
        raise AssertionError("nothing may run")

class Always(Adapter):
    name = "toy.always"
    tasks = frozenset({"classification"})

    class Params(Base):
        c: float = 1.0

    def predict(self, chunk):
        raise AssertionError("nothing may run")
"""
KEYPHRASES = 'methods = ["toy.first"]'
LABELS = 'methods = ["toy.always"]'
TUNED = '[[tasks.keyphrases.tuned]]\nmethod = "toy.first"\nparams.n = [1, 2]\n'
HOLDOUT = '[split]\nkind = "holdout"\nvalidation = 0.2\n'


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    """Twenty papers with gold of both kinds, keywords of an index, and a field that only the last one has."""
    rows = [
        {
            "id": str(i),
            "title": f"Title {i} of tea",
            "abstract": f"Abstract number {i} is on cups and pots.",
            "keyphrases": [f"cup {i}", "pots"],
            "label": "tea" if i % 2 else "coffee",
            "Index Keywords": f"cup {i}; pots; porcelain",
            "terms of the catalogue": f"Cup {i} | Pots",
        }
        | ({"venue": "Leaves"} if i == 19 else {})
        for i in range(20)
    ]
    path = tmp_path / "papers.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


class Verbs:
    """`bench plan` and `bench run` of one suite."""

    def __init__(self, folder: Path, papers: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.papers, self.capsys = folder, papers, capsys
        (folder / "toy.py").write_text(METHODS, encoding="utf-8")

    def __call__(self, verb: str, text: str, *more: str) -> tuple[int, str]:
        suite = self.folder / "suite.toml"
        suite.write_text(text, encoding="utf-8")
        common = ["--dataset", str(self.papers), "--include-path", str(self.folder / "toy.py")]
        results = ["--output-path", str(self.folder / "results")]
        with pytest.raises(SystemExit) as ended:
            main([verb, str(suite), *common, *results, *more])
        said = self.capsys.readouterr()
        return int(ended.value.code or 0), said.err or said.out

    def refused(self, text: str, *more: str) -> str:
        """The one line with which both verbs refuse."""
        lines = {verb: self(verb, text, *more) for verb in ("plan", "run")}
        assert lines["plan"] == lines["run"]
        status, line = lines["run"]
        assert (status, line.count("\n")) == (2, 1), line
        assert "\n".join(path.name for path in self.folder.glob("results/cells/*")) == ""
        return line


@pytest.fixture
def verbs(tmp_path: Path, papers: Path, capsys: pytest.CaptureFixture[str]) -> Verbs:
    return Verbs(tmp_path, papers, capsys)


def keyphrases(more: str, rest: str = "", methods: str = KEYPHRASES) -> str:
    return f"[tasks.keyphrases]\n{methods}\n{more}\n{rest}"


def labels(more: str, rest: str = HOLDOUT) -> str:
    return f"[tasks.classification]\n{LABELS}\n{more}\n{rest}"


WRONG: dict[str, tuple[str, tuple[str, ...]]] = {
    "one field of two": (
        keyphrases('fields = ["titel", "abstract"]'),
        ("suite suite, task keyphrases, fields", "'titel'", "did you mean title?"),
    ),
    "a field named twice": (keyphrases('fields = ["title", "title"]'), ("'title'", "twice")),
    "the label among the fields": (labels('fields = ["title", "label"]'), ("'label' is gold",)),
    "gold under its usual name": (
        keyphrases('fields = ["title", "index keywords"]'),
        ("'index keywords' is gold", "fields"),
    ),
    "gold by what it holds": (
        keyphrases('fields = ["title", "terms of the catalogue"]'),
        ("'terms of the catalogue' is gold", "40 of 40 gold phrases"),
    ),
    "a metric that ranks": (
        labels('primary = "acuracy"'),
        ("task classification, primary", "'acuracy'", "did you mean accuracy"),
    ),
    "a column of the board": (keyphrases('board = ["map", "foo"]'), ("task keyphrases, board", "'foo'")),
    "a metric of another task": (keyphrases('board = ["accuracy"]'), ("'accuracy'", "board")),
    "the metric of a reference": (
        keyphrases('reference = {label = "x", metric = "f1@11", values = {"toy.first" = 0.1}}'),
        ("task keyphrases, reference", "'f1@11'", "did you mean f1@1"),
    ),
    "a method of a reference": (
        keyphrases('reference = {label = "x", metric = "f1@10", values = {"toy.frist" = 0.1}}'),
        ("task keyphrases, reference", "'toy.frist'", "did you mean toy.first?"),
    ),
    "a metric in another language": (
        keyphrases('language = "de"\nboard = ["jcdl2020.map"]'),
        ("metric jcdl2020.map", "it reads 'en' and the texts are 'de'"),
    ),
    "a method": (
        keyphrases("", methods='methods = ["toy.frist"]'),
        ("suite suite, task keyphrases", "'toy.frist'", "did you mean toy.first"),
    ),
    "a method of another task": (keyphrases("", methods='methods = ["toy.always"]'), ("not keyphrases",)),
    "a method named twice": (
        keyphrases("", methods='methods = ["toy.first", "toy.first[n=2]"]'),
        ("toy.first is named twice",),
    ),
    "a parameter": (
        keyphrases("", methods='methods = ["toy.first[m=1]"]'),
        ("has no parameter 'm'",),
    ),
    "the value of a parameter": (
        keyphrases("", methods='methods = ["toy.first[n=few]"]'),
        ("toy.first[n=few]", "parameter n", "whole number", "'few'"),
    ),
    "a parameter of a grid": (
        keyphrases("", HOLDOUT + TUNED.replace("params.n", "params.nn")),
        ("task keyphrases, tuned", "has no parameter 'nn'"),
    ),
    "a value of a grid": (
        keyphrases("", HOLDOUT + TUNED.replace("[1, 2]", '[1, "few"]')),
        ("task keyphrases, tuned", "parameter n", "'few'"),
    ),
    "a parameter that is fixed and tuned": (
        keyphrases("", HOLDOUT + TUNED.replace('"toy.first"', '"toy.first[n=3]"')),
        ("task keyphrases, tuned", "n has a value in toy.first[n=3] and a list"),
    ),
    "a method of a grid for another task": (
        keyphrases("", HOLDOUT + TUNED.replace("toy.first", "toy.always").replace("params.n", "params.c")),
        ("toy.always does classification, not keyphrases",),
    ),
    "tuning under folds": (
        keyphrases("", '[split]\nkind = "kfold"\nvalidation = 0.2\n' + TUNED),
        ("task keyphrases", "parameters are chosen once", 'kind = "holdout"'),
    ),
    "tuning without a validation part": (
        keyphrases("", '[split]\nkind = "holdout"\n' + TUNED),
        ("no validation part", "set validation"),
    ),
    "tuning where all documents are tested": (keyphrases("", TUNED), ("no validation part",)),
    "the positive class": (labels('positive = "te"'), ("'te'", "coffee, tea", "did you mean tea?")),
    "a positive class of no labels": (keyphrases('positive = "tea"'), ("positive", "classification")),
    "a label that is missing": (labels('labels = ["tea", "milk"]'), ("the label 'coffee'", "tea, milk")),
    "a field of the prompt": (keyphrases('prompt = "Read {titel}."'), ("prompt", "{titel}", "did you mean")),
    "a task": (
        '[tasks.clasification]\nmethods = ["toy.always"]',
        ("tasks.clasification", "did you mean classification?"),
    ),
    "a key of the split": (keyphrases("", "[split]\nfold = 3\n"), ("split.fold", "did you mean folds?")),
    "a kind of split": (
        keyphrases("", '[split]\nkind = "kfolds"\n'),
        ("split.kind", "'kfolds'", "did you mean kfold?"),
    ),
    "a key of a task": (
        keyphrases('primry = "map"'),
        ("tasks.keyphrases.primry", "did you mean primary?"),
    ),
    "a key of a grid": (
        keyphrases("", HOLDOUT + TUNED.replace("params.n", "parms.n")),
        ("tasks.keyphrases.tuned.0.parms", "did you mean params?"),
    ),
    "a number that is none": (keyphrases("", '[split]\nfolds = "abc"\n'), ("split.folds", "a whole number")),
    "a column": (keyphrases("", '[dataset.columns]\ntitle = "Titel"\n'), ("Titel", "did you mean")),
    "a memory limit without its unit": (
        keyphrases("", "[limits]\nmemory = 8\n"),
        ("limits.memory", "8 B", "8GiB"),
    ),
    "a time limit that is none": (
        keyphrases("", '[limits]\ntimeout = "soon"\n'),
        ("limits.timeout", "'soon'"),
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_name_is_one_line_before_anything_runs(case: str, verbs: Verbs) -> None:
    text, told = WRONG[case]
    line = verbs.refused(text)
    assert [part for part in told if part not in line] == [], line
    for noise in ("Input should", "Extra inputs", "Value error", "internal error"):
        assert noise not in line


def test_options_that_are_wrong_are_refused_by_both(verbs: Verbs) -> None:
    good = keyphrases("")
    assert "did you mean toy.first" in verbs.refused(good, "--method", "toy.frist")
    line = verbs.refused(good, "--memory", "8")
    assert "--memory" in line
    assert "8GiB" in line
    assert "--timeout" in verbs.refused(good, "--timeout", "x")
    assert "--limit" in verbs.refused(good, "--limit", "0")


def test_a_field_that_only_one_paper_has_may_be_named(verbs: Verbs) -> None:
    text = keyphrases('fields = ["title", "venue"]')
    assert verbs("plan", text)[0] == 0
    # A sample that misses that paper makes no typing error of it.
    assert verbs("plan", text, "--limit", "2")[0] == 0


def test_fields_that_nobody_wrote_need_not_all_be_there(verbs: Verbs) -> None:
    verbs.papers.write_text('{"id": "1", "title": "Only a title", "keyphrases": ["title"]}\n')
    assert verbs("plan", keyphrases(""))[0] == 0
    assert "'abstract'" in verbs.refused(keyphrases('fields = ["title", "abstract"]'))


def test_the_plan_shows_what_is_tried_first(verbs: Verbs) -> None:
    """A dry run of a suite that chooses parameters shows both plans."""
    status, out = verbs("plan", keyphrases("", HOLDOUT + TUNED))
    shown = " ".join(out.split())
    assert status == 0
    assert "choosing parameters on the validation part" in shown
    assert "toy.first[n=1]" in shown


def test_two_grids_of_one_method_are_both_tried(verbs: Verbs) -> None:
    text = keyphrases("", HOLDOUT + TUNED + TUNED.replace("[1, 2]", "[3, 4]"), methods="")
    out = verbs("plan", text)[1]
    assert [n for n in (1, 3, 4) if f"toy.first[n={n}]" not in out] == []


def test_every_suite_that_comes_along_is_one_that_may_be_listed() -> None:
    for name in list_suites():
        assert load_suite(find_suite(name)).tasks


def failed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("verb", ["run", "plan"])
@pytest.mark.parametrize("reference", ["{papers}", "papers-demo", "hub:midas/inspec"])
def test_a_dataset_in_the_place_of_a_suite(
    verb: str, reference: str, papers: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = reference.format(papers=papers)
    assert f"--dataset {given}" in failed(capsys, verb, given)


def test_a_table_that_is_not_there_is_taken_for_a_dataset_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--dataset kp.csv" in failed(capsys, "run", "kp.csv")


def test_a_suite_file_with_a_typing_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(keyphrases(""))
    assert "did you mean mine.toml?" in failed(capsys, "run", "mien.toml")
    assert "did you mean keyphrases" in failed(capsys, "run", "keyphrase")


# -- bench ls ----------------------------------------------------------------------------------------


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(["ls", *arguments])
    assert not ended.value.code
    return capsys.readouterr().out


def test_suites_are_listed_with_the_methods_that_they_tune(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {line.split()[0]: line for line in listed(capsys, "suites").splitlines() if line.strip()}
    assert " 13 " in rows["keyphrases-tuned"]
    assert " 9 " in rows["papers"]
    assert " 23 " in rows["keyphrases-supervised"]


def test_a_name_narrows_what_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    one = listed(capsys, "suites", "papers")
    assert "naive-bayes" in one
    assert "logreg[ngram_max=2, max_features=20000]" in one
    assert "keyphrases-tuned" not in one
    metric = listed(capsys, "metrics", "f1@10")
    assert "present.f1@10" not in metric
    assert "F1 of the first 10 phrases" in metric
    of_task = listed(capsys, "metrics", "classification")
    assert "accuracy" in of_task
    assert "f1@10" not in of_task
    assert "papers-demo" in listed(capsys, "datasets", "papers-demo")


@pytest.mark.parametrize(
    ("kind", "name", "meant"),
    [
        ("suites", "paper", "papers"),
        ("metrics", "acuracy", "accuracy"),
        ("datasets", "paper-demo", "papers-demo"),
        ("methods", "pke.tfdif", "pke.tfidf"),
    ],
)
def test_an_unknown_name_is_refused_with_what_was_meant(
    kind: str, name: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"did you mean {meant}" in failed(capsys, "ls", kind, name)
