"""A method that cannot fit is refused before anything of it is loaded, and says so on plan and board."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_process import Bench, records, workspaces

METHOD = """
from pathlib import Path
from pydantic import Field
from readbench.adapter import Adapter, Needs, Params as Base, RankedPhrases


class Large(Adapter):
    name = "test.large"
    tasks = frozenset({"keyphrases"})

    class Params(Base):
        gib: int = Field(1)

    def needs(self):
        return Needs(memory_bytes=self.params.gib * 2**30)

    def load(self):
        Path("/nonexistent").read_text() if self.params.gib > 1 else None

    def predict(self, chunk):
        return [RankedPhrases(("phrase",), (1.0,)) for _ in chunk]
"""

SUITE = """
[dataset]
name = "papers-demo"
[tasks.keyphrases]
methods = ["test.large", "test.large[gib=3]", "test.large[gib=40000]"]
[limits]
memory = "50000GiB"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "method.py").write_text(METHOD, encoding="utf-8")
    (tmp_path / "large.toml").write_text(SUITE, encoding="utf-8")
    return tmp_path


def test_plan_and_run_refuse_what_cannot_fit(bench: Bench, folder: Path) -> None:
    common = [folder / "large.toml", "--limit", "4", "--include-path", folder / "method.py", "--output-path"]
    planned = bench.here("plan", *common, folder / "results", "--memory", "2GiB")
    told = "needs at least 3.0 GiB, more than the limit of a cell (--memory): 2.0 GiB"
    assert planned.returncode == 1
    assert told in " ".join(planned.stdout.split())
    assert not (folder / "results" / "cells").exists()
    done = bench.here("run", *common, folder / "results", "--memory", "2GiB")
    assert done.returncode == 1
    found = records(folder / "results")
    assert found["test.large"]["status"] == "ok"
    assert found["test.large[gib=3]"]["status"] == "out_of_memory"
    assert found["test.large[gib=3]"]["failure"]["message"] == told
    assert workspaces(folder / "results") == []
    # With a higher limit it is tried; what this machine does not have is refused all the same.
    again = bench.here("run", *common, folder / "results")
    found = records(folder / "results")
    assert found["test.large[gib=3]"]["status"] == "failed"
    assert "this machine's memory" in found["test.large[gib=40000]"]["failure"]["message"]
    assert again.returncode == 1


LIBRARY = """
from readbench.adapter import Adapter, RankedPhrases


class Held(Adapter):
    name = "test.held"
    tasks = frozenset({"keyphrases"})
    requires = ("sklearn.linear_model",)

    def load(self):
        import sklearn.linear_model
        self.held = b"x" * (60 * 2**20)

    def predict(self, chunk):
        return [RankedPhrases(("a",), (1.0,)) for _ in chunk]
"""


def test_the_limit_is_of_a_method_with_its_libraries(bench: Bench, tmp_path: Path) -> None:
    """They lie in the fork server's memory, and a user's process has them too."""
    file = tmp_path / "held.py"
    file.write_text(LIBRARY, encoding="utf-8")
    common: list[str | Path] = ["keyphrases", "--dataset", "papers-demo", "--limit", "4"]
    common += ["--method", "test.held"]
    common += ["--include-path", file, "--output-path", tmp_path / "results"]
    assert bench.here("run", *common).returncode == 0
    costs = records(tmp_path / "results")["test.held"]["costs"]
    libraries, own = costs["library_memory_bytes"], costs["own_memory_bytes"]
    assert own < libraries
    # More than it takes by itself, and less than both together.
    limit = (libraries + own // 2) // 2**20
    done = bench.here("run", *common, "--fresh", "--memory", f"{limit}MiB")
    assert done.returncode == 1
    record = records(tmp_path / "results")["test.held"]
    assert record["status"] == "out_of_memory"
    assert f"more than its limit of {limit} MiB" in record["failure"]["message"]


def test_a_plan_of_what_fits_exits_with_0(bench: Bench, folder: Path) -> None:
    arguments = ["--method", "test.large", "--include-path", folder / "method.py", "--limit", "4"]
    done = bench.here("plan", folder / "large.toml", *arguments, "--output-path", folder / "results")
    assert done.returncode == 0, done.stderr
    assert "at least 1.0 GiB" in done.stdout
