"""The shorter steps of ``on_gpu.sh``, each a command that writes its figures as JSON:

    python tests/benchmarks/gpu_steps.py precision --device cuda --out precision.json

``precision``: log-probabilities of labels by a tiny ChatGLM2 of random numbers, in bf16 and fp16 beside fp32.
``quantised``: the same of a tiny Llama in 4 and 8 bit, where bitsandbytes is there.
``cells``: a run of two fine-tuned encoders, with the GPU memory and utilisation that its records hold.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "adapters")]
PAPERS = 12
SUITE = """
name = "gpu"
[split]
kind = "holdout"
test = 0.3
[limits]
timeout = "5m"
device = "{device}"
[tasks.classification]
labels = ["0", "1"]
positive = "1"
methods = ["bert[model={model}, epochs=2, max_length=32]"]
[tasks.keyphrases]
methods = ["bert-tagger[model={model}, epochs=2, max_length=64, overlap=8]"]
"""


def precision(device: str) -> dict[str, Any]:
    """The largest difference from fp32 of a label's log-probability."""
    import torch
    from chatglm2_full_size import COMMON, CONFIGS, LABELS, Ids, random_state

    from readbench_adapters.chatglm.chatglm2_weights import assemble, native_config
    from readbench_adapters.llm.scoring import Scorer

    config = native_config(CONFIGS["tiny"] | COMMON)
    state = random_state(config, torch.float32, device)
    generator = np.random.default_rng(0)
    prompts = [generator.integers(100, 60_000, size).tolist() for size in (20, 64, 50, 7)]
    found = {}
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        model = assemble(config, {name: tensor.to(dtype) for name, tensor in state.items()}, device)
        found[str(dtype).partition(".")[2]] = Scorer(model, Ids(), device, 4).labels(prompts, LABELS)
    exact = found.pop("float32")
    return {name: float(np.abs(logs - exact).max()) for name, logs in found.items()}


def quantised(device: str) -> dict[str, Any]:
    if device != "cuda" or find_spec("bitsandbytes") is None:
        return {"skipped": "needs CUDA and bitsandbytes"}
    from tiny_models import build_llama

    from readbench.adapter import Context
    from readbench.core.types import PredictedLabel
    from readbench.datasets import open_dataset
    from readbench.methods.registry import Registry
    from readbench.tasks.spec import TaskSpec

    task = TaskSpec(task="classification", labels=("0", "1"))
    papers = open_dataset("papers-demo").documents[:PAPERS]
    scores: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        llama = build_llama(Path(folder) / "llama")
        for bits in ("none", "8bit", "4bit"):
            method = Registry().method(f'llm[model="{llama}", tuning=none, quantization={bits}]')
            adapter = method.create(Context(task=task, device=device, scratch=Path(folder)))
            adapter.load()
            predicted = [one for one in adapter.predict(papers) if isinstance(one, PredictedLabel)]
            scores[bits] = np.array([one.scores["1"] for one in predicted])
    return {bits: float(np.abs(scores[bits] - scores["none"]).max()) for bits in ("8bit", "4bit")}


def cells(device: str) -> dict[str, Any]:
    """What the records of a run say of the GPU. Where there is none the fields are null."""
    from tiny_bert import save_tiny_bert

    from readbench.cli import main

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        save_tiny_bert(folder / "bert", head=False)
        suite, results = folder / "gpu.toml", folder / "results"
        chosen = "auto" if device == "cuda" else "cpu"
        suite.write_text(SUITE.format(device=chosen, model=folder / "bert"), encoding="utf-8")
        run = ["run", suite, "--dataset", "papers-demo", "--limit", 48, "--output-path", results]
        try:
            main([str(word) for word in run])
        except SystemExit as ended:
            if ended.code:
                raise
        found = [json.loads(path.read_text("utf-8")) for path in results.glob("cells/*/record.json")]
    wanted = ("fit_s", "predict_s", "peak_vram_allocated_bytes", "peak_vram_process_bytes", "gpu_utilisation")
    return {
        record["method"].partition("[")[0]: {"status": record["status"], "device": record["device"]}
        | {name: record["costs"][name] for name in wanted}
        for record in found
    }


STEPS: dict[str, Callable[[str], dict[str, Any]]] = {
    "precision": precision,
    "quantised": quantised,
    "cells": cells,
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("step", choices=sorted(STEPS))
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    found = STEPS[given.step](given.device)
    given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({given.step: found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
