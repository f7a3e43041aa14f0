"""GPU costs where there is no GPU: a fake driver library proves the wiring from NVML to the record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import readbench
from readbench.machine import gpu
from readbench.results.store import Store

MIB = 2**20


@dataclass
class FakeDriver(ModuleType):
    """As much of pynvml as the meter asks for: two cards, processes by card, memory and utilisation."""

    processes: list[dict[int, int | None]] = field(default_factory=lambda: [{}, {}])
    used: list[int] = field(default_factory=lambda: [10 * MIB, 10 * MIB])
    busy: int = 50

    NVMLError = RuntimeError

    def __post_init__(self) -> None:
        super().__init__("pynvml")

    def nvmlInit(self) -> None: ...

    def nvmlDeviceGetCount(self) -> int:
        return len(self.processes)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetHandleByUUID(self, name: str) -> int:
        raise self.NVMLError(name)

    def nvmlDeviceGetName(self, handle: int) -> str:
        return f"Card {handle}"

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:
        return SimpleNamespace(used=self.used[handle], total=80 * 2**30)

    def nvmlDeviceGetComputeRunningProcesses(self, handle: int) -> list[SimpleNamespace]:
        return [SimpleNamespace(pid=pid, usedGpuMemory=size) for pid, size in self.processes[handle].items()]

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> SimpleNamespace:  # noqa: ARG002
        return SimpleNamespace(gpu=self.busy)


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDriver]:
    fake = FakeDriver()
    monkeypatch.setattr(gpu, "_nvml", lambda: fake)
    monkeypatch.setattr(gpu, "torch_knows_cuda", lambda: False)
    monkeypatch.setattr(gpu, "INTERVAL_S", 0.0)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpu._handles.cache_clear()
    yield fake
    gpu._handles.cache_clear()


def test_peak_memory_and_mean_utilisation_of_the_tree(driver: FakeDriver) -> None:
    meter = gpu.GpuMeter()
    meter.sample([7, 8])
    assert (meter.peak_bytes, meter.utilisation) == (None, None)
    driver.processes = [{7: 100 * MIB, 99: 900 * MIB}, {8: 50 * MIB}]
    meter.sample([7, 8])
    driver.processes, driver.busy = [{7: 20 * MIB}, {}], 100
    meter.sample([7, 8])
    assert meter.peak_bytes == 150 * MIB
    assert meter.utilisation == pytest.approx(0.75)


def test_in_a_container_what_was_taken_since_is_the_trees(driver: FakeDriver) -> None:
    meter = gpu.GpuMeter()
    driver.processes, driver.used = [{31337: None}, {}], [510 * MIB, 10 * MIB]
    meter.sample([7])
    assert meter.peak_bytes == 500 * MIB


def test_somebody_else_on_the_card_is_not_charged(driver: FakeDriver) -> None:
    driver.processes = [{99: 900 * MIB}, {}]
    meter = gpu.GpuMeter()
    driver.used[0] = 2000 * MIB
    meter.sample([7])
    assert meter.peak_bytes is None


@pytest.mark.usefixtures("driver")
def test_only_visible_cards_count(monkeypatch: pytest.MonkeyPatch) -> None:
    assert gpu._handles() == (0, 1)
    for visible, cards in (("1", (1,)), ("", ()), ("-1", ()), ("0,GPU-x", (0,))):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        gpu._handles.cache_clear()
        assert gpu._handles() == cards
    assert gpu.device_for(True) == "cpu"  # a card, and no torch that knows it


def test_without_a_driver_there_is_nothing() -> None:
    gpu._handles.cache_clear()
    meter = gpu.GpuMeter()
    meter.sample([1])
    assert (meter.peak_bytes, meter.utilisation) == (None, None) or gpu._handles()


METHOD = """
import os
import time
from readbench.adapter import Adapter, RankedPhrases


class Waits(Adapter):
    name = "test.waits"
    tasks = frozenset({"keyphrases"})

    def load(self):
        time.sleep(0.5)

    def predict(self, chunk):
        return [RankedPhrases(("phrase",), (1.0,)) for _ in chunk]
"""


def test_a_record_carries_what_the_driver_said(driver: FakeDriver, tmp_path: Path) -> None:
    """From a driver in the parent through sampler, ending and costs into the record on disk."""
    (tmp_path / "method.py").write_text(METHOD, encoding="utf-8")
    (tmp_path / "suite.toml").write_text(
        '[dataset]\nname = "papers-demo"\n[tasks.keyphrases]\nmethods = ["test.waits"]\n', encoding="utf-8"
    )

    def all_processes(handle: int) -> list[SimpleNamespace]:
        # Whoever asks has a child of the fork server in mind: every process below this one is on card 0.
        import psutil

        pids = [process.pid for process in psutil.Process().children(recursive=True)]
        return [SimpleNamespace(pid=pid, usedGpuMemory=3 * MIB) for pid in pids] if handle == 0 else []

    driver.nvmlDeviceGetComputeRunningProcesses = all_processes  # type: ignore[method-assign]
    frame = readbench.run(
        str(tmp_path / "suite.toml"),
        limit=5,
        include_paths=[tmp_path / "method.py"],
        output_path=tmp_path / "results",
    )
    record = next(Store(tmp_path / "results").records())
    assert record.costs.peak_vram_process_bytes == 3 * MIB
    assert record.costs.gpu_utilisation == pytest.approx(0.5)
    assert record.costs.peak_vram_allocated_bytes is None  # torch was not even imported
    assert frame.loc[0, "peak_vram_process_bytes"] == 3 * MIB
