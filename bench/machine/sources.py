"""Which source files a method's process may run. They are found by following imports, and a cell's key covers
them all.

First-party code is what no installed version speaks for: this project, the package of a method, a file that a
user names, and every module that lies outside of ``site-packages``. Of other libraries the version counts.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import ModuleType

from readbench.core.digests import digest
from readbench.core.errors import BenchError
from readbench.machine.file_sums import file_sum

HARNESS = "readbench"
CELL_PROCESS = ("readbench.engine.server", "readbench.engine.child")
"""What runs in every cell's process, whatever the method is."""

INCLUDED = "readbench_include_"
"""How the name of a module begins that was imported from a file which a user named."""

_INSTALLED = frozenset(("site-packages", "dist-packages"))
_STANDARD = tuple(
    Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib") if sysconfig.get_path(name)
)


@dataclass(frozen=True)
class Sources:
    """The first-party modules that some code reaches. ``sums``: SHA-256 by module name, of data files of its
    package by their path. ``libraries``: top-level names of everything else that they import."""

    sums: dict[str, str]
    libraries: frozenset[str]

    @property
    def digest(self) -> str:
        """One SHA-256 for all of them. It does not depend on where the files lie."""
        return digest(sorted((_portable(name), found) for name, found in self.sums.items()))

    def uncovered(self, loaded: dict[str, str]) -> dict[str, str]:
        """Of the modules that a process had loaded (file by name), those that are not in ``sums``: the
        SHA-256 of each file by its path."""
        return {file: _sum_or_nothing(file) for name, file in loaded.items() if name not in self.sums}

    def edited(self, loaded: dict[str, str]) -> str | None:
        """The file of the first loaded module that is no longer what it was when these sums were made."""
        for name, file in sorted(loaded.items()):
            if name in self.sums and _sum_or_nothing(file) != self.sums[name]:
                return file
        return None


def edited_since(sums: Mapping[str, str]) -> str | None:
    """The first of some files (SHA-256 by path) that is not what it was; None where all are."""
    return next((file for file, known in sums.items() if _sum_or_nothing(file) != known), None)


class SourceReader:
    """Follows imports. One reader sees one state of the files: make a new one for each plan."""

    def __init__(self) -> None:
        self._files: dict[str, Path | None] = {}
        self._sums: dict[Path, str] = {}
        self._found: dict[frozenset[type], Sources] = {}

    def of(self, *classes: type) -> Sources:
        """The sources that a cell's process runs for these classes: theirs, their bases', and the harness's
        own."""
        asked = frozenset(base for cls in classes for base in cls.__mro__)
        if asked not in self._found:
            roots = {base.__module__ for base in asked} - {"builtins"}
            own = frozenset(name.partition(".")[0] for name in {cls.__module__ for cls in classes})
            self._found[asked] = self._reach([*sorted(roots), *CELL_PROCESS], own | {HARNESS})
        return self._found[asked]

    def _reach(self, roots: Iterable[str], own: frozenset[str]) -> Sources:
        sums: dict[str, str] = {}
        libraries: set[str] = set()
        # A package that is only passed through on the way to a module runs its statements, but no function.
        queue = [(name, True) for name in roots]
        seen: set[tuple[str, bool]] = set()
        while queue:
            name, whole = queue.pop()
            if (name, whole) in seen:
                continue
            seen.add((name, whole))
            file = self._file(name)
            if file is not None and (name.partition(".")[0] in own or is_first_party(file)):
                sums[name] = self._sum(file)
                if file.suffix == ".py":
                    queue += self._imported(name, file, whole=whole)
            elif name.partition(".")[0] not in sys.stdlib_module_names:
                libraries.add(name.partition(".")[0])
            if "." in name:
                queue.append((name.rpartition(".")[0], False))
        libraries -= {name.partition(".")[0] for name in sums}
        return Sources(sums | self._data(own - {HARNESS}), frozenset(libraries))

    def _imported(self, name: str, file: Path, *, whole: bool) -> Iterator[tuple[str, bool]]:
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        for imported in _imports(file.read_bytes(), whole):
            base = _absolute(imported, package)
            if base is None:
                continue
            if not imported.names:
                yield base, True
                continue
            modules = [f"{base}.{one}" for one in imported.names if self._file(f"{base}.{one}")]
            if imported.names == ("*",):
                modules = list(self._modules_in(base))
            yield from ((module, True) for module in modules)
            # Of a package that gives a module only its statements run; otherwise what it defines is used.
            yield base, len(modules) < len(imported.names) or imported.names == ("*",)

    def _modules_in(self, package: str) -> Iterator[str]:
        file = self._file(package)
        if file is not None and file.name == "__init__.py":
            yield from (f"{package}.{path.stem}" for path in sorted(file.parent.glob("*.py")) if path != file)

    def _file(self, name: str) -> Path | None:
        """The file of a module; None for one that has none, or that is not there. Imports nothing."""
        if name not in self._files:
            self._files[name] = _find(name)
        return self._files[name]

    def _sum(self, file: Path) -> str:
        if file not in self._sums:
            try:
                self._sums[file] = file_sum(file)
            except OSError as error:
                raise BenchError(f"cannot be read: {error.strerror}", where=str(file)) from error
        return self._sums[file]

    def _data(self, packages: Iterable[str]) -> dict[str, str]:
        """Sums of the files of packages that are no Python: word lists, templates, compiled parts."""
        found = {}
        for package in sorted(packages):
            init = self._file(package)
            if init is None or init.name != "__init__.py":
                continue
            for path in sorted(init.parent.rglob("*")):
                relative = path.relative_to(init.parent)
                hidden = any(part.startswith(".") or part == "__pycache__" for part in relative.parts)
                if path.is_file() and not hidden and path.suffix not in (".py", ".pyc"):
                    found[f"{package}/{relative.as_posix()}"] = self._sum(path)
        return found


