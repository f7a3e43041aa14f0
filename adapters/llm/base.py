"""Causal language models as methods: tuned or as they are, asked by prompt, answering by the probability of
each label or in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

from readbench.adapter import Adapter, BenchError, Needs
from readbench.core.types import Dataset, Document, PredictedLabel, Task, digest_of_documents
from readbench.machine.sources import SourceReader
from readbench.machine.versions import versions_of
from readbench.machine.weights import Weights
from readbench_adapters.llm.formats import LABELS, QUOTED_CHARACTERS, LabelFormat
from readbench_adapters.llm.loading import find_model, load_causal, require_model
from readbench_adapters.llm.memory import shape_of, training_memory
from readbench_adapters.llm.params import LlmParams
from readbench_adapters.llm.prompts import Prompter, Shot, Template, choose_shots
from readbench_adapters.llm.quantization import quantise, require_quantization
from readbench_adapters.llm.scoring import Answers, Said, Scorer, generate
from readbench_adapters.llm.training import Example, Learner, fine_tune
from readbench_adapters.llm.tuning import tuned
from readbench_adapters.training.checkpoint import Checkpoint
from readbench_adapters.training.document_count import DocumentCount
from readbench_adapters.training.labelled import Labelled, carve, labelled, most_probable
from readbench_adapters.training.loop import optimiser_steps, resolve_precision

if TYPE_CHECKING:
    from readbench_adapters.llm.heads import Classifier


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
BYTES = {"fp32": 4, "bf16": 2, "fp16": 2}
PACKED = {"4bit": 0.5, "8bit": 1.0}
"""Bytes a quantised weight takes at least."""
NEW_TOKENS = 8
"""Of a free answer beside the longest label: room for a blank, a stop, and a word that shows what it is."""


class Llm(Adapter):
    """Prompts of at most ``max_tokens``, prompt and answer together. Training learns the tokens of the
    answer; scoring compares the log-probabilities of the labels as answers, each paper by itself. What the
    validation part is for is choosing the epoch; where there is none a share of the training part is taken,
    unless there is only one epoch to choose."""

    name: ClassVar[str] = "llm"
    tasks: ClassVar[frozenset[Task]] = frozenset({"classification", "keyphrases", "extraction"})
    summary: ClassVar[str] = "any causal language model: LoRA and its kin, zero-shot or few-shot"
    requires: ClassVar[tuple[str, ...]] = ("torch", "transformers", "peft", "safetensors")
    install: ClassVar[str] = "pip install 'readbench[llm]'"
    chunk_size: ClassVar[int] = 128
    stochastic: ClassVar[bool] = True
    uses_gpu: ClassVar[bool] = True
    chooses: ClassVar[bool] = True
    """Whether an answer is one of a few, which can be scored. Where it is not, it is always generated."""
    checks_weights: ClassVar[bool] = True
    params: Any

    class Params(LlmParams):
        pass

    @classmethod
    def of_task(cls, task: Task) -> type[Adapter]:
        if task == "classification":
            return cls
        from readbench_adapters.llm.methods import writing

        return writing(cls, task)

    # -- before anything is loaded -------------------------------------------------------------------

    def modules(self) -> tuple[str, ...]:
        # Not the package that carries the weights: it may ask for a program that is not here, and what is
        # read of it has a sum of its own.
        found = find_model(self.params.model)
        more = ["gguf"] if found is not None and found.file is not None else []
        if self.params.quantization is not None:
            more.append("bitsandbytes")
        return (*LIBRARIES, *sorted({*self.requires} - {*Llm.requires}), *more)

    def weights(self) -> Mapping[str, str]:
        found = find_model(self.params.model)
        known = {} if found is None else {"model": found.key()}
        if self.params.adapter:
            known["adapter"] = Weights(self.params.adapter, Path(self.params.adapter), "path").key()
        return known

    def needs(self) -> Needs:
        """By arithmetic, of the memory of the device that it runs on; of another model than those whose
        sizes can be read beforehand nothing is known."""
        found = find_model(self.params.model)
        shape = None if found is None else shape_of(found)
        if shape is None:
            return Needs()
        params = self.params
        on_gpu = self.context.device != "cpu"
        usual = "bf16" if on_gpu else "fp32"
        precision = "fp32" if params.tuning == "full" else usual if params.dtype == "auto" else params.dtype
        packed = PACKED.get(params.quantization or "")
        memory = training_memory(
            shape,
            params.tuning_config(),
            element=BYTES[precision],
            batch=params.batch_size,
            tokens=params.max_tokens,
            weights=None if packed is None else round(shape.parameters * packed),
        )
        # Papers may all be short: what is certain are the weights and what is trained of them.
        needed = memory.weights + memory.trained + memory.gradients + memory.optimiser
        return Needs(gpu_memory_bytes=needed) if on_gpu else Needs(memory_bytes=needed)

    def missing(self) -> None:
        super().missing()
        require_model(self.params.model)
        if self.params.quantization is not None:
            require_quantization()

    # -- loading and learning ------------------------------------------------------------------------

    def load(self) -> None:
        params, device = self.params, self.context.device
        precision = resolve_precision(params.dtype, device)
        if params.tuning == "full":
            precision = "fp32"  # small steps get lost in half precision; autocast computes in it all the same
        quantised = params.quantization is not None
        if quantised:
            require_quantization(device)
        self.causal = load_causal(
            params.model, dtype=DTYPES[precision], device="cpu" if quantised else device, context=self.context
        )
        if params.quantization is not None:
            quantise(self.causal.model, params.quantization, device)
        self.model: Any = self.causal.model
        self.classifier: Classifier | None = None
        self.context.note(
            "weights",
            self.causal.described | {"dtype": precision, "quantization": params.quantization or "none"},
        )
        self._unparsable = DocumentCount()
        self._agreed: dict[str, bool | None] = {}
        self._wanted = params.agreement
        self._read, self._read_s = 0, 0.0
        if self.context.task.labels:
            self._ask_for(self.context.task.labels)

    def _ask_for(self, labels: Sequence[str]) -> None:
        """Everything that follows from the labels: prompt, answers, and the room that a paper has."""
        params, tokenizer = self.params, self.causal.tokenizer
        self.format = LabelFormat(self.context.task, tuple(labels))
        self.answers = Answers.of(tokenizer, self.format.choices)
        self.longest_answer = max(len(tokenizer.answer(choice)) for choice in self.format.choices)
        text = params.prompt or self.context.task.prompt or self.format.prompt
        template = Template.read(text, (*self.context.task.fields, LABELS))
        self._check_room()
        self.prompter = Prompter(
            template, tokenizer, self.format.choices, params.max_tokens - self.longest_answer
        )

    def _check_room(self) -> None:
        """Raises BenchError where the model does not read as many tokens as it may be given."""
        params = self.params
        limit = getattr(self.causal.model.config, "max_position_embeddings", None)
        virtual = params.tuning_config().virtual
        if limit is not None and params.max_tokens + virtual > limit:
            raise BenchError(
                f"the model reads {limit} tokens, not {params.max_tokens} and {virtual} virtual ones",
                todo="give fewer max_tokens",
            )

    def fit(self, train: Dataset, validation: Dataset) -> None:
        params, context = self.params, self.context
        learn, judge = self._learnable(train), self._learnable(validation)
        if self.chooses and not context.task.labels:
            if not learn.labels:
                raise BenchError(
                    "it knows no labels to answer with", todo="name them in [tasks.classification]"
                )
            self._ask_for(learn.classes)
        learn = self._show(learn)
        if params.adapter:
            from readbench_adapters.llm.files import load_adapter

            self.model = load_adapter(Path(params.adapter).expanduser(), self.causal)
            context.note("adapter", {"folder": params.adapter, **self.weights()})
        elif params.tuning is not None:
            judge = self._train(learn, judge)
        self._finish()
        sample = (judge if judge.labels else learn).documents[: params.agreement]
        if sample and self._compares:
            prompts = [self.prompter.ids(document, "agreement") for document in sample]
            self._compare(sample, prompts, self.learner.log_probabilities(prompts))
            self._wanted = len(sample)  # no more of them on the clock of prediction
        self._note()

    def _learnable(self, part: Dataset) -> Labelled:
        """The documents of a part with what is to be answered."""
        return labelled(part)

    def _carved(self, learn: Labelled) -> tuple[Labelled, Labelled]:
        """What stays to learn from, and a share of it that is judged on."""
        kept, taken = carve(learn.labels, self.params.validation, self.context.seed)
        return learn.only(kept), learn.only(taken)

    def _show(self, learn: Labelled) -> Labelled:
        """Takes the examples of the prompt out of the training part; what is left is learned from."""
        if not self.params.shots:
            return learn
        targets = {d.id: label for d, label in zip(learn.documents, learn.labels, strict=True)}
        chosen = choose_shots(learn.documents, targets, self.params.shots, self.context.seed)
        self.prompter.show([(document, targets[document.id]) for document in chosen])
        shown = {document.id for document in chosen}
        return learn.only(i for i, document in enumerate(learn.documents) if document.id not in shown)

    def _train(self, learn: Labelled, judge: Labelled) -> Labelled:
        """Trains; returns what judged the epochs, which may be a part of what was there to learn from."""
        params, context = self.params, self.context
        if not learn.labels:
            raise BenchError(
                f"tuning={params.tuning} learns from labelled documents, and the training part has none",
                todo='give the suite a [split] of kind = "holdout", or tuning=none',
            )
        source = "the split's validation part"
        if not judge.labels and params.epochs > 1:
            learn, judge = self._carved(learn)
            source = "carved from the training part"
        context.note("validation", {"documents": len(judge.labels), "source": source})
        config = params.training_config(context.seed)
        steps = optimiser_steps(len(learn.labels), config)
        self.model = tuned(
            self.causal,
            params.tuning_config(),
            steps=steps,
            steps_an_epoch=steps // config.epochs,
            seed=context.seed,
        )
        if params.head == "classifier":
            from readbench_adapters.llm.heads import Classifier

            self.classifier = Classifier(
                self.causal.model.config.hidden_size, len(self.format.labels), context.device
            )
        checkpoint = None
        if params.checkpoints:
            checkpoint = Checkpoint.of(
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
        self._finish()
        examples, judged = self._examples(learn, "train"), self._examples(judge, "validation")
        fine_tune(self.learner, examples, judged, config, context, checkpoint)
        if checkpoint is not None:
            checkpoint.clear()
        return judge

    def _examples(self, of: Labelled, part: str) -> list[Example]:
        tokenizer, choices = self.causal.tokenizer, self.format.choices
        return [
            Example(self.prompter.ids(document, part), tokenizer.answer(label), choices.index(label))
            for document, label in zip(of.documents, of.labels, strict=True)
            if label in choices
        ]

    def _finish(self) -> None:
        """What asks the model as it is now."""
        params = self.params
        scorer = Scorer(self.model, self.causal.tokenizer, self.context.device, params.predict_batch)
        self.learner = Learner(
            self.model, scorer, self.answers, self.classifier, params.tuning_config().virtual
        )
        self.model.eval()

    # -- predicting ----------------------------------------------------------------------------------

    def predict(self, chunk: Sequence[Document]) -> list[PredictedLabel]:
        if not chunk:
            return []
        start = perf_counter()
        prompts = [self.prompter.ids(document, "test") for document in chunk]
        if self.params.predict == "generate":
            found = self._said(chunk, prompts)
        else:
            import numpy as np

            logs = self.learner.log_probabilities(prompts)
            found = most_probable(np.exp(logs), self.format.labels, self.context.task.labels)
        self._read += sum(map(len, prompts))
        self._read_s += perf_counter() - start
        if self._compares:
            fresh = [index for index, document in enumerate(chunk) if document.id not in self._agreed]
            fresh = fresh[: self._wanted - len(self._agreed)]
            self._compare([chunk[i] for i in fresh], [prompts[i] for i in fresh], logs[fresh])
        self._note()
        return found

    def _said(self, documents: Sequence[Document], prompts: Sequence[list[int]]) -> list[PredictedLabel]:
        """What free answers state; an answer that states no label is an abstention, and is counted."""
        found = []
        for document, said in zip(documents, self._generated(prompts), strict=True):
            parsed = self.format.parse(said.text, whole=said.whole)
            if parsed is None:
                self._unparsable.add(document.id, said.text[:QUOTED_CHARACTERS])
            found.append(parsed or PredictedLabel(None))
        return found

    def _generated(self, prompts: Sequence[list[int]]) -> list[Said]:
        return generate(
            self.model,
            self.causal.tokenizer,
            prompts,
            device=self.context.device,
            batch_size=self.params.predict_batch,
            max_new_tokens=self._most_said,
        )

    @property
    def _most_said(self) -> int:
        """Tokens of a free answer."""
        return (self.params.max_new_tokens or NEW_TOKENS) + self.longest_answer

    @property
    def _compares(self) -> bool:
        """Whether documents are still wanted on which scoring is held against free answers."""
        by_words = self.params.predict == "score" and self.classifier is None
        return by_words and len(self._agreed) < self._wanted

    def _compare(self, documents: Sequence[Document], prompts: Sequence[list[int]], logs: Any) -> None:
        said = self._said(documents, prompts)
        for document, prediction, row in zip(documents, said, logs, strict=True):
            scored = self.format.labels[int(row.argmax())]
            self._agreed[document.id] = None if prediction.label is None else prediction.label == scored

    def _note(self) -> None:
        """What has been counted so far."""
        note = self.context.note
        unread = self._unparsable
        note("cuts", self.prompter.cuts.described())
        if self.params.predict == "generate" or self._agreed or not self.chooses:
            note("unparsable", {"answers": unread.documents, "examples": list(unread.examples)})
        if self.prompter.shots:
            note("shots", [{"id": shot.id, "answer": shot.answer} for shot in self.prompter.shots])
        if self._agreed:
            agreed = sum(value is True for value in self._agreed.values())
            note("agreement", {"documents": len(self._agreed), "agreed": agreed})
        if self._read_s:
            note("predict_tokens_per_s", self._read / self._read_s)

    # -- keeping -------------------------------------------------------------------------------------

    def save(self, folder: Path) -> None:
        from readbench_adapters.llm.files import save_tuned

        manifest = {
            "weights": self.causal.described,
            "files": self.weights()["model"],
            "tuning": self.params.tuning,
            "params": self.params.model_dump(mode="json"),
            "task": self.context.task.model_dump(mode="json"),
            "labels": list(self.format.labels),
            "shots": [[shot.id, shot.text, shot.answer] for shot in self.prompter.shots],
        }
        save_tuned(folder, self.model, self.classifier, manifest)

    def restore(self, folder: Path) -> None:
        from readbench_adapters.llm.files import load_classifier, load_tuned, read_manifest

        manifest = read_manifest(folder, self.causal, self.weights()["model"])
        self._ask_for(manifest["labels"])
        self.prompter.shots = tuple(Shot(*shot) for shot in manifest["shots"])
        self.model = load_tuned(folder, self.causal, manifest)
        self.classifier = load_classifier(
            folder, self.causal.model.config.hidden_size, len(self.format.labels), self.context.device
        )
        self._finish()
