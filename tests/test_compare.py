"""Comparing real runs: what may be compared, what changed, which documents flipped."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from comparisons import changed, compared, method, printed
from gate_methods import write_methods, write_suite
from gate_runs import GateRuns, run
from scipy import stats as scipy_stats

from readbench.compare.answers import read_answers, write_answers
from readbench.compare.flips import find_flips
from readbench.compare.paired import Pair, Side, open_side, pair_methods, paired_scores
from readbench.compare.runs import Questions, RunComparison, compare_runs
from readbench.core.errors import BenchError
from readbench.gate.baseline import promote
from readbench.planning.plan import Options
from readbench.results.leaderboard import Row
from readbench.results.samples import load_sample
from readbench.results.score_files import SCORES
from readbench.results.store import Store
from readbench.runs.interface import Quiet
from readbench.runs.running import run_suite
from readbench.tasks.spec import TaskSpec


@pytest.fixture(scope="module")
def hurt(gate_runs: GateRuns) -> RunComparison:
    return compared(gate_runs.side("before"), gate_runs.side("hurt"))


# -- what may be compared ----------------------------------------------------------------------------


def test_a_run_measured_again_is_identical(gate_runs: GateRuns) -> None:
    found = compared(gate_runs.side("before"), gate_runs.side("same"))
    assert found.incomparable == ()
    assert [m.state for m in found.methods] == ["identical"] * 3
    assert {change.verdict for m in found.methods for change in m.metrics} == {"identical"}
    assert all(m.flips == () for m in found.methods)


def test_another_version_of_the_suite_is_incomparable(gate_runs: GateRuns) -> None:
    found = compared(gate_runs.side("small"), gate_runs.side("newer"))
    assert found.incomparable == ("version 2 of the suite, not 1",)
    assert found.methods == ()


def test_other_documents_are_incomparable(gate_runs: GateRuns) -> None:
    found = compared(gate_runs.side("before"), gate_runs.side("small"))
    assert any("another fingerprint (--limit 40, before 80)" in reason for reason in found.incomparable)
    assert any("split" in reason for reason in found.incomparable)


@pytest.mark.parametrize(
    ("update", "told"),
    [
        ({"suite": "other"}, "the suite is other, not tested"),
        ({"suite_version": None}, "version None of the suite, not 1"),
        ({"fingerprint": "0" * 64}, "another fingerprint"),
    ],
)
def test_every_precondition(gate_runs: GateRuns, update: dict[str, object], told: str) -> None:
    before = gate_runs.side("before")
    reasons = compared(before, changed(gate_runs.side("same"), **update)).incomparable
    assert any(told in reason for reason in reasons)


def test_positive_class_and_split_are_preconditions(gate_runs: GateRuns) -> None:
    side = gate_runs.side("same")
    tasks = side.manifest.model_dump()["tasks"]
    tasks["keyphrases"]["spec"]["positive"] = "1"
    tasks["keyphrases"]["split_hash"] = "0" * 64
    reasons = compared(gate_runs.side("before"), changed(side, tasks=tasks)).incomparable
    assert any("positive is 1, not None" in reason for reason in reasons)
    assert any("split has another hash" in reason for reason in reasons)


def test_a_seed_a_suite_file_and_a_machine_are_notes(gate_runs: GateRuns) -> None:
    side = gate_runs.side("same")
    machine = side.manifest.machine | {"fingerprint": "elsewhere"}
    found = compared(gate_runs.side("before"), changed(side, seed=7, suite_digest="0", machine=machine))
    assert found.incomparable == ()
    assert len(found.notes) == 3
    costs = method(found, "test.steady").costs
    assert not any(cost.judged for cost in costs if not cost.cost.endswith("_bytes"))
    assert all("another machine" in cost.why for cost in costs if cost.cost == "predict_s")


def test_how_far_repeated_cells_lie_apart_is_taken_from_the_runs(gate_runs: GateRuns) -> None:
    side = gate_runs.side("same")

    def apart(row: Row) -> Row:
        """The peaks of its cells: 100 MiB, 120 MiB and so on."""
        records = tuple(
            record.model_copy(
                update={"costs": record.costs.model_copy(update={"peak_memory_bytes": (100 + 20 * i) << 20})}
            )
            for i, record in enumerate(row.records)
        )
        return replace(row, records=records)

    tables = tuple(replace(table, rows=tuple(map(apart, table.rows))) for table in side.board.tables)
    found = compared(gate_runs.side("before"), Side(side.store, replace(side.board, tables=tables)))
    repeated = method(found, "test.noisy").cost("peak_memory_bytes")
    assert repeated is not None
    assert repeated.repeats == pytest.approx(1.4)
    # A method without training noise runs once.
    once = method(found, "test.steady").cost("peak_memory_bytes")
    assert once is not None
    assert once.repeats is None
    speed = method(found, "test.noisy").cost("predict_s")
    assert speed is not None
    assert speed.repeats is None


def with_version(side: Side, version: str) -> Side:
    def other(row: object) -> object:
        metrics = {name: value.model_copy(update={"version": version}) for name, value in row.metrics.items()}  # type: ignore[attr-defined]
        return replace(row, metrics=metrics)  # type: ignore[type-var]

    tables = tuple(replace(table, rows=tuple(map(other, table.rows))) for table in side.board.tables)  # type: ignore[arg-type]
    return Side(side.store, replace(side.board, tables=tables))


def test_another_version_of_a_metric_is_incomparable(gate_runs: GateRuns) -> None:
    found = compared(gate_runs.side("before"), with_version(gate_runs.side("same"), "house-2"))
    changes = [change for m in found.methods for change in m.metrics]
    assert {change.verdict for change in changes} == {"incomparable"}
    assert changes[0].why == "another version of the metric"


@pytest.mark.parametrize(("by", "verdict"), [(1e-6, "incomparable"), (1e-12, "identical")])
def test_the_same_predictions_with_another_value_are_another_metric(
    gate_runs: GateRuns, by: float, verdict: str
) -> None:
    """A mistake in a metric, or its correction, without another version."""
    side = gate_runs.side("same")

    def moved(row: Row) -> Row:
        update = {n: v.model_copy(update={"value": (v.value or 0) + by}) for n, v in row.metrics.items()}
        return replace(row, metrics=update)

    tables = tuple(replace(table, rows=tuple(map(moved, table.rows))) for table in side.board.tables)
    found = compared(gate_runs.side("before"), Side(side.store, replace(side.board, tables=tables)))
    changes = [change for m in found.methods for change in m.metrics]
    assert {change.verdict for change in changes} == {verdict}
    if verdict == "incomparable":
        assert changes[0].why == "same predictions, another value: the metric changed"


def test_what_methods_read_and_are_asked_is_a_note(gate_runs: GateRuns) -> None:
    side = gate_runs.side("same")
    tasks = side.manifest.model_dump()["tasks"]
    tasks["keyphrases"]["spec"] |= {"fields": ["title"], "language": "de", "prompt": "Keyphrases: {title}"}
    found = compared(gate_runs.side("before"), changed(side, tasks=tasks))
    assert found.incomparable == ()
    assert found.notes == (
        "keyphrases: the methods read title, before title, abstract",
        "keyphrases: the language is de, before en",
        "keyphrases: the prompt is 'Keyphrases: {title}', before each method's own",
    )
    # A manifest from before a prompt could be set says the same as one without it.
    del tasks["keyphrases"]["spec"]["prompt"]
    tasks["keyphrases"]["spec"] |= {"fields": ["title", "abstract"], "language": "en"}
    assert compared(gate_runs.side("before"), changed(side, tasks=tasks)).notes == ()


def test_other_document_ids_are_incomparable(gate_runs: GateRuns, tmp_path: Path) -> None:
    """The same suite, fingerprint and split on paper, other documents in the scores."""
    results = tmp_path / "results"
    shutil.copytree(gate_runs.results, results)
    side = open_side(gate_runs.hurt, results)
    cell = side.cells("keyphrases", "test.steady")[0]
    path = side.store.cell(cell.key) / SCORES
    table = pq.read_table(path)
    ids = table.column("id").to_pylist()
    pq.write_table(table.set_column(0, "id", pa.array(["other", *ids[1:]])), path)
    found = method(compared(gate_runs.side("before"), side), "test.steady")
    assert found.state == "incomparable"
    assert "not tested on the same documents" in found.why
    path.unlink()
    with pytest.raises(BenchError, match="are gone or damaged"):
        compared(gate_runs.side("before"), side)


def test_a_record_that_another_run_left_is_not_judged(tmp_path: Path) -> None:
    """Two fresh runs of one code in one results folder: the second one's measurements replace the first's."""
    suite = write_suite(tmp_path / "tested.toml", ("test.steady",))
    methods = write_methods(tmp_path / "methods.py")
    first = run(tmp_path, suite, methods, limit=10)
    alone = promote(first, tmp_path / "results", "first", tmp_path / "baselines")
    second = run(tmp_path, suite, methods, limit=10)
    results = tmp_path / "results"
    sides = open_side(first, results), open_side(second, results)
    costs = method(compared(*sides), "test.steady").costs
    for name in ("predict_s", "peak_memory_bytes"):
        (cost,) = [cost for cost in costs if cost.cost == name]
        assert (cost.judged, cost.why.partition(" (")[0]) == (False, "measured in another run before")
    kept = open_side(str(alone.folder), results)
    for found in (compared(kept, sides[1]), compared(sides[1], kept)):
        judged = {cost.cost for cost in method(found, "test.steady").costs if cost.judged}
        assert {"predict_s", "peak_memory_bytes"} <= judged
    # Promoted too late, its cells count as those of another run.
    assert promote(first, results, "late", tmp_path / "baselines").reused == 1
    assert (alone.reused, promote(second, results, "second", tmp_path / "baselines").reused) == (0, 0)


def test_what_an_earlier_run_measured_is_not_judged(tmp_path: Path) -> None:
    """The second run finds its cells stored: their costs are those of another hour."""
    suite = write_suite(tmp_path / "tested.toml", ("test.steady",))
    methods = write_methods(tmp_path / "methods.py")
    first = run(tmp_path, suite, methods, limit=10)
    kept = promote(first, tmp_path / "results", "first", tmp_path / "baselines")
    options = Options(include_paths=(methods,), limit=10)
    again = run_suite(str(suite), None, None, options, Store(tmp_path / "results"), Quiet())
    side = open_side(again.board.manifest.name, tmp_path / "results")
    assert [cell.reused for cell in side.manifest.cells] == [True]
    costs = method(compared(open_side(str(kept.folder), tmp_path / "results"), side), "test.steady").costs
    for name in ("predict_s", "peak_memory_bytes"):
        (cost,) = [cost for cost in costs if cost.cost == name]
        told = "measured in an earlier run after (run it with --fresh)"
        assert (cost.judged, cost.why) == (False, told)


@pytest.mark.parametrize(("python", "judged"), [("3.11.99", True), ("3.9.7", False), ("4.11.7", False)])
def test_memory_is_judged_where_python_is_the_same_but_for_its_patches(
    gate_runs: GateRuns, python: str, judged: bool
) -> None:
    before, after = gate_runs.side("before"), gate_runs.side("same")
    here = before.manifest.machine | {"python": "3.11.7"}
    found = compared(changed(before, machine=here), changed(after, machine=here | {"python": python}))
    cost = method(found, "test.steady").cost("peak_memory_bytes")
    assert cost is not None
    assert cost.judged == judged
    assert cost.why == ("" if judged else "measured on a machine with another python")


# -- what changed --------------------------------------------------------------------------------------


def test_a_method_that_broke(hurt: RunComparison) -> None:
    broken = method(hurt, "test.breaks")
    assert broken.state == "failed"
    assert broken.why.startswith("failed: RuntimeError: it broke")


def test_differences_are_those_of_the_records(hurt: RunComparison, gate_runs: GateRuns) -> None:
    found = method(hurt, "test.steady")
    change = found.metric("f1@10")
    assert change is not None
    before, after = (values(gate_runs.side(name), "test.steady") for name in ("before", "hurt"))
    assert change.before == pytest.approx(before.mean())
    assert change.after == pytest.approx(after.mean())
    assert change.verdict == "worse"
    assert change.low is not None
    assert change.high is not None
    assert change.low < change.change < change.high < 0  # type: ignore[operator]
    theirs = scipy_stats.bootstrap((after - before,), np.mean, method="percentile", rng=1).confidence_interval
    assert [change.low, change.high] == pytest.approx([theirs.low, theirs.high], abs=0.003)


def values(side: Side, name: str) -> np.ndarray:
    spec = TaskSpec.model_validate(side.manifest.tasks["keyphrases"].spec)
    return load_sample(side.store, spec, side.cells("keyphrases", name)).values("f1@10")


def test_p_is_adjusted_over_everything(hurt: RunComparison, gate_runs: GateRuns) -> None:
    sides = gate_runs.side("before"), gate_runs.side("hurt")
    asked = Questions(lambda _, name: ["f1@10"] if name == "test.steady" else [])
    alone = compare_runs(*sides, asked)
    one = method(alone, "test.steady").metric("f1@10")
    among = method(hurt, "test.steady").metric("f1@10")
    tested = sum(change.p is not None for m in hurt.methods for change in m.metrics)
    assert one is not None
    assert among is not None
    assert one.p is not None
    assert among.p is not None
    assert one.p < among.p <= tested * one.p * (1 + 1e-9)


def test_flips_are_the_documents_left_unanswered(hurt: RunComparison, gate_runs: GateRuns) -> None:
    found = method(hurt, "test.steady")
    before, after = gate_runs.side("before"), gate_runs.side("hurt")
    phrases = []
    for side in (before, after):
        cell = side.cells("keyphrases", "test.steady")[0]
        table = pq.read_table(side.store.cell(cell.key) / "predictions.parquet").to_pydict()
        phrases.append(dict(zip(table["id"], table["phrases"], strict=True)))
    differing = {id_ for id_ in phrases[0] if phrases[0][id_] != phrases[1][id_]}
    assert differing
    assert {flip.id for flip in found.flips} == differing
    changes = [flip.change for flip in found.flips]
    assert changes == sorted(changes)
    assert found.flip_metric == "f1@10"


def test_where_answers_were_not_kept_scores_tell_the_flips(gate_runs: GateRuns, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(gate_runs.results, results)
    before, after = (open_side(getattr(gate_runs, name), results) for name in ("before", "hurt"))
    pair = next(pair for pair in pair_methods(before, after) if pair.method == "test.steady")
    known = find_flips(before, after, pair)
    for cell in before.cells("keyphrases", "test.steady"):
        (before.store.cell(cell.key) / "predictions.parquet").unlink()
    found = find_flips(before, after, pair)
    assert {flip.id for flip in found.found} == {flip.id for flip in known.found if flip.change}


def test_training_noise_takes_pairs_of_seeds(hurt: RunComparison) -> None:
    found = method(hurt, "test.noisy")
    assert (found.stochastic, found.seeds) == (True, 3)
    change = found.metric("f1@10")
    assert change is not None
    assert change.noise is not None
    assert change.noise.df < 79
    assert not method(hurt, "test.steady").stochastic


def test_a_sample_of_many_documents_gives_the_same_uncertainty(gate_runs: GateRuns) -> None:
    """What is done with more documents than ENOUGH, on few: half of them, and the error scaled."""
    before, after = gate_runs.side("before"), gate_runs.side("hurt")
    pair = next(pair for pair in pair_methods(before, after) if pair.method == "test.noisy")
    whole, part = (paired_scores(before, after, pair, enough=n) for n in (80, 40))
    assert (len(part.before.ids), part.documents, part.seeds) == (40, 80, 3)
    assert part.before.ids == part.after.ids
    assert set(part.before.ids) < set(whole.before.ids)
    errors = []
    for scores in (whole, part):
        gaps = scores.after.values("f1@10") - scores.before.values("f1@10")
        errors.append(gaps.std(ddof=1) / np.sqrt(len(gaps)) * scores.shrink)
    assert errors[1] == pytest.approx(errors[0], rel=0.4)
    same = [part.before.ids.index(id_) for id_ in part.before.ids]
    places = [whole.before.ids.index(id_) for id_ in part.before.ids]
    np.testing.assert_array_equal(part.before.values("f1@10")[same], whole.before.values("f1@10")[places])


# -- answers --------------------------------------------------------------------------------------------


def answers(folder: Path, phrases: list[list[str] | None], scores: list[list[float]]) -> list[str]:
    folder.mkdir(exist_ok=True)
    columns = {
        "id": [str(i) for i in range(len(phrases))],
        "phrases": pa.array(phrases, pa.list_(pa.string())),
        "scores": scores,
    }
    pq.write_table(pa.table(columns), folder / "predictions.parquet")
    table = read_answers(folder)
    assert table is not None
    found: list[str] = table.column("answer").to_pylist()
    return found


def test_answers_differ_where_phrases_differ_and_scores_do_not_count(tmp_path: Path) -> None:
    found = answers(tmp_path / "a", [["x", "y"], ["y", "x"], [], [""], ["x y"], ["x", "y"]], [[1.0, 0.5]] * 6)
    assert len(set(found)) == 5
    assert found[0] == found[5]
    assert answers(tmp_path / "b", [["x", "y"]], [[0.1, 0.0]])[0] == found[0]
    kept = read_answers(tmp_path / "a")
    assert kept is not None
    write_answers(kept, tmp_path / "b")
    assert read_answers(tmp_path / "b") == kept
    assert read_answers(tmp_path) is None


def test_labels_and_abstentions_are_answers(tmp_path: Path) -> None:
    columns = {"id": ["1", "2", "3"], "label": ["a", None, ""], "classes": [["a"]] * 3, "scores": [[1.0]] * 3}
    pq.write_table(pa.table(columns), tmp_path / "predictions.parquet")
    table = read_answers(tmp_path)
    assert table is not None
    assert len(set(table.column("answer").to_pylist())) == 3


# -- on the command line ---------------------------------------------------------------------------------


def test_every_format_says_the_same(gate_runs: GateRuns, capsys: pytest.CaptureFixture[str]) -> None:
    sides = ("compare", gate_runs.run("before"), gate_runs.run("hurt"))
    status, rich = printed(capsys, *sides)
    assert status == 0
    _, markdown = printed(capsys, *sides, "--format", "md")
    _, text = printed(capsys, *sides, "--format", "json")
    value = json.loads(text)
    steady = next(m for m in value["methods"] if m["method"] == "test.steady")
    change = steady["metrics"][0]
    assert change["metric"] == "f1@10"
    for shown in (rich, markdown):
        assert f"{change['change']:+.3f}" in shown
        assert "worse" in shown
        assert "RuntimeError" in shown
        assert steady["flips"][0]["id"] in shown
        assert "peak_memory_bytes" in shown


def test_metrics_can_be_chosen(gate_runs: GateRuns, capsys: pytest.CaptureFixture[str]) -> None:
    sides = ("compare", gate_runs.run("before"), gate_runs.run("hurt"))
    _, text = printed(capsys, *sides, "--format", "json", "--metric", "recall@M")
    assert {m["metric"] for of_one in json.loads(text)["methods"] for m in of_one["metrics"]} == {"recall@M"}
    status, told = printed(capsys, *sides, "--metric", "recal@M")
    assert status == 2
    assert "did you mean recall@M" in told


def test_incomparable_runs_end_with_4(gate_runs: GateRuns, capsys: pytest.CaptureFixture[str]) -> None:
    status, told = printed(capsys, "compare", gate_runs.run("small"), gate_runs.run("newer"))
    assert status == 4
    assert "incomparable: version 2 of the suite" in told


def test_a_run_that_is_not_there(gate_runs: GateRuns, capsys: pytest.CaptureFixture[str]) -> None:
    status, told = printed(capsys, "compare", gate_runs.before, "absent", "--output-path", gate_runs.results)
    assert status == 2
    assert "absent" in told


@pytest.mark.parametrize(("side", "when"), [(0, "before"), (1, "after")])
def test_speeds_that_were_taken_beside_other_cells_are_not_judged(
    gate_runs: GateRuns, side: int, when: str
) -> None:
    sides = [gate_runs.side("before"), gate_runs.side("same")]
    sides[side] = changed(sides[side], workers=2)
    cost = method(compared(*sides), "test.steady").cost("documents_per_s_marginal")
    assert cost is not None
    assert (cost.judged, cost.why) == (False, f"measured while other cells ran {when}")


def steady(gate_runs: GateRuns) -> tuple[Pair, Row, Row]:
    """A method that both runs have, and its rows."""
    pairs = pair_methods(gate_runs.side("before"), gate_runs.side("same"))
    (pair,) = (one for one in pairs if one.method == "test.steady")
    assert pair.before is not None
    assert pair.after is not None
    return pair, pair.before, pair.after


def with_records(row: Row, **update: object) -> Row:
    return replace(row, records=tuple(record.model_copy(update=update) for record in row.records))


@pytest.mark.parametrize(
    ("before", "after", "identical"),
    [("one", "one", True), ("one", "other", False), (None, None, False), ("one", None, False)],
)
def test_predictions_are_identical_where_both_digests_are_known_and_the_same(
    gate_runs: GateRuns, before: str | None, after: str | None, identical: bool
) -> None:
    pair, before_row, after_row = steady(gate_runs)
    old = with_records(before_row, predictions_digest=before)
    new = with_records(after_row, predictions_digest=after)
    assert replace(pair, before=old, after=new).identical == identical
    empty = replace(old, records=())
    assert not replace(pair, before=empty, after=empty).identical


@pytest.mark.parametrize(
    ("before", "after", "new"),
    [
        (False, True, True),
        (True, True, False),
        (None, True, False),
        (False, False, False),
        (False, None, False),
    ],
)
def test_noise_is_new_where_a_method_said_that_it_had_none(
    gate_runs: GateRuns, before: bool | None, after: bool | None, new: bool
) -> None:
    pair, before_row, after_row = steady(gate_runs)
    old, later = with_records(before_row, stochastic=before), with_records(after_row, stochastic=after)
    assert replace(pair, before=old, after=later).noise_is_new == new
