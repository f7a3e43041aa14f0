"""One method for each way of misbehaving. All predict the first words of the title where they predict."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Sequence
from typing import Any, ClassVar

from readbench.adapter import Adapter, Params, RankedPhrases
from readbench.types import Dataset, Document, Task

MIB = 2**20


def first_words(document: Document) -> RankedPhrases:
    words = document.fields.get("title", "").split()
    phrases = tuple(dict.fromkeys(" ".join(words[i : i + 2]) for i in range(min(len(words), 5))))
    return RankedPhrases(phrases, tuple(1.0 / rank for rank in range(1, len(phrases) + 1)))


def hoard() -> None:
    """Allocates and touches memory, about a GiB a second, until somebody ends it."""
    held = []
    while True:
        held.append(b"x" * (8 * MIB))
        time.sleep(0.008)


def sleep_for_ever() -> None:
    while True:
        time.sleep(60)


class Hostile(Adapter):
    """Base: predicts honestly; subclasses spoil it."""

    tasks: ClassVar[frozenset[Task]] = frozenset({"keyphrases"})

    def predict(self, chunk: Sequence[Document]) -> Sequence[Any]:
        self.spoil()
        return [first_words(document) for document in chunk]

    def spoil(self) -> None:
        """What goes wrong before the prediction."""


class Good(Hostile):
    name: ClassVar[str] = "hostile.good"
    summary: ClassVar[str] = "the first words of the title"


class Raises(Hostile):
    name: ClassVar[str] = "hostile.raises"
    summary: ClassVar[str] = "raises an exception"

    def spoil(self) -> None:
        raise ValueError("this document is not to my taste")


class BadStr(Hostile):
    name: ClassVar[str] = "hostile.badstr"
    summary: ClassVar[str] = "raises an exception that cannot be printed"

    def spoil(self) -> None:
        class Unprintable(Exception):
            def __str__(self) -> str:
                raise RuntimeError("no text")

        raise Unprintable


class Surrogate(Hostile):
    name: ClassVar[str] = "hostile.surrogate"
    summary: ClassVar[str] = "raises and notes texts that no encoding can write"

    def spoil(self) -> None:
        self.context.note("file", "caf\udce9.txt")
        raise ValueError("cannot open caf\udce9.txt " + "x" * 1_000_000)


class Sleeps(Hostile):
    name: ClassVar[str] = "hostile.sleeps"
    summary: ClassVar[str] = "sleeps for a minute"

    def spoil(self) -> None:
        time.sleep(60)


class Hoards(Hostile):
    name: ClassVar[str] = "hostile.hoards"
    summary: ClassVar[str] = "takes memory until it is ended"

    def spoil(self) -> None:
        hoard()


class ForkHoard(Hostile):
    name: ClassVar[str] = "hostile.forkhoard"
    summary: ClassVar[str] = "forks a child that takes memory until it is ended"

    class Params(Params):
        detached: bool = False

    params: Params

    def spoil(self) -> None:
        if os.fork() == 0:
            if self.params.detached:
                os.setsid()
                if os.fork() != 0:
                    os._exit(0)
            hoard()
        sleep_for_ever()


class Leaves(Hostile):
    name: ClassVar[str] = "hostile.leaves"
    summary: ClassVar[str] = "leaves without a word"

    def spoil(self) -> None:
        os._exit(3)


class Forks(Hostile):
    name: ClassVar[str] = "hostile.forks"
    summary: ClassVar[str] = "leaves sleeping children and a daemon behind, and predicts"

    def spoil(self) -> None:
        for _ in range(3):
            if os.fork() == 0:
                sleep_for_ever()
        # A daemon by the book: a session of its own, no parent, no open output.
        middle = os.fork()
        if middle == 0:
            os.setsid()
            if os.fork() != 0:
                os._exit(0)
            nothing = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(nothing, descriptor)
            sleep_for_ever()
        os.waitpid(middle, 0)


class Prints(Hostile):
    name: ClassVar[str] = "hostile.prints"
    summary: ClassVar[str] = "prints 100 MB"

    def load(self) -> None:
        line = "y" * 999_999 + "\n"
        for _ in range(50):
            sys.stdout.write(line)
            sys.stderr.write(line)


class Segfaults(Hostile):
    name: ClassVar[str] = "hostile.segfaults"
    summary: ClassVar[str] = "reads address 0"

    def spoil(self) -> None:
        ctypes.string_at(0)


class Short(Hostile):
    name: ClassVar[str] = "hostile.short"
    summary: ClassVar[str] = "returns too few predictions"

    def predict(self, chunk: Sequence[Document]) -> Sequence[Any]:
        return [first_words(document) for document in chunk[:-1]]


class WrongType(Hostile):
    name: ClassVar[str] = "hostile.wrongtype"
    summary: ClassVar[str] = "predicts texts"

    def predict(self, chunk: Sequence[Document]) -> Sequence[Any]:
        return ["a phrase" for _ in chunk]


class Nan(Hostile):
    name: ClassVar[str] = "hostile.nan"
    summary: ClassVar[str] = "scores that are no numbers"

    def predict(self, chunk: Sequence[Document]) -> Sequence[Any]:
        return [RankedPhrases(("a phrase",), (float("nan"),)) for _ in chunk]


class SysExit(Hostile):
    name: ClassVar[str] = "hostile.sysexit"
    summary: ClassVar[str] = "asks to exit with status 0"

    def spoil(self) -> None:
        raise SystemExit(0)


class Interrupts(Hostile):
    name: ClassVar[str] = "hostile.interrupts"
    summary: ClassVar[str] = "raises what Ctrl-C raises"

    def spoil(self) -> None:
        raise KeyboardInterrupt


class Missing(Hostile):
    name: ClassVar[str] = "hostile.missing"
    summary: ClassVar[str] = "needs what is not there"
    requires: ClassVar[tuple[str, ...]] = ("bench_module_that_does_not_exist",)
    install: ClassVar[str] = "pip install bench-module-that-does-not-exist"


class ExitsOnImport(Hostile):
    name: ClassVar[str] = "hostile.exitsonimport"
    summary: ClassVar[str] = "needs a library that ends its importer"
    requires: ClassVar[tuple[str, ...]] = ("bench_hostile_methods.exits_on_import",)

    def load(self) -> None:
        import bench_hostile_methods.exits_on_import  # noqa: F401


class Allocates(Hostile):
    name: ClassVar[str] = "hostile.allocates"
    summary: ClassVar[str] = "holds memory for half a second"

    class Params(Params):
        mib: int = 100

    params: Params

    def load(self) -> None:
        # Not zeros: pages that were never written take no memory.
        held = b"x" * (self.params.mib * MIB)
        time.sleep(0.5)
        del held


class Burns(Hostile):
    name: ClassVar[str] = "hostile.burns"
    summary: ClassVar[str] = "computes for some seconds"

    class Params(Params):
        seconds: float = 1.0

    params: Params

    _warm = False

    def spoil(self) -> None:
        # The first call is the warm-up, which the clock leaves out.
        if self._warm:
            # By the wall clock: how much a busy machine computes in that time is not the question.
            end = time.perf_counter() + self.params.seconds
            while time.perf_counter() < end:
                sum(range(1000))
        self._warm = True


class Slow(Hostile):
    name: ClassVar[str] = "hostile.slow"
    summary: ClassVar[str] = "takes its time"

    class Params(Params):
        seconds: float = 1.0
        label: str = ""

    params: Params

    def fit(self, train: Dataset, validation: Dataset) -> None:  # noqa: ARG002
        time.sleep(self.params.seconds)


class SlowImport(Hostile):
    name: ClassVar[str] = "hostile.slowimport"
    summary: ClassVar[str] = "needs a library that takes its time to import"
    requires: ClassVar[tuple[str, ...]] = ("bench_hostile_methods.slow_to_import",)
