"""Reads damaged files, one by one, in a process with bounds: ``fuzz_worker.py GROUP FIRST COUNT FOLDER``.

Which file an input is and how it is damaged follow from its number alone. The number of the input at hand
stands in ``FOLDER/at``, so that whoever starts this process knows which input ended it. Each failure is a
line of JSON on standard output.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from random import Random

from fuzz_mutations import mutated
from fuzz_targets import Target, targets_of

from readbench.core.errors import BenchError
from readbench.machine.processes import look_at

SECONDS = 5
BYTES = 2**30
LONGEST_LINE = 3_000
"""Of a message: somebody must be able to read it."""


def damaged(targets: tuple[Target, ...], number: int) -> tuple[Target, bytes, Random]:
    rng = Random(f"fuzz {number}")
    target = targets[number % len(targets)]
    return target, mutated(rng, target.content, rng.choice(targets).content), rng


def failure(target: Target, data: bytes, rng: Random, folder: Path) -> str:
    """What went wrong; empty for a result and for a BenchError of one line."""
    path = target.write(folder, data)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)  # ends the process, whatever it is doing
    try:
        target.read(path, rng)
    except BenchError as error:
        lines = str(error).splitlines()
        if len(lines) != 1:
            return f"a message of {len(lines)} lines: {error}"
        if len(str(error)) > LONGEST_LINE:
            return f"a message of {len(str(error))} characters: {str(error)[:200]}"
        return ""
    except BaseException:  # whatever a reader raises is what is looked for
        return traceback.format_exc(limit=-8)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return ""


def failures(group: str, first: int, count: int, folder: Path) -> Iterator[dict[str, object]]:
    targets = targets_of(group)
    for at, target in enumerate(
        targets
    ):  # what is valid is read, and all libraries are loaded before the bounds hold
        place = folder / "valid" / str(at)
        target.read(target.write(place, target.content), None)
    before = look_at(os.getpid()).peak_resident
    # Address space is more than memory; what is resident is looked at below.
    space = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (space + 2 * BYTES, resource.RLIM_INFINITY))
    for number in range(first, first + count):
        (folder / "at").write_text(str(number))
        place = folder / "input"
        shutil.rmtree(place, ignore_errors=True)
        target, data, rng = damaged(targets, number)
        began = time.process_time()
        why = failure(target, data, rng, place)
        took = time.process_time() - began
        most = look_at(os.getpid()).peak_resident
        if most - before > BYTES:
            why = why or f"took {(most - before) / 2**20:.0f} MiB"
            before = most
        if why:
            yield {"number": number, "file": target.name, "took": round(took, 2), "why": why}


def main(group: str, first: str, count: str, folder: str) -> None:
    warnings.simplefilter("ignore")
    for found in failures(group, int(first), int(count), Path(folder)):
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
