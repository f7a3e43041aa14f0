"""What decides that a stored result still stands: specs, seeds, samples, splits and keys."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from bench_process import Bench, records, write_suite
from hypothesis import example, given
from hypothesis import strategies as st

from readbench.adapter import Params
from readbench.core.errors import BenchError, DamagedFile
from readbench.core.seeds import derived_seed, seeded_order
from readbench.core.types import Dataset, Document, Part
from readbench.core.units import seconds, show_seconds, show_size, size
from readbench.datasets import open_dataset
from readbench.datasets.splits import SplitSpec, make_splits, subsample
from readbench.methods.registry import Method, Registry
from readbench.methods.spec import format_spec, parse_spec
from readbench.planning.plan import Options, Plan
from readbench.planning.planner import make_plan
from readbench.planning.suite import Suite
from readbench.results.store import Store

METHODS = """
from readbench.adapter import Adapter, Params, RankedPhrases

class One(Adapter):
    name = "toy.one"
    tasks = frozenset({"keyphrases"})
    requires = REQUIRES

    class Params(Params):
        n: int = 2
        weights: tuple[float, ...] = (1.0, 0.5)
        words: frozenset[str] = frozenset({"a", "b", "c", "d", "e"})
        label: str | None = None

    def predict(self, chunk):
        return [RankedPhrases((), ()) for _ in chunk]

class Two(One):
    name = "toy.two"
