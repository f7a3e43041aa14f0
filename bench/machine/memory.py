"""What a process holds in memory, as the kernel counts it."""

from __future__ import annotations

from pathlib import Path


def process_memory(pid: int) -> tuple[int, int]:
    """(USS, PSS) in bytes; zeros for a process that is gone."""
    uss = pss = 0
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in ("Private_Clean", "Private_Dirty", "Private_Hugetlb"):
                uss += int(rest.split()[0]) * 1024
            elif name == "Pss":
                pss = int(rest.split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return uss, pss


def private_bytes(pid: int) -> int:
    """USS of a process in bytes; 0 where it is gone."""
    return process_memory(pid)[0]
