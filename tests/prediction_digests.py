"""Digests of what every method predicts, from runs of the real command line.

A *group* is one ``bench run`` in a folder of its own. Its digests are kept in ``prediction_digests.json``:
one entry a cell, by the method's spec. ``test_prediction_digests.py`` compares, and writes the file
anew.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_process import Bench

HERE = Path(__file__).resolve().parent
FILE = HERE / "prediction_digests.json"
XFYUN = HERE.parents[1] / "shared" / "data" / "xfyun" / "test.csv"
SHARED_CHATGLM2 = HERE.parents[1] / "shared" / "checkpoints" / "tiny-chatglm2"

DIGITS = 6
"""Significant digits of a number in a digest: the last bits depend on the processor."""
SINGLE_PRECISION = frozenset(
    (
        "bert",
        "bert-keyword-extractor",
        "bert-tagger",
        "chatglm-6b",
        "chatglm2-6b",
        "embedding-logreg",
        "keybert",
        "llm",
    )
)
"""Methods that compute in float32. Another processor changes their sixth digit, so that no rounding gives
equal digests. Their scores stand in the file and are compared with a tolerance; everything else that they
predict is in the digest."""
RELATIVE, ABSOLUTE = 1e-3, 1e-6
"""Without the processor's vector instructions the furthest relative difference is 2.0e-4."""
BEST_OF_KEYPHRASES = (
    "pke.firstphrases",
    "pke.tfidf",
    "pke.kpminer",
    "pke.yake",
    "pke.textrank",
    "pke.singlerank",
    "pke.topicrank",
    "pke.topicalpagerank",
    "pke.positionrank",
    "pke.multipartiterank",
    "yake",
    "sgrank",
    "keybert",
)
KEYPHRASE_MODULES = ("pke", "yake", "textacy", "keybert", "sentence_transformers")
LANGUAGE_MODEL_MODULES = ("torch", "transformers", "peft", "sentencepiece")

Entry = dict[str, Any]
Digests = dict[str, Entry]
Row = dict[str, object]


@dataclass(frozen=True)
class Group:
    """One run. ``prepare`` writes what the run reads into an empty folder, where the run then starts, and
    returns the arguments of ``bench run``. Paths of models are relative to that folder: a method's spec
    holds them and is part of its seed. ``needs``: a file without which the group cannot run.
    ``modules``: imports that the extras bring."""

    name: str
    prepare: Callable[[Path], list[str]]
    modules: tuple[str, ...]
    needs: Path | None = None
    slow: bool = False

    def absent(self) -> str:
        """Why the group cannot run here; empty where it can."""
        if self.needs is None or self.needs.exists():
            return ""
        return f"no {self.needs.relative_to(HERE.parents[1])} beside the repository: it may not be copied"


class CpuBench(Bench):
    """The command line in another working folder, on the CPU alone."""

    @property
    def env(self) -> dict[str, str]:
        path = super().env["PYTHONPATH"].split(os.pathsep)
        return super().env | {
            "PYTHONPATH": os.pathsep.join(str(Path(one).resolve()) for one in path if one),
            "CUDA_VISIBLE_DEVICES": "",
        }


def measure(group: Group, folder: Path) -> tuple[Digests, list[str]]:
    """Runs a group in an empty folder. Returns the digests of its methods, and a line for each cell that
    predicts nothing.

    Raises AssertionError where the run does not end.
    """
    arguments = group.prepare(folder)
    results = folder / "results"
    ended = CpuBench(folder)("run", *arguments, "--output-path", results, cwd=folder, timeout=1500)
    # 1: some cell failed.
    assert ended.returncode in (0, 1), f"bench run {' '.join(arguments)}:\n{ended.stdout}\n{ended.stderr}"
    return digests_of(results)


