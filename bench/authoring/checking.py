"""The conformance tests of a method in a process of their own, as a cell has one.

A method that crashes or hangs fails the test that it was in. What it prints does not get into the report.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from readbench.authoring.conformance import Result, check_method
from readbench.core.errors import BenchError, MissingDependency
from readbench.core.files import first_line

LAST_LINES = 5
TEST_S = 300.0
"""How long one test may take. A method with a large model needs minutes for some."""


def check_apart(
    spec: str, include_paths: Sequence[Path] = (), only: str | None = None, *, test_s: float = TEST_S
) -> Iterator[Result]:
    """As ``check_method``, in a process of its own. ``test_s``: seconds that one test may take.

    Raises BenchError as ``check_method`` does.
    """
    reading, writing = os.pipe()
    asked = json.dumps({"spec": spec, "paths": [str(path) for path in include_paths], "only": only})
    with tempfile.TemporaryFile() as output, os.fdopen(reading, "rb", buffering=0) as events:
        process = subprocess.Popen(
            [sys.executable, "-m", "readbench.authoring.checking", str(writing), asked],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(writing,),
            start_new_session=True,
        )
        os.close(writing)
        test = "it can be imported"
        try:
            for event in _events(events, test_s):
                if "begin" in event:
                    test = event["begin"]
                elif "refused" in event:
                    raise _refusal(event["refused"])
                elif "result" in event:
                    yield Result(**event["result"])
                else:
                    return
            process.wait(10)
            yield Result(test, False, f"{_how(process.returncode)}{_end_of(output)}; no other test was run")
        except TimeoutError:
            yield Result(
                test, False, f"it did not end within {test_s:.0f} s{_end_of(output)}; no other test was run"
            )
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _events(stream: IO[bytes], patience_s: float) -> Iterator[dict[str, Any]]:
    """What the process says, until it ends. Raises TimeoutError where it says nothing for so long."""
    waiting = b""
    while True:
        if not select.select([stream], [], [], patience_s)[0]:
            raise TimeoutError
        piece = stream.read(1 << 16)
        if not piece:
            return
        *lines, waiting = (waiting + piece).split(b"\n")
        yield from map(json.loads, lines)


def _how(status: int) -> str:
    if status >= 0:
        return f"the process left with exit status {status}"
    with contextlib.suppress(ValueError):
        return f"the process was ended by {signal.Signals(-status).name}"
    return f"the process was ended by signal {-status}"


def _end_of(output: IO[bytes]) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - 10_000))
    lines = output.read().decode("utf-8", "replace").strip().splitlines()[-LAST_LINES:]
    return f"; it printed: {' / '.join(lines)}" if lines else ""


def _refusal(told: dict[str, Any]) -> BenchError:
    kind = MissingDependency if told.pop("missing") else BenchError
    return kind(**told)


def _run(writing: int, asked: dict[str, Any]) -> None:
    """In the process: says which test begins, and what came out."""
    with os.fdopen(writing, "w", encoding="utf-8") as events:

        def say(event: dict[str, Any]) -> None:
            events.write(json.dumps(event) + "\n")
            events.flush()

        try:
            paths = [Path(path) for path in asked["paths"]]
            found = check_method(asked["spec"], paths, asked["only"], begin=lambda test: say({"begin": test}))
            for result in found:
                say({"result": {"name": result.name, "passed": result.passed, "why": result.why}})
        except BenchError as error:
            missing = isinstance(error, MissingDependency)
            status = {} if missing else {"exit_status": error.exit_status}
            told = {"what": error.what, "where": error.where, "todo": error.todo, "missing": missing} | status
            say({"refused": told})
        except Exception as error:
            say(
                {
                    "refused": {
                        "what": f"internal error: {first_line(error)}",
                        "missing": False,
                        "exit_status": 3,
                    }
                }
            )
        say({"end": True})


if __name__ == "__main__":
    _run(int(sys.argv[1]), json.loads(sys.argv[2]))
