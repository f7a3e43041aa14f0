"""The measurement at full size, tried at a tiny one: it runs through and writes a whole record."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra llm")
pytest.importorskip("peft", reason="needs the extra llm")

from chatglm2_full_size import CONFIGS, floor_seconds, forward_flops, main, targets  # noqa: E402

from readbench_adapters.llm.memory import CHATGLM2_6B  # noqa: E402

ACCELERATOR = 790e12
"""Dense bf16 operations a second, at most, of the accelerator that the published floors are for."""

TINY = [
    "--shape",
    "tiny",
    "--device",
    "cpu",
    "--tokens",
    "48",
    "--steps",
    "2",
    "--papers",
    "6",
    "--one-by-one",
    "2",
    "--lists",
    "3",
    "--score-batches",
    "1",
    "4",
]


def test_a_dry_run_writes_a_whole_record(tmp_path: Path) -> None:
    out = tmp_path / "record.json"
    assert main([*TINY, "--out", str(out)]) == 0
    record = json.loads(out.read_text())
    assert set(record["scoring"]["by_batch"]) == {"1", "4"}
    assert record["scoring"]["one_by_one"]["seconds_per_paper"] > 0
    assert record["lists"]["papers"] == 3
    assert record["lists"]["faster_than_one_by_one"] > 0
    for name in ("plain", "checkpointed"):
        found = record["training"][name]
        assert found["tokens_per_s"] > 0
        assert found["over_floor"] > 1
        assert found["peak_gib"] is None  # no GPU, no such number
        assert found["counted_gib"]["total"] > 0
    # One first matrix for queries, keys and values, two layers.
    assert record["training"]["trainable_parameters"] == 2 * 8 * (64 + 64 + 2 * 32)
    assert list(targets(record).values())[-1] is None
    assert CONFIGS["full"]["num_layers"] == 28


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_step_of_the_prepared_script_starts(tmp_path: Path) -> None:
    script = Path(__file__).with_name("on_gpu.sh")
    env = os.environ | {"PYTHON": sys.executable}
    done = subprocess.run(
        ["bash", str(script), str(tmp_path / "out"), "--dry"], env=env, capture_output=True, text=True
    )
    logs = "".join(path.read_text() for path in (tmp_path / "out").glob("*.log"))
    assert done.returncode == 0, done.stdout + logs
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == [
        "machine",
        "precision",
        "full",
        "quantised",
        "cells",
    ]
    found = {path.stem: json.loads(path.read_text()) for path in (tmp_path / "out").glob("*.json")}
    assert 0 < found["precision"]["bfloat16"] < 0.1
    assert {one["status"] for one in found["cells"].values()} == {"ok"}
    assert set(found["cells"]) == {"bert", "bert-tagger"}
    limits = sum(int(line.rsplit(" ", 1)[1]) for line in done.stdout.splitlines())
    assert limits + 60 <= 12 * 60  # with the wheels


def test_without_a_gpu_the_full_size_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not torch.cuda.is_available():
        assert main(["--out", str(tmp_path / "x")]) == 2
        assert "no CUDA device" in capsys.readouterr().err
    assert main(["--device", "cpu", "--out", str(tmp_path / "x")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_floors_of_the_full_size() -> None:
    assert forward_flops(CHATGLM2_6B, 400) / 1e9 == pytest.approx(12.05, abs=0.01)
    epoch: dict[str, Any] = {"documents": 6000, "tokens": 400, "flops": ACCELERATOR}
    assert floor_seconds(CHATGLM2_6B, training=True, **epoch) == pytest.approx(73, abs=0.5)
    assert floor_seconds(CHATGLM2_6B, training=True, checkpointing=True, **epoch) == pytest.approx(
        110, abs=0.5
    )
    scoring = floor_seconds(CHATGLM2_6B, documents=2358, tokens=384, flops=ACCELERATOR)
    assert scoring == pytest.approx(13.8, abs=0.05)
