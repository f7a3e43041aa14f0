"""What a cell's key covers of the code that runs: every module that is reached, and nothing besides."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from bench_process import Bench, records

import readbench
from readbench.machine.sources import SourceReader, Sources
from readbench.methods.registry import Registry

METHOD = """
from readbench.adapter import Adapter, RankedPhrases

class Mine(Adapter):
    name = "my.method"
    tasks = frozenset({"keyphrases"})

    def predict(self, chunk):
        return [RankedPhrases((PHRASE,), (1.0,)) for _ in chunk]
"""


def sources_of(name: str) -> Sources:
    cls = Registry()[name]
    return SourceReader().of(cls)


@pytest.mark.parametrize(
    ("method", "module"),
    [
        ("fusion", "readbench.text.normalise"),
        ("bert-tagger", "readbench.text.normalise"),
        ("bert-tagger", "readbench.text.languages"),
        ("llm", "readbench.text.facts"),
        ("bert", "readbench.machine.weights"),
        ("keybert", "readbench.machine.weights"),
        ("keybert", "readbench_adapters.encoders.embeddings"),
        ("chatglm2-6b", "readbench_adapters.chatglm.chatglm2_weights"),
        ("pke.tfidf", "readbench_adapters.words.parse"),
        ("majority", "readbench.engine.child"),
    ],
)
def test_a_module_that_a_method_runs_is_covered(method: str, module: str) -> None:
    assert module in sources_of(method).sums


@pytest.mark.parametrize(
    "module",
    ["cli", "runs", "report", "stats", "planning", "datasets", "gate", "metric", "store", "leaderboard"],
)
def test_what_cannot_reach_a_method_is_not_covered(module: str) -> None:
    covered = {part for name in sources_of("pke.tfidf").sums for part in name.split(".")[1:]}
    assert module not in covered


def test_a_module_of_python_is_not_looked_for_beside_a_file(tmp_path: Path) -> None:
    """`bench/core/types.py` is not what `import types` gives to the file beside it."""
    mine = tmp_path / "my.py"
    mine.write_text("import types\n" + METHOD.replace("PHRASE,", "types.__name__,"), encoding="utf-8")
    (tmp_path / "types.py").write_text("", encoding="utf-8")
    reader = SourceReader()
    alone = SourceReader().of(Registry([mine])["my.method"])
    assert "types" not in alone.sums
    # One reader serves all methods of a plan: what it was asked before changes no answer.
    reader.of(Registry()["fusion"])
    assert reader.of(Registry([mine])["my.method"]).digest == alone.digest


def package(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / "plugin" / (name.replace("__", "/") if name != "__init__" else name)
        path = path.with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


PLAN = """
import sys
from pathlib import Path
from readbench.datasets import open_dataset
from readbench.planning.plan import Options
from readbench.planning.planner import make_plan
from readbench.results.store import Store
from readbench.planning.suite import Suite
suite = Suite.model_validate({"name": "s", "tasks": {"keyphrases": {"methods": ["my.method"]}}})
options = Options(limit=4, include_paths=(Path(sys.argv[1]),))
data = open_dataset("papers-demo")
for edited in ("", *sys.argv[3:]):
    if edited:
        with open(edited, "a") as file:
            file.write("\\n# edited\\n")
    (cell,) = make_plan(suite, data, options, Store(Path(sys.argv[2]))).cells
    print(cell.key)