"""


@pytest.fixture(scope="module")
def methods(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("methods") / "toy.py"
    path.write_text(METHODS.replace("REQUIRES", "()"), encoding="utf-8")
    return path


# -- spec ---------------------------------------------------------------------------------------

TEXTS = st.text() | st.text(alphabet='ab,[](){}"\\= \n1e.-', max_size=12)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
VALUES = st.recursive(SCALARS, lambda items: st.lists(items, max_size=4), max_leaves=12)
KEYS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_.+-]{0,12}", fullmatch=True)


def typed(value: Any) -> Any:
    """For comparison: 1, 1.0 and True are equal to Python, and so are 0.0 and -0.0."""
    if isinstance(value, list):
        return [typed(item) for item in value]
    return type(value).__name__, repr(value)


@given(NAMES, st.dictionaries(KEYS, VALUES, max_size=4))
def test_a_spec_reads_back_unchanged(name: str, params: dict[str, Any]) -> None:
    method_spec = format_spec(name, params)
    read_name, read = parse_spec(method_spec)
    assert read_name == name
    assert {key: typed(value) for key, value in read.items()} == {k: typed(v) for k, v in params.items()}
    # One method, one spec, however it was written.
    assert format_spec(read_name, dict(reversed(read.items()))) == method_spec


@given(TEXTS)
def test_any_text_is_read_or_refused(text: str) -> None:
    """A typing error is answered with its column, never with a traceback."""
    for method_spec in (text, f"m[{text}]", f"m[a={text}]"):
        try:
            name, params = parse_spec(method_spec)
        except BenchError as error:
            told = str(error)
        else:
            told = "column"
            again = parse_spec(format_spec(name, params))
            assert (again[0], typed(list(again[1].values()))) == (name, typed([params[k] for k in again[1]]))
        assert "column" in told


def test_a_number_too_long_for_python_is_text() -> None:
    assert parse_spec(f"m[a={'1' * 5000}]") == ("m", {"a": "1" * 5000})


@pytest.mark.parametrize(
    ("method_spec", "params"),
    [
        ("m[grammar=ngrams(1,3)]", {"grammar": "ngrams(1,3)"}),
        ("m[member=pke.tfidf[n=2, k=[1, 2]]]", {"member": "pke.tfidf[n=2, k=[1, 2]]"}),
        ('m[a="", b=[], c=[[]], d=none]', {"a": "", "b": [], "c": [[]], "d": None}),
        ("m[a=True, b=1e3, c=-2, d=1.0]", {"a": True, "b": 1000.0, "c": -2, "d": 1.0}),
        ('m[a="true", b="1"]', {"a": "true", "b": "1"}),
        ("m[]", {}),
    ],
)
def test_what_the_grammar_says(method_spec: str, params: dict[str, Any]) -> None:
    name, read = parse_spec(method_spec)
    assert name == "m"
    assert {k: typed(v) for k, v in read.items()} == {k: typed(v) for k, v in params.items()}


@pytest.mark.parametrize(
    ("method_spec", "told"),
    [
        ("m[a=1, a=2]", "given twice"),
        ("m[a]", "is not key=value"),
        ("m[a=]", "a value is missing"),
        ("m[a=1", "square brackets"),
        ("m[a=(1]", "not closed"),
        ("m[a=1)]", "closes nothing"),
        ('m[a="x]', "not closed"),
        ("[a=1]", "its name"),
    ],
)
def test_what_the_grammar_refuses(method_spec: str, told: str) -> None:
    with pytest.raises(BenchError, match="column") as caught:
        parse_spec(method_spec)
    assert told in str(caught.value)


def test_the_canonical_spec_drops_defaults(methods: Path) -> None:
    registry = Registry([methods])
    for method_spec in (
        "toy.one",
        "toy.one[n=2]",
        "toy.one[words=[e, d, c, b, a, a], weights=[1, 0.5], label=none]",
    ):
        assert registry.method(method_spec).spec == "toy.one"
    one = registry.method('toy.one[words=[z, "1"], n=3, label="a, b"]')
    assert one.spec == 'toy.one[label="a, b", n=3, words=["1", z]]'
    assert registry.method(one.spec) == one


FLOATS = st.lists(st.floats(allow_nan=False))


@given(st.builds(dict, n=st.integers(), weights=FLOATS, label=st.none() | st.text()))
def test_the_canonical_spec_names_the_same_method(given_: dict[str, Any]) -> None:
    """The child is told its method by this spec: what it loses, the record is wrong about."""

    class Own(Params):
        n: int = 2
        weights: tuple[float, ...] = (1.0, 0.5)
        label: str | None = None

    class Toy:
        name = "toy"
        Params = Own

    method = Method(Toy, Own(**given_))  # type: ignore[arg-type]
    _, read = parse_spec(method.spec)
    assert Own.model_validate(read) == method.params


# -- keys and seeds ---------------------------------------------------------------------------------


def plan(methods: Path, root: Path, *method_specs: str, fields: str = "title", **options: Any) -> Plan:
    suite = Suite.model_validate(
        {"name": "toy", "tasks": {"keyphrases": {"methods": method_specs, "fields": fields.split()}}}
    )
    return make_plan(
        suite, open_dataset("papers-demo"), Options(include_paths=(methods,), **options), Store(root)
    )


def test_adding_a_method_changes_no_other_cell(methods: Path, tmp_path: Path) -> None:
    (alone,) = plan(methods, tmp_path, "toy.one").cells
    both = plan(methods, tmp_path, "toy.two", "toy.one[n=5]", "toy.one").cells
    again = both[-1]
    assert (again.key, again.seed) == (alone.key, alone.seed)
    assert len({cell.key for cell in both}) == len({cell.seed for cell in both}) == 3


def test_every_input_is_in_the_key(methods: Path, tmp_path: Path) -> None:
    variants: list[Plan] = [
        plan(methods, tmp_path, "toy.one"),
        plan(methods, tmp_path, "toy.one[n=3]"),
        plan(methods, tmp_path, "toy.two"),
        plan(methods, tmp_path, "toy.one", seed=1),
        plan(methods, tmp_path, "toy.one", limit=12),
        plan(methods, tmp_path, "toy.one", limit=13),
        plan(methods, tmp_path, "toy.one", limit=12, seed=1),
        plan(methods, tmp_path, "toy.one", fields="title abstract"),
        plan(methods, tmp_path, "toy.one", fields="abstract title"),
    ]
    keys = [cell.key for variant in variants for cell in variant.cells]
    assert len(set(keys)) == len(variants)
    assert [cell.key for cell in plan(methods, tmp_path, "toy.one").cells] == keys[:1]


def test_limits_and_workers_are_not_in_the_key(methods: Path, tmp_path: Path) -> None:
    """They decide whether a cell ends, not how."""
    (one,) = plan(methods, tmp_path, "toy.one").cells
    (other,) = plan(methods, tmp_path, "toy.one", timeout_s=1.0, memory_bytes=2**20, workers=2).cells
    assert one.key == other.key


KEY = """
import sys
from pathlib import Path
from readbench.datasets import open_dataset
from readbench.planning.plan import Options
from readbench.planning.planner import make_plan
from readbench.planning.suite import Suite
from readbench.results.store import Store

methods, root = map(Path, sys.argv[1:])
suite = Suite.model_validate({"name": "toy", "tasks": {"keyphrases": {"methods": ["toy.one"]}}})
data = open_dataset("papers-demo")
for _ in sys.stdin:  # a line for each time that it is asked
    (cell,) = make_plan(suite, data, Options(include_paths=(methods,)), Store(root)).cells
    print(cell.key, cell.versions, flush=True)
