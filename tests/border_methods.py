"""Methods that say, write and note what no method should. All predict the words of the title."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from readbench.adapter import Adapter, Params, RankedPhrases
from readbench.types import Document, Task

FIGURES = {
    "kind": "cell",
    "load_s": 0.0,
    "fit_s": None,
    "warmup_s": 0.0,
    "predict_s": 0.0,
    "predict_cpu_s": 0.0,
}


class Border(Adapter):
    tasks: ClassVar[frozenset[Task]] = frozenset({"keyphrases"})

    def predict(self, chunk: Sequence[Document]) -> Sequence[Any]:
        self.spoil()
        return [self.answer(document) for document in chunk]

    def answer(self, document: Document) -> Any:
        words = tuple(dict.fromkeys(document.fields.get("title", "").split()))
        return RankedPhrases(words, tuple(1.0 / rank for rank in range(1, len(words) + 1)))

    def spoil(self) -> None:
        """What goes wrong before the prediction."""

    @property
    def folder(self) -> Path:
        return self.context.scratch.parent


class Good(Border):
    name: ClassVar[str] = "border.good"


class Progress(Border):
    name: ClassVar[str] = "border.progress"

    class Params(Params):
        of: str = "good"

    params: Params

    REPORTS: ClassVar[dict[str, tuple[Any, Any]]] = {
        "good": (1, 2),
        "fractions": (0.5, 1.0),
        "unknown-total": (3, None),
        "huge": (10**400, 1),
        "no-number": (float("nan"), 1),
        "negative": (-1, 1),
    }

    def spoil(self) -> None:
        self.context.progress(*self.REPORTS[self.params.of])


class Rewrites(Border):
    """Writes over the progress file while it runs; the harness writes its own line again after that."""

    name: ClassVar[str] = "border.rewrites"

    def load(self) -> None:
        for text in ("rubbish", "", "predict 1", f"load {10**30} 1 1", "hello 1 2 3", "\xff" * 40):
            (self.folder / "progress").write_text(text)
            time.sleep(0.05)


class RewritesLast(Border):
    """Has the last word in the progress file: what the harness writes afterwards goes nowhere."""

    name: ClassVar[str] = "border.rewrites-last"

    def load(self) -> None:
        progress, nowhere = self.folder / "progress", os.open(os.devnull, os.O_RDWR)
        for open_file in Path("/proc/self/fd").iterdir():
            if open_file.exists() and open_file.samefile(progress):
                os.dup2(nowhere, int(open_file.name))
        progress.write_bytes(b"?" * 96)


class Baseline(Border):
    """Says that the harness holds a gigabyte, and takes a tenth of that itself."""

    name: ClassVar[str] = "border.baseline"

    def load(self) -> None:
        time.sleep(0.2)
        (self.folder / "baseline").write_text(str(2**30))
        progress = self.folder / "progress"
        with progress.open("r+b") as file:
            line = file.read().rstrip(b"\0").split()
            file.seek(0)
            file.write(b" ".join([*line[:3], str(2**30).encode()]))
        self._held = b"x" * (100 * 2**20)
        time.sleep(0.2)


class Notes(Border):
    name: ClassVar[str] = "border.notes"

    def load(self) -> None:
        note = self.context.note
        deep: Any = "bottom"
        for _ in range(300):
            deep = [deep]
        itself: list[Any] = []
        itself.append(itself)
        note("deep", deep)
        note("itself", itself)
        note("long", "x" * 50_000_000)
        note("many", list(range(1_000_000)))
        note("huge", 10**400)
        note("numbers", [float("nan"), float("inf"), 1.5, 3])
        note("keys", {1: "one", None: "nothing", ("a", "b"): Path("x")})
        note("weights", {"sha256": [1], "name": None, "source": {"deep": {}}})
        note("small", {"features": 12})

        class Unprintable:
            def __str__(self) -> str:
                raise RuntimeError("no text")

        note("unprintable", Unprintable())


class Outcome(Border):
    """Leaves an outcome of its own behind."""

    name: ClassVar[str] = "border.outcome"

    class Params(Params):
        of: str = "list"

    params: Params

    TEXTS: ClassVar[dict[str, str]] = {
        "list": "[]",
        "nothing": "",
        "json-null": "null",
        "empty": "{}",
        "no-figures": '{"status": "ok"}',
        "huge-number": '{"status": "failed", "private_bytes": 1e400}',
        "deep": "[" * 100_000,
        "long": " " * 20_000_000,
        "text-for-seconds": json.dumps({"status": "ok", "figures": FIGURES | {"load_s": "long"}}),
        "negative": json.dumps({"status": "ok", "figures": FIGURES | {"load_s": -1.0}}),
        "of-preparation": json.dumps(
            {"status": "ok", "figures": {"kind": "preparation", "setup_s": 0, "build_s": 0, "documents": 0}}
        ),
    }

    def spoil(self) -> None:
        (self.folder / "outcome.json").write_text(self.TEXTS[self.params.of])
        os._exit(0)


class Claims(Border):
    """Says that it is done, in good form, with predictions that are none."""

    name: ClassVar[str] = "border.claims"

    def spoil(self) -> None:
        text = json.dumps({"status": "ok", "figures": FIGURES, "baseline_bytes": self.baseline()})
        (self.folder / "outcome.json").write_text(text)
        (self.folder / "predicted.jsonl").write_text("none")
        os._exit(0)

    def baseline(self) -> int:
        return int((self.folder / "progress").read_bytes().rstrip(b"\0").split()[3])


class Removes(Border):
    name: ClassVar[str] = "border.removes"

    def spoil(self) -> None:
        shutil.rmtree(self.folder)


class Clock(Border):
    """Replaces the clock, and works for a second and a half."""

    name: ClassVar[str] = "border.clock"

    class Params(Params):
        of: str = "time"

    params: Params

    _warm = False

    def load(self) -> None:
        real, began = time.perf_counter, time.perf_counter()
        clocks = {"slow": lambda: began + (real() - began) / 100, "stopped": lambda: 0.0}
        clock = clocks.get(self.params.of, clocks["stopped"])
        for module in [time] if self.params.of == "time" else list(sys.modules.values()):
            for name in ("perf_counter", "monotonic", "process_time"):
                if name in getattr(module, "__dict__", {}):
                    setattr(module, name, clock)

    def spoil(self) -> None:
        if self._warm:
            time.sleep(1.5)
        self._warm = True


class Long(Border):
    name: ClassVar[str] = "border.long"

    def answer(self, document: Document) -> Any:  # noqa: ARG002
        return RankedPhrases(("ab " * 3_000_000,), (1.0,))


class Many(Border):
    name: ClassVar[str] = "border.many"

    def answer(self, document: Document) -> Any:  # noqa: ARG002
        phrases = tuple(f"phrase {i}" for i in range(200_000))
        return RankedPhrases(phrases, tuple(float(-i) for i in range(len(phrases))))


class FirstDocument(Border):
    """Loads where its first document comes, and not before."""

    name: ClassVar[str] = "border.first-document"

    _loaded = False

    def spoil(self) -> None:
        if not self._loaded:
            time.sleep(1.0)
        self._loaded = True


class Waits(Border):
    """Takes its time and no processor."""

    name: ClassVar[str] = "border.waits"

    def spoil(self) -> None:
        time.sleep(0.5)
