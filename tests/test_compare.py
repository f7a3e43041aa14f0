"""Comparing real runs: what changed, which documents flipped, which answers differ."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from comparisons import compared, method, printed
from gate_runs import GateRuns
from scipy import stats as scipy_stats

from readbench.compare.answers import read_answers, write_answers
from readbench.compare.flips import find_flips
from readbench.compare.paired import Pair, Side, open_side, pair_methods, paired_scores
from readbench.compare.runs import Questions, RunComparison, compare_runs
from readbench.results.leaderboard import Row
from readbench.results.samples import load_sample
from readbench.tasks.spec import TaskSpec


@pytest.fixture(scope="module")
def hurt(gate_runs: GateRuns) -> RunComparison:
    return compared(gate_runs.side("before"), gate_runs.side("hurt"))


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


# -- pairs of rows --------------------------------------------------------------------------------------


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
