"""Finds methods: entry points of the group ``bench.adapters``, and files under ``--include-path``. Finds
encoders of phrases: entry points of the group ``bench.phrase_encoders``, by the name of their model."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import to_jsonable_python

from readbench.adapter import Adapter, Context, Params, PhraseEncoder
from readbench.core.errors import BenchError, MissingDependency
from readbench.core.invalid import first_problem
from readbench.core.names import suggestion
from readbench.core.types import Task
from readbench.machine.file_sums import file_sum
from readbench.machine.sources import HARNESS, INCLUDED, is_first_party
from readbench.machine.versions import InstalledState, installed_state
from readbench.methods.spec import format_spec, parse_spec

GROUP = "bench.adapters"
ENCODERS = "bench.phrase_encoders"


@dataclass(frozen=True)
class Method:
    """An adapter class with validated parameters."""

    adapter: type[Adapter]
    params: Any

    @cached_property
    def spec(self) -> str:
        """The canonical spec: parameters that differ from the defaults, keys in order."""
        given = plain(self.params)
        default = {
            name: field.get_default(call_default_factory=True)
            for name, field in type(self.params).model_fields.items()
        }
        defaults = plain(type(self.params).model_construct(**default))
        return format_spec(self.adapter.name, {k: v for k, v in given.items() if v != defaults.get(k)})

    def create(self, context: Context) -> Adapter:
        return self.adapter(self.params, context)


def plain(params: BaseModel) -> dict[str, Any]:
    """Parameters as JSON-able values that are the same in every process. pydantic writes a set in the
    order of its hashes, which for texts is another one each time: a key made of that is no key."""
    return {name: _plain(value) for name, value in params.model_dump().items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(to_jsonable_python(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((_plain(item) for item in value), key=json.dumps)
    return to_jsonable_python(value)


@lru_cache(maxsize=1)
def _installed_methods(state: InstalledState) -> Mapping[str, EntryPoint]:  # noqa: ARG001 - another, others
    """To find them, the metadata of all packages are read. What a fork server found, its cells know."""
    return {point.name: point for point in entry_points(group=GROUP)}


class Registry(Mapping[str, type[Adapter]]):
    """Every method that can be named, loaded when asked for.

    ``include_paths`` are files or folders whose ``*.py`` hold adapters. A module that cannot be
    imported costs itself alone: ``problems`` says which and why.
    """

    def __init__(self, include_paths: Iterable[Path | str] = ()) -> None:
        _forget_edited()
        self.include_paths: tuple[Path, ...] = ()
        self.problems: dict[str, str] = {}
        self._points = _installed_methods(installed_state())
        self._loaded: dict[str, type[Adapter]] = {}
        self.include(include_paths)

    def include(self, paths: Iterable[Path | str]) -> None:
        """Imports the adapters in more files or folders. Raises BenchError for what cannot be imported."""
        for path in (Path(path).resolve() for path in paths):
            self.include_paths += (path,)
            for cls in _adapters_in(path):
                self._loaded[cls.name] = cls

    def __getitem__(self, name: str) -> type[Adapter]:
        if name not in self._loaded:
            if name not in self._points:
                todo = suggestion(name, self, "`bench ls methods` lists them")
                raise BenchError(f"no method is called {name!r}", todo=todo)
            try:
                with _remembered():
                    self._loaded[name] = _well_made(self._points[name].load(), self._points[name].value)
            except BenchError:
                raise
            except (Exception, SystemExit) as error:  # an exit would end the run without a word
                raise BenchError(
                    f"the method {name!r} cannot be imported: {type(error).__name__}: {error}",
                    where=self._points[name].value,
                    todo="mend or uninstall that package",
                ) from error
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._points or name in self._loaded

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._points, *self._loaded}))

    def __len__(self) -> int:
        return len({*self._points, *self._loaded})

    def usable(self) -> Iterator[type[Adapter]]:
        """Every method that can be imported; the others go to ``problems``."""
        for name in self:
            try:
                yield self[name]
            except BenchError as error:
                self.problems[name] = str(error)

    def method(self, spec: str) -> Method:
        """Reads a spec and validates its parameters.

        Raises BenchError for an unknown method, an unknown parameter or a value of the wrong kind.
        """
        name, given = parse_spec(spec)
        adapter = self[name]
        try:
            return Method(adapter, adapter.Params.model_validate(given))
        except ValidationError as error:
            raise _refusal(error, adapter, f"method {spec!r}") from None


def _refusal(error: ValidationError, adapter: type[Adapter], where: str) -> BenchError:
    problem = first_problem(error, adapter.Params)
    if problem.key not in adapter.Params.model_fields and "." not in problem.key and problem.key:
        known = sorted(adapter.Params.model_fields)
        what = f"{adapter.name} has no parameter {problem.key!r}"
        return BenchError(what, where=where, todo=suggestion(problem.key, known))
    # A rule of the whole method (two parameters that exclude each other) has no key.
    what = f"parameter {problem.key}: {problem.what}" if problem.key else problem.what
    return BenchError(what, where=where, todo=problem.todo)


def _adapters_in(path: Path) -> list[type[Adapter]]:
    if not path.exists():
        raise BenchError("there is no such file or folder", where=f"--include-path {path}")
    files = sorted(path.glob("*.py")) if path.is_dir() else [path]
    found = []
    for file in files:
        module = _import_file(file)
        for value in vars(module).values():
            if (
                isinstance(value, type)
                and issubclass(value, Adapter)
                and value.__module__ == module.__name__
                and "name" in vars(value)
            ):
                found.append(_well_made(value, str(file)))
    return found


def _well_made(adapter: Any, where: str) -> type[Adapter]:
    """Raises BenchError for a class that lacks what a method must say of itself."""
    if not (isinstance(adapter, type) and issubclass(adapter, Adapter)):
        raise BenchError("this class is not derived from readbench.adapter.Adapter", where=where)
    named = f"class {adapter.__name__}"
    if not isinstance(getattr(adapter, "name", None), str) or not adapter.name:
        raise BenchError(f"{named} has no name", where=where, todo='write name = "my.method" in it')
    tasks, known = getattr(adapter, "tasks", None), get_args(Task)
    if isinstance(tasks, str) or not isinstance(tasks, Collection) or not tasks or {*tasks} - {*known}:
        what = f"{named} says no tasks" if tasks is None else f"{named}: tasks is {tasks!r}"
        todo = f'write tasks = frozenset({{"keyphrases"}}) in it; there are {", ".join(known)}'
        raise BenchError(what, where=where, todo=todo)
    if not issubclass(adapter.Params, Params):
        what = f"{named}: its class Params is not derived from readbench.adapter.Params"
        raise BenchError(what, where=where, todo="write class Params(Params): in it")
    if lacking := sorted(getattr(adapter, "__abstractmethods__", ())):
        raise BenchError(f"{named} has no {' and no '.join(lacking)}", where=where, todo="write it")
    return adapter


_BROUGHT: dict[str, str] = {}
"""The modules that importing methods brought along, and the SHA-256 of their files then."""


@contextmanager
def _remembered() -> Iterator[None]:
    """Notes which first-party modules come in meanwhile. Those of the harness are not among them: values of
    its classes are everywhere, so they cannot be imported twice."""
    before = set(sys.modules)
    try:
        yield
    finally:
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None)
            harness = name.partition(".")[0] == HARNESS
            if isinstance(file, str) and not harness and is_first_party(Path(file)):
                with suppress(OSError):
                    _BROUGHT[name] = file_sum(Path(file))


def _forget_edited() -> None:
    """Makes Python import methods anew where one of their files has been edited since: a cell's process runs
    the new text, so this one must not go by the old one."""
    edited = False
    for name, known in _BROUGHT.items():
        file = getattr(sys.modules.get(name), "__file__", None)
        try:
            edited |= file is not None and file_sum(Path(file)) != known
        except OSError:
            edited = True
    if edited:
        for name in _BROUGHT:
            sys.modules.pop(name, None)
        _BROUGHT.clear()
        importlib.invalidate_caches()


def included_file(adapter: type[Adapter]) -> tuple[Path, ...]:
    """The file under an include path that defines a method; nothing for a method of an installed package. A
    cell's process imports that file and no other one, so that no method pays for its neighbours."""
    if not adapter.__module__.startswith(INCLUDED):
        return ()
    file = getattr(sys.modules.get(adapter.__module__), "__file__", None)
    return () if file is None else (Path(file),)