def is_first_party(file: Path) -> bool:
    """Whether no installed version speaks for a source file: it is neither Python's own nor installed."""
    # Most modules are installed; following links is left for the few others.
    if not _INSTALLED.isdisjoint(file.parts) or any(file.is_relative_to(folder) for folder in _STANDARD):
        return False
    resolved = file.resolve()
    if not _INSTALLED.isdisjoint(resolved.parts):
        return False
    return not any(resolved.is_relative_to(folder) for folder in _STANDARD)


def loaded_modules(cls: type, before: Iterable[str] = ()) -> dict[str, str]:
    """The first-party modules of this process, file by name: those of the harness, and of all others, the
    package of ``cls`` among them, those that were not there ``before``."""
    known = set(before)
    own = cls.__module__.partition(".")[0]
    found = {}
    for name, module in list(sys.modules.items()):
        top = name.partition(".")[0]
        if name in known and top != HARNESS:
            continue
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and (top in (HARNESS, own) or is_first_party(Path(file))):
            found[name] = file
    return found


@dataclass(frozen=True)
class _Import:
    """One import statement: ``names`` are empty for ``import module``, ``level`` counts leading dots."""

    module: str
    names: tuple[str, ...] = ()
    level: int = 0


@lru_cache(maxsize=2048)
def _imports(source: bytes, whole: bool) -> tuple[_Import, ...]:
    """The imports of a source text; with ``whole`` those inside functions as well. It is kept by the text
    itself, which cannot change. Text that is no Python imports nothing."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return ()
    found: list[_Import] = []
    queue: list[ast.AST] = [tree]
    while queue:
        node = queue.pop()
        if isinstance(node, ast.Import):
            found += [_Import(alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            found.append(_Import(node.module or "", names, node.level))
        elif isinstance(node, ast.Call) and (named := _named_module(node)):
            found.append(named)
        if isinstance(node, ast.If) and _only_for_types(node.test):
            queue += node.orelse
        elif whole or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            queue += ast.iter_child_nodes(node)
    return tuple(dict.fromkeys(found))


def _named_module(call: ast.Call) -> _Import | None:
    """The module of ``importlib.import_module("name")`` and ``__import__("name")``."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name not in ("import_module", "__import__") or not call.args:
        return None
    first = call.args[0]
    if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        return None
    bare = first.value.lstrip(".")
    return _Import(bare, (), len(first.value) - len(bare))


def _only_for_types(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"


def _absolute(imported: _Import, package: str) -> str | None:
    """The full name of what a statement in ``package`` imports from; None where it leads out of it."""
    if not imported.level:
        return imported.module
    parts = package.split(".")
    if imported.level > len(parts):
        return None
    base = parts[: len(parts) - imported.level + 1]
    return ".".join([*base, imported.module] if imported.module else base) or None


def _find(name: str) -> Path | None:
    top, _, rest = name.partition(".")
    if top in sys.stdlib_module_names:
        return None
    if name in sys.modules:
        return _file_of(sys.modules[name])
    if not rest:
        try:
            spec = importlib.util.find_spec(top)
        except (ImportError, ValueError):
            return None
        return Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None
    for folder in _folders(top):
        place = Path(folder, *rest.split("."))
        files = [place / "__init__.py", place.with_name(f"{place.name}.py")]
        files += [place.with_name(place.name + suffix) for suffix in EXTENSION_SUFFIXES]
        if found := next((file for file in files if file.is_file()), None):
            return found
    return None


def _folders(top: str) -> list[str]:
    """The folders in which modules of a top-level package lie."""
    if top in sys.modules:
        return list(getattr(sys.modules[top], "__path__", ()))
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return []
    return list(spec.submodule_search_locations or ()) if spec is not None else []


def _file_of(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file) if isinstance(file, str) else None


def _sum_or_nothing(file: str) -> str:
    try:
        return file_sum(file)
    except OSError:
        return ""


def _portable(name: str) -> str:
    """The name of a module without the part that says where a user's file lies."""
    return name[len(INCLUDED) + 13 :] if name.startswith(INCLUDED) else name
