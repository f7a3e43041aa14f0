"""What GPUs are here, and a meter of what a cell's processes take of them, both through NVML.

Nothing here imports torch or touches CUDA: a fork server whose parent has a CUDA context could not fork.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any

INTERVAL_S = 0.1


def gpu_memory() -> int:
    """Bytes of the largest GPU that a process may use here; 0 without one."""
    nvml = _nvml()
    if nvml is None:
        return 0
    return max((int(nvml.nvmlDeviceGetMemoryInfo(handle).total) for handle in _handles()), default=0)


def device_for(uses_gpu: bool) -> str:
    """ "cuda" for a method that uses a GPU where there is one that the installed torch can use, or "cpu"."""
    return "cuda" if uses_gpu and _handles() and torch_knows_cuda() else "cpu"


@lru_cache(maxsize=1)
def torch_knows_cuda() -> bool:
    """Whether the installed torch was built for CUDA; looks at its files."""
    spec = importlib.util.find_spec("torch")
    places = (spec.submodule_search_locations or ()) if spec else ()
    return any((Path(place) / "lib").glob("libtorch_cuda*") for place in places)


@dataclass
class GpuMeter:
    """Peak memory and mean utilisation of the GPUs while a process tree uses them. ``peak_bytes`` and
    ``utilisation`` (0 to 1) are None where there is no GPU or the tree never used it.

    A container may show its processes to the driver under other numbers. Where none of the tree's is
    known to the driver and nobody used a GPU before, all memory that was taken since is the tree's.
    """

    peak_bytes: int | None = None
    _busy: list[float] = field(default_factory=list)
    _next: float = 0.0
    _before: list[int] = field(default_factory=list)
    _alone: bool = False

    def __post_init__(self) -> None:
        handles = _handles()
        if handles:
            self._before = [_used(handle) for handle in handles]
            self._alone = not any(_processes(handle) for handle in handles)

    @property
    def utilisation(self) -> float | None:
        return sum(self._busy) / len(self._busy) if self._busy else None

    def sample(self, pids: Iterable[int]) -> None:
        """Looks at the GPUs, if the last look is long enough ago. ``pids`` are those of the tree."""
        if not self._before or monotonic() < self._next:
            return
        tree = set(pids)
        taken, busy = 0, []
        for handle, before in zip(_handles(), self._before, strict=True):
            of_process = _processes(handle)
            mine = sum(size for pid, size in of_process.items() if pid in tree)
            if not mine and self._alone and of_process:
                mine = max(0, _used(handle) - before)
            if mine:
                taken += mine
                busy.append(_utilisation(handle))
        if taken:
            self.peak_bytes = max(self.peak_bytes or 0, taken)
            self._busy.append(sum(busy) / len(busy))
        self._next = monotonic() + INTERVAL_S


def _nvml() -> ModuleType | None:
    if importlib.util.find_spec("pynvml") is None:
        return None
    import pynvml

    module: ModuleType = pynvml
    return module


@lru_cache(maxsize=1)
def _handles() -> tuple[Any, ...]:
    nvml = _nvml()
    if nvml is None:
        return ()
    try:
        nvml.nvmlInit()
        every = [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]
    except nvml.NVMLError:
        return ()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return tuple(every)
    chosen = []
    for name in (part.strip() for part in visible.split(",")):
        if name.isdigit() and int(name) < len(every):
            chosen.append(every[int(name)])
        elif name:
            with contextlib.suppress(nvml.NVMLError):
                chosen.append(nvml.nvmlDeviceGetHandleByUUID(name))
    return tuple(chosen)


def _used(handle: Any) -> int:
    nvml = _nvml()
    assert nvml is not None
    return int(nvml.nvmlDeviceGetMemoryInfo(handle).used)


def _processes(handle: Any) -> dict[int, int]:
    """Bytes by process; 0 where the driver does not say."""
    nvml = _nvml()
    assert nvml is not None
    try:
        found = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
    except nvml.NVMLError:
        return {}
    return {process.pid: int(process.usedGpuMemory or 0) for process in found}


def _utilisation(handle: Any) -> float:
    nvml = _nvml()
    assert nvml is not None
    try:
        return float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu) / 100
    except nvml.NVMLError:
        return 0.0
