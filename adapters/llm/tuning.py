"""The ways of tuning a language model, by PEFT: what each trains, its usual settings and where those come
from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from readbench.adapter import BenchError

if TYPE_CHECKING:
    from torch import Tensor

    from readbench_adapters.llm.loading import CausalModel

Tuning = Literal["lora", "adalora", "prefix-tuning", "prompt-tuning", "p-tuning", "p-tuning-v2", "full"]
Encoder = Literal["mlp", "lstm"]
ADAPTER = "default"
"""PEFT's name for the one adapter of a model."""


@dataclass(frozen=True)
class Usual:
    """Usual settings of one tuning."""

    learning_rate: float
    virtual_tokens: int = 0


USUAL: dict[Tuning, Usual] = {
    # The known setting of ChatGLM2-6B, rank 8.
    "lora": Usual(5e-5),
    # The lower end of what Zhang et al. 2023 use on GLUE (appendix).
    "adalora": Usual(5e-4),
    # Li and Liang 2021, table 7: 5e-5 and prefixes of 5 to 10 for tables to text.
    "prefix-tuning": Usual(5e-5, 10),
    # Lester et al. 2021, section 3.2: 20 tokens are nearly as good as 100. Their 0.3 goes with the large
    # embeddings of T5; 3e-2 is that of PEFT's example for a causal model.
    "prompt-tuning": Usual(3e-2, 20),
    # PEFT's example of P-tuning for sequence classification.
    "p-tuning": Usual(1e-3, 20),
    # The authors' own script for ChatGLM2-6B (ptuning/train.sh: PRE_SEQ_LEN 128, LR 2e-2).
    "p-tuning-v2": Usual(2e-2, 128),
    # Stanford Alpaca, for 7B parameters.
    "full": Usual(2e-5),
}
PREFIXES: frozenset[Tuning] = frozenset({"prefix-tuning", "p-tuning-v2"})
VIRTUAL: frozenset[Tuning] = PREFIXES | {"prompt-tuning", "p-tuning"}
"""Tunings that put tokens of their own before the text."""
INITIAL_RANK = 1.5
"""AdaLoRA begins with this many times the rank that it ends with (Zhang et al. 2023, section 4)."""
BUDGET_DONE = 0.7
"""Share of the steps after which AdaLoRA's budget is final, where there is only one epoch; of several it
is so after the first, because any of them may be the best."""


@dataclass(frozen=True)
class TuningConfig:
    """What is trained; ``tuning`` None: nothing. ``targets`` empty: the model's own; ``virtual_tokens``
    None: the usual number."""

    tuning: Tuning | None
    rank: int = 8
    alpha: int = 32
    dropout: float = 0.1
    targets: tuple[str, ...] = ()
    virtual_tokens: int | None = None
    encoder: Encoder = "mlp"
    gradient_checkpointing: bool = False

    @property
    def virtual(self) -> int:
        if self.tuning is None or self.tuning not in VIRTUAL:
            return 0
        return self.virtual_tokens or USUAL[self.tuning].virtual_tokens


def tuned(causal: CausalModel, config: TuningConfig, *, steps: int, steps_an_epoch: int, seed: int) -> Any:
    """The model with what is to be trained around or inside it, in training precision. ``steps`` are those
    of the optimiser: AdaLoRA spreads its budget over them.

    Raises BenchError where the model has none of the target modules.
    """
    import torch
    from peft import get_peft_model

    torch.manual_seed(seed)
    model = causal.model
    if config.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    if config.tuning == "full":
        for parameter in model.parameters():
            parameter.requires_grad_(True)
        return model
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    if config.tuning is None:
        return model
    try:
        wrapped = get_peft_model(
            model, peft_config(causal, config, steps=steps, steps_an_epoch=steps_an_epoch)
        )
    except ValueError as error:
        raise BenchError(f"{config.tuning} does not go with this model: {error}") from error
    if config.tuning == "lora" and causal.kind == "chatglm2" and not config.targets:
        from readbench_adapters.chatglm.chatglm2_lora import share_a

        # In the original the three are one module: half as many parameters train, and published
        # adapters have one first matrix.
        share_a(wrapped)
    return wrapped


