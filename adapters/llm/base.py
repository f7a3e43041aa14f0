"""Causal language models as methods: tuned or as they are. They are asked by prompt, and answer by the
probability of each label or in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

from readbench.adapter import Adapter, BenchError, Context, MissingDependency, Needs
from readbench.core.types import (
    Dataset,
    Document,
    PredictedLabel,
    Prediction,
    Task,
    digest_of_documents,
)
from readbench.machine.sources import SourceReader
from readbench.machine.versions import versions_of
from readbench.machine.weights import Weights, find_causal, require_causal
from readbench_adapters.llm.answer_counts import AnswerCounts
from readbench_adapters.llm.answering import Respondent
from readbench_adapters.llm.formats import AnswerFormat, answer_format
from readbench_adapters.llm.loading import CausalModel, load_causal
from readbench_adapters.llm.memory import least_memory, shape_of
from readbench_adapters.llm.model_folder import check_causal
from readbench_adapters.llm.params import LlmParams
from readbench_adapters.llm.peak import peak_memory
from readbench_adapters.llm.prompts import Shot, choose_shots
from readbench_adapters.llm.quantization import quantise, require_quantization
from readbench_adapters.llm.training import fine_tune
from readbench_adapters.llm.tuning import tuned
from readbench_adapters.training.checkpoint import Checkpoint
from readbench_adapters.training.labelled import Labelled, carve, most_probable
from readbench_adapters.training.loop import optimiser_steps, resolve_precision

if TYPE_CHECKING:
    from readbench_adapters.llm.heads import Classifier
    from readbench_adapters.llm.training import Example

LIBRARIES = (
    "peft",
    "safetensors.torch",
    "torch",
    "transformers.generation.utils",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "transformers.models.glm.modeling_glm",
    "transformers.models.llama.modeling_llama",
    "transformers.optimization",
)
"""What is imported on the way, so that a fork server imports it once; the two architectures are those of the
models that are known by name."""
DTYPES = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}


class Llm(Adapter):
    """A causal language model that is asked about each paper. Prompt and answer together have at most
    ``max_tokens``. Training learns the tokens of the answer.

    Labels are scored: the log-probabilities of the labels as answers are compared, each paper by itself.
    Keyphrases and facts are written: ``predict`` and ``agreement`` do not apply there, nor does a classifier.
    The epoch is chosen on the validation part. Where there is none, a share of the training part is taken,
    unless there is only one epoch.
    """

    name: ClassVar[str] = "llm"
    tasks: ClassVar[frozenset[Task]] = frozenset({"classification", "keyphrases", "extraction"})
    summary: ClassVar[str] = "any causal language model: LoRA and its kin, zero-shot or few-shot"
    requires: ClassVar[tuple[str, ...]] = ("torch", "transformers", "peft", "safetensors")
    install: ClassVar[str] = "pip install 'readbench[llm]'"
    chunk_size: ClassVar[int] = 128
    stochastic: ClassVar[bool] = True
    uses_gpu: ClassVar[bool] = True
    checks_weights: ClassVar[bool] = True
    params: LlmParams

    class Params(LlmParams):
        pass

    def __init__(self, params: LlmParams, context: Context) -> None:
        super().__init__(params, context)
        self.format: AnswerFormat = answer_format(context.task)
        self._counts = AnswerCounts(params.agreement)
        self._causal: CausalModel | None = None
        self._respondent: Respondent | None = None

    @property
    def causal(self) -> CausalModel:
        """The model that ``load`` loaded. Raises BenchError before."""
        if self._causal is None:
            raise BenchError("no model is loaded", where=self.name, todo="call load first")
        return self._causal

    @property
    def respondent(self) -> Respondent:
        """The model with its prompts and its way of answering. Raises BenchError while its labels are not
        known: before ``load``, or before ``fit`` or ``restore`` where the suite names none."""
        if self._respondent is None:
            raise BenchError("it cannot be asked yet", where=self.name, todo="call load, then fit or restore")
        return self._respondent

    # -- before anything is loaded -------------------------------------------------------------------

    def modules(self) -> tuple[str, ...]:
        # Not the package that carries the weights: it may ask for a program that is not here, and what is
        # read of it has a sum of its own.
        weights = find_causal(self.params.model)
        more = ["gguf"] if weights is not None and weights.file is not None else []
        if self.params.quantization is not None:
            more.append("bitsandbytes")
        return (*LIBRARIES, *sorted({*self.requires} - {*Llm.requires}), *more)

    def weights(self) -> Mapping[str, str]:
        weights = find_causal(self.params.model)
        keys = {} if weights is None else {"model": weights.key()}
        if self.params.adapter:
            keys["adapter"] = Weights(self.params.adapter, Path(self.params.adapter), "path").key()
        return keys

    def needs(self) -> Needs:
        """The memory of the device that it runs on, by arithmetic; nothing for a model whose sizes cannot be
        read beforehand."""
        weights = find_causal(self.params.model)
        shape = None if weights is None else shape_of(weights)
        if shape is None:
            return Needs()
        on_gpu = self.context.device != "cpu"
        needed = least_memory(
            shape,
            self.params.tuning_config(),
            precision=self._precision,
            quantization=self.params.quantization,
        )
        return Needs(gpu_memory_bytes=needed) if on_gpu else Needs(memory_bytes=needed)

    def peak_bytes(self, documents: Sequence[Document]) -> int:
        """By arithmetic, for batches of the longest of these documents."""
        weights = find_causal(self.params.model)
        shape = None if weights is None else shape_of(weights)
        if shape is None:
            return 0
        return peak_memory(
            self.params,
            shape,
            [self.context.task.text(document) for document in documents],
            precision=self._precision,
            on_gpu=self.context.device != "cpu",
            answer=self.params.max_new_tokens or self.format.usual_tokens,
        )

    @property
    def _precision(self) -> str:
        """The precision of the weights, before torch is asked what ``auto`` means on its GPU."""
        usual = "fp32" if self.context.device == "cpu" else "bf16"
        params = self.params
        return "fp32" if params.tuning == "full" else usual if params.dtype == "auto" else params.dtype

    def missing(self) -> None:
        super().missing()
        try:
            check_causal(require_causal(self.params.model))
        except MissingDependency:
            raise
        except (
            BenchError
        ) as error:  # a folder that is not whole is told before the run, as one that is absent
            raise MissingDependency(error.what, where=error.where, todo=error.todo) from error
        if self.params.quantization is not None:
            require_quantization(self.context.device)

    # -- loading ---------------------------------------------------------------------------------------

    def load(self) -> None:
        params, device = self.params, self.context.device
        if params.head == "classifier" and not self.format.closed:
            raise BenchError(
                f"head=classifier answers with a label, and {self.format.asked_for} are asked for"
            )
        precision = resolve_precision(params.dtype, device)
        if params.tuning == "full":
            precision = "fp32"  # small steps get lost in half precision; autocast computes in it all the same
        if params.quantization is not None:
            require_quantization(device)
        self._causal = load_causal(
            params.model,
            dtype=DTYPES[precision],
            device=device if params.quantization is None else "cpu",
            context=self.context,
        )
        if params.quantization is not None:
            quantise(self._causal.model, params.quantization, device)
        self.context.note(
            "weights",
            self._causal.described | {"dtype": precision, "quantization": params.quantization or "none"},
        )
        if self.format.labels or not self.format.closed:
            self._prepare(self.format.labels)

    def _prepare(self, labels: Sequence[str]) -> None:
        """Makes prompts and answers, which depend on the labels."""
        self.format = type(self.format)(self.context.task, tuple(labels))
        self._respondent = Respondent.of(self.causal, self.format, self.params, self.context)

    # -- learning --------------------------------------------------------------------------------------

    def fit(self, train: Dataset, validation: Dataset) -> None:
        learn, judge = self.format.learnable(train), self.format.learnable(validation)
        if self.format.closed and not self.context.task.labels:
            if not learn.labels:
                raise BenchError(
                    "it knows no labels to answer with", todo="name them in [tasks.classification]"
                )
            self._prepare(learn.classes)
        learn = self._without_shots(learn)
        if self.params.adapter:
            self._load_adapter()
        elif self.params.tuning is not None:
            judge = self._train(learn, judge)
        sample = (judge if judge.labels else learn).documents[: self.params.agreement]
        if sample and self._compares:
            prompts = self.respondent.prompts(sample, "agreement")
            self._compare(sample, prompts, self.respondent.learner.log_probabilities(prompts))
            self._counts.to_compare = len(sample)  # no more of them on the clock of prediction
        self._note()

    def _without_shots(self, learn: Labelled) -> Labelled:
        """Takes the examples of the prompt out of the training part; what is left is learned from."""
        if not self.params.shots:
            return learn
        answers = {d.id: answer for d, answer in zip(learn.documents, learn.labels, strict=True)}
        chosen = choose_shots(learn.documents, answers, self.params.shots, self.context.seed)
        self.respondent.prompter.show([(document, answers[document.id]) for document in chosen])
        shown = {document.id for document in chosen}
        return learn.only(i for i, document in enumerate(learn.documents) if document.id not in shown)

    def _load_adapter(self) -> None:
        from readbench_adapters.llm.files import load_adapter

        folder = self.params.adapter
        model = load_adapter(Path(folder).expanduser(), self.causal)
        self._respondent = self.respondent.with_model(model)
        self.context.note("adapter", {"folder": folder, **self.weights()})

    def _train(self, learn: Labelled, judge: Labelled) -> Labelled:
        """Trains; returns what judged the epochs, which may be a part of what was there to learn from."""
        learn, judge = self._divided(learn, judge)
        config = self.params.training_config(self.context.seed)
        steps = optimiser_steps(len(learn.labels), config)
        model = tuned(
            self.causal,
            self.params.tuning_config(),
            steps=steps,
            steps_an_epoch=steps // config.epochs,
            seed=self.context.seed,
        )
        self._respondent = self.respondent.with_model(model, self._new_classifier())
        checkpoint = self._checkpoint(learn, judge)
        examples, judged = self._examples(learn, "train"), self._examples(judge, "validation")
        fine_tune(self.respondent.learner, examples, judged, config, self.context, checkpoint)
        if checkpoint is not None:
            checkpoint.clear()
        return judge

    def _divided(self, learn: Labelled, judge: Labelled) -> tuple[Labelled, Labelled]:
        """What is learned from, and what judges the epochs: the validation part, or where there is none a
        share of the training part. Raises BenchError where there is nothing to learn from."""
        params = self.params
        if not learn.labels:
            raise BenchError(
                f"tuning={params.tuning} learns from labelled documents, and the training part has none",
                todo='give the suite a [split] of kind = "holdout", or tuning=none',
            )
        source = "the split's validation part"
        if not judge.labels and params.epochs > 1:
            strata = [self.format.stratum(answer) for answer in learn.labels]
            kept, taken = carve(strata, params.validation, self.context.seed)
            learn, judge = learn.only(kept), learn.only(taken)
            source = "carved from the training part"
        self.context.note("validation", {"documents": len(judge.labels), "source": source})
        return learn, judge

    def _new_classifier(self) -> Classifier | None:
        if self.params.head != "classifier":
            return None
        from readbench_adapters.llm.heads import Classifier

        hidden = self.causal.model.config.hidden_size
        return Classifier(hidden, len(self.format.labels), self.context.device)

    def _checkpoint(self, learn: Labelled, judge: Labelled) -> Checkpoint | None:
        """Where an interrupted training goes on; None where the user names no folder."""
        params, context = self.params, self.context
        if not params.checkpoints:
            return None
        return Checkpoint.of(
            Path(params.checkpoints),
            method=self.name,
            params=params.model_dump(mode="json"),
            task=context.task.model_dump(mode="json"),
            seed=context.seed,
            weights=dict(self.weights()),
            sources=SourceReader().of(type(self)).digest,
            versions=versions_of(self.modules()),
            device=context.device,
            learned=digest_of_documents(learn.documents),
            labels=[learn.labels, judge.labels],
            judged=digest_of_documents(judge.documents),
        )

    def _examples(self, learn: Labelled, part: str) -> list[Example]:
        examples, cut = self.respondent.examples(learn, part)
        if cut:
            self.context.note(f"answers_cut_{part}", cut)
        return examples

    # -- predicting ----------------------------------------------------------------------------------

    @property
    def _generates(self) -> bool:
        """Whether predictions are free answers."""
        return not self.format.closed or self.params.predict == "generate"

    @property
    def _compares(self) -> bool:
        """Whether there are still documents to come on which scores are compared with free answers."""
        by_words = not self._generates and self.respondent.learner.classifier is None
        return by_words and self._counts.still_to_compare > 0

    def predict(self, chunk: Sequence[Document]) -> Sequence[Prediction]:
        if not chunk:
            return []
        start = perf_counter()
        prompts = self.respondent.prompts(chunk, "test")
        log_probabilities: Any = None
        predictions: Sequence[Prediction]
        if self._generates:
            answers = self.respondent.free_answers(prompts)
            predictions = self._counts.read(self.format, chunk, answers)
        else:
            import numpy as np

            log_probabilities = self.respondent.learner.log_probabilities(prompts)
            predictions = most_probable(
                np.exp(log_probabilities), self.format.labels, self.context.task.labels
            )
        self._counts.tokens += sum(map(len, prompts))
        self._counts.seconds += perf_counter() - start
        if self._compares:
            fresh = [i for i, document in enumerate(chunk) if document.id not in self._counts.agreed]
            fresh = fresh[: self._counts.still_to_compare]
            self._compare([chunk[i] for i in fresh], [prompts[i] for i in fresh], log_probabilities[fresh])
        self._note()
        return predictions

    def _compare(
        self, documents: Sequence[Document], prompts: Sequence[list[int]], log_probabilities: Any
    ) -> None:
        """Asks for free answers, and counts those that state the label with the best score.
        ``log_probabilities``: float64 (documents, labels)."""
        stated = self._counts.read(self.format, documents, self.respondent.free_answers(prompts))
        for document, prediction, row in zip(documents, stated, log_probabilities, strict=True):
            best = PredictedLabel(self.format.labels[int(row.argmax())])
            self._counts.agreed[document.id] = prediction == best

    def _note(self) -> None:
        """Puts into the record what has been counted so far."""
        prompter = self.respondent.prompter
        self.context.note("cuts", prompter.cuts.described())
        if prompter.shots:
            self.context.note("shots", [{"id": shot.id, "answer": shot.answer} for shot in prompter.shots])
        self._counts.note(self.context.note, generates=self._generates)

    # -- keeping -------------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        from readbench_adapters.llm.files import save_tuned

        respondent = self.respondent
        manifest = {
            "weights": self.causal.described,
            "files": self.weights()["model"],
            "tuning": self.params.tuning,
            "params": self.params.model_dump(mode="json"),
            "task": self.context.task.model_dump(mode="json"),
            "labels": list(self.format.labels),
            "shots": [[shot.id, shot.text, shot.answer] for shot in respondent.prompter.shots],
        }
        save_tuned(folder, respondent.model, respondent.learner.classifier, manifest)

    def restore(self, folder: Path) -> None:
        from readbench_adapters.llm.files import load_classifier, load_tuned, read_manifest

        manifest = read_manifest(folder, self.causal, self.weights()["model"])
        self._prepare(manifest["labels"])
        self.respondent.prompter.shots = tuple(Shot(*shot) for shot in manifest["shots"])
        model = load_tuned(folder, self.causal, manifest)
        hidden = self.causal.model.config.hidden_size
        classifier = load_classifier(folder, hidden, len(self.format.labels), self.context.device)
        self._respondent = self.respondent.with_model(model, classifier)
