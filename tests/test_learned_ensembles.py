"""Ensembles that learn from what their members predict for the validation part: who sees what, who pays, and
what is planned for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from toy_runs import plan_toy, run_toy

from readbench.core.errors import BenchError
from readbench.datasets import open_dataset
from readbench.engine.reporter import Silent
from readbench.engine.runner import Runner
from readbench.planning.checking import check_suite
from readbench.planning.plan import Plan
from readbench.planning.planner import plan_validation
from readbench.planning.stored_plan import load_plan, read_plan, store_plan
from readbench.planning.suite import Suite
from readbench.results.housekeeping import unused
from readbench.results.record import Record
from readbench.results.store import Store

LEARNER = """
import json
from readbench.adapter import Adapter, Combination, LearnedEnsemble, Needs, Params, RankedPhrases


class Spy(Adapter):
    name = "toy.spy"
    tasks = frozenset({"keyphrases"})

    class Params(Params):
        raises_on: int = 0

    def fit(self, train, validation):
        self.learned = sorted(i for part in (train, validation) for i in part.targets.get("keyphrases", {}))

    def predict(self, chunk):
        if len(self.learned) == self.params.raises_on:
            raise ValueError("it has learned too little")
        gold = set()
        for path in sorted(self.context.scratch.parent.glob("*.jsonl")):
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            gold |= {line[1] for line in lines if isinstance(line, list) and line[0] == "keyphrases"}
        self.context.note("learned", self.learned)
        self.context.note("gold", sorted(gold))
        return [RankedPhrases((f"{len(self.learned)} {d.id}",), (1.0,)) for d in chunk]


class Other(Adapter):
    name = "toy.other"
    tasks = frozenset({"keyphrases"})

    def predict(self, chunk):
        return [RankedPhrases((d.id,), (0.5,)) for d in chunk]


class Both(Combination):
    name = "toy.both"
    tasks = frozenset({"keyphrases"})

    def needs(self):
        return Needs(members=("toy.spy", "toy.other"))

    def combine(self, predictions):
        return RankedPhrases(tuple(p for one in predictions for p in one.phrases), (1.0, 0.5))


class Learner(LearnedEnsemble):
    name = "toy.learner"
    tasks = frozenset({"keyphrases"})

    class Params(Params):
        members: tuple[str, ...] = ("toy.both", "toy.spy")
        base: int = 0

    def needs(self):
        return Needs(members=self.params.members)

    def learn(self, documents, predictions):
        by_id = zip(documents.documents, predictions, strict=True)
        self.context.note("learned", {d.id: [list(p.phrases) for p in of_one] for d, of_one in by_id})
        self.context.note("gold", sorted(documents.targets["keyphrases"]))

    def predict_from(self, documents, predictions):
        return [of_one[0] for of_one in predictions]
