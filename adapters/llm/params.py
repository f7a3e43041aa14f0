"""The parameters of the language-model methods, and which of them exclude each other."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from readbench.adapter import Params as Base
from readbench_adapters.llm.tuning import PREFIXES, USUAL, VIRTUAL, Encoder, Tuning, TuningConfig
from readbench_adapters.training.loop import Precision, Schedule, TrainingConfig

Bits = Literal["4bit", "8bit"]


class LlmParams(Base):
    """Defaults are the known setting of ChatGLM2-6B with LoRA. Those that depend on the tuning are in
    ``tuning.USUAL``, with their sources."""

    model: str = Field(
        "smollm2-135m", description="a known name, a folder, a GGUF file, or a repository in the local cache"
    )
    tuning: Tuning | None = Field("lora", description="what is trained; none: the model as it is")
    adapter: str = Field("", description="folder of a trained adapter, loaded in place of training")
    rank: int = Field(8, ge=1, description="of LoRA; of AdaLoRA on average, in the end")
    alpha: int = Field(32, ge=1, description="LoRA and AdaLoRA: what is added is scaled by alpha over rank")
    dropout: float = Field(0.1, ge=0, lt=1, description="LoRA and AdaLoRA: of their input")
    targets: tuple[str, ...] = Field((), description="LoRA and AdaLoRA: names of modules; none: the usual")
    virtual_tokens: int | None = Field(
        None, ge=1, description="prefix 10, prompt and P-tuning 20, P-tuning v2 128 where none is given"
    )
    encoder: Encoder = Field("mlp", description="P-tuning: what makes the virtual tokens")
    head: Literal["label-words", "classifier"] = Field(
        "label-words", description="classifier: a linear layer in place of words, as P-tuning v2's authors do"
    )
    learning_rate: float | None = Field(
        None,
        gt=0,
        description="where none is given: LoRA and prefix 5e-5, AdaLoRA 5e-4, prompt tuning 3e-2, "
        "P-tuning 1e-3, P-tuning v2 2e-2, full 2e-5",
    )
    batch_size: int = Field(4, ge=1, description="documents a batch in training")
    accumulation: int = Field(4, ge=1, description="batches an optimiser step")
    epochs: int = Field(3, ge=1, description="passes over the training part")
    patience: int | None = Field(None, ge=1, description="epochs to wait for a better one; none: run all")
    schedule: Schedule = Field("cosine", description="how the learning rate decays")
    warmup: float = Field(0.06, ge=0, lt=1, description="share of the steps")
    weight_decay: float = Field(0.0, ge=0, description="of matrices")
    max_norm: float | None = Field(1.0, gt=0, description="gradients are clipped to it; none: never")
    gradient_checkpointing: bool = Field(False, description="compute layers again instead of keeping them")
    max_tokens: int = Field(
        512, ge=16, description="of prompt and answer; longer papers are cut in the abstract"
    )
    shots: int = Field(0, ge=0, description="solved examples in the prompt, from the training part")
    quantization: Bits | None = Field(None, description="of the weights; needs CUDA and bitsandbytes")
    predict: Literal["score", "generate"] = Field(
        "score", description="compare the labels' probabilities, or let it answer and read what it says"
    )
    predict_batch: int = Field(16, ge=1, description="documents a batch in prediction")
    max_new_tokens: int | None = Field(
        None,
        ge=1,
        description="of a free answer: 8 beside the longest label's own, 96 of keyphrases, 200 of facts "
        "where none is given",
    )
    agreement: int = Field(
        16, ge=0, description="documents on which scoring is compared with free answers, for the record"
    )
    dtype: Precision = Field("auto", description="auto: bf16 or fp16 on a GPU, fp32 on a CPU")
    prompt: str = Field(
        "", description="with fields such as {title}; the suite's, or a plain one, where empty"
    )
    validation: float = Field(
        0.1, ge=0, lt=1, description="share of the training part, where the split has no validation part"
    )
    checkpoints: str = Field(
        "", description="a folder: an interrupted training goes on there after its last whole epoch"
    )

    @model_validator(mode="after")
    def _agree(self) -> LlmParams:
        if self.gradient_checkpointing and self.tuning in PREFIXES:
            raise ValueError(f"{self.tuning} works on the cache, which gradient checkpointing does without")
        if self.head == "classifier" and self.tuning is None:
            raise ValueError("a classifier must be trained: give a tuning")
        if self.head == "classifier" and (self.predict == "generate" or self.adapter):
            raise ValueError("with head=classifier there are no words to generate, and no adapter to load")
        if self.quantization is not None and self.tuning == "full":
            raise ValueError("quantised weights cannot be trained: give another tuning than full")
        if self.virtual_tokens is not None and self.tuning not in VIRTUAL:
            having = ", ".join(sorted(VIRTUAL))
            raise ValueError(f"virtual_tokens are of {having}, not of tuning={self.tuning or 'none'}")
        if self.adapter and self.tuning in (None, "full"):
            raise ValueError("an adapter is loaded in place of training one: give the tuning that it is of")
        if self.checkpoints and self.tuning == "adalora":
            raise ValueError("AdaLoRA cannot go on from a checkpoint: its importances are not kept")
        return self

    def tuning_config(self) -> TuningConfig:
        return TuningConfig(
            tuning=self.tuning,
            rank=self.rank,
            alpha=self.alpha,
            dropout=self.dropout,
            targets=self.targets,
            virtual_tokens=self.virtual_tokens,
            encoder=self.encoder,
            gradient_checkpointing=self.gradient_checkpointing,
        )

    def training_config(self, seed: int) -> TrainingConfig:
        rate = self.learning_rate
        if rate is None:
            rate = 0.0 if self.tuning is None else USUAL[self.tuning].learning_rate
        return TrainingConfig(
            epochs=self.epochs,
            learning_rate=rate,
            batch_size=self.batch_size,
            accumulation=self.accumulation,
            weight_decay=self.weight_decay,
            warmup=self.warmup,
            schedule=self.schedule,
            max_norm=self.max_norm,
            patience=self.patience,
            precision=self.dtype,
            seed=seed,
        )