def digests_of(results: Path) -> tuple[Digests, list[str]]:
    """The digests of the only run in a results folder by ``task: method``, all folds of a method in one;
    and a line for each cell that did not end well, whose method has no digest."""
    (manifest,) = results.glob("runs/*/run.json")
    run = json.loads(manifest.read_text(encoding="utf-8"))
    parts: dict[str, dict[str, dict[str, Any]]] = {}
    failed: dict[str, str] = {}
    for cell in run["cells"]:
        name = f"{cell['task']}: {cell['method']}"
        part = f"fold {cell['fold']}, repeat {cell['repeat']}"
        if cell["status"] != "ok":
            failed[name] = f"{name}: {part}: {cell['status']}"
            continue
        folds = parts.setdefault(name, {})
        assert part not in folds, f"two cells of {name}, {part}"
        folds[part] = predictions(results / "cells" / cell["key"] / "predictions.parquet")
    whole = {name: folds for name, folds in parts.items() if name not in failed}
    digests = {name: entry(folds, _adapter(name) in SINGLE_PRECISION) for name, folds in whole.items()}
    return digests, sorted(failed.values())


def _adapter(name: str) -> str:
    return name.partition(": ")[2].partition("[")[0]


def predictions(path: Path) -> dict[str, Any]:
    """What a cell predicts: by document id, the columns of its predictions by name."""
    import pyarrow.parquet as pq

    rows = pq.read_table(path).to_pylist()
    found = {row.pop("id"): row for row in rows}
    assert len(found) == len(rows) > 0, f"{path}: no predictions, or two for one document"
    return found


