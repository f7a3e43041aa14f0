"""The shared training loop: what it computes, what it keeps, and that it does so again from the same seed."""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readbench.adapter import Context, TaskSpec
from readbench.core.errors import BenchError
from readbench_adapters.training.loop import (
    BatchLoss,
    Evaluation,
    TrainingConfig,
    autocast,
    bucketed,
    by_length,
    optimiser_steps,
    parts,
    resolve_precision,
    train,
)
from readbench_adapters.training.optimiser import Optimiser, parameter_groups

torch = pytest.importorskip("torch", reason="needs the extra neural")
pytest.importorskip("transformers", reason="needs the extra neural")

from readbench_adapters.training.allocator import keep_freed_memory  # noqa: E402

SPEC = TaskSpec(task="classification", labels=("0", "1"))
LENGTHS = st.lists(st.integers(1, 500), max_size=400)


class Problem:
    """Logistic regression on seeded points, which a training loop must learn."""

    def __init__(self, n: int = 50, dropout: float = 0.0) -> None:
        generator = torch.Generator().manual_seed(3)
        self.inputs = torch.randn(n, 6, generator=generator)
        self.targets = (self.inputs @ torch.arange(1.0, 7.0) > 0).long()
        torch.manual_seed(1)
        self.model = torch.nn.Sequential(
            torch.nn.Linear(6, 8), torch.nn.Tanh(), torch.nn.Dropout(dropout), torch.nn.Linear(8, 2)
        )
        self.lengths = [1 + index % 7 for index in range(n)]
        self.batches: list[list[int]] = []

    def loss(self, batch: list[int]) -> BatchLoss:
        self.batches.append(batch)
        value = torch.nn.functional.cross_entropy(self.model(self.inputs[batch]), self.targets[batch])
        return BatchLoss(value, sum(self.lengths[i] for i in batch), len(batch))

    def accuracy(self) -> float:
        return float((self.model(self.inputs).argmax(dim=1) == self.targets).float().mean())

    def state(self) -> dict[str, Any]:
        return {name: value.clone() for name, value in self.model.state_dict().items()}


def context(notes: dict[str, Any] | None = None, **more: Any) -> Context:
    note: Callable[[str, Any], None] = (notes if notes is not None else {}).__setitem__
    return Context(task=SPEC, note=note, **more)


def equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


@given(lengths=LENGTHS, size=st.integers(1, 40), seed=st.integers(0, 5))
def test_batches_hold_each_example_once_and_little_padding(lengths: list[int], size: int, seed: int) -> None:
    batches = bucketed(lengths, size, seed, epoch=1)
    assert Counter(i for batch in batches for i in batch) == Counter(range(len(lengths)))
    assert len(batches) == math.ceil(len(lengths) / size)
    assert all(1 <= len(batch) <= size for batch in batches)
    assert batches == bucketed(lengths, size, seed, epoch=1)
    if len(lengths) <= size * 50:  # sorted as a whole: no cut into as many batches pads less
        padded = sum(max(lengths[i] for i in batch) * len(batch) for batch in batches)
        ordered = sorted(lengths)
        assert padded == sum(
            max(ordered[i : i + size]) * len(ordered[i : i + size]) for i in range(0, len(ordered), size)
        )


def test_epochs_and_seeds_differ() -> None:
    lengths = [1 + i % 90 for i in range(300)]
    assert bucketed(lengths, 8, 0, 1) != bucketed(lengths, 8, 0, 2)
    assert bucketed(lengths, 8, 0, 1) != bucketed(lengths, 8, 1, 1)


@given(lengths=LENGTHS, size=st.integers(1, 40))
def test_prediction_reads_the_longest_first(lengths: list[int], size: int) -> None:
    batches = by_length(lengths, size)
    order = [lengths[i] for batch in batches for i in batch]
    assert order == sorted(lengths, reverse=True)


def test_it_learns_and_tells_what_it_did() -> None:
    problem, notes = Problem(), dict[str, Any]()
    steps: list[tuple[int, int]] = []
    config = TrainingConfig(epochs=12, learning_rate=0.1, batch_size=8, patience=None)
    curve = train(
        problem.model,
        problem.loss,
        problem.lengths,
        config,
        context(notes, progress=lambda done, total: steps.append((done, total))),
        evaluate=problem.accuracy,
    )
    assert curve[-1].train_loss < curve[0].train_loss / 2
    assert max(point.validation_score or 0 for point in curve) > 0.9
    assert [point["epoch"] for point in notes["learning_curve"]] == list(range(1, 13))
    assert all(point["tokens_per_s"] > 0 for point in notes["learning_curve"])
    assert steps == [(done, 84) for done in range(85)]
    assert notes["training"] | {"best_epoch": None} == {
        "best_epoch": None,
        "epochs": 12,
        "epochs_allowed": 12,
        "steps": 84,
        "precision": "fp32",
        "trainable_parameters": 74,
        "parameters": 74,
    }


