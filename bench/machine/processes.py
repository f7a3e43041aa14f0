"""What the kernel tells of a process, as cheaply as it tells it: reading takes some 20 microseconds."""

from __future__ import annotations

import contextlib
import os
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

LONGEST = 1 << 16
"""Bytes of a file of the kernel that are read at once."""


class Look(NamedTuple):
    """What a process holds, in bytes. ``anonymous``: the part that is of no file and no shared memory.
    ``peak_resident``: the most that it ever held. ``faults``: how many pages it was given since it began;
    ``faults_of_ended``: the same of those of its children that have ended. ``image``: equal for a process and
    its forks, another one after ``exec``, 0 where it has ended. ``started``: its number may be given to
    another process, which started later."""

    resident: int = 0
    anonymous: int = 0
    peak_resident: int = 0
    faults: int = 0
    faults_of_ended: int = 0
    image: int = 0
    parent: int = 0
    threads: int = 1
    started: int = 0
    address_space: int = 0


PAGE = os.sysconf("SC_PAGE_SIZE")
"""Bytes that one page fault brings."""


def look_at(pid: int, before: Look | None = None) -> Look:
    """Zeros for a process that is gone. ``before`` is an earlier look at it: where it was given no page since
    then, its peak is what it was."""
    try:
        # The name of the program, in brackets, may hold anything.
        fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        now = Look(
            resident=int(fields[21]) * PAGE,
            faults=int(fields[7]) + int(fields[9]),
            faults_of_ended=int(fields[8]) + int(fields[10]),
            image=int(fields[45]),
            parent=int(fields[1]),
            threads=int(fields[17]),
            started=int(fields[19]),
            address_space=int(fields[20]),
        )
        if now.image and before is not None and _still(now, before):
            return now._replace(anonymous=before.anonymous, peak_resident=before.peak_resident)
        return _with_sizes(pid, now) if now.image else now
    except (OSError, ValueError, IndexError):
        return Look()


def _still(now: Look, before: Look) -> bool:
    return (now.resident, now.faults, now.image, now.started) == (
        before.resident,
        before.faults,
        before.image,
        before.started,
    )


def _with_sizes(pid: int, now: Look) -> Look:
    status = _read(f"/proc/{pid}/status")
    peak, anonymous = (
        int(status.partition(name)[2].split(None, 1)[0]) * 1024 for name in (b"VmHWM:", b"RssAnon:")
    )
    return now._replace(anonymous=anonymous, peak_resident=max(peak, now.resident))


def started_at(pid: int) -> int | None:
    """When a process started, in ticks of the kernel; None where it is gone."""
    return look_at(pid, Look()).started or None


def processor_ticks(pid: int) -> int:
    """Processor time of a process and of its children that have ended, in ticks of the kernel; 0 where it is
    gone."""
    try:
        fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        return sum(int(count) for count in fields[11:15])
    except (OSError, ValueError, IndexError):
        return 0


def children_of(pid: int, threads: int | None = None) -> list[int]:
    """Of one process, of all its threads; none where it is gone. The kernel keeps a list for each thread,
    which is quicker to read than the parents of all processes of the machine. ``threads``: how many it has,
    where that is known."""
    if not _keeps_children():
        import psutil

        with contextlib.suppress(psutil.Error):
            return [child.pid for child in psutil.Process(pid).children()]
        return []
    found: list[int] = []
    with contextlib.suppress(OSError):  # it is gone
        tasks = f"/proc/{pid}/task"
        for thread in [f"{tasks}/{pid}"] if threads == 1 else Path(tasks).iterdir():
            with contextlib.suppress(OSError):
                found += map(int, _read(f"{thread}/children").split())
    return found


@lru_cache(maxsize=1)
def _keeps_children() -> bool:
    return Path(f"/proc/self/task/{os.getpid()}/children").exists()


def session_of(leader: int) -> list[int]:
    """Every process of a session."""
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - a path for each process of the machine takes longest
        if name.isdigit():
            with contextlib.suppress(OSError):
                if os.getsid(int(name)) == leader:
                    found.append(int(name))
    return found


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        content = part = os.read(descriptor, LONGEST)
        while len(part) == LONGEST:
            part = os.read(descriptor, LONGEST)
            content += part
        return content
    finally:
        os.close(descriptor)