def peft_config(causal: CausalModel, config: TuningConfig, *, steps: int, steps_an_epoch: int) -> Any:
    """PEFT's own configuration of a tuning."""
    import peft

    targets = list(config.targets or causal.lora_targets)
    common: dict[str, Any] = {"task_type": "CAUSAL_LM"}
    if config.tuning == "lora":
        return peft.LoraConfig(
            r=config.rank,
            lora_alpha=config.alpha,
            lora_dropout=config.dropout,
            target_modules=targets,
            **common,
        )
    if config.tuning == "adalora":
        start, done = budget_steps(steps, steps_an_epoch)
        return peft.AdaLoraConfig(
            init_r=round(config.rank * INITIAL_RANK),
            target_r=config.rank,
            lora_alpha=config.alpha,
            lora_dropout=config.dropout,
            target_modules=targets,
            total_step=steps,
            tinit=start,
            tfinal=steps - done,
            **common,
        )
    common["num_virtual_tokens"] = config.virtual
    if config.tuning in PREFIXES:
        # Li and Liang train the prefix through a network, P-tuning v2 as it is.
        return peft.PrefixTuningConfig(
            prefix_projection=config.tuning == "prefix-tuning",
            encoder_hidden_size=causal.model.config.hidden_size,
            **common,
        )
    if config.tuning == "prompt-tuning":
        # From embeddings of the vocabulary: Lester et al. 2021, section 3.2, where random ones do worse.
        return peft.PromptTuningConfig(prompt_tuning_init="SAMPLE_VOCAB", **common)
    return peft.PromptEncoderConfig(
        encoder_reparameterization_type=config.encoder.upper(),
        encoder_dropout=0.0,
        encoder_hidden_size=causal.model.config.hidden_size,
        **common,
    )


def budget_steps(steps: int, steps_an_epoch: int) -> tuple[int, int]:
    """When AdaLoRA begins to take rank away and when it is done, in optimiser steps.

    >>> budget_steps(30, 10), budget_steps(10, 10)
    ((2, 10), (1, 7))
    """
    done = max(1, min(steps_an_epoch, round(steps * BUDGET_DONE)))
    return done // 5, done


def after_step_of_adalora(wrapped: Any) -> Callable[[int], None]:
    """What moves the budget after each optimiser step, while gradients are there. PEFT weighs importances in
    every step but that in which the budget is done; where this is the first, they are weighed here."""
    base, config = wrapped.base_model, wrapped.peft_config[ADAPTER]
    done = config.total_step - config.tfinal

    def after_step(step: int) -> None:
        if step == done and not base.rankallocator.ipt:
            base.rankallocator.update_ipt(base.model)
        base.update_and_allocate(step)

    return after_step


def orthogonality(wrapped: Any) -> Tensor:
    """AdaLoRA's regulariser, scalar: its two matrices are to stay orthogonal (Zhang et al. 2023, equation 4,
    as PEFT averages it). PEFT adds it to its own loss alone; this project computes the loss itself."""
    import torch

    terms = []
    for name, matrix in wrapped.named_parameters():
        if ADAPTER not in name or ("lora_A" not in name and "lora_B" not in name):
            continue
        square = matrix @ matrix.T if "lora_A" in name else matrix.T @ matrix
        terms.append(torch.norm(square - torch.eye(len(square), device=square.device), p="fro"))
    weight: float = wrapped.peft_config[ADAPTER].orth_reg_weight
    return weight * torch.stack(terms).mean()


def ranks(wrapped: Any) -> tuple[int, int]:
    """Ranks over all matrices of AdaLoRA: how many there are, and how many are left."""
    values = [value for name, value in wrapped.named_parameters() if "lora_E" in name]
    return sum(value.numel() for value in values), sum(int((value != 0).sum()) for value in values)