def test_one_step_is_torch_own_arithmetic() -> None:
    """Against a loop written down here: AdamW with two groups, linear warm-up and decay, clipping."""
    config = TrainingConfig(epochs=2, learning_rate=0.05, batch_size=8, warmup=0.3, weight_decay=0.1)
    problem, plain = Problem(), Problem()
    train(problem.model, problem.loss, problem.lengths, config, context())

    weights = [p for p in plain.model.parameters() if p.ndim == 2]
    biases = [p for p in plain.model.parameters() if p.ndim == 1]
    groups = [{"params": weights, "weight_decay": 0.1}, {"params": biases, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=0.05)
    steps, warm = 14, 4
    for step, batch in enumerate(problem.batches):
        rate = (step + 1) / (warm + 1) if step < warm else (steps - step) / (steps - warm)
        for group in optimiser.param_groups:
            group["lr"] = 0.05 * rate
        optimiser.zero_grad()
        plain.loss(batch).value.backward()
        torch.nn.utils.clip_grad_norm_([*weights, *biases], 1.0)
        optimiser.step()
    for one, other in zip(problem.model.parameters(), plain.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
@pytest.mark.parametrize("warm", [0, 1, 3])
def test_every_step_has_a_learning_rate(schedule: str, warm: int) -> None:
    """None is lost to a rate of 0, the first as little as the last; the warm-up ends at the highest."""
    problem = Problem()
    optimiser = Optimiser(
        problem.model,
        learning_rate=0.5,
        weight_decay=0.0,
        schedule=schedule,
        warmup_steps=warm,
        steps=9,
        max_norm=None,
        scaled=False,
    )
    rates = []
    for _ in range(9):
        loss = problem.loss([0, 1, 2])
        optimiser.accumulate(loss.value, loss.count)
        rates.append(optimiser._adam.param_groups[0]["lr"])
        optimiser.step()
    assert min(rates) > 0
    assert rates[: warm + 1] == pytest.approx([0.5 * (step + 1) / (warm + 1) for step in range(warm + 1)])
    assert max(rates) == pytest.approx(rates[warm])


def test_accumulated_batches_step_like_one_big_batch() -> None:
    """Also the last, shorter one: the mean is over documents, not over batches."""
    big = TrainingConfig(epochs=1, learning_rate=0.05, batch_size=50, max_norm=None)
    one, other = Problem(), Problem()
    train(one.model, one.loss, one.lengths, big, context())
    small = replace(big, batch_size=8, accumulation=7)
    assert optimiser_steps(50, small) == optimiser_steps(50, big) == 1
    train(other.model, other.loss, other.lengths, small, context())
    for a, b in zip(one.model.parameters(), other.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_the_best_epoch_is_put_back_and_patience_ends_training() -> None:
    problem, notes = Problem(), dict[str, Any]()
    after_epoch: list[dict[str, Any]] = []
    scores = iter([0.5, 0.9, 0.9, 0.8, 0.7])

    def evaluate() -> Evaluation:
        after_epoch.append(problem.state())
        return Evaluation(next(scores), loss=1.0)

    config = TrainingConfig(epochs=30, learning_rate=0.1, patience=3)
    curve = train(problem.model, problem.loss, problem.lengths, config, context(notes), evaluate=evaluate)
    assert (len(curve), notes["training"]["best_epoch"], notes["training"]["epochs"]) == (5, 2, 5)
    assert equal(problem.state(), after_epoch[1])
    assert not equal(problem.state(), after_epoch[4])
    assert not problem.model.training


def test_of_equal_scores_the_lower_loss_is_better() -> None:
    problem, notes = Problem(), dict[str, Any]()
    losses = iter([0.5, 0.3, 0.4])
    config = TrainingConfig(epochs=3, patience=None)
    evaluate = lambda: Evaluation(0.9, next(losses))  # noqa: E731
    train(problem.model, problem.loss, problem.lengths, config, context(notes), evaluate=evaluate)
    assert notes["training"]["best_epoch"] == 2


def test_what_is_frozen_stays_and_is_not_copied() -> None:
    problem, notes = Problem(), dict[str, Any]()
    for parameter in problem.model[0].parameters():
        parameter.requires_grad_(False)
    before = problem.state()
    config = TrainingConfig(epochs=2, learning_rate=0.1)
    train(problem.model, problem.loss, problem.lengths, config, context(notes), evaluate=problem.accuracy)
    after = problem.state()
    assert torch.equal(before["0.weight"], after["0.weight"])
    assert not torch.equal(before["3.weight"], after["3.weight"])
    assert (notes["training"]["trainable_parameters"], notes["training"]["parameters"]) == (18, 74)


def test_the_same_seed_trains_the_same_and_another_does_not() -> None:
    states: list[dict[str, Any]] = []
    for seed in (0, 0, 1):
        problem = Problem(dropout=0.5)
        torch.manual_seed(999 + len(states))  # whatever happened before
        config = TrainingConfig(epochs=2, learning_rate=0.1, seed=seed)
        train(problem.model, problem.loss, problem.lengths, config, context())
        states.append(problem.state())
    assert equal(states[0], states[1])
    assert not equal(states[0], states[2])


def test_a_hook_sees_each_step_before_gradients_are_cleared() -> None:
    problem = Problem()
    seen: list[tuple[int, bool]] = []
    config = TrainingConfig(epochs=2, batch_size=16, accumulation=3)
    train(
        problem.model,
        problem.loss,
        problem.lengths,
        config,
        context(),
        after_step=lambda step: seen.append((step, problem.model[0].weight.grad is not None)),
    )
    assert seen == [(step, True) for step in range(1, optimiser_steps(50, config) + 1)]
    assert len(seen) == 4


def test_what_is_shown_may_leave_a_term_out() -> None:
    problem = Problem()

    def loss(batch: list[int]) -> BatchLoss:
        found = problem.loss(batch)
        return replace(found, value=found.value + 100, shown=found.value.item())

    curve = train(problem.model, loss, problem.lengths, TrainingConfig(epochs=1), context())
    assert curve[0].train_loss < 10


def test_the_loss_of_an_epoch_is_the_mean_over_its_items() -> None:
    """Not over its batches, the last of which may be short: here six of 8 and one of 2."""
    problem = Problem()

    def loss(batch: list[int]) -> BatchLoss:
        return replace(problem.loss(batch), shown=float(len(batch)))

    curve = train(problem.model, loss, problem.lengths, TrainingConfig(epochs=1, batch_size=8), context())
    assert curve[0].train_loss == pytest.approx((6 * 8 * 8 + 2 * 2) / 50)


def test_only_matrices_decay() -> None:
    groups = parameter_groups(Problem().model, 0.3)
    assert [[p.ndim for p in group["params"]] for group in groups] == [[2, 2], [1, 1]]
    assert [group["weight_decay"] for group in groups] == [0.3, 0.0]


def test_a_loss_that_is_not_finite_ends_in_one_line() -> None:
    problem = Problem()
    problem.inputs[7, 0] = float("nan")
    with pytest.raises(BenchError, match=r"the loss became nan in epoch 1, batch \d"):
        train(problem.model, problem.loss, problem.lengths, TrainingConfig(), context())


def test_nothing_to_learn_from_is_refused() -> None:
    problem = Problem()
    with pytest.raises(BenchError, match="no documents to learn from"):
        train(problem.model, problem.loss, [], TrainingConfig(), context())
    problem.model.requires_grad_(False)
    with pytest.raises(BenchError, match="no parameter of the model"):
        train(problem.model, problem.loss, problem.lengths, TrainingConfig(), context())


def test_a_cpu_computes_in_single_precision() -> None:
    assert resolve_precision("auto", "cpu") == "fp32"
    with pytest.raises(BenchError, match="precision=bf16 needs a GPU"):
        resolve_precision("bf16", "cpu")
    with autocast("fp32", "cpu"):
        assert not torch.is_autocast_enabled("cpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_trains_in_mixed_precision() -> None:
    assert resolve_precision("auto", "cuda") in {"bf16", "fp16"}
    for precision in ("bf16", "fp16"):
        problem = Problem()
        problem.model.cuda()
        problem.inputs, problem.targets = problem.inputs.cuda(), problem.targets.cuda()
        config = TrainingConfig(epochs=12, learning_rate=0.1, batch_size=8, precision=precision)
        curve = train(
            problem.model,
            problem.loss,
            problem.lengths,
            config,
            context(device="cuda"),
            evaluate=problem.accuracy,
        )
        assert curve[-1].train_loss < curve[0].train_loss / 2


@given(st.lists(st.integers(1, 60), max_size=30).map(sorted), st.integers(1, 200))
def test_parts_of_a_batch_hold_few_tokens(lengths: list[int], tokens: int) -> None:
    batch = list(range(len(lengths)))
    found = parts(batch, lengths, tokens)
    assert [index for part in found for index in part] == batch
    for part in found:
        assert len(part) == 1 or len(part) * max(lengths[index] for index in part) <= tokens


def test_a_batch_in_parts_is_the_same_step() -> None:
    whole, in_parts = Problem(), Problem()
    config = TrainingConfig(epochs=3, learning_rate=0.05, batch_size=10, patience=None)
    for problem, tokens in ((whole, None), (in_parts, 9)):
        train(
            problem.model,
            problem.loss,
            problem.lengths,
            replace(config, tokens_at_once=tokens),
            Context(task=SPEC),
        )
    assert max(map(len, whole.batches)) == 10
    assert max(sum(in_parts.lengths[i] for i in batch) for batch in in_parts.batches) <= 9
    for name, value in whole.state().items():
        assert torch.allclose(value, in_parts.state()[name], atol=1e-5), name


def test_freed_memory_is_kept() -> None:
    """In a process of its own: pages that a second round of the same large arrays has to ask for."""
    script = (
        "import resource, numpy as np\n"
        "from readbench_adapters.training.allocator import keep_freed_memory\n"
        "faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "def round():\n"
        "    before = faults()\n"
        "    for _ in range(5): np.ones(8_000_000)\n"
        "    return faults() - before\n"
        "dear = round()\n"
        "assert keep_freed_memory()\n"
        "round()\n"
        "print(dear, round())"
    )
    if not keep_freed_memory():
        pytest.skip("another C library than glibc")
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    dear, cheap = map(int, ended.stdout.split())
    assert cheap < dear / 10
