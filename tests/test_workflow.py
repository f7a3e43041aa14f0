"""The workflow that runs the gate in CI says nothing that the program does not understand."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

from readbench.cli import boards, compare, look, new, run, trained  # noqa: F401 - their verbs register themselves
from readbench.cli.app import app
from readbench.compare.paired import open_side
from readbench.datasets import open_dataset
from readbench.gate.thresholds import parse_threshold
from readbench.planning.suite import find_suite, load_suite
from readbench.tasks import get_task

WORKFLOW = Path(__file__).parents[1] / ".github" / "workflows" / "bench.yml"

if not WORKFLOW.is_file():
    pytest.skip("the workflows are not part of this copy", allow_module_level=True)


def steps() -> list[dict[str, Any]]:
    yaml = pytest.importorskip("yaml")
    workflow = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = workflow["jobs"]["gate"]["steps"]
    return found


def calls() -> list[list[str]]:
    """The words of each call of `bench`."""
    commands = [step["run"] for step in steps() if "bin/bench" in step.get("run", "")]
    return [shlex.split(re.sub(r"\$\{\{.*?\}\}", "base", command))[1:] for command in commands]


def test_every_option_is_known() -> None:
    group = typer.main.get_command(app)
    assert len(calls()) == 2
    for words in calls():
        command = group.commands[words[0]]  # type: ignore[attr-defined]
        # As the program reads it: an unknown option or a missing value is an error.
        command.make_context("bench", words[1:])


def test_thresholds_guard_metrics_of_the_suite() -> None:
    suite = load_suite(find_suite("quick"))
    metrics = {metric.id: metric for task in suite.tasks for metric in get_task(task).metrics}
    for words in calls():
        for place, word in enumerate(words):
            if word == "--fail-on":
                threshold = parse_threshold(words[place + 1])
                if not threshold.is_cost:
                    better = metrics[threshold.name].higher_is_better
                    threshold.check_direction(higher_is_better=better, where="here")


def test_methods_are_those_of_the_suite() -> None:
    suite = load_suite(find_suite("quick"))
    methods = {method for section in suite.tasks.values() for method in section.methods}
    for words in calls():
        named = {words[place + 1] for place, word in enumerate(words) if word == "--method"}
        assert named <= methods


def test_base_and_head_are_there_and_every_report_is_made() -> None:
    checkout = next(step for step in steps() if "checkout" in step.get("uses", ""))
    assert checkout["with"]["fetch-depth"] == 0
    for step in steps()[4:]:
        # A regression in one gate must not hide what the next has to say.
        assert "!cancelled()" in step["if"]


def test_the_committed_baseline_is_one_that_the_suite_can_be_held_to() -> None:
    """A new version of the suite, the corpus or a metric needs a new baseline: `bench run quick --fresh &&
    bench baseline quick`."""
    (folder,) = {words[words.index("--baseline") + 1] for words in calls() if "--baseline" in words}
    side = open_side(str(WORKFLOW.parents[2] / folder), "results")
    suite, corpus = load_suite(find_suite("quick")), open_dataset("papers-demo")
    manifest = side.manifest
    assert (manifest.suite, manifest.suite_version) == (suite.name, suite.version)
    assert manifest.fingerprint == corpus.fingerprint
    for table in side.board.tables:
        current = {metric.id: metric.version for metric in get_task(table.task).metrics}
        assert {row.method for row in table.rows} == set(suite.tasks[table.task].methods)  # type: ignore[index]
        for row in table.rows:
            assert row.status == "ok"
            assert current[table.primary] == row.metrics[table.primary].version


def test_the_checks_run_on_every_version_of_python_that_is_declared() -> None:
    yaml = pytest.importorskip("yaml")
    (check,) = yaml.safe_load(WORKFLOW.with_name("check.yml").read_text(encoding="utf-8"))["jobs"].values()
    project = tomllib.loads((WORKFLOW.parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    start = "Programming Language :: Python :: 3."
    declared = [line.rpartition(" ")[2] for line in project["classifiers"] if line.startswith(start)]
    assert check["strategy"]["matrix"]["python"] == declared
    set_up = next(step for step in check["steps"] if "setup-python" in step.get("uses", ""))
    assert set_up["with"]["python-version"] == "${{ matrix.python }}"
    assert check["steps"][-1]["run"] == ".ci/run"


def test_what_ci_runs_is_make_check_with_the_documentation() -> None:
    root = WORKFLOW.parents[2]
    assert "make check" in (root / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    done = subprocess.run(
        ["make", "--dry-run", "--always-make", "check"], cwd=root, capture_output=True, text=True, check=True
    )
    for needed in ("pytest", "ruff check", "lint-imports", "mypy", "mkdocs build --strict"):
        assert needed in done.stdout
    # A clean machine installs what the documentation is built with.
    extras = re.findall(r"\.\[([\w,-]+)\]", done.stdout)
    assert any({"docs", "dev"} <= set(found.split(",")) for found in extras)
