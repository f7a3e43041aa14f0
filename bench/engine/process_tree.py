"""The processes that belong to a cell: found, looked at, and ended."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass, field

from readbench.machine.processes import Look, children_of, look_at, session_of, started_at


@dataclass
class ProcessTree:
    """A process and all that descend from it."""

    pid: int
    _seen: dict[int, int] = field(default_factory=dict)
    """When each process started that was ever in the tree: another one may have its number by now."""
    _last: dict[int, Look] = field(default_factory=dict)

    def look(self) -> dict[int, Look]:
        """At every process of the tree; zeros for the first one where it is gone, and only for it."""
        found: dict[int, Look] = {}
        queue = [self.pid]
        for pid in queue:
            look = look_at(pid, self._last.get(pid))
            if not look.started:
                continue
            found[pid] = look
            queue += [child for child in children_of(pid, look.threads) if child not in queue]
        for pid in found.keys() - self._seen.keys():
            self._seen[pid] = found[pid].started
        self._last = found
        return found or {self.pid: Look()}

    def forget(self) -> None:
        """The next look takes nothing from the last one: a peak may begin anew."""
        self._last = {}

    def kill(self) -> None:
        """Ends every process that was ever seen in the tree, and every one of its session."""
        self.look()
        doomed = {pid for pid, started in self._seen.items() if started_at(pid) == started}
        for pid in doomed.union(session_of(self.pid)):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
