"""How the files of the house may use each other: no circles, no private names of another room, and of a room
only what its face lists."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

grimp = pytest.importorskip("grimp", reason="needs the extra dev")

REPOSITORY = Path(__file__).resolve().parents[1]
HOUSES = {"readbench": REPOSITORY / "bench", "readbench_adapters": REPOSITORY / "adapters"}
FILES = sorted(file for folder in HOUSES.values() for file in folder.rglob("*.py"))
ROOMS = sorted(file.parent for folder in HOUSES.values() for file in folder.glob("*/__init__.py"))


def module_of(file: Path) -> str:
    """The import name of a file, e.g. ``readbench.stats.power``; that of its folder for ``__init__.py``."""
    name, folder = next((n, f) for n, f in HOUSES.items() if file.is_relative_to(f))
    parts = file.relative_to(folder).with_suffix("").parts
    return ".".join((name, *(part for part in parts if part != "__init__")))


def room_of(module: str) -> str:
    """``readbench.stats`` for all that lies in it."""
    return ".".join(module.split(".")[:2])


MODULES = frozenset(map(module_of, FILES))
ROOM_NAMES = frozenset(map(module_of, (room / "__init__.py" for room in ROOMS)))


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def imported_names(file: Path) -> Iterator[tuple[str, str, int]]:
    """Module, name in it and line of everything that a file imports from this project, functions and
    TYPE_CHECKING included. A module imported as a whole has its last part as the name."""
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            found = [(node.module, alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            found = [(alias.name.rpartition(".")[0], alias.name.rpartition(".")[2]) for alias in node.names]
        else:
            continue
        for module, name in found:
            if module.partition(".")[0] in HOUSES:
                yield module, name, node.lineno


def of_other_rooms(file: Path) -> Iterator[tuple[str, str, int]]:
    """What a file imports of rooms that it does not lie in."""
    here = room_of(module_of(file))
    for module, name, line in imported_names(file):
        room = room_of(f"{module}.{name}")
        if room in ROOM_NAMES and room != here:
            yield module, name, line


def listed(room: Path) -> list[str]:
    """``__all__`` of a room, read without importing it."""
    for node in tree_of(room / "__init__.py").body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if [getattr(target, "id", None) for target in targets] == ["__all__"]:
            return [str(name) for name in ast.literal_eval(node.value)]
    return []


def test_no_file_imports_itself_by_way_of_others() -> None:
    """Imports inside functions and for the type checker count too."""
    graph = grimp.build_graph(*HOUSES, exclude_type_checking_imports=False, cache_dir=None)
    assert graph.modules >= MODULES
    uses = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert "readbench.runs.api" in uses["readbench"]  # imported inside a function
    try:
        TopologicalSorter(uses).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


def test_private_names_stay_in_their_room() -> None:
    taken = [
        f"{file.relative_to(REPOSITORY)}:{line}: {module}.{name}"
        for file in FILES
        for module, name, line in of_other_rooms(file)
        if any(part.startswith("_") for part in (*module.split("."), name))
    ]
    assert not taken


def test_private_names_of_modules_are_not_reached_through_the_module() -> None:
    reached = []
    for file in FILES:
        modules = {name for module, name, _ in of_other_rooms(file) if f"{module}.{name}" in MODULES}
        for node in ast.walk(tree_of(file)):
            if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
                continue
            if node.value.id in modules and node.attr.startswith("_"):
                reached.append(f"{file.relative_to(REPOSITORY)}:{node.lineno}: {node.value.id}.{node.attr}")
    assert not reached


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(REPOSITORY)))
def test_a_room_has_a_face(room: Path) -> None:
    """Its docstring says what it is for; what it lists is there."""
    said = ast.get_docstring(tree_of(room / "__init__.py")) or ""
    assert len(said.split()) >= 8, f"{room}: say in two sentences what the room is for"
    names = listed(room)
    defined = {getattr(node, "name", None) for node in tree_of(room / "__init__.py").body}
    defined |= {name for _, name, _ in imported_names(room / "__init__.py")} | assigned(room)
    files = {file.stem for file in room.glob("*.py")} | {
        file.parent.name for file in room.glob("*/__init__.py")
    }
    missing = {*names} - defined - files
    assert not missing


def assigned(room: Path) -> set[str]:
    """Names that the face of a room gives a value."""
    return {
        name.id
        for node in tree_of(room / "__init__.py").body
        for name in ast.walk(node)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    }


def test_other_rooms_use_what_a_room_lists() -> None:
    faces = {module_of(room / "__init__.py"): set(listed(room)) for room in ROOMS}
    unlisted = set()
    for file in FILES:
        for module, name, line in of_other_rooms(file):
            used = f"{module}.{name}"
            if used not in ROOM_NAMES:
                face = used.split(".")[2]
                if face not in faces[room_of(used)]:
                    unlisted.add(f"{file.relative_to(REPOSITORY)}:{line}: {face} of {room_of(used)}")
    assert not unlisted, "\n".join(
        ["list them in __all__ of the room, or use what it lists", *sorted(unlisted)]
    )


def test_the_formatter_has_no_exception() -> None:
    folders = [*HOUSES.values(), REPOSITORY / "tests", REPOSITORY / "docs"]
    files = (file for folder in folders for file in folder.rglob("*.py"))
    mark = "fmt: " + "skip"  # in two parts, so that this file has none
    assert not [str(file) for file in files if mark in file.read_text(encoding="utf-8")]


@pytest.mark.skipif(not (REPOSITORY / "docs" / "reference").is_dir(), reason="docs/ is not part of this copy")
@pytest.mark.parametrize("page", ["suite", "command", "metrics"])
def test_a_page_of_the_reference_is_what_the_code_says_now(page: str) -> None:
    """`make reference` writes these pages anew; what they must name is tested in test_reference.py."""
    folder = REPOSITORY / "docs" / "reference"
    name = {"suite": "suite.md", "command": "command-line.md", "metrics": "metrics.md"}[page]
    program = f"import sys, {page}_page; sys.stdout.buffer.write({page}_page.page().encode())"
    paths = os.pathsep.join([str(folder), str(REPOSITORY / ".src")])
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert (folder / name).read_bytes() == done.stdout, "write them anew: python docs/reference/write.py"