def _import_file(file: Path) -> ModuleType:
    # The path is part of the module's name: two files called my.py do not shadow each other.
    name = f"{INCLUDED}{hashlib.sha256(str(file).encode()).hexdigest()[:12]}_{file.stem}"
    if name in sys.modules:
        return sys.modules[name]
    module_spec = importlib.util.spec_from_file_location(name, file)
    if module_spec is None or module_spec.loader is None:
        raise BenchError("this is not a Python file", where=str(file))
    module = importlib.util.module_from_spec(module_spec)
    try:
        with _remembered():
            sys.modules[name] = module
            module_spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # an exit would end the run without a word
        sys.modules.pop(name, None)
        raise BenchError(f"cannot be imported: {type(error).__name__}: {error}", where=str(file)) from error
    return module


def find_phrase_encoder(model: str) -> PhraseEncoder:
    """What embeds phrases with a model; of several installed ones the first by the name of its class. Imports
    no model library.

    Raises MissingDependency where no installed package brings one, BenchError where the one that does cannot
    be imported or is no encoder of phrases.
    """
    points = sorted(entry_points(group=ENCODERS, name=model), key=lambda point: point.value)
    if not points:
        raise MissingDependency(
            f"no installed package embeds phrases with {model}",
            todo=f"pip install 'readbench[neural]', or a package with an entry point {model} in {ENCODERS}",
        )
    try:
        with _remembered():
            encoder = points[0].load()
    except (Exception, SystemExit) as error:
        raise BenchError(
            f"the encoder of phrases cannot be imported: {type(error).__name__}: {error}",
            where=points[0].value,
            todo="mend or uninstall that package",
        ) from error
    if not (isinstance(encoder, type) and issubclass(encoder, PhraseEncoder)):
        raise BenchError(
            "this class is not derived from readbench.adapter.PhraseEncoder",
            where=f"entry point {model} in {ENCODERS}: {points[0].value}",
            todo="mend or uninstall that package",
        )
    return encoder.of(model)
