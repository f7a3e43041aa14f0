"""ChatGLM2-6B at full size on a GPU, with random weights: LoRA steps by the training loop of the methods,
memory with and without checkpointing, scoring by batch size and one by one, free lists in batches and one by
one, beside what the multiplications alone would take.

    python tests/benchmarks/chatglm2_full_size.py --out record.json
    python tests/benchmarks/chatglm2_full_size.py --shape tiny --device cpu --out record.json    # a dry run

Random weights cost what trained ones cost; what is predicted means nothing. A record holds the measured
numbers, the floors and whether each target is met.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

from readbench.adapter import Context, TaskSpec
from readbench_adapters.llm.loading import CausalModel
from readbench_adapters.llm.memory import (
    CHATGLM2_6B,
    Shape,
    shape_from_config,
    training_memory,
)
from readbench_adapters.llm.scoring import Answers, Scorer, generate
from readbench_adapters.llm.training import Example, Learner
from readbench_adapters.llm.tuning import TuningConfig, tuned
from readbench_adapters.training.loop import TrainingConfig, train

GIB = 2**30
EPOCH_PAPERS, EPOCH_TOKENS = 6_000, 400
"""The training set of the notes."""
EPOCH_WITHIN, SCORING_WITHIN, LISTS_FASTER, LORA_GIB = 2.0, 1.5, 8.0, 16.0
"""Targets: an epoch and scoring within so many times their floors, free lists so many times faster than one
by one, and LoRA at 4 x 512 tokens with gradient checkpointing inside so much memory."""
LIST_TOKENS = 96
"""Of a free list of keyphrases: what the methods allow."""

CONFIGS: dict[str, dict[str, Any]] = {
    "full": {
        "num_layers": 28,
        "hidden_size": 4096,
        "num_attention_heads": 32,
        "kv_channels": 128,
        "ffn_hidden_size": 13696,
        "padded_vocab_size": 65024,
    },
    "tiny": {
        "num_layers": 2,
        "hidden_size": 64,
        "num_attention_heads": 4,
        "kv_channels": 16,
        "ffn_hidden_size": 160,
        "padded_vocab_size": 65024,
    },
}
COMMON = {
    "model_type": "chatglm",
    "multi_query_attention": True,
    "multi_query_group_num": 2,
    "rmsnorm": True,
    "add_qkv_bias": True,
    "add_bias_linear": False,
    "layernorm_epsilon": 1e-5,
    "seq_length": 32768,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "tie_word_embeddings": False,
}
LABELS = Answers(((30910, 30940), (30910, 30939)), 1)
"""The ids of ChatGLM2's answers 0 and 1."""


class Ids:
    """What is asked of a tokenizer where there are ids and no texts."""

    eos_id, pad_id = 2, 0

    def encode(self, text: str) -> list[int]:
        raise NotImplementedError(text)

    chat = answer = encode

    def decode(self, ids: Sequence[int]) -> str:
        return " ".join(map(str, ids))


def forward_flops(shape: Shape, tokens: int) -> float:
    """Floating point operations of one token in a text of ``tokens``: two a weight beside the embedding,
    and attention to half of the text on average."""
    return 2.0 * (shape.parameters - shape.embedding * (0 if shape.tied else 1)) + (
        2.0 * shape.layers * shape.query * tokens
    )


def floor_seconds(
    shape: Shape,
    *,
    documents: int,
    tokens: int,
    flops: float,
    training: bool = False,
    checkpointing: bool = False,
) -> float:
    """What a pass over the documents takes at ``flops`` a second. Training adapters takes twice a forward
    pass (no weight has a gradient), three times where layers are computed again."""
    passes = (3 if checkpointing else 2) if training else 1
    return documents * tokens * forward_flops(shape, tokens) * passes / flops


@dataclass(frozen=True)
class Options:
    shape: str
    device: str
    batch: int
    tokens: int
    steps: int
    papers: int
    one_by_one: int
    lists: int
    score_batches: tuple[int, ...]
    tflops: float


