"""What a worker of Ray does with a cell: it starts ``bench cell``, and waits for it."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

GRACE_S = 30.0
"""How long a cell may take to end its own processes."""
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def start_cell(command: Sequence[str], log: str, wall_s: float) -> str:
    """Carries out a command that writes what it prints to a log. Returns how it ended: COMPLETED, FAILED, or
    TIMEOUT after so many seconds. It ends with this process, however that ends. Raises OSError where it
    cannot be started."""
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def end_with_parent() -> None:
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    with (
        Path(log).open("ab") as output,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=end_with_parent,
        ) as process,
    ):
        try:
            return "COMPLETED" if process.wait(timeout=wall_s) == 0 else "FAILED"
        except subprocess.TimeoutExpired:
            return "TIMEOUT"
        finally:
            process.terminate()
            try:
                process.wait(timeout=GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