"""


def keys(file: Path, tmp_path: Path, *edited: Path) -> list[str]:
    """The keys of the method in ``file``, whose folder is on the path of a new process: at first, and after
    each of the edits."""
    done = subprocess.run(
        [sys.executable, "-c", PLAN, str(file), str(tmp_path / "results"), *map(str, edited)],
        capture_output=True,
        text=True,
        check=True,
        env=Bench(file.parent).env,
    )
    return done.stdout.split()


PLUGIN = {
    "__init__": "",
    "words__deep__list": "PHRASE = 'a'",
    "words__deep__other": "OTHER = 'b'",
    "words____init__": "",
    "lazy": "def phrase():\n    from plugin.words.deep.list import PHRASE\n    return PHRASE",
    "named": "X = 1",
}


FOLLOWED = {
    "words/deep/list.py": True,
    "words/__init__.py": True,
    "lazy.py": True,
    "named.py": True,
    "words/deep/list.txt": False,
    "words/deep/other.py": False,
}


def test_a_package_is_followed_into_its_folders(tmp_path: Path) -> None:
    """Sub-folders, imports inside functions, relative ones, and those by name."""
    package(tmp_path, **PLUGIN)
    file = tmp_path / "my.py"
    head = "import importlib\nfrom plugin import lazy\nimportlib.import_module('plugin.named')\n"
    file.write_text(head + METHOD.replace("PHRASE", "lazy.phrase()"), encoding="utf-8")
    found = keys(file, tmp_path, *(tmp_path / "plugin" / edited for edited in FOLLOWED))
    changed = {
        edited: before != after for edited, (before, after) in zip(FOLLOWED, pairwise(found), strict=True)
    }
    assert changed == FOLLOWED


def test_files_of_a_plug_in_that_are_no_python_belong_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A word list, a template, a compiled part; not what Python writes beside them."""
    folder = tmp_path / "plug_in_with_words"
    (folder / "data").mkdir(parents=True)
    method = METHOD.replace("PHRASE", "'a'")
    (folder / "__init__.py").write_text(method, encoding="utf-8")
    words = folder / "data" / "words.txt"
    words.write_text("one", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    mine = importlib.import_module("plug_in_with_words").Mine
    before = SourceReader().of(mine)
    (folder / "__pycache__").mkdir(exist_ok=True)
    (folder / "__pycache__" / "other.bin").write_bytes(b"x")
    (folder / ".hidden").write_text("x", encoding="utf-8")
    assert SourceReader().of(mine).sums == before.sums
    words.write_text("two", encoding="utf-8")
    after = SourceReader().of(mine)
    changed = {name for name in after.sums if after.sums[name] != before.sums.get(name)}
    assert changed == {"plug_in_with_words/data/words.txt"}


def run(file: Path, results: Path, *, fresh: bool = False) -> float:
    frame = readbench.run(
        dataset="papers-demo",
        methods=["my.method"],
        limit=12,
        include_paths=[file],
        output_path=results,
        fresh=fresh,
    )
    return float(frame["recall@20"].iloc[0])


@pytest.mark.parametrize("fresh", [False, True])
def test_an_edit_is_seen_in_the_same_process(tmp_path: Path, fresh: bool) -> None:
    """And the old result stays that of the old text."""
    file = tmp_path / "my.py"
    phrases = '*[w for w in " ".join(d.fields.values()).split()][:20]'
    good = METHOD.replace("(PHRASE,), (1.0,)) for _ in", "T(d), tuple(range(len(T(d)), 0, -1))) for d in")
    good += f"\ndef T(d):\n    return ({phrases},)\n"
    bad = METHOD.replace("PHRASE", "'nothing like it'")
    file.write_text(bad, encoding="utf-8")
    assert run(file, tmp_path / "results") == 0
    file.write_text(good, encoding="utf-8")
    better = run(file, tmp_path / "results", fresh=fresh)
    assert better > 0
    file.write_text(bad, encoding="utf-8")
    assert run(file, tmp_path / "results") == 0
    assert len(records(tmp_path / "results")) == 1  # one method …
    assert len(list((tmp_path / "results").glob("cells/*/record.json"))) == 2  # … of two texts


def test_a_source_that_is_edited_while_it_runs_fails_the_cell(tmp_path: Path) -> None:
    """Nobody can tell which text the predictions are of."""
    file = tmp_path / "my.py"
    edit = f"open({str(file)!r}, 'a').write('# later')"
    method = METHOD.replace("PHRASE", "'a'").replace("        return", f"        {edit}\n        return")
    file.write_text(method, encoding="utf-8")
    command = ["run", "keyphrases", "--dataset", "papers-demo", "--method", "my.method", "--limit", "4"]
    command += ["--include-path", str(file), "--output-path", str(tmp_path / "results")]
    assert Bench(tmp_path)(*command).returncode == 1
    record = records(tmp_path / "results")["my.method"]
    assert record["status"] == "failed"
    assert record["failure"]["message"] == f"{file} was edited while it ran; run it again with --retry"


def test_a_hidden_import_is_named_and_makes_a_cell_run_again(tmp_path: Path) -> None:
    """A method may compute the name of a module. Its key cannot follow that, so its record does."""
    (tmp_path / "hidden.py").write_text("PHRASE = 'a'", encoding="utf-8")
    file = tmp_path / "my.py"
    head = "import importlib\nPHRASE = importlib.import_module('hid' + 'den').PHRASE\n"
    file.write_text(head + METHOD, encoding="utf-8")
    bench = Bench(tmp_path)
    results = tmp_path / "results"
    command = ["run", "keyphrases", "--dataset", "papers-demo", "--method", "my.method", "--limit", "4"]
    command += ["--include-path", str(file), "--output-path", str(results)]
    assert bench(*command).returncode == 0
    assert [Path(name).name for name in records(results)["my.method"]["more_sources"]] == ["hidden.py"]
    assert "stored" in bench("plan", *command[1:]).stdout
    (tmp_path / "hidden.py").write_text("PHRASE = 'b'", encoding="utf-8")
    assert "hidden.py was edited since it ran" in " ".join(bench("plan", *command[1:]).stdout.split())
    checked = bench("check", "my.method", "--include-path", str(file))
    assert "its key covers every source" in checked.stdout
    assert "hidden.py" in checked.stdout
    assert checked.returncode == 1


SPLIT_WORDS = {
    "keybert",
    "mderank",
    "pke.firstphrases",
    "pke.kea",
    "pke.kpminer",
    "pke.multipartiterank",
    "pke.positionrank",
    "pke.singlerank",
    "pke.textrank",
    "pke.tfidf",
    "pke.topicalpagerank",
    "pke.topicrank",
    "pke.wingnus",
    "pke.yake",
    "promptrank",
    "pytextrank",
    "rake",
    "rapid-textrank",
    "samrank",
    "sgrank",
    "yake",
    "yake-rust",
}
"""The methods that know how a language splits and stems words."""

EDITS: dict[str, set[str] | None] = {
    "readbench/report/terminal.py": set(),
    "readbench/stats/ranking.py": set(),
    "readbench/tasks/keyphrases.py": set(),
    "readbench/engine/runner.py": set(),
    "readbench/planning/planner.py": set(),
    "readbench/text/porter.py": SPLIT_WORDS,
    "readbench_adapters/keyphrases/yake.py": {"yake"},
    "readbench_adapters/extraction/dictionary_triples.py": {"dictionary-triples"},
    "readbench/text/normalise.py": {
        "fusion",
        "bert-tagger",
        "bert-keyword-extractor",
        "mderank",
        "promptrank",
        "rerank",
        "samrank",
    },
    "readbench/results/tables.py": set(),
    "readbench/engine/child.py": None,
    "readbench/engine/exchange.py": None,
}
"""Which methods run a file; None: all of them."""

DIGESTS = """
import json, sys
from pathlib import Path
from readbench.machine.sources import SourceReader
from readbench.methods.registry import Registry

classes = list(Registry().usable())

def digests():
    reader = SourceReader()
    return {cls.name: reader.of(cls).digest for cls in classes}

found = {"": digests()}
for edited in sys.argv[2:]:
    path = Path(sys.argv[1], edited)
    text = path.read_text(encoding="utf-8")
    path.write_text(text + "\\n# edited\\n", encoding="utf-8")
    found[edited] = digests()
    path.write_text(text, encoding="utf-8")
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def digests(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """The digest of each method of a copy of the program: as it is (""), and with one file edited."""
    root = tmp_path_factory.mktemp("copy")
    for package in ("readbench", "readbench_adapters"):
        source = Path(__file__).resolve().parents[1] / ".src" / package
        shutil.copytree(source, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-c", DIGESTS, str(root), *EDITS]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=Bench(root).env)
    found: dict[str, dict[str, str]] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("edited", EDITS)
def test_an_edit_reaches_the_methods_that_run_it_and_no_other(
    digests: dict[str, dict[str, str]], edited: str
) -> None:
    before, after, reached = digests[""], digests[edited], EDITS[edited]
    changed = {name for name in before if before[name] != after[name]}
    assert changed == (set(before) if reached is None else reached)


def test_what_was_asked_before_changes_nothing() -> None:
    """One reader serves a whole plan: the methods before must not show in the sum of the next."""
    classes = list(Registry().usable())
    reader = SourceReader()
    together = {cls.name: reader.of(cls).digest for cls in classes}
    assert together == {cls.name: SourceReader().of(cls).digest for cls in classes}
    assert not {name for cls in classes for name in reader.of(cls).sums} & set(sys.stdlib_module_names)
