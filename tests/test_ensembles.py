"""Methods made of others: the plan brings their members along, reuses what they predicted, charges what
they cost, and says which of them failed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from bench_process import Bench, records, workspaces, write_suite

from readbench.core.errors import BenchError
from readbench.methods.registry import Registry
from readbench.planning.ensembles import failed_member, is_stochastic, members_of, with_members
from readbench.results.tables import read_columns
from readbench_adapters.keyphrases.fusion import reciprocal_rank_fusion

FIRST, YAKE = "hostile.good", "yake[n=2]"
FUSION = f'fusion[members=[{FIRST}, "{YAKE}"]]'


def run(bench: Bench, results: Path, suite: Path, *more: object) -> Any:
    return bench.here("run", suite, "--limit", "12", "--output-path", results, *more)


def predicted(results: Path, key: str) -> dict[str, list[tuple[str, float]]]:
    columns = read_columns(results / "cells" / key / "predictions.parquet")
    rows = zip(columns["id"], columns["phrases"], columns["scores"], strict=True)
    return {id_: list(zip(phrases, scores, strict=True)) for id_, phrases, scores in rows}


def runs(results: Path) -> list[list[dict[str, Any]]]:
    """The cells of each run, the first run first."""
    manifests = [json.loads(path.read_text()) for path in results.glob("runs/*/run.json")]
    return [m["cells"] for m in sorted(manifests, key=lambda m: (m["started_at"], len(m["cells"])))]


@pytest.fixture(scope="module")
def fused(extension: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run of a fusion whose members nobody named, and of two that cannot be."""
    folder = tmp_path_factory.mktemp("fused")
    raises = f"fusion[members=[hostile.raises, {FIRST}]]"
    above = f'fusion[members=["{raises}", {FIRST}]]'.replace('"fusion', "fusion").replace(']]"', "]]")
    suite = write_suite(folder, [above, FUSION, raises])
    done = run(Bench(extension), folder / "results", suite)
    assert done.returncode == 1, (done.stdout, done.stderr)
    return folder / "results"


def by_first_word(results: Path) -> dict[str, Any]:
    return {m: r for m, r in records(results).items() if not m.startswith("fusion")}


def test_ensembles_that_nobody_named_are_rows(fused: Path) -> None:
    assert set(by_first_word(fused)) == {FIRST, YAKE, "hostile.raises"}
    record = next(r for r in records(fused).values() if r["status"] == "ok" and r["members"])
    cells = by_first_word(fused)
    assert record["members"] == {FIRST: cells[FIRST]["key"], YAKE: cells[YAKE]["key"]}
    assert workspaces(fused) == []


def test_the_fusion_is_that_of_what_its_members_predicted(fused: Path) -> None:
    found = records(fused)
    (record,) = [r for r in found.values() if r["members"] and r["status"] == "ok"]
    members = [predicted(fused, key) for key in record["members"].values()]
    own = predicted(fused, record["key"])
    assert len(own) == 12
    for id_, phrases in own.items():
        ranked = [[phrase for phrase, _ in member[id_]] for member in members]
        assert phrases == reciprocal_rank_fusion(ranked, "en", 60)[:50]
        assert len(phrases) > 5


def test_it_is_charged_with_the_sum_of_its_members(fused: Path) -> None:
    found = records(fused)
    (record,) = [r for r in found.values() if r["members"] and r["status"] == "ok"]
    members = [found[FIRST]["costs"], found[YAKE]["costs"]]
    costs = record["costs"]
    if any(member["import_s"] is None for member in members):
        assert costs["import_s"] is None  # other work was in the way
    for name in ("import_s", "load_s", "predict_s"):
        if costs[name] is None:
            continue
        alone = sum(member[name] for member in members)
        assert alone <= costs[name] < alone + 2.0
        assert costs[name] > max(member[name] for member in members)
    assert costs["peak_memory_bytes"] >= max(member["peak_memory_bytes"] for member in members)
    slowest = min(member["documents_per_s_marginal"] for member in members)
    assert costs["documents_per_s_marginal"] < slowest


