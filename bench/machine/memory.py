"""What a process holds in memory, as the kernel counts it. Everything is in bytes."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

PAGE = os.sysconf("SC_PAGE_SIZE")
"""Bytes that one page fault brings."""


class ProcessMemory(NamedTuple):
    """``private``: in pages that no other process maps (USS). ``proportional``: a page that k processes map
    counts as 1/k (PSS). ``resident``: in all pages. All are 0 for a process that is gone."""

    private: int = 0
    proportional: int = 0
    resident: int = 0

    @property
    def shared(self) -> int:
        return self.resident - self.private


def process_memory(pid: int) -> ProcessMemory:
    """Reads the maps of a process, which takes about 30 ms for each GiB that it holds."""
    private = proportional = resident = 0
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in ("Private_Clean", "Private_Dirty", "Private_Hugetlb"):
                private += int(rest.split()[0]) * 1024
            elif name == "Pss":
                proportional = int(rest.split()[0]) * 1024
            elif name == "Rss":
                resident = int(rest.split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        return ProcessMemory()
    return ProcessMemory(private, proportional, resident)


class Glance(NamedTuple):
    """What a process holds, read in 0.2 ms. ``anonymous``: the part that is of no file and no shared memory.
    ``peak_resident``: the most that it ever held. ``faults``: how many pages it was given since it began.
    ``image``: equal for a process and its forks, another one after ``exec``."""

    resident: int = 0
    anonymous: int = 0
    peak_resident: int = 0
    faults: int = 0
    image: int = 0


def glance(pid: int) -> Glance:
    """Zeros for a process that is gone."""
    try:
        # The name of the program, in brackets, may hold anything.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{pid}/status").read_text()
        resident, anonymous, peak = (
            int(status.partition(f"{name}:")[2].split()[0]) * 1024 for name in ("VmRSS", "RssAnon", "VmHWM")
        )
        return Glance(resident, anonymous, peak, faults=int(fields[7]), image=int(fields[45]))
    except (OSError, ValueError, IndexError):
        return Glance()


def peak_private_bytes(pid: int) -> int:
    """The most private memory that a process held since its peak was reset; 0 where it is gone. What was
    resident at the peak and is no longer is taken for private memory that was freed."""
    memory = process_memory(pid)
    return memory.private + max(0, glance(pid).peak_resident - memory.resident)


def reset_own_peak() -> None:
    """Makes the kernel forget the peak of this process. Where it cannot, the old one stays."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
