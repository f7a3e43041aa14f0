"""What methods that fine-tune an encoder have in common: the weights they start from, how they train."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from readbench.adapter import Adapter
from readbench.adapter import Params as Base
from readbench.machine.weights import Weights, find_weights, require_weights
from readbench.text.languages import language_code
from readbench_adapters.encoders.encoder_folder import check_encoder
from readbench_adapters.encoders.english import refuse_other_languages
from readbench_adapters.training.loop import Precision, Schedule, TrainingConfig

INSTALL = "pip install 'readbench[neural]'"
PACKAGED = "all-MiniLM-L6-v2"
BY_LANGUAGE: Mapping[str, tuple[str, ...]] = {
    "en": ("bert-base-uncased", "google-bert/bert-base-uncased", PACKAGED),
    "zh": ("bert-base-chinese", "google-bert/bert-base-chinese"),
}
"""What ``model=auto`` looks for on this machine, in this order. For other languages it knows nothing."""
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
        description="a known name, a repository in the cache, or a folder; auto: bert-base-uncased where "
        "present, otherwise the packaged all-MiniLM-L6-v2 (English texts); bert-base-chinese (Chinese texts)",
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
        refuse_other_languages(self.name, self._named, self.context.task.language)
        weights = self.start_weights()
        if weights is None:
            require_weights(self.name_to_fetch)
        else:
            check_encoder(weights)

    @property
    def name_to_fetch(self) -> str:
        """The model to ask the hub for where this machine has none. Raises MissingDependency where it cannot
        read the language of the texts."""
        refuse_other_languages(self.name, self._named, self.context.task.language)
        return self._named

    @property
    def _named(self) -> str:
        """The model by its name; of ``auto`` the one that can be fetched."""
        if self.params.model != "auto":
            return self.params.model
        return BY_LANGUAGE["zh"][0] if self._language == "zh" else PACKAGED

    def start_weights(self) -> Weights | None:
        """The weights on this machine that training starts from; None where there are none."""
        known = BY_LANGUAGE.get(self._language, ())
        names = known if self.params.model == "auto" else (self.params.model,)
        return next(filter(None, map(find_weights, names)), None)

    def note_weights(self, weights: Weights) -> None:
        """Puts into the record which weights these are. Raises MissingDependency where they cannot read the
        language of the texts."""
        refuse_other_languages(self.name, weights.name, self.context.task.language)
        self.described = weights.described()
        self.context.note("weights", self.described)

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
        return language_code(self.context.task.language)
