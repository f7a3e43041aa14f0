"""The programs of SLURM in small, for tests: job arrays run on this machine, two tasks at a time, each array
after those that it depends on. State is a folder: ``ID.json`` an array, ``ID_TASK.state`` how a task is.

Run as ``fake_slurm.py PROGRAM FOLDER ...``; ``install`` writes the programs into a folder for PATH.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROGRAMS = ("sbatch", "squeue", "scontrol", "scancel", "srun", "sacct")
ENDED = ("COMPLETED", "FAILED", "CANCELLED", "NODE_FAIL")
CALLS = "calls.txt"
"""The command lines of all calls, one a line."""
MOST = "most"
"""A file with the number of tasks that the queue holds."""


def install(folder: Path) -> Path:
    """The programs in ``folder``/bin; their state is in ``folder``/state."""
    programs, state = folder / "bin", folder / "state"
    for place in (programs, state):
        place.mkdir(parents=True)
    for name in PROGRAMS:
        path = programs / name
        path.write_text(f'#!/bin/sh\nexec {sys.executable} -I {__file__} {name} {state} "$@"\n')
        path.chmod(0o755)
    return programs


class Fake:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def tasks(self) -> Iterator[tuple[str, str]]:
        for path in sorted(self.folder.glob("*.state")):
            yield path.stem, path.read_text()

    def state(self, name: str, new: str | None = None) -> str:
        path = self.folder / f"{name}.state"
        if new is not None:
            temporary = path.with_suffix(f".{os.getpid()}")
            temporary.write_text(new)
            temporary.replace(path)
        return path.read_text() if path.exists() else ""

    def sbatch(self, script: str) -> int:
        options = dict(re.findall(r"^#SBATCH --([\w-]+)(?:=(.*))?$", Path(script).read_text(), re.MULTILINE))
        size = int(re.search(r"-(\d+)", options.get("array", "0-0"))[1]) + 1  # type: ignore[index]
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            most = self.folder / MOST
            waiting = sum(state not in ENDED for _, state in self.tasks())
            if most.exists() and waiting + size > int(most.read_text()):
                print("sbatch: error: QOSMaxSubmitJobPerUserLimit", file=sys.stderr)
                print("sbatch: error: Batch job submission failed: Job violates policy", file=sys.stderr)
                return 1
            if options.get("partition") == "nowhere":
                print("sbatch: error: invalid partition specified: nowhere", file=sys.stderr)
                return 1
            number = len(list(self.folder.glob("*.json"))) + 1
            names = [f"{number}_{task}" for task in range(size)] if "array" in options else [str(number)]
            about = {"script": script, "options": options, "names": names, "text": Path(script).read_text()}
            (self.folder / f"{number}.json").write_text(json.dumps(about))
            for name in names:
                self.state(name, "PENDING")
        nothing = subprocess.DEVNULL
        arguments = [sys.executable, "-I", __file__, "run", str(self.folder), str(number)]
        subprocess.Popen(arguments, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)
        print(f"Submitted batch job {number}")
        return 0

    def run(self, number: str) -> int:
        """What the controller does with an array."""
        about: dict[str, Any] = json.loads((self.folder / f"{number}.json").read_text())
        (self.folder / f"{number}.sh").write_text(about["text"])
        after = re.findall(r"\d+", about["options"].get("dependency", ""))
        while any(state not in ENDED for name, state in self.tasks() if name.partition("_")[0] in after):
            time.sleep(0.05)
        limit = int(re.search(r"%(\d+)", about["options"].get("array", "%1"))[1])  # type: ignore[index]
        running: dict[str, subprocess.Popen[bytes]] = {}
        waiting = list(about["names"])
        while waiting or running:
            while waiting and len(running) < min(limit, 2):
                name = waiting.pop(0)
                if self.state(name) == "PENDING":
                    running[name] = self.start(name, about["options"])
            for name, process in list(running.items()):
                if self.state(name) == "CANCELLED" and process.poll() is None:
                    os.killpg(process.pid, signal.SIGTERM)
                if process.poll() is not None:
                    del running[name]
                    if self.state(name) == "RUNNING":
                        self.state(name, "COMPLETED" if process.returncode == 0 else "FAILED")
            time.sleep(0.05)
        return 0

    def start(self, name: str, options: dict[str, str]) -> subprocess.Popen[bytes]:
        array, _, task = name.partition("_")
        self.state(name, "RUNNING")
        more = {"SLURM_JOB_ID": name.replace("_", "000"), "SLURM_PROCID": "0", "SLURM_NTASKS": "1"}
        more |= {"SLURM_NODEID": "0", "SLURM_JOB_NUM_NODES": "1", "SLURM_LOCALID": "0"}
        if task:
            more |= {"SLURM_ARRAY_JOB_ID": array, "SLURM_ARRAY_TASK_ID": task}
        else:
            more["SLURM_JOB_ID"] = array
        place = options["output"].replace("%A", array).replace("%a", task).replace("%j", array)
        with Path(place.strip("'\"")).open("ab") as log:
            return subprocess.Popen(
                ["/bin/bash", str(self.folder / f"{array}.sh")],
                env=os.environ | more,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def squeue(self, *_: str) -> int:
        for name, state in self.tasks():
            if state not in ENDED:
                print(name, state)
        return 0

    def scontrol(self, *arguments: str) -> int:
        if arguments[-1] == "config":
            print("MaxArraySize            = 3")
            return 0
        print(f"JobId={arguments[-1]} JobState={self.state(arguments[-1])} Reason=None")
        return 0

    def scancel(self, *names: str) -> int:
        for name in names:
            if self.state(name) not in ENDED:
                self.state(name, "CANCELLED")
        return 0


def main(program: str, folder: str, *arguments: str) -> int:
    fake = Fake(Path(folder))
    with (fake.folder / CALLS).open("a") as file:
        file.write(" ".join([program, *arguments]) + "\n")
    return int(getattr(fake, program)(*arguments))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
