"""One verdict over several runs: a table of situations, the words, and what is refused before anything."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from gate_command import change_manifest, gate
from gate_runs import GateRuns

from readbench.core.errors import BenchError
from readbench.gate.policy import read_policy
from readbench.report.policy import MOST_LINES


@dataclass(frozen=True)
class Situation:
    """A check of the suite ``tested``, the run that it judges, and the verdict that is right. ``others`` are
    further lines of the policy."""

    name: str
    run: str | None
    verdict: str
    status: int
    blocking: tuple[str, ...] = ()
    advisory: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    baseline: bool = True
    strict: bool = False
    required: bool = True
    others: str = ""
    reason: str = ""
    changed: dict[str, Any] = field(default_factory=dict)


LOSS = ("f1@10:-1pp",)
OTHER = '\n[[check]]\nsuite = "quick"\nblocking = ["accuracy:>=0.5"]\n'
SITUATIONS = [
    Situation("the same code passes", "same", "GO", 0, LOSS),
    Situation("a loss blocks", "hurt", "NO-GO", 1, LOSS, reason="f1@10 regressed"),
    Situation("a loss that only advises", "hurt", "GO", 0, advisory=("f1@10:-1pp",)),
    Situation("a loss within a wide margin", "hurt", "NO-GO", 1, ("f1@10:-20pp",), reason="test.breaks"),
    Situation("a floor that is kept", "same", "GO", 0, ("f1@10:>=0.01",), baseline=False),
    Situation(
        "a floor that is broken", "same", "NO-GO", 1, ("f1@10:>=0.95",), baseline=False, reason="breaks"
    ),
    Situation("a broken floor that only advises", "same", "GO", 0, LOSS, ("f1@10:>=0.95",)),
    Situation("a floor and a loss, one broken", "same", "NO-GO", 1, ("f1@10:-1pp", "f1@10:>=0.95")),
    Situation("a ceiling of a cost that is kept", "same", "GO", 0, ("peak_memory_bytes:<=4GiB",)),
    Situation("a ceiling of a cost that is broken", "same", "NO-GO", 1, ("peak_memory_bytes:<1MiB",)),
    Situation("a required method is there", "same", "GO", 0, LOSS, methods=("test.steady",)),
    Situation(
        "a required method is absent",
        "same",
        "INCONCLUSIVE",
        4,
        LOSS,
        methods=("yake",),
        reason="not in the run",
    ),
    Situation(
        "a regression outranks what is absent",
        "hurt",
        "NO-GO",
        1,
        LOSS,
        methods=("yake",),
        reason="regressed",
    ),
    Situation("required methods and no guard", "same", "GO", 0, methods=("test.noisy",), baseline=False),
    Situation("a failed method that is required", "hurt", "NO-GO", 1, methods=("test.breaks",)),
    Situation(
        "a failed method breaks a floor",
        "hurt",
        "NO-GO",
        1,
        ("f1@10:>=0.01",),
        baseline=False,
        reason="failed",
    ),
    Situation("a low baseline guarded by a share of it", "hurt", "NO-GO", 1, ("f1@10:-5%",)),
    Situation(
        "a required suite is absent", "same", "INCONCLUSIVE", 4, LOSS, others=OTHER, reason="there is no run"
    ),
    Situation(
        "a suite that is not required is absent", "same", "GO", 0, LOSS, others=OTHER + "required = false\n"
    ),
    Situation("no run at all", None, "INCONCLUSIVE", 4, LOSS, reason="there is no run"),
    Situation(
        "another dataset than the baseline's",
        "same",
        "INCONCLUSIVE",
        4,
        LOSS,
        changed={"fingerprint": "another"},
        reason="another fingerprint",
    ),
    Situation("a run that did not end", "same", "INCONCLUSIVE", 4, LOSS, changed={"status": "running"}),
    Situation("nothing is asked: the default loss", "hurt", "NO-GO", 1, reason="f1@10 regressed"),
]


def write_policy(folder: Path, situation: Situation, baseline: Path) -> Path:
    lines = [f"strict = {str(situation.strict).lower()}", "[[check]]", 'suite = "tested"']
    lines += [f'baseline = "{baseline}"'] if situation.baseline else []
    lines += [f"required = {str(situation.required).lower()}"]
    for key in ("blocking", "advisory", "methods"):
        values = getattr(situation, key)
        lines += [f"{key} = {json.dumps(list(values))}"] if values else []
    path = folder / "policy.toml"
    path.write_text("\n".join(lines) + "\n" + situation.others)
    return path


def run_of(situation: Situation, gate_runs: GateRuns, folder: Path) -> tuple[list[Path], Path]:
    """The run to name, and the results folder to look into for others."""
    empty = folder / "empty"
    if situation.run is None:
        return [], empty
    if not situation.changed:
        return [gate_runs.run(situation.run)], empty
    results = Path(shutil.copytree(gate_runs.results_of(situation.run), folder / "results"))
    name = getattr(gate_runs, situation.run)
    change_manifest(results, name, lambda data: data.update(situation.changed))
    return [results / "runs" / name], empty


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda s: s.name.replace(" ", "-"))
def test_the_verdict_of_each_situation(
    situation: Situation,
    gate_runs: GateRuns,
    baseline: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    policy = write_policy(tmp_path, situation, baseline)
    runs, results = run_of(situation, gate_runs, tmp_path)
    arguments = (*runs, "--policy", policy, "--output-path", results)
    status, out, err = gate(capsys, *arguments, "--format", "json")
    assert out, err
    value = json.loads(out)
    assert (value["verdict"], status, value["exit_status"]) == (situation.verdict, situation.status, status)
    told = " | ".join(" ".join(map(str, reason.values())) for reason in value["reasons"])
    assert situation.reason in told
    status, out, _ = gate(capsys, *arguments)
    assert status == situation.status
    lines = out.splitlines()
    assert lines[0].startswith(f"{situation.verdict}: policy.toml, ")
    assert len(lines) <= MOST_LINES


def test_reports_tell_both_tiers(
    gate_runs: GateRuns, baseline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    situation = Situation("", "hurt", "NO-GO", 1, LOSS, ("f1@10:>=0.95",), methods=("yake",))
    policy = write_policy(tmp_path, situation, baseline)
    summary, junit = tmp_path / "summary.md", tmp_path / "junit.xml"
    arguments = (gate_runs.run("hurt"), "--policy", policy, "--summary", summary, "--junit", junit)
    assert gate(capsys, *arguments)[0] == 1
    text = summary.read_text()
    assert "❌ NO-GO: policy.toml" in text
    assert "blocking: `tested` `test.steady`: f1@10 regressed" in text
    suites = ElementTree.parse(junit).getroot()
    assert [suite.get("name") for suite in suites] == [
        "tested (blocking)",
        "tested (advisory)",
        "tested (required)",
    ]
    assert int(suites.get("failures", 0)) >= 3
    assert int(suites.get("errors", 0)) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "check: is missing"),
        ("[[check]]\n", "check.0.suite: is missing"),
        ('[[chek]]\nsuite = "a"\n', "did you mean check"),
        ('[[check]]\nsuite = "a"\nblocking = ["f1@10:-1pp"]\n', "no baseline is given"),
        ('[[check]]\nsuite = "a"\nblocking = ["f1@10"]\n', "is not a threshold"),
        ('[[check]]\nsuite = "a"\nadvisory = ["f1@10:>=.1", "f1@10:>=.2"]\n', "has two bounds"),
        ('[[check]]\nsuite = "a"\nblocking = "f1@10:>=0.1"\n', "is not a list"),
    ],
)
def test_what_is_no_policy_is_refused_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(BenchError) as refused:
        read_policy(path)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--fail-on", "f1@10:-1pp"), "leave out --fail-on"),
        (("--strict", "--limit", "3"), "leave out --strict, --limit"),
    ],
)
def test_a_policy_says_all_by_itself(
    tmp_path: Path, options: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('[[check]]\nsuite = "a"\n')
    status, _, err = gate(capsys, "--policy", path, *options)
    assert status == 2
    assert told in err


def test_two_runs_of_one_suite_and_a_run_that_nobody_asks_for(
    gate_runs: GateRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('[[check]]\nsuite = "tested"\n')
    twice = (gate_runs.run("same"), gate_runs.run("hurt"), "--policy", path)
    status, _, err = gate(capsys, *twice)
    assert (status, "two runs of tested are given" in err) == (2, True)
    path.write_text('[[check]]\nsuite = "quick"\n')
    status, _, err = gate(capsys, gate_runs.run("same"), "--policy", path)
    assert (status, "the policy has no check of its suite, tested" in err) == (2, True)
    status, _, err = gate(capsys, *twice[:2], "--baseline", gate_runs.run("before"))
    assert (status, "2 runs are given" in err) == (2, True)


def test_a_guard_of_no_metric_is_refused_before_anything_is_judged(
    gate_runs: GateRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('[[check]]\nsuite = "tested"\nadvisory = ["accuracy:>=0.9"]\n')
    status, _, err = gate(capsys, gate_runs.run("same"), "--policy", path)
    assert status == 2
    assert "accuracy is no metric of keyphrases: it would guard nothing" in err


def test_bounds_alone_need_no_baseline(gate_runs: GateRuns, capsys: pytest.CaptureFixture[str]) -> None:
    run = gate_runs.run("same")
    assert gate(capsys, run, "--fail-on", "f1@10:>=0.01")[0] == 0
    status, out, _ = gate(capsys, run, "--fail-on", "f1@10:>=0.9", "--fail-on", "fit_s:<1h")
    assert (status, "Regression" in out) == (1, True)
    status, _, err = gate(capsys, run, "--fail-on", "f1@10:-1pp")
    assert (status, "no baseline is given" in err) == (2, True)
