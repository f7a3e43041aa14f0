"""What methods that fine-tune an encoder have in common: the weights they begin from, how they train."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from readbench.adapter import Adapter
from readbench.machine.weights import Weights, find_weights, require_weights
from readbench_adapters.training.loop import TrainingConfig

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
"""Named in full: transformers imports its parts when they are first asked for, which would look like
loading or learning."""


class FineTunedEncoder(Adapter):
    """A method whose parameter ``model`` names an encoder: a known name, a repository in the cache, a
    folder, or ``auto``."""

    requires: ClassVar[tuple[str, ...]] = ("torch", "transformers", "safetensors")
    install: ClassVar[str] = INSTALL
    stochastic: ClassVar[bool] = True
    uses_gpu: ClassVar[bool] = True
    params: Any

    def modules(self) -> tuple[str, ...]:
        found = self.found()
        return LIBRARIES if found is None or found.package is None else (*LIBRARIES, found.package)

    def weights(self) -> dict[str, str]:
        found = self.found()
        return {} if found is None else {"encoder": found.key()}

    def missing(self) -> None:
        super().missing()
        if self.found() is None:
            require_weights(self.last_resort)

    @property
    def last_resort(self) -> str:
        """The name to fetch where nothing is found."""
        return PACKAGED if self.params.model == "auto" else str(self.params.model)

    def found(self) -> Weights | None:
        """The weights to begin from that are on this machine."""
        names = (*BY_LANGUAGE.get(self._language, BY_LANGUAGE["en"]), PACKAGED)
        wanted = names if self.params.model == "auto" else (self.params.model,)
        return next((found for name in wanted if (found := find_weights(name)) is not None), None)

    def note_weights(self, found: Weights) -> None:
        """Puts into the record which weights these are, and what language they learned where it matters."""
        self.described = found.described()
        self.context.note("weights", self.described)
        if self._language != "en" and found.name in (*BY_LANGUAGE["en"], PACKAGED):
            self.context.note(
                "language", f"{found.name} learned from English texts; these are {self._language}"
            )

    def training_config(self) -> TrainingConfig:
        """The parameters of the training kit, by their own names, and the seed of the cell."""
        names = (
            "epochs",
            "learning_rate",
            "batch_size",
            "accumulation",
            "weight_decay",
            "warmup",
            "schedule",
            "max_norm",
            "patience",
            "precision",
        )
        given = {name: getattr(self.params, name) for name in names}
        return TrainingConfig(**given, seed=self.context.seed)

    @property
    def _language(self) -> str:
        return self.context.task.language.partition("-")[0].lower()
