"""The workflow to copy: its shell steps, run in a repository that is not this one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
EXAMPLES = REPOSITORY / "examples"
WORKFLOW = yaml.safe_load((EXAMPLES / "gate.yml").read_text())
NAMES = ("my_suite.toml", "my_method.py")


def step(name: str) -> str:
    """What a step runs."""
    steps: list[dict[str, Any]] = WORKFLOW["jobs"]["gate"]["steps"]
    (found,) = (one["run"] for one in steps if one.get("name", "").startswith(name))
    return str(found)


class Foreign:
    """A repository of somebody with a method, a suite, and a baseline of it that is committed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "repository"
        self.bin = folder / "venv" / "bin"
        venv.create(self.bin.parent, with_pip=True)
        # The libraries of this environment; the project itself is installed by the step.
        (site,) = (self.bin.parent / "lib").glob("python*/site-packages")
        (site / "libraries.pth").write_text(sysconfig.get_path("purelib"))
        self.folder.mkdir()
        for name in NAMES:
            shutil.copy(EXAMPLES / name, self.folder)

    def __call__(self, command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        env |= WORKFLOW["env"] | {"PATH": f"{self.bin}:{os.environ['PATH']}"} | variables
        # As the runner of the workflow starts it.
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command]
        return subprocess.run(
            shell, cwd=self.folder, env=env, capture_output=True, text=True, timeout=850, check=False
        )

    def commit(self) -> None:
        who = "-c user.name=somebody -c user.email=somebody@example.org"
        assert self(f"git add -A && git {who} commit --quiet --message change").returncode == 0

    def harm(self) -> None:
        """The method gives its phrases in the opposite order."""
        method = self.folder / "my_method.py"
        code = method.read_text()
        assert "RankedPhrases(" in code
        method.write_text(code + HARM)


HARM = """

_predict = Frequent.predict


def _backwards(self, chunk):
    return [RankedPhrases(found.phrases[::-1], found.scores) for found in _predict(self, chunk)]


Frequent.predict = _backwards
"""


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Foreign:
    found = Foreign(tmp_path_factory.mktemp("foreign"))
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0"}
    installed = found(step("Install"), BENCH=str(REPOSITORY), **offline)
    assert installed.returncode == 0, installed.stderr
    assert found("git init --quiet --initial-branch main && echo results/ > .gitignore").returncode == 0
    first = (EXAMPLES / "gate.yml").read_text().splitlines()
    commands = [line.removeprefix("#   ") for line in first if line.startswith("#   bench")]
    assert len(commands) == 2
    made = found(" && ".join(commands))
    assert made.returncode == 0, made.stderr
    found.commit()
    return found


@pytest.fixture
def harmed(foreign: Foreign) -> Any:
    foreign.harm()
    yield foreign
    assert foreign("git checkout --quiet my_method.py").returncode == 0


def suites(foreign: Foreign, name: str) -> tuple[int, int]:
    """Tests and failures of a JUnit file."""
    root = ElementTree.parse(foreign.folder / "results" / name).getroot()
    of_suites = list(root.iter("testsuite"))
    return sum(int(s.get("tests", 0)) for s in of_suites), sum(int(s.get("failures", 0)) for s in of_suites)


@pytest.mark.slow
def test_untouched_code_passes(foreign: Foreign) -> None:
    done = foreign(step("Answers"))
    assert done.returncode == 0, done.stdout + done.stderr
    tests, failures = suites(foreign, "gate.xml")
    assert tests > 0
    assert failures == 0
    assert (foreign.folder / "results" / "gate.md").read_text().strip()


@pytest.mark.slow
def test_a_method_that_got_worse_fails_and_the_comment_says_which(harmed: Foreign) -> None:
    done = harmed(step("Answers"))
    assert done.returncode == 1, done.stdout + done.stderr
    assert suites(harmed, "gate.xml")[1] > 0
    assert "example.frequent" in (harmed.folder / "results" / "gate.md").read_text()


@pytest.mark.slow
def test_the_comment_holds_both_reports(foreign: Foreign) -> None:
    results = foreign.folder / "results"
    said = foreign.folder / "said"
    gh = foreign.bin / "gh"
    gh.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{said}"\n')
    gh.chmod(0o755)
    (results / "gate.md").write_text("answers\n")
    (results / "speed.md").write_text("speed\n")
    done = foreign(step("Comment"), NUMBER="7", GH_TOKEN="none")
    assert done.returncode == 0, done.stderr
    assert said.read_text().split()[:3] == ["pr", "comment", "7"]
    assert (results / "comment.md").read_text() == "answers\nspeed\n"


@pytest.mark.slow
@pytest.mark.timeout(900)  # twenty runs of a second or two; a busy machine takes ten times as long
def test_the_speed_of_untouched_code_is_no_regression(foreign: Foreign) -> None:
    done = foreign(step("Speed"), BASE="main")
    assert done.returncode == 0, done.stdout + done.stderr
    assert suites(foreign, "speed.xml")[0] > 0


def test_every_step_is_one_that_was_run() -> None:
    names = {one["name"].split(",")[0] for one in WORKFLOW["jobs"]["gate"]["steps"] if "run" in one}
    assert names == {"Install", "Answers", "Speed", "Comment"}
    assert json.dumps(WORKFLOW["env"]).count("my_") == 3
