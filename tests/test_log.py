"""-q, -v and --log-file: how much a command says, and what somebody puts into a bug report."""

from __future__ import annotations

import logging
import re
import warnings
from pathlib import Path

import pytest
from bench_process import Bench, write_suite

import readbench
from readbench.cli import main
from readbench.core.errors import DamagedFile
from readbench.datasets import embedded


def said(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments)])
    return int(ended.value.code or 0), *capfd.readouterr()


@pytest.mark.parametrize("before", [True, False])
def test_the_options_stand_before_or_after_a_verb(
    before: bool, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    log = ["--log-file", tmp_path / "bench.log"]
    status, out, _ = said(capfd, *(log if before else []), "ls", "datasets", *([] if before else log))
    assert status == 0
    assert "papers-demo" in out
    lines = (tmp_path / "bench.log").read_text(encoding="utf-8")
    assert f"bench {readbench.__version__}: bench " in lines
    assert re.search(r"installed: .*pydantic \d", lines)
    assert re.search(r"INFO readbench: exit status 0 after \d+\.\d s\n$", lines)


def test_a_run_leaves_its_reasons_and_quiet_its_board_alone(bench: Bench, tmp_path: Path) -> None:
    suite = write_suite(tmp_path, ["hostile.good", "hostile.raises"])
    arguments = [suite, "--limit", 12, "--output-path", tmp_path / "results"]
    done = bench("run", *arguments, "-q", f"--log-file={tmp_path / 'bench.log'}")
    assert done.returncode == 1
    assert done.stderr == ""
    assert done.stdout.startswith("hostile on papers-demo")
    lines = (tmp_path / "bench.log").read_text(encoding="utf-8")
    assert "dataset papers-demo" in lines
    assert "cell hostile.good of keyphrases: run, key " in lines
    assert "end hostile.good: ok, " in lines
    assert "WARNING readbench.run: hostile.raises: " in lines
    assert "Traceback (most recent call last)" in lines
    assert "\x1b" not in lines


def test_verbose_says_it_on_standard_error(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["plan", "--dataset", "papers-demo", "--method", "majority", "--output-path", tmp_path]
    _, plain, silent = said(capfd, *arguments)
    _, out, err = said(capfd, *arguments, "-v")
    assert out == plain
    assert silent == ""
    assert "bench: cell majority of classification: run, key " in err


def test_an_error_is_in_the_log_with_its_place(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, _, err = said(capfd, "run", "quik", "--log-file", tmp_path / "bench.log")
    assert (status, err) == (2, "bench: no suite is called 'quik'; did you mean quick?\n")
    lines = (tmp_path / "bench.log").read_text(encoding="utf-8")
    assert "ERROR readbench: no suite is called 'quik'; did you mean quick?; exit status 2" in lines
    assert "in find_suite" in lines


def test_a_log_goes_on_and_shows_no_password(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for _ in range(2):
        address = "http://me:secret@example.org"
        arguments = ["export", "none", "--to", "mlflow", "--tracking-uri", address, "--output-path", tmp_path]
        said(capfd, *arguments, "--log-file", tmp_path / "bench.log")
    lines = (tmp_path / "bench.log").read_text(encoding="utf-8")
    assert lines.count("bench export") == 2
    assert "secret" not in lines


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["ls", "suites", "--log-file"], "--log-file: it needs a file; write --log-file bench.log"),
        (["--log-file", "-q", "ls", "suites"], "--log-file: it needs a file; write --log-file bench.log"),
        (["-q", "ls", "suites", "-v"], "-q says less and -v says more; leave out one of them"),
    ],
)
def test_wrong_use(arguments: list[str], line: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert said(capfd, *arguments) == (2, "", f"bench: {line}\n")


def test_a_log_that_cannot_be_written(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    place = tmp_path / "none" / "bench.log"
    line = f"bench: --log-file {place}: it cannot be written: No such file or directory\n"
    assert said(capfd, "ls", "suites", "--log-file", place) == (3, "", line)


@pytest.mark.parametrize(
    ("category", "options", "shown"),
    [
        (FutureWarning, [], ""),
        (FutureWarning, ["-v"], "soon gone"),
        (RuntimeWarning, [], "soon gone"),
        (RuntimeWarning, ["-q"], ""),
        (DamagedFile, [], "bench: soon gone\n"),
        (DamagedFile, ["-q"], ""),
    ],
)
def test_warnings(
    category: type[Warning],
    options: list[str],
    shown: str,
    capfd: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What libraries tell programmers goes to the log, what tells of the data to people, once each."""

    def warn() -> list[embedded.DatasetInfo]:
        warnings.simplefilter("always")
        warnings.warn("soon gone", category, stacklevel=1)
        return []

    monkeypatch.setattr("readbench.cli.listing.list_datasets", warn)
    _, _, err = said(capfd, "ls", "datasets", *options, "--log-file", tmp_path / "bench.log")
    if shown:
        assert shown in err
        assert err.count("soon gone") == 1
    else:
        assert "soon gone" not in err
    assert "soon gone" in (tmp_path / "bench.log").read_text(encoding="utf-8")


def test_nothing_stays_behind(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    before = [*logging.getLogger().handlers], [*logging.getLogger("readbench").handlers], warnings.showwarning
    said(capfd, "ls", "datasets", "-v", "--log-file", tmp_path / "bench.log")
    after = [*logging.getLogger().handlers], [*logging.getLogger("readbench").handlers], warnings.showwarning
    assert after == before