"""


@contextmanager
def asked(methods: Path, installed: Path, hash_seed: int) -> Iterator[Callable[[], str]]:
    """The key of a method, and the versions in it, as a process of its own has them each time."""
    with subprocess.Popen(
        [sys.executable, "-c", KEY, str(methods), str(methods.with_name("results"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=Bench(installed).env | {"PYTHONHASHSEED": str(hash_seed)},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ask, answers = process.stdin, process.stdout

        def key() -> str:
            ask.write("\n")
            ask.flush()
            return answers.readline()

        yield key
        ask.close()


def test_versions_and_source_are_in_the_key(tmp_path: Path) -> None:
    """A library that is really installed, upgraded and removed; and an adapter that is edited."""
    installed = tmp_path / "installed"
    methods = tmp_path / "toy.py"
    methods.write_text(METHODS.replace("REQUIRES", '("toy_library",)'), encoding="utf-8")

    def install(version: str) -> None:
        for old in installed.glob("*.dist-info/*"):
            old.unlink()
        folder = installed / f"toy_library-{version}.dist-info"
        folder.mkdir(parents=True)
        (installed / "toy_library.py").write_text("")
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: toy-library\nVersion: {version}\n")
        (folder / "RECORD").write_text(f"toy_library.py,,\n{folder.name}/METADATA,,\n")

    with asked(methods, installed, 0) as key:
        absent = key()
        install("1.0")
        first = key()
        assert "'toy-library': '1.0'" in first
        # The method has a parameter that is a set: its order is another one in each process.
        with asked(methods, installed, 1) as elsewhere:
            assert elsewhere() == first
        install("1.1")
        upgraded = key()
        methods.write_text(methods.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
        edited = key()
    assert len({text.split()[0] for text in (absent, first, upgraded, edited)}) == 4


# -- records ----------------------------------------------------------------------------------------


DAMAGE: dict[str, Callable[[str], str]] = {
    "cut": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",  # noqa: ARG005
    "binary": lambda text: "\0" * len(text),
    "a-list": lambda text: "[]",  # noqa: ARG005
    "null": lambda text: "null",  # noqa: ARG005
    "foreign": lambda text: text.replace('"status"', '"state"'),
}


def test_a_damaged_record_counts_as_not_run(bench: Bench, tmp_path: Path) -> None:
    suite = write_suite(tmp_path, ["hostile.good"])
    command = ["run", suite, "--limit", "12", "--output-path", tmp_path / "results"]
    assert bench.here(*command).returncode == 0
    before = records(tmp_path / "results")["hostile.good"]
    (path,) = (tmp_path / "results").glob("cells/*/record.json")
    text = path.read_text(encoding="utf-8")
    for name, damage in DAMAGE.items():
        path.write_text(damage(text), encoding="utf-8")
        assert Store(tmp_path / "results").record(before["key"]) is None, name
        assert list(Store(tmp_path / "results").records()) == [], name
    again = bench.here(*command)
    assert again.returncode == 0, again.stderr
    after = records(tmp_path / "results")["hostile.good"]
    for name in ("key", "predictions_digest", "metrics"):
        assert after[name] == before[name]


def test_what_is_measured_anew_stands_in_the_place_of_the_old(bench: Bench, tmp_path: Path) -> None:
    suite = write_suite(tmp_path, ["hostile.good"])
    command = ["run", suite, "--limit", "12", "--output-path", tmp_path / "results"]
    assert bench(*command).returncode == 0
    before = records(tmp_path / "results")["hostile.good"]
    assert bench(*command, "--fresh").returncode == 0
    after = records(tmp_path / "results")["hostile.good"]
    assert (after["key"], after["metrics"]) == (before["key"], before["metrics"])
    assert after["started_at"] > before["started_at"]


@pytest.mark.parametrize("version", [0, 99, None, "1"])
def test_a_record_of_another_schema_is_named_and_counts_as_absent(tmp_path: Path, version: object) -> None:
    store = Store(tmp_path)
    store.cell("k").mkdir(parents=True)
    (store.cell("k") / "record.json").write_text(json.dumps({"schema_version": version, "status": "ok"}))
    with pytest.warns(DamagedFile, match=r"record.json: the record has schema version"):
        assert store.record("k") is None


# -- splits -----------------------------------------------------------------------------------------

IDS = st.lists(st.text(min_size=1, max_size=6), min_size=8, max_size=60, unique=True)
SEEDS = st.integers(0, 2**32)
HOLDOUT = st.builds(
    SplitSpec, kind=st.just("holdout"), test=st.floats(0.15, 0.5), validation=st.sampled_from([0.0, 0.2, 0.3])
)


def dataset(ids: list[str]) -> Dataset:
    return Dataset("toy", tuple(Document(id_, {"title": id_}) for id_ in ids))


@given(IDS, HOLDOUT, SEEDS)
def test_parts_are_disjoint_and_cover_everything(ids: list[str], spec: SplitSpec, seed: int) -> None:
    split = make_splits(dataset(ids), spec, seed)[0]
    parts = [*split.train, *split.validation, *split.test]
    assert sorted(parts) == sorted(ids)
    assert split.test
    assert split.train
    assert bool(split.validation) == (spec.validation > 0)
    assert abs(len(split.test) - spec.test * len(ids)) <= 0.5
    # The order of the file does not matter, the seed does.
    assert make_splits(dataset(ids[::-1]), spec, seed)[0].hash == split.hash


@given(IDS, HOLDOUT, SEEDS, st.text(min_size=7, max_size=9))
def test_a_document_that_joins_moves_hardly_any_other(
    ids: list[str], spec: SplitSpec, seed: int, new: str
) -> None:
    order, longer = (seeded_order(names, f"split:{seed}") for names in (ids, [*ids, new]))
    assert [id_ for id_ in longer if id_ != new] == order
    before, after = (make_splits(dataset(names), spec, seed)[0] for names in (ids, [*ids, new]))
    # Two borders, and each moves by one document at most.
    parts: tuple[Part, ...] = ("train", "validation", "test")
    moved = sum(len(set(before.ids(part)) - set(after.ids(part))) for part in parts)
    assert moved <= 3


@given(IDS, SEEDS, st.integers(1, 70))
def test_the_sample_is_one_for_all_methods(ids: list[str], seed: int, limit: int) -> None:
    whole = dataset(ids)
    sample = subsample(whole, limit, seed)
    kept = [document.id for document in sample.documents]
    assert len(kept) == min(limit, len(ids))
    assert kept == [id_ for id_ in ids if id_ in set(kept)]  # file order
    # A smaller sample is part of a bigger one, and the order of the file chooses nothing.
    bigger = {document.id for document in subsample(whole, limit + 1, seed).documents}
    assert set(kept) <= bigger
    assert {d.id for d in subsample(dataset(ids[::-1]), limit, seed).documents} == set(kept)


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(BenchError, match="--limit"):
        subsample(dataset(["a", "b"]), 0, 1)


def test_too_few_documents_for_a_split_are_refused() -> None:
    with pytest.raises(BenchError, match="too few"):
        make_splits(dataset(["a", "b"]), SplitSpec(kind="holdout", test=0.1), 1)[0]


@given(SEEDS, st.text(), st.text())
def test_a_derived_seed_fits_every_generator(seed: int, first: str, second: str) -> None:
    assert 0 <= derived_seed(seed, first, second) < 2**32
    assert derived_seed(seed, first, second) == derived_seed(seed, first, second)


# -- units ------------------------------------------------------------------------------------------


@given(st.floats(1e-3, 1e6))
@example(0.149)
def test_a_shown_duration_can_be_written_in_a_suite(value: float) -> None:
    # Two figures from minutes down; hours and minutes to the nearest half of what is shown.
    assert seconds(show_seconds(value)) == pytest.approx(value, rel=0.3)


@given(st.integers(1, 2**44))
def test_a_shown_size_can_be_written_in_a_suite(value: int) -> None:
    assert size(show_size(value)) == pytest.approx(value, rel=0.34)


@given(st.integers(1, 10**6))
def test_units_agree(n: int) -> None:
    assert seconds(f"{n}h") == seconds(f"{n * 60} min") == seconds(n * 3600)
    assert seconds(f"{n}ms") == pytest.approx(n / 1000)
    assert size(f"{n}GiB") == size(f"{n * 1024} mib") == size(n * 2**30)
    assert size(f"{n}GB") == size(f"{n * 1000}MB") == n * 10**9
    assert math.isclose(seconds("1.5m"), 90)


@pytest.mark.parametrize("text", ["", "ten", "-1s", "0", "0s", "1 day", "1e3s", "nan", "inf", "5 5"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    for read in (seconds, size):
        with pytest.raises(BenchError, match="write it like"):
            read(text)