def test_a_failed_member_makes_it_skipped_with_the_reason(fused: Path) -> None:
    skipped = [r for r in records(fused).values() if r["status"] == "skipped"]
    assert len(skipped) == 2
    reasons = sorted(record["failure"]["message"] for record in skipped)
    assert reasons[1] == (
        "its member hostile.raises ended failed: ValueError: this document is not to my taste"
    )
    # A fusion of a fusion: the reason is handed on.
    assert "ended skipped: Skipped: its member hostile.raises ended failed" in reasons[0]
    assert all(record["costs"]["predict_s"] is None for record in skipped)


def test_resuming_runs_nothing_and_a_lost_member_runs_both(fused: Path, bench: Bench, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(fused, results)
    suite = write_suite(tmp_path, [FUSION])
    done = run(bench, results, suite)
    assert done.returncode == 0, done.stderr
    cells = runs(results)[-1]
    assert [cell["reused"] for cell in cells] == [True] * 3, done.stdout

    before = records(results)
    shutil.rmtree(results / "cells" / before[YAKE]["key"])
    again = run(bench, results, suite)
    assert again.returncode == 0, again.stderr
    assert "its member yake[n=2] runs again" in again.stdout
    after = records(results)
    (spec,) = [m for m, r in after.items() if r["members"] and r["status"] == "ok"]
    assert after[spec]["started_at"] >= before[spec]["started_at"]
    assert after[spec]["predictions_digest"] == before[spec]["predictions_digest"]
    assert after[spec]["costs"]["predict_s"] != before[spec]["costs"]["predict_s"]
    assert after[FIRST]["started_at"] == before[FIRST]["started_at"]


def test_a_stored_failure_of_a_member_starts_no_process(fused: Path, bench: Bench, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(fused, results)
    suite = write_suite(tmp_path, ["fusion[members=[hostile.raises, hostile.good], k=1]"])
    done = run(bench, results, suite)
    assert done.returncode == 1, done.stderr
    assert "skipped: Skipped: its member hostile.raises ended failed" in done.stdout
    assert "start " not in done.stdout


def test_every_fold_fuses_the_members_of_that_fold(bench: Bench, tmp_path: Path) -> None:
    results, suite = tmp_path / "results", write_suite(tmp_path, [FUSION])
    suite.write_text(suite.read_text() + '[split]\nkind = "kfold"\nfolds = 2\n')
    done = run(bench, results, suite, "--workers", "2")
    assert done.returncode == 0, (done.stdout, done.stderr)
    found = [json.loads(path.read_text()) for path in results.glob("cells/*/record.json")]
    assert len(found) == 6
    fold_of = {record["key"]: record["fold"] for record in found}
    for record in (r for r in found if r["members"]):
        assert {fold_of[key] for key in record["members"].values()} == {record["fold"]}
    assert {record["fold"] for record in found if record["members"]} == {0, 1}


DRIFTING = """
from pathlib import Path
from readbench.adapter import Adapter, RankedPhrases

class Drifts(Adapter):
    name = "test.drifts"
    summary = "predicts what stands in a file beside it"
    tasks = frozenset({"keyphrases"})
    stochastic = True

    def predict(self, chunk):
        word = Path(__file__).with_name("word.txt").read_text()
        return [RankedPhrases((word,), (1.0,)) for _ in chunk]
"""


def test_a_member_that_predicts_something_else_by_now_runs_the_fusion_again(
    bench: Bench, tmp_path: Path
) -> None:
    """The key of a fusion knows which cells it stands on, not what they predicted."""
    results, method = tmp_path / "results", tmp_path / "drifts.py"
    method.write_text(DRIFTING)
    (tmp_path / "word.txt").write_text("tea")
    fusion = f"fusion[members=[{FIRST}, test.drifts]]"
    suite = write_suite(tmp_path, [fusion])
    assert run(bench, results, suite, "--include-path", method).returncode == 0
    before = next(r for r in records(results).values() if r["members"])
    assert before["stochastic"] is True
    assert before["member_predictions"] == {
        spec: records(results)[spec]["predictions_digest"] for spec in before["members"]
    }
    alone = run(bench, results, suite, "--include-path", method, "--method", "test.drifts", "--fresh")
    assert alone.returncode == 0, alone.stderr
    same = run(bench, results, suite, "--include-path", method)
    assert [cell["reused"] for cell in runs(results)[-1]] == [True] * 3, same.stdout

    (tmp_path / "word.txt").write_text("cup")
    alone = run(bench, results, suite, "--include-path", method, "--method", "test.drifts", "--fresh")
    assert alone.returncode == 0, alone.stderr
    again = run(bench, results, suite, "--include-path", method)
    assert "its member test.drifts predicts something else by now" in again.stdout
    after = next(r for r in records(results).values() if r["members"])
    assert after["key"] == before["key"]
    assert all("cup" in dict(phrases) for phrases in predicted(results, after["key"]).values())


def test_a_member_that_cannot_run_here_is_a_missing_dependency(bench: Bench, tmp_path: Path) -> None:
    results = tmp_path / "results"
    suite = write_suite(tmp_path, ["fusion[members=[hostile.missing, hostile.good]]"])
    done = run(bench, results, suite)
    assert done.returncode == 0, (done.stdout, done.stderr)
    (record,) = [r for r in records(results).values() if r["members"]]
    assert record["status"] == "missing_dependency"
    assert "its member hostile.missing cannot run here: needs bench_module" in record["failure"]["message"]


# -- what needs no process ---------------------------------------------------------------------------


def test_ensembles_come_first_and_once() -> None:
    registry = Registry()
    inner = "fusion[members=[yake, pke.tfidf[n=2]], k=10]"
    outer = registry.method(f"fusion[members=[{inner}, pke.tfidf[n=2]]]")
    order = [method.spec for method in with_members([outer, registry.method("yake")], "keyphrases", registry)]
    assert order[:2] == ["yake", "pke.tfidf[n=2]"]
    assert len(order) == 4
    assert order[3] == outer.spec
    assert registry.method(outer.spec) == outer


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("fusion[members=[yake, yake[n=3]]]", "its member yake is named twice"),
        ("fusion[members=[yake, yakke]]", "no method is called 'yakke'"),
        ("fusion[members=[yake, logreg]]", "its member logreg does not do the task keyphrases"),
    ],
)
def test_ensembles_that_cannot_be_are_refused(spec: str, why: str) -> None:
    registry = Registry()
    with pytest.raises(BenchError, match=why):
        members_of(registry.method(spec), "keyphrases", registry)


