"""What a process holds in memory, as the kernel counts it. Everything is in bytes."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import NamedTuple


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


def peak_private_bytes(pid: int) -> int:
    """The most private memory that a process held since its peak was reset; 0 where it is gone. What was
    resident at the peak and is no longer is taken for private memory that was freed."""
    memory = process_memory(pid)
    return memory.private + max(0, _peak_resident(pid) - memory.resident)


def _peak_resident(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split(None, 1)[0]) * 1024
    except (OSError, ValueError, IndexError):
        return 0


def reset_own_peak() -> None:
    """Makes the kernel forget the peak of this process. Where it cannot, the old one stays."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