"""
SHARE = 0.2


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Runner, Store]:
    folder = tmp_path_factory.mktemp("learned")
    plan, runner = run_toy(LEARNER, folder, "toy.learner", validation=SHARE)
    return plan, runner, runner.store


def of(runner: Runner, plan: Plan, method: str, *, helps: bool = False) -> Record:
    cells = plan.helpers if helps else plan.cells
    (key,) = [cell.key for cell in cells if cell.method.spec == method]
    record = runner.records[key]
    assert record.status == "ok", record.failure
    return record


def test_members_learn_from_the_training_part_alone_before_they_are_learned_from(
    learned: tuple[Plan, Runner, Store],
) -> None:
    plan, runner, _ = learned
    (split,) = plan.splits["keyphrases"]
    assert min(len(split.train), len(split.validation), len(split.test)) >= 4
    there = of(runner, plan, "toy.spy", helps=True).notes
    assert set(there["learned"]) == set(there["gold"]) == {*split.train}
    # Beside the others it is what it would be without the ensemble.
    assert set(of(runner, plan, "toy.spy").notes["gold"]) == {*split.train, *split.validation}


def test_it_learns_from_the_validation_part_and_sees_no_gold_of_the_test_part(
    learned: tuple[Plan, Runner, Store],
) -> None:
    plan, runner, _ = learned
    (split,) = plan.splits["keyphrases"]
    record, n = of(runner, plan, "toy.learner"), len(split.train)
    expected = {id_: [[f"{n} {id_}", id_], [f"{n} {id_}"]] for id_ in split.validation}
    assert record.notes["learned"] == expected
    assert record.notes["gold"] == sorted(split.validation)
    more = n + len(split.validation)
    assert record.predictions_digest == of(runner, plan, "toy.both").predictions_digest
    assert of(runner, plan, "toy.spy").notes["learned"] == sorted({*split.train, *split.validation})
    assert len(of(runner, plan, "toy.spy").notes["learned"]) == more


def test_what_only_helps_is_on_no_board_and_is_kept(learned: tuple[Plan, Runner, Store]) -> None:
    plan, runner, store = learned
    assert [cell.method.spec for cell in plan.cells] == ["toy.spy", "toy.other", "toy.both", "toy.learner"]
    assert [cell.label for cell in plan.helpers] == [
        "toy.spy (validation part)",
        "toy.other (validation part)",
        "toy.both (validation part)",
    ]
    record = of(runner, plan, "toy.learner")
    helpers = {cell.method.spec: cell.key for cell in plan.helpers}
    assert record.learns_from == {spec: helpers[spec] for spec in ("toy.both", "toy.spy")}
    assert record.learned_predictions == {
        spec: runner.records[key].predictions_digest for spec, key in record.learns_from.items()
    }
    assert store.root.joinpath("cells", helpers["toy.other"]).is_dir()


def test_the_cells_behind_an_ensemble_are_not_pruned(
    learned: tuple[Plan, Runner, Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, _, store = learned
    (ensemble,) = [cell.key for cell in plan.cells if cell.method.spec == "toy.learner"]
    manifest = SimpleNamespace(status="finished", fingerprint="")
    monkeypatch.setattr(Store, "runs", lambda *_: ["one"])
    monkeypatch.setattr(Store, "manifest", lambda *_: manifest)
    monkeypatch.setattr("readbench.results.housekeeping.cells_of", lambda *_: {ensemble})
    assert [path.name for path in unused(store).folders["cells"]] == []


def test_the_time_on_the_validation_part_is_training(learned: tuple[Plan, Runner, Store]) -> None:
    plan, runner, _ = learned
    record = of(runner, plan, "toy.learner")
    behind = [of(runner, plan, spec, helps=True).costs for spec in ("toy.both", "toy.spy")]
    least = sum((c.load_s or 0.0) + (c.warmup_s or 0.0) + (c.predict_s or 0.0) for c in behind)
    assert record.costs.fit_s is not None
    assert record.costs.fit_s > least > 0
    assert (of(runner, plan, "toy.both").costs.fit_s or 0.0) < record.costs.fit_s


def test_nothing_runs_twice_and_what_is_lost_runs_again(
    learned: tuple[Plan, Runner, Store], tmp_path: Path
) -> None:
    plan, _, store = learned
    folder = store.root.parent
    again, _ = plan_toy(LEARNER, folder, "toy.learner", validation=SHARE)
    assert again.to_run() == []
    assert [cell.key for cell in again.all_cells] == [cell.key for cell in plan.all_cells]
    place = store.cell(plan.helpers[0].key)
    place.rename(tmp_path / "lost")
    found, _ = plan_toy(LEARNER, folder, "toy.learner", validation=SHARE)
    (tmp_path / "lost").rename(place)
    assert [(cell.label, cell.why) for cell in found.to_run()] == [
        ("toy.spy (validation part)", ""),
        ("toy.both (validation part)", "its member toy.spy runs again"),
        ("toy.learner", "its member toy.both runs again on the validation part"),
    ]


def test_its_key_holds_those_of_what_it_learns_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from readbench.core.digests import digest as real
    from readbench.planning import planner

    seen = dict[str, Any]()

    def spying(value: Any) -> str:
        if value.get("method") == "toy.learner":
            seen.update(value)
        return real(value)

    monkeypatch.setattr(planner, "digest", spying)
    plan, _ = plan_toy(LEARNER, tmp_path, "toy.learner", validation=SHARE)
    keys = {cell.method.spec: cell.key for cell in plan.helpers}
    assert seen["learns_from"] == [keys["toy.both"], keys["toy.spy"]]
    assert real(seen | {"learns_from": []})[:40] != real(seen)[:40] == plan.cells[-1].key


def test_they_are_the_cells_on_which_parameters_are_chosen(tmp_path: Path) -> None:
    plan, store = plan_toy(LEARNER, tmp_path, "toy.learner", validation=SHARE)
    tuned = {"method": "toy.spy", "params": {"raises_on": [0]}}
    task = {"keyphrases": {"methods": ["toy.other"], "tuned": [tuned]}}
    suite = Suite.model_validate({"name": "toy", "tasks": task, "split": plan.suite.split.model_dump()})
    checked = check_suite(suite, open_dataset("papers-demo"), plan.options)
    trials = plan_validation(checked, store)
    assert trials is not None
    assert [cell.key for cell in trials.cells] == [plan.helpers[0].key]


@pytest.mark.parametrize("share", [0.0, SHARE])
def test_where_nothing_is_left_to_learn_from_it_is_refused(tmp_path: Path, share: float) -> None:
    if not share:
        with pytest.raises(BenchError, match=r"method toy.learner: .*the split has none"):
            plan_toy(LEARNER, tmp_path, "toy.learner")
        return
    with pytest.raises(BenchError, match="where that is judged on nothing is left"):
        plan_toy(LEARNER, tmp_path, "toy.learner[base=1, members=[toy.learner, toy.spy]]", validation=share)


def test_a_member_that_fails_there_makes_it_skipped(tmp_path: Path) -> None:
    plan, _ = plan_toy(LEARNER, tmp_path, "toy.spy", validation=SHARE)
    few = len(plan.splits["keyphrases"][0].train)
    spy = f"toy.spy[raises_on={few}]"
    plan, runner = run_toy(LEARNER, tmp_path, f"toy.learner[members=[{spy}, toy.other]]", validation=SHARE)
    record = runner.records[plan.cells[-1].key]
    assert record.status == "skipped"
    assert record.failure is not None
    why = f"its member {spy} ended failed on the validation part: ValueError: it has learned too little"
    assert record.failure.message == why
    assert [runner.records[cell.key].status for cell in plan.cells[:-1]] == ["ok", "ok"]


def test_a_stored_plan_has_them_too(learned: tuple[Plan, Runner, Store]) -> None:
    plan, _, store = learned
    folder = store.run("stored")
    folder.mkdir(parents=True, exist_ok=True)
    store_plan(replace(plan, options=replace(plan.options, fresh=True)), store, folder)
    loaded = load_plan(read_plan(folder), store)
    facts = [(c.key, c.split, c.members, c.learns_from, c.on_validation) for c in plan.all_cells]
    assert [(c.key, c.split, c.members, c.learns_from, c.on_validation) for c in loaded.all_cells] == facts
    assert [cell.key for cell in loaded.cells] == [cell.key for cell in plan.cells]
    again = Runner(loaded, store, Silent(), charges_imports=False)
    ensemble = loaded.cells[-1]
    record = again.run_cell(ensemble, {})
    assert record.status == "ok", record.failure
    for spec, key in record.learns_from.items():
        helper = store.record(key)
        assert helper is not None
        assert record.learned_predictions[spec] == helper.predictions_digest is not None