class Stand:
    """The model and how time and memory are taken of it."""

    def __init__(self, options: Options) -> None:
        import torch

        from readbench_adapters.chatglm.chatglm2_weights import assemble, native_config

        self.options, self.device = options, options.device
        config = CONFIGS[options.shape] | COMMON
        self.shape: Shape = shape_from_config(config)
        assert options.shape != "full" or self.shape == CHATGLM2_6B
        self.dtype = torch.bfloat16 if self.device == "cuda" else torch.float32
        self.element = 2 if self.device == "cuda" else 4
        start = perf_counter()
        glm = native_config(config)
        self.causal = CausalModel(
            assemble(glm, random_state(glm, self.dtype, self.device), self.device),
            Ids(),
            "chatglm2",
            ("q_proj", "k_proj", "v_proj"),
            {},
        )
        self.wait()
        self.built_s = perf_counter() - start

    def wait(self) -> None:
        if self.device == "cuda":
            import torch

            torch.cuda.synchronize()

    def measured(self, work: Callable[[], object]) -> tuple[float, float | None]:
        """Seconds, and the peak of allocated memory in GiB (None on a CPU), of what was warmed up before."""
        import torch

        if self.device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        self.wait()
        start = perf_counter()
        work()
        self.wait()
        seconds = perf_counter() - start
        peak = torch.cuda.max_memory_allocated() / GIB if self.device == "cuda" else None
        return seconds, peak

    def learner(self, model: Any, batch_size: int) -> Learner:
        return Learner(model, Scorer(model, self.causal.tokenizer, self.device, batch_size), LABELS)

    def prompts(self, count: int, *, seed: int = 0) -> list[list[int]]:
        """Prompts of about ``EPOCH_TOKENS`` tokens on average at full size, none beyond ``tokens``."""
        generator = random.Random(seed)
        mean = min(EPOCH_TOKENS, self.options.tokens * 3 // 4)
        lengths = [
            generator.randint(mean // 2, min(self.options.tokens - 3, mean * 3 // 2)) for _ in range(count)
        ]
        return [[generator.randrange(100, 60_000) for _ in range(length)] for length in lengths]


def random_state(config: Any, dtype: Any, device: str) -> dict[str, Any]:
    """Tensors for every name of the model, as a fresh one would have them."""
    import torch
    from transformers import GlmForCausalLM

    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in GlmForCausalLM(config).state_dict().items()}
    torch.manual_seed(0)
    state = {}
    for name, shape in shapes.items():
        tensor = torch.empty(shape, dtype=dtype, device=device)
        state[name] = tensor.fill_(1.0) if "norm" in name else tensor.normal_(std=0.02)
    return state


def measure_scoring(stand: Stand) -> dict[str, Any]:
    """Seconds a paper by batch size; the same papers answered one by one with a greedy chat of three ids,
    which is what an answer of this model and its end take."""
    options = stand.options
    papers = stand.prompts(options.papers)
    tokens = sum(map(len, papers)) / len(papers)
    model = stand.causal.model
    by_batch: dict[str, dict[str, float | None]] = {}
    seconds_per_paper = []
    for batch in options.score_batches:
        scorer = stand.learner(model, batch).scorer
        scorer.labels(papers[:batch], LABELS)
        seconds, peak = stand.measured(lambda scorer=scorer: scorer.labels(papers, LABELS))  # type: ignore[misc]
        seconds_per_paper.append(seconds / len(papers))
        by_batch[str(batch)] = {"seconds_per_paper": seconds_per_paper[-1], "peak_gib": peak}
    few = papers[: options.one_by_one]

    def one_by_one() -> None:
        for prompt in few:
            generate(
                model, stand.causal.tokenizer, [prompt], device=stand.device, batch_size=1, max_new_tokens=3
            )

    generate(model, stand.causal.tokenizer, few[:1], device=stand.device, batch_size=1, max_new_tokens=3)
    seconds, peak = stand.measured(one_by_one)
    best = min(seconds_per_paper)
    floor = floor_seconds(stand.shape, documents=1, tokens=round(tokens), flops=options.tflops * 1e12)
    return {
        "mean_tokens": tokens,
        "by_batch": by_batch,
        "one_by_one": {"seconds_per_paper": seconds / len(few), "peak_gib": peak, "papers": len(few)},
        "floor_seconds_per_paper": floor,
        "best_over_floor": best / floor,
        "faster_than_one_by_one": seconds / len(few) / best,
    }


def measure_lists(stand: Stand) -> dict[str, Any]:
    """Seconds a paper of free lists, in padded batches and one by one. Random weights end no answer early."""
    options, model = stand.options, stand.causal.model
    papers = stand.prompts(options.lists, seed=1)
    few = papers[: options.one_by_one // 8 + 1]

    def write(prompts: list[list[int]], batch: int) -> None:
        generate(
            model,
            stand.causal.tokenizer,
            prompts,
            device=stand.device,
            batch_size=batch,
            max_new_tokens=min(LIST_TOKENS, options.tokens),
        )

    write(few[:1], 1)
    together_s, peak = stand.measured(lambda: write(papers, options.lists))
    alone_s, _ = stand.measured(lambda: write(few, 1))
    return {
        "papers": len(papers),
        "peak_gib": peak,
        "seconds_per_paper": together_s / len(papers),
        "one_by_one": {"seconds_per_paper": alone_s / len(few), "papers": len(few)},
        "faster_than_one_by_one": alone_s / len(few) / (together_s / len(papers)),
    }


def measure_training(stand: Stand) -> dict[str, Any]:
    """LoRA steps of ``batch`` rows of ``tokens``, with and without gradient checkpointing."""
    options = stand.options
    config = TuningConfig("lora")
    wrapped = tuned(stand.causal, config, steps=options.steps, steps_an_epoch=options.steps, seed=1)
    learner = stand.learner(wrapped, options.batch)
    trainable = [parameter for parameter in wrapped.parameters() if parameter.requires_grad]
    generator = random.Random(3)
    length = options.tokens - 3
    examples = [
        Example([generator.randrange(100, 60_000) for _ in range(length)], [30910, 30940, 2], 0)
        for _ in range(options.batch * options.steps)
    ]
    context = Context(task=TaskSpec(task="classification", labels=("0", "1")), device=stand.device)
    training = TrainingConfig(
        epochs=1,
        learning_rate=5e-5,
        batch_size=options.batch,
        accumulation=4,
        precision="bf16" if stand.device == "cuda" else "fp32",
    )

    def learn(count: int) -> None:
        train(
            wrapped,
            lambda places: learner.loss([examples[place] for place in places]),
            [example.length for example in examples[:count]],
            training,
            context,
        )

    found: dict[str, Any] = {"trainable_parameters": sum(p.numel() for p in trainable)}
    base = stand.causal.model
    for name in ("plain", "checkpointed"):
        checkpointing = name == "checkpointed"
        if checkpointing:
            base.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        learn(options.batch)
        seconds, peak = stand.measured(lambda: learn(len(examples)))
        tokens_per_s = options.steps * options.batch * options.tokens / seconds
        flops = options.tflops * 1e12
        floor = floor_seconds(
            stand.shape,
            documents=options.batch,
            tokens=options.tokens,
            flops=flops,
            training=True,
            checkpointing=checkpointing,
        )
        counted = training_memory(
            stand.shape,
            TuningConfig("lora", gradient_checkpointing=checkpointing),
            element=stand.element,
            batch=options.batch,
            tokens=options.tokens,
            answer=3,
            mask=1,
        )
        found[name] = {
            "seconds_per_step": seconds / options.steps,
            "tokens_per_s": tokens_per_s,
            "peak_gib": peak,
            "floor_seconds_per_step": floor,
            "over_floor": seconds / options.steps / floor,
            "epoch_seconds": EPOCH_PAPERS * EPOCH_TOKENS / tokens_per_s,
            "counted_gib": {part: size / GIB for part, size in asdict(counted).items()}
            | {"total": counted.total / GIB},
        }
    return found


def targets(record: dict[str, Any]) -> dict[str, bool | None]:
    """Whether each target is met; None where nothing was measured that could tell."""
    plain, checkpointed = record["training"]["plain"], record["training"]["checkpointed"]
    peak = checkpointed["peak_gib"]
    scoring, lists = record["scoring"], record["lists"]
    return {
        f"an epoch within {EPOCH_WITHIN} times its floor": plain["over_floor"] <= EPOCH_WITHIN,
        f"scoring within {SCORING_WITHIN} times its floor": scoring["best_over_floor"] <= SCORING_WITHIN,
        f"free lists {LISTS_FASTER:.0f} times faster than one by one": (
            lists["faster_than_one_by_one"] >= LISTS_FASTER
        ),
        f"LoRA with checkpointing inside {LORA_GIB:.0f} GiB": None if peak is None else peak <= LORA_GIB,
    }


def run(options: Options) -> dict[str, Any]:
    import torch

    stand = Stand(options)
    record: dict[str, Any] = {
        "options": asdict(options),
        "machine": {
            "gpu": torch.cuda.get_device_name() if options.device == "cuda" else None,
            "cpu": platform.processor() or platform.machine(),
            "python": platform.python_version(),
        },
        "versions": {name: version(name) for name in ("torch", "transformers", "peft")},
        "parameters": stand.shape.parameters,
        "dtype": str(stand.dtype),
        "built_s": stand.built_s,
        "forward_gflop_per_token": forward_flops(stand.shape, options.tokens) / 1e9,
    }
    record["scoring"] = measure_scoring(stand)
    record["lists"] = measure_lists(stand)
    record["training"] = measure_training(stand)
    if options.shape == "full":
        record["targets"] = targets(record)
    return record


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--shape", choices=sorted(CONFIGS), default="full")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=512)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--papers", type=int, default=512)
    parser.add_argument("--one-by-one", type=int, default=30)
    parser.add_argument("--lists", type=int, default=32)
    parser.add_argument("--score-batches", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--tflops", type=float, default=790.0, help="dense bf16 peak of the device")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)

    import torch

    if given.device == "cuda" and not torch.cuda.is_available():
        print("there is no CUDA device here; a dry run is --shape tiny --device cpu", file=sys.stderr)
        return 2
    if given.device == "cpu" and given.shape == "full":
        print("the full size needs a GPU; a dry run is --shape tiny --device cpu", file=sys.stderr)
        return 2
    options = {name: value for name, value in vars(given).items() if name != "out"}
    record = run(Options(**options | {"score_batches": tuple(given.score_batches)}))
    given.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
