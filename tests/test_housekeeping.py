"""What a results folder holds, and what is removed from it: never what a run points to."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from readbench.cli import main
from readbench.core.errors import BenchError
from readbench.results.housekeeping import cells_of, remove_unused, run_facts, unused
from readbench.results.leases import Lease
from readbench.results.store import RUN, Store

KEPT = Path(__file__).resolve().parents[1] / "results" / "baselines" / "quick"
"""A real run with its records."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A results folder with the run of the baseline, and a second one of its first three cells."""
    root = tmp_path / "results"
    shutil.copytree(KEPT, root)
    (path,) = root.glob(f"runs/*/{RUN}")
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest |= {"name": "second", "suite": "other", "cells": manifest["cells"][:3]}
    (root / "runs" / "second").mkdir()
    (root / "runs" / "second" / RUN).write_text(json.dumps(manifest), encoding="utf-8")
    return Store(root)


def first_run(store: Store) -> str:
    return next(name for name in store.runs() if name != "second")


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments)])
    return int(ended.value.code or 0), *capsys.readouterr()


def cells(store: Store) -> set[str]:
    return {path.name for path in store.root.glob("cells/*")}


def test_runs_are_listed(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    facts = {one.name: one for one in run_facts(store)}
    assert facts["second"].cells == facts["second"].ok == 3
    assert facts["second"].bytes > 3 * 4096 > 0
    assert facts[first_run(store)].bytes > facts["second"].bytes
    _, out, _ = said(capsys, "ls", "runs", "--output-path", store.root)
    assert [line.split()[0] for line in out.splitlines()[2:]] == [one.name for one in run_facts(store)]
    _, out, _ = said(capsys, "ls", "runs", "other", "--output-path", store.root)
    assert "second" in out
    assert first_run(store) not in out


def test_a_board_says_that_its_suite_has_other_runs(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    name = first_run(store)
    _, out, _ = said(capsys, "leaderboard", "quick", "--output-path", store.root)
    assert "the newest of" not in out
    store.run("second").rename(store.run("quick-20991231-235959-abcd"))
    _, out, _ = said(capsys, "leaderboard", "quick", "--output-path", store.root)
    assert out.endswith(", the newest of 2 runs of quick; the others: bench ls runs quick\n")
    _, out, _ = said(capsys, "leaderboard", name, "--output-path", store.root)
    assert "the newest of" not in out


def test_a_run_that_cannot_be_read_is_listed_with_its_reason(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    (store.run("second") / RUN).write_text("{", encoding="utf-8")
    status, out, _ = said(capsys, "ls", "runs", "--output-path", store.root)
    assert status == 0
    assert "unreadable" in out
    assert "it is no JSON from line 1" in out


def test_a_run_is_removed_and_its_cells_stay(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    before = cells(store)
    status, out, _ = said(capsys, "rm", "second", "--output-path", store.root, "--dry-run")
    assert (status, store.run("second").is_dir()) == (0, True)
    status, out, _ = said(capsys, "rm", "second", "--output-path", store.root)
    assert (status, store.run("second").is_dir()) == (0, False)
    assert out == f"removed {store.run('second')}\ntheir cells stay until: bench prune\n"
    assert cells(store) == before
    assert not list(store.root.glob("*/.*"))


def test_a_wrong_name_removes_nothing(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = said(capsys, "rm", "second", "secnd", "--output-path", store.root)
    assert status == 2
    assert err.endswith("no run is called 'secnd'; did you mean second?\n")
    # A suite's name stands for its newest run elsewhere; what is removed is named in full.
    assert said(capsys, "rm", "other", "--output-path", store.root)[0] == 2
    assert store.run("second").is_dir()


def test_only_what_no_run_points_to_is_removed(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert not unused(store).folders["cells"]
    kept = cells_of(store.manifest("second"))
    others = cells(store) - kept
    said(capsys, "rm", first_run(store), "--output-path", store.root)
    assert {path.name for path in unused(store).folders["cells"]} == others
    arguments = ["prune", "--output-path", store.root]
    status, _, err = said(capsys, *arguments)
    assert (status, cells(store)) == (2, kept | others)
    assert err.endswith("give --yes, or --dry-run to see what it is\n")
    _, out, _ = said(capsys, *arguments, "--dry-run")
    assert out.startswith(f"would remove {len(others)} cells")
    assert cells(store) == kept | others
    _, out, _ = said(capsys, *arguments, "--yes")
    assert out.startswith(f"removed {len(others)} cells")
    assert cells(store) == kept
    assert said(capsys, *arguments, "--yes")[1].endswith("some run points to everything in it\n")


def test_what_an_ensemble_and_a_preparation_stand_on_is_kept(store: Store) -> None:
    second = store.manifest("second")
    key = second.cells[0].key
    record = json.loads((store.cell(key) / "record.json").read_text(encoding="utf-8"))
    member = min(cells(store) - cells_of(second))
    record["members"] = {"pke.tfidf": member}
    record["preparations"] = [
        {"name": "parse", "key": "used", "seconds": 1.0}
        | dict.fromkeys(("seconds_per_document", "peak_memory_bytes"))
    ]
    (store.cell(key) / "record.json").write_text(json.dumps(record), encoding="utf-8")
    for name in ("used", "not-used"):
        store.preparation(name).mkdir(parents=True)
    shutil.rmtree(store.run(first_run(store)))
    found = unused(store)
    assert member not in {path.name for path in found.folders["cells"]}
    assert [path.name for path in found.folders["preparations"]] == ["not-used"]
    remove_unused(store, found)
    assert member in cells(store)
    assert store.preparation("used").is_dir()


def test_documents_go_with_the_last_run(store: Store) -> None:
    store.documents("text").mkdir(parents=True)
    assert not unused(store).folders["documents"]
    shutil.rmtree(store.root / "runs")
    assert [path.name for path in unused(store).folders["documents"]] == ["text"]


def test_nothing_is_removed_beside_a_run_or_one_that_cannot_be_read(store: Store) -> None:
    lease = Lease(store.root)
    with pytest.raises(BenchError, match=r"a run is going on there.*wait for its end"):
        unused(store)
    lease.end()
    (store.run("second") / RUN).write_text("{", encoding="utf-8")
    with pytest.raises(BenchError, match="remove that run first: bench rm second"):
        unused(store)


def test_a_running_run_stays(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    lease = Lease(store.root)
    path = store.run("second") / RUN
    manifest = json.loads(path.read_text(encoding="utf-8")) | {"status": "running", "lease": lease.id}
    path.write_text(json.dumps(manifest), encoding="utf-8")
    status, _, err = said(capsys, "rm", "second", "--output-path", store.root)
    assert (status, err) == (2, "bench: run second: it is running; end it first\n")
    assert path.is_file()
    lease.end()


def test_sizes(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = said(capsys, "du", "--format", "json", "--output-path", store.root)
    found = json.loads(out)
    parts = {part["name"]: part for part in found["parts"]}
    assert parts["cells"]["entries"] == len(cells(store))
    assert found["bytes"] >= sum(part["bytes"] for part in found["parts"]) > 0
    _, out, _ = said(capsys, "du", "--output-path", store.root)
    assert out.splitlines()[-1].startswith(f"{store.root}: ")
    status, _, err = said(capsys, "du", "--output-path", store.root / "none")
    assert (status, "there is no such folder" in err) == (2, True)


def test_a_board_is_sorted_by_what_stands_above_its_columns(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = ["leaderboard", first_run(store), "--output-path", store.root, "--format", "json", "--sort"]

    def order(sort: str) -> list[str]:
        status, out, err = said(capsys, *shown, sort)
        assert status == 0, err
        return [row["method"] for row in json.loads(out)["rows"]]

    assert order("ms/doc") == order("docs/s") == order("documents_per_s_marginal")
    assert order("memory") == order("peak_memory_bytes") != order("docs/s")
    assert order("f1@10 [95 %]") == order("f1@10")
    status, _, err = said(capsys, *shown, "docs/ss")
    assert (status, err) == (2, "bench: no row has a metric or cost 'docs/ss'; did you mean docs/s?\n")


def test_a_metric_that_no_method_has_any_more_is_no_wrong_name(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in store.root.glob("cells/*/record.json"):
        path.unlink()
    status, out, _ = said(
        capsys, "leaderboard", first_run(store), "--output-path", store.root, "--sort", "f1@5"
    )
    assert status == 0
    assert "lost" in out
