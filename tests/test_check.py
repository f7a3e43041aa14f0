"""`bench check` of methods with a bug: each gets a line that says what, where, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_process import Bench

METHOD = '''
import os, signal, sys, time
from readbench.adapter import Adapter, Params, RankedPhrases


class Mine(Adapter):
    """A method with a bug."""

    name = "my.method"
    {tasks}

    class Params(Params):
        """No parameters."""

    def predict(self, documents):
        {predict}

    def save(self, folder):
        {save}
'''
WORDS = "[RankedPhrases(tuple(t.lower().split()[:3]), (3.0, 2.0, 1.0)[:len(t.split())]) for t in "
WORDS += "(d.fields.get('title', '') for d in documents)]"
TASKS = 'tasks = frozenset({"keyphrases"})'


def write(folder: Path, predict: str = f"return {WORDS}", save: str = "pass", tasks: str = TASKS) -> Path:
    path = folder / "mine.py"
    path.write_text(METHOD.format(predict=predict, save=save, tasks=tasks), encoding="utf-8")
    return path


def checked(bench: Bench, path: Path, *more: str) -> tuple[int, str, str]:
    done = bench.here("check", "my.method", "--include-path", path, *more)
    return done.returncode, " ".join(done.stdout.split()), done.stderr


def test_an_exception_has_its_file_its_line_and_its_document(bench: Bench, tmp_path: Path) -> None:
    predict = f"[d.fields['keywords'] for d in documents if d.id == documents[-1].id]; return {WORDS}"
    path = write(tmp_path, predict)
    line = next(i for i, text in enumerate(path.read_text().splitlines(), 1) if "keywords" in text)
    status, out, _ = checked(bench, path)
    assert status == 1
    assert "KeyError: 'keywords' on document" in out
    assert f"(mine.py, line {line}, in " in out
    assert "expected" not in out


@pytest.mark.parametrize(
    ("predict", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "the process was ended by SIGSEGV"),
        ("os._exit(0)", "the process left with exit status 0"),
        (
            "print('goodbye', flush=True); os._exit(7)",
            "the process left with exit status 7; it printed: goodbye",
        ),
    ],
)
def test_a_crash_fails_the_test_that_it_was_in(bench: Bench, tmp_path: Path, predict: str, said: str) -> None:
    status, out, err = checked(bench, write(tmp_path, predict))
    assert (status, err) == (1, "")
    assert f"FAIL keyphrases: one well-formed prediction a document, in order {said}" in out


def test_a_crash_while_importing_is_said(bench: Bench, tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_text(path.read_text() + "\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    status, out, _ = checked(bench, path)
    assert status == 1
    assert "FAIL it can be imported the process was ended by SIGSEGV" in out


def test_a_hang_ends_in_time(bench: Bench, tmp_path: Path) -> None:
    status, out, _ = checked(bench, write(tmp_path, "time.sleep(600)"), "--timeout", "5s")
    assert status == 1
    assert "it did not end within 5 s" in out
    assert bench.survivors() == []


def test_prints_stay_out_of_the_report(bench: Bench, tmp_path: Path) -> None:
    status, out, _ = checked(bench, write(tmp_path, f"print('NOISE'); return {WORDS}"))
    assert status == 0, out
    assert "NOISE" not in out


def test_what_mends_it_is_named(bench: Bench, tmp_path: Path) -> None:
    predict = f"documents[0]; return {WORDS}"
    status, out, _ = checked(bench, write(tmp_path, predict, save="self.model"))
    assert status == 1
    assert "begin predict with: if not documents: return []" in out
    assert "write in save() what fit() learned, and read it in restore()" in out


@pytest.mark.parametrize(
    ("tasks", "said"),
    [
        ("pass", "class Mine says no tasks"),
        ('tasks = "keyphrases"', "class Mine: tasks is 'keyphrases'"),
        ('tasks = frozenset({"keyphrase"})', "class Mine: tasks is frozenset({'keyphrase'})"),
        ("tasks = frozenset()", "class Mine: tasks is frozenset()"),
    ],
)
def test_a_class_that_says_no_tasks_is_refused(bench: Bench, tmp_path: Path, tasks: str, said: str) -> None:
    path = write(tmp_path, tasks=tasks)
    for verb in (["check", "my.method"], ["run", "--method", "my.method", "--dataset", "papers-demo"]):
        done = bench.here(*verb, "--include-path", path)
        assert done.returncode == 2
        assert done.stderr.startswith(f"bench: {path}: {said}; write tasks = ")
        assert done.stderr.count("\n") == 1