def test_one_member_is_no_fusion() -> None:
    with pytest.raises(BenchError, match="at least 2 items"):
        Registry().method("fusion[members=[yake]]")


def test_a_combination_that_reaches_itself_is_refused(tmp_path: Path) -> None:
    method = tmp_path / "circles.py"
    method.write_text(
        "from readbench.adapter import Combination, Needs\n"
        "class Circle(Combination):\n"
        "    name = 'circle'\n    summary = 'x'\n    tasks = frozenset({'keyphrases'})\n"
        "    def needs(self):\n        return Needs(members=('fusion[members=[yake, circle]]', 'yake'))\n"
        "    def combine(self, predictions):\n        return predictions[0]\n"
    )
    registry = Registry((method,))
    for ask in (
        lambda one: with_members([one], "keyphrases", registry),
        lambda one: is_stochastic(one, "keyphrases", registry),
    ):
        with pytest.raises(BenchError, match=r"a member of itself.*circle -> fusion.* -> circle"):
            ask(registry.method("circle"))


def test_training_noise_is_inherited() -> None:
    registry = Registry()
    noisy = registry.method("fusion[members=[yake, bert-tagger]]")
    assert is_stochastic(noisy, "keyphrases", registry)
    assert not is_stochastic(registry.method("fusion"), "keyphrases", registry)


def test_members_that_are_well_or_not_yet_there_fail_nothing() -> None:
    assert failed_member([]) is None
    assert failed_member([None]) is None
