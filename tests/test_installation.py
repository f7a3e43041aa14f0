"""What a user gets who installs the wheel: the right names and files, on each Python, neighbours unharmed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from readbench.machine.versions import _owners, installed_state

REPOSITORY = Path(__file__).resolve().parents[1]
CONSTRAINTS = REPOSITORY / "constraints.txt"
EXAMPLES = REPOSITORY / "examples"
PYTHONS = ("3.11", "3.12", "3.13")
"""The versions that the workflow of this repository names."""

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_import_names_have_the_owners_that_the_standard_library_finds() -> None:
    found, expected = _owners(installed_state()), metadata.packages_distributions()
    for name in ("numpy", "pandas", "pyarrow", "pytest", "readbench", "yaml", "_pytest", "six", "sklearn"):
        assert sorted(set(found.get(name, ()))) == sorted(set(expected.get(name, ()))), name
    shared = {name for name in found.keys() & expected.keys() if name.isidentifier()}
    assert len(shared) > 30
    assert {n: sorted(found[n]) for n in shared} == {n: sorted(expected[n]) for n in shared}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(REPOSITORY)], check=True)
    return next(folder.glob("readbench-*.whl"))


def test_the_wheel_holds_code_suites_and_papers_under_names_of_its_own(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for needed in (
        "readbench/cli/main.py",
        "readbench/py.typed",
        "readbench/suites/quick.toml",
        "readbench/authoring/templates/method.py",
        "readbench/authoring/templates/papers.toml",
        "readbench/datasets/papers_demo.jsonl",
        "readbench_adapters/pke/counting.py",
    ):
        assert needed in names
    tops = {name.partition("/")[0] for name in names}
    # `bench` is frappe-bench's import name, `adapters` is AdapterHub's.
    assert {top for top in tops if not top.endswith(".dist-info")} == {"readbench", "readbench_adapters"}


def test_the_wheel_declares_its_methods_and_commands(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    text = next(archive.read(n).decode() for n in archive.namelist() if n.endswith("entry_points.txt"))
    assert "bench = readbench.cli:main" in text
    assert "pke.multipartiterank = readbench_adapters.pke.graphs:MultipartiteRank" in text


def pip(python: Path, *arguments: str) -> None:
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", *arguments], check=True)


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_in_a_clean_environment(wheel: Path, tmp_path: Path) -> None:
    """Without the extra one line says what to install; with it `bench run quick` works, beside PyPI's
    `adapters` and `frappe-bench`."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    bench = tmp_path / "venv" / "bin" / "bench"
    work = tmp_path / "work"
    work.mkdir()

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)

    pip(python, "--constraint", str(CONSTRAINTS), str(wheel))
    bare = run(str(bench), "run", "quick")
    assert bare.returncode == 3
    assert len(bare.stderr.splitlines()) == 1
    assert "pip install 'readbench[keyphrases]'" in bare.stderr

    pip(python, "--constraint", str(CONSTRAINTS), f"{wheel}[keyphrases]")
    full = run(str(bench), "run", "quick", "--limit", "20")
    assert full.returncode == 0, full.stderr
    assert "pke.multipartiterank" in full.stdout

    # torch first: a plain one brings gigabytes of CUDA along.
    pip(python, "torch==2.13.0")
    pip(python, "adapters==1.3.0")
    pip(python, "--no-deps", "frappe-bench")
    both = run(
        str(python), "-c", "import adapters, bench, readbench; print(adapters.__file__, bench.__file__)"
    )
    assert both.returncode == 0, both.stderr
    assert "site-packages/adapters/" in both.stdout
    assert "site-packages/bench/" in both.stdout
    # frappe-bench has taken the script `bench`; the other name still is this program.
    other = run(str(bench.with_name("readbench")), "ls", "suites")
    assert other.returncode == 0
    assert "quick" in other.stdout


def interpreter(version: str) -> Path | None:
    """A Python of this version: this one, one on PATH, or one of pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found: list[str | Path | None] = [
        sys.executable,
        shutil.which(f"python{version}"),
        *sorted(pyenv.glob(f"{version}.*/bin/python")),
    ]
    for path in found:
        if path is None:
            continue
        ask = [str(path), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        told = subprocess.run(ask, capture_output=True, text=True, check=False)
        if told.stdout.strip() == version:
            return Path(path)
    return None


@pytest.fixture(scope="module")
def clean_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that a clone of this repository gives: nothing that is not committed is in it."""
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a git repository")
    folder = tmp_path_factory.mktemp("clone")
    subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(folder / "bench")], check=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(folder / "bench")], check=True)
    return next(folder.glob("readbench-*.whl"))


def test_the_workflow_runs_these_versions() -> None:
    workflow = (REPOSITORY / ".github" / "workflows" / "check.yml").read_text(encoding="utf-8")
    assert all(f'"{version}"' in workflow for version in PYTHONS)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("version", PYTHONS)
def test_on_each_python(version: str, clean_wheel: Path, tmp_path: Path) -> None:
    """The wheel without extras answers what needs no method and runs a method of the user; with two extras it
    runs the suite `quick`."""
    base = interpreter(version)
    if base is None:
        pytest.skip(f"there is no Python {version} here")
    subprocess.run([str(base), "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    work = tmp_path / "work"
    shutil.copytree(EXAMPLES, work)
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}

    def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(python.with_name("bench")), *arguments]
        return subprocess.run(command, cwd=work, env=env, capture_output=True, text=True, check=False)

    pip(python, "--constraint", str(CONSTRAINTS), str(clean_wheel))
    without_extras(bench)
    pip(python, "--constraint", str(CONSTRAINTS), f"{clean_wheel}[keyphrases,classification]")
    done = bench("run", "quick")
    assert done.returncode == 0, done.stderr
    assert "pke.multipartiterank" in done.stdout
    assert "logreg" in bench("leaderboard", "quick").stdout


def without_extras(bench: Run) -> None:
    for listed, name in (
        ("suites", "quick"),
        ("methods", "logreg"),
        ("datasets", "papers-demo"),
        ("metrics", "f1@10"),
    ):
        done = bench("ls", listed)
        assert (done.returncode, name in done.stdout) == (0, True), done.stderr
    assert "pip install 'readbench[classification]'" in " ".join(
        bench("ls", "methods", "logreg").stdout.split()
    )
    assert "Usage: bench" in bench("--help").stdout
    doctor = bench("doctor")
    assert doctor.returncode == 0, doctor.stderr
    assert "pip install 'readbench[keyphrases]'" in " ".join(doctor.stdout.split())
    empty = bench("leaderboard")
    assert (empty.returncode, empty.stderr.count("\n")) == (2, 1)
    plan = bench("plan", "quick")
    assert plan.returncode == 3, plan.stderr
    assert "pip install 'readbench[keyphrases]'" in " ".join((plan.stdout + plan.stderr).split())
    own = ["--method", "example.frequent", "--include-path", "my_method.py"]
    assert bench("run", "my_suite.toml", *own).returncode == 0
    assert "example.frequent" in bench("leaderboard").stdout
