"""What measuring memory costs: what goes up and down is read now and then, and a new peak is never missed."""

from __future__ import annotations

import os
import time

import pytest

from readbench.engine import meter as metering
from readbench.engine.meter import Meter

MIB = 2**20


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """The resident size as a test sets it, and how often the maps were read, which takes 10 ms."""
    state = {"resident": 100 * MIB, "readings": 0}

    def read(pid: int) -> tuple[int, int]:  # noqa: ARG001
        state["readings"] += 1
        time.sleep(0.01)
        return state["resident"], state["resident"]

    monkeypatch.setattr(metering, "_memory", read)
    monkeypatch.setattr(metering, "_resident", lambda pid: state["resident"])  # noqa: ARG005
    return state


def watched() -> Meter:
    meter = Meter(os.getpid(), baseline_bytes=0)
    meter._tree = lambda: [os.getpid()]  # type: ignore[method-assign]
    return meter


def test_what_goes_up_and_down_is_not_read_at_every_turn(sizes: dict[str, int]) -> None:
    meter = watched()
    sizes["resident"] = 500 * MIB
    meter.sample()
    before = sizes["readings"]
    began = time.monotonic()
    for turn in range(40):
        sizes["resident"] = (500 if turn % 2 else 200) * MIB
        meter.sample()
        time.sleep(0.002)
    # 10 ms of reading in 200 ms.
    assert sizes["readings"] - before <= 1 + (time.monotonic() - began) / 0.2
    assert meter.peak_growth_bytes == 500 * MIB


def test_a_new_peak_is_read_at_once(sizes: dict[str, int]) -> None:
    meter = watched()
    for size in (200, 300, 400):
        sizes["resident"] = size * MIB
        assert meter.sample() == size * MIB
    assert meter.peak_growth_bytes == 400 * MIB