def entry(parts: dict[str, dict[str, Any]], single_precision: bool) -> Entry:
    """The digest of a method's predictions; those in single precision leave their numbers out of it."""
    numbers: list[float] = []

    def plain(value: Any) -> Any:
        if isinstance(value, float):
            if not single_precision:
                return rounded(value)
            numbers.append(value)
            return None
        if isinstance(value, dict):
            return {key: plain(value[key]) for key in sorted(value)}
        if isinstance(value, list):
            return [plain(item) for item in value]
        return value

    text = json.dumps(plain(parts), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    made: Entry = {
        "documents": sum(map(len, parts.values())),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    return made | {"scores": [float(rounded(number)) for number in numbers]} if single_precision else made


def rounded(number: float) -> str:
    """Six digits. First twelve: else the last bit decides to which side a number goes that lies just between
    two of six digits, such as 1/1024."""
    return f"{float(f'{number:.12g}'):.{DIGITS}g}"


def differences(found: Digests, kept: Digests) -> Iterator[str]:
    """One line for each method that is not as kept."""
    for name in sorted(found.keys() | kept.keys()):
        if name not in found:
            yield f"{name}: is in the file and was not run"
        elif name not in kept:
            yield f"{name}: is not in the file"
        elif (why := _difference(found[name], kept[name])) is not None:
            yield f"{name}: {why}"


def _difference(found: Entry, kept: Entry) -> str | None:
    if found["documents"] != kept["documents"]:
        return f"{found['documents']} documents, not {kept['documents']}"
    if found["sha256"] != kept["sha256"]:
        return "other predictions"
    here, there = found.get("scores", []), kept.get("scores", [])
    if len(here) != len(there):
        return f"{len(here)} scores, not {len(there)}"
    pairs = zip(here, there, strict=True)
    apart = [(a, b) for a, b in pairs if not math.isclose(a, b, rel_tol=RELATIVE, abs_tol=ABSOLUTE)]
    if apart:
        a, b = max(apart, key=lambda pair: abs(pair[0] - pair[1]))
        return f"other scores: {len(apart)} of {len(there)}, the furthest {a:g} and not {b:g}"
    return None


def read_file() -> dict[str, Digests]:
    kept: dict[str, Digests] = json.loads(FILE.read_text(encoding="utf-8"))
    return kept


def write_file(digests: dict[str, Digests]) -> None:
    """One line a method, so that a change of the file shows which."""
    groups = []
    for group in sorted(digests):
        lines = ",\n".join(
            f"  {json.dumps(name, ensure_ascii=False)}: {json.dumps(made)}"
            for name, made in sorted(digests[group].items())
        )
        groups.append(f" {json.dumps(group)}: {{\n{lines}\n }}")
    FILE.write_text("{\n" + ",\n".join(groups) + "\n}\n", encoding="utf-8")


# -- what is run -----------------------------------------------------------------------------------


def quick(folder: Path) -> list[str]:  # noqa: ARG001 - its papers come with the program
    return ["quick", "--workers", "2"]


def xfyun(limit: int) -> Callable[[Path], list[str]]:
    def prepare(folder: Path) -> list[str]:  # noqa: ARG001
        methods = [part for method in BEST_OF_KEYPHRASES for part in ("--method", method)]
        return ["keyphrases", "--dataset", str(XFYUN), "--limit", str(limit), "--workers", "2", *methods]

    return prepare


LEARNED = """
[split]
kind = "holdout"
test = 0.25
validation = 0.15

[tasks.keyphrases]
methods = [
    "pke.kea[df=train]",
    "pke.wingnus",
    "pke.tfidf[candidates=noun-phrases, df=train]",
    "pke.topicalpagerank[candidates=noun-phrases, lda=train]",
    "yake[n=2, top=7]",
    "keybert[candidates=noun-phrases, use_mmr=true]",
    "bert-tagger[model=tiny-bert, epochs=2, learning_rate=0.01, max_length=64, overlap=8]",
    "bert-keyword-extractor[model=tiny-tagger, max_length=64, overlap=8]",
    "fusion",
    "fusion[members=[pke.wingnus, yake], k=10, n_best=15]",
]

[tasks.classification]
labels = ["0", "1"]
positive = "1"
methods = [
    "majority",
    "logreg",
    "bow-logreg",
    "naive-bayes",
    "linear-svm",
    "random-forest",
    "embedding-logreg",
    "bert[model=tiny-bert, epochs=2, learning_rate=0.005, max_length=32]",
    "bert[model=tiny-bert, epochs=2, learning_rate=0.005, max_length=32, pooling=mean]",
]

[[tasks.classification.tuned]]
method = "logreg"
params = { C = [0.1, 10.0] }

[limits]
device = "cpu"
"""


def learned(folder: Path) -> list[str]:
    from_adapters()
    from tiny_bert import save_tiny_bert

    save_tiny_bert(folder / "tiny-bert", head=False)
    save_tiny_bert(folder / "tiny-tagger")
    (folder / "learned.toml").write_text(LEARNED, encoding="utf-8")
    return ["learned.toml", "--dataset", "papers-demo", "--limit", "48", "--workers", "2"]


FACTS = """
[dataset]
language = "zh"

[split]
kind = "kfold"
folds = 3

[tasks.extraction]
fields = ["instruction", "input"]
methods = ["label-logreg", "dictionary-triples"]
"""


def facts(folder: Path) -> list[str]:
    (folder / "facts.toml").write_text(FACTS, encoding="utf-8")
    return ["facts.toml", "--dataset", "facts-demo"]


ONCE = "epochs=1, accumulation=1, max_tokens=160, agreement=2"
TUNINGS = (
    "lora, learning_rate=0.01",
    "adalora, learning_rate=0.03",
    "prefix-tuning, learning_rate=0.01",
    "prompt-tuning, learning_rate=0.05",
    "p-tuning, learning_rate=0.01",
    "p-tuning-v2, learning_rate=0.05, virtual_tokens=16",
    "full, learning_rate=0.003",
)
UNTUNED = ("none", "none, shots=2", "none, predict=generate, max_new_tokens=4")
OTHERWISE = (
    "lora, learning_rate=0.01, head=classifier",
    "lora, learning_rate=0.01, gradient_checkpointing=true",
    "lora, learning_rate=0.01, shots=2",
    "p-tuning, learning_rate=0.01, encoder=lstm",
    "p-tuning-v2, learning_rate=0.05, virtual_tokens=16, head=classifier",
    "full, learning_rate=0.003, predict=generate, max_new_tokens=2",
)
OF_CHATGLM = (
    *("lora, learning_rate=0.01", "adalora, learning_rate=0.1"),
    *(f"{tuning}, learning_rate=0.05, virtual_tokens=6" for tuning in ("prefix-tuning", "p-tuning")),
    "prompt-tuning, learning_rate=0.05, virtual_tokens=6",
)


def spelled(adapter: str, model: str, tunings: tuple[str, ...]) -> list[str]:
    return [f"{adapter}[model={model}, tuning={tuning}, {ONCE}]" for tuning in tunings]


def suite_of_language_models(methods: list[str], task: str, section: str) -> str:
    """A suite of one task on the documents that ``written`` writes."""
    lines = [
        '[split]\nkind = "given"\n',
        f"[tasks.{task}]\n{section}",
        f"methods = {json.dumps(methods, indent=4)}\n",
        '[limits]\ndevice = "cpu"\n',
    ]
    return "\n".join(lines)


def written(folder: Path, rows: dict[str, list[Row]], suite: str) -> list[str]:
    """The arguments of a run on documents that are written into the folder."""
    (folder / "documents").mkdir()
    for part, known in rows.items():
        lines = [json.dumps(row, ensure_ascii=False) for row in known]
        (folder / "documents" / f"{part}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "language-models.toml").write_text(suite, encoding="utf-8")
    return ["language-models.toml", "--dataset", "documents", "--workers", "2"]


def classifying(folder: Path, methods: list[str]) -> list[str]:
    from tiny_models import SPEC, papers

    rows: dict[str, list[Row]] = {}
    for part, count, seed in (("train", 30, 0), ("validation", 5, 1), ("test", 10, 2)):
        data = papers(count, seed=seed)
        rows[part] = [
            {"id": document.id, **document.fields, "label": data.targets["classification"][document.id]}
            for document in data.documents
        ]
    section = f'labels = ["0", "1"]\npositive = "1"\nprompt = {json.dumps(SPEC.prompt)}'
    return written(folder, rows, suite_of_language_models(methods, "classification", section))


def language_models(folder: Path) -> list[str]:
    """Tiny models in three formats, made here."""
    from_adapters()
    from tiny_checkpoints import write_second
    from tiny_models import build_chatglm, build_llama

    build_llama(folder / "tiny-llama")
    write_second(folder / "tiny-chatglm2", seq_length=512)
    loud(build_chatglm(folder / "tiny-chatglm"))
    methods = [
        *spelled("llm", "tiny-llama", (*UNTUNED, *TUNINGS, *OTHERWISE)),
        *spelled("llm", "tiny-chatglm2", (*UNTUNED, *TUNINGS)),
        *spelled("chatglm2-6b", "tiny-chatglm2", TUNINGS[:1]),
        *spelled("llm", "tiny-chatglm", (*UNTUNED, *OF_CHATGLM)),
        *spelled("chatglm-6b", "tiny-chatglm", OF_CHATGLM[:1]),
    ]
    return classifying(folder, methods)


def loud(model: Path) -> None:
    """Twice the weights: every tuning then moves the answers by 4 % and more, and another processor by less
    than 1e-5. At three times, training with high rates runs apart on another processor."""
    import torch

    for file in model.glob("*.bin"):
        state = torch.load(file, weights_only=True)
        torch.save({name: 2 * w if w.ndim == 2 else w for name, w in state.items()}, file)


def shared_chatglm2(folder: Path) -> list[str]:
    """The checkpoint beside the repository, as others wrote it."""
    from_adapters()
    (folder / "shared-chatglm2").symlink_to(SHARED_CHATGLM2)
    return classifying(folder, spelled("llm", "shared-chatglm2", (*UNTUNED, *TUNINGS)))


LONG = "learning_rate=0.01, accumulation=1, max_tokens=300"
WRITERS = (
    "tuning=none, max_tokens=300, max_new_tokens=40",
    f"tuning=lora, epochs=2, {LONG}, max_new_tokens=40",
)


def llama_keyphrases(folder: Path) -> list[str]:
    """Answers that are nonsense, and those of a model that has learned the few papers by heart."""
    from_adapters()
    from tiny_models import build_llama

    build_llama(folder / "tiny-llama")
    gold = {"tea": ["tea", "hot drink"], "cup": ["cup", "china"], "pot": ["pot; kettle", "steam"]}
    words = [*gold] * 10
    rows: list[Row] = [
        {"id": f"r{i}", "title": word, "abstract": f"about {word} {i}", "keywords": gold[word]}
        for i, word in enumerate(words)
    ]
    learned = "tuning=full, epochs=20, learning_rate=0.005, accumulation=1, max_tokens=300, max_new_tokens=40"
    few = 'tuning=none, shots=2, max_tokens=300, max_new_tokens=40, prompt="{title} {abstract} ="'
    methods = [f"llm[model=tiny-llama, {more}]" for more in (*WRITERS, few, learned)]
    return written(folder, in_parts(rows), suite_of_language_models(methods, "keyphrases", ""))


def llama_facts(folder: Path) -> list[str]:
    """As for keyphrases: labels and facts in the instruction format."""
    from_adapters()
    from tiny_models import build_llama

    build_llama(folder / "tiny-llama")
    fact = {"predicate": "by", "object_type": "", "subject_type": "", "object": "b", "subject": "a"}
    asked = [
        ("name: tea", '["tea"]'),
        ("name: cup", '["cup"]'),
        ("say: a by b", f"```json\n{json.dumps([fact])}\n```"),
    ]
    rows: list[Row] = [
        {"id": f"r{i}", "context": f"Instruction: Do.\nInput: {text}\nAnswer: ", "target": target}
        for i, (text, target) in enumerate(asked * 10)
    ]
    learned = f"tuning=full, epochs=20, {LONG}, max_new_tokens=140"
    few = 'tuning=none, shots=2, max_tokens=500, max_new_tokens=40, prompt="{input} ="'
    methods = [f"llm[model=tiny-llama, {more}]" for more in (*WRITERS, few, learned)]
    section = 'fields = ["instruction", "input"]\nlabels = ["cup", "tea"]'
    return written(folder, in_parts(rows), suite_of_language_models(methods, "extraction", section))


def in_parts(rows: list[Row]) -> dict[str, list[Row]]:
    return {"train": rows[:18], "validation": rows[18:24], "test": rows[24:]}


def from_adapters() -> None:
    """The tiny models are built by modules beside the tests of adapters."""
    if (folder := str(HERE / "adapters")) not in sys.path:
        sys.path.append(folder)


GROUPS = {
    group.name: group
    for group in (
        Group("quick", quick, ("pke", "sklearn"), slow=True),
        Group("xfyun-20", xfyun(20), KEYPHRASE_MODULES, XFYUN, slow=True),
        Group("xfyun-200", xfyun(200), KEYPHRASE_MODULES, XFYUN, slow=True),
        Group("learned", learned, (*KEYPHRASE_MODULES, "skops", "torch", "transformers"), slow=True),
        Group("facts", facts, ("sklearn", "skops")),
        Group("language-models", language_models, LANGUAGE_MODEL_MODULES, slow=True),
        Group("language-models-keyphrases", llama_keyphrases, LANGUAGE_MODEL_MODULES, slow=True),
        Group("language-models-facts", llama_facts, LANGUAGE_MODEL_MODULES, slow=True),
        Group("shared-chatglm2", shared_chatglm2, LANGUAGE_MODEL_MODULES, SHARED_CHATGLM2, slow=True),
    )
}
