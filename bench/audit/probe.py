"""The models of the shortcut probe: small, cross-validated, from scikit-learn."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from readbench.audit.marks import Mark, MarkTable
from readbench.audit.values import Score, Side, TellingMark
from readbench.core.errors import MissingDependency
from readbench.text.normalise import words

FOLDS = 5
SEED = 0
MAX_WORDS = 50_000
MOST_TOLD = 3
"""At most so many marks of a field are spelled out."""
WORTH_TELLING = 0.9
"""A further mark is spelled out where its skill is at least this part of the best one's."""
EXCERPT = 60

Indices = NDArray[np.intp]
Labels = NDArray[np.str_]


def require_sklearn() -> None:
    """Raises MissingDependency where scikit-learn is not installed."""
    try:
        import sklearn  # noqa: F401
    except ImportError:
        raise MissingDependency(
            "the shortcut probe needs scikit-learn, which is not installed",
            where="bench audit",
            todo='pip install "readbench[classification]"',
        ) from None


def probed(targets: Mapping[str, str], ids: Sequence[str]) -> list[str]:
    """The ids of documents whose label the probe can learn and be asked for: at least as many have it as
    there are folds. Empty where fewer than two labels are left."""
    sizes = Counter(targets[id_] for id_ in ids if id_ in targets)
    usable = {label for label, size in sizes.items() if size >= FOLDS}
    return [id_ for id_ in ids if targets.get(id_) in usable] if len(usable) > 1 else []


def folds(labels: Labels, ids: Sequence[str], groups: Mapping[str, str]) -> list[tuple[Indices, Indices]]:
    """Stratified folds, near-duplicates in one. The same for every model, so that models can be compared
    document by document. None where all documents are near-duplicates of each other."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    if any(id_ in groups for id_ in ids):
        # A NUL tells a group from a document that has its name.
        of_group = [f"\0{groups[id_]}" if id_ in groups else id_ for id_ in ids]
        # Many documents may be few distinct texts ("Erratum"): then there are as many folds as texts.
        many = min(FOLDS, len(set(of_group)))
        if many < 2:
            return []
        grouped = StratifiedGroupKFold(many, shuffle=True, random_state=SEED)
        return [(train, test) for train, test in grouped.split(labels, labels, of_group) if len(test)]
    return list(StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(labels, labels))


def predict_from_marks(table: MarkTable, labels: Labels, parts: list[tuple[Indices, Indices]]) -> Labels:
    """A tree of few levels over all marks of a field."""
    depth = max(3, math.ceil(math.log2(len(set(labels.tolist())))) + 1)
    return _cross_validated(lambda: _tree(depth), table.values, labels, parts)


def predict_from_words(texts: Sequence[str], labels: Labels, parts: list[tuple[Indices, Indices]]) -> Labels:
    """TF-IDF of words and pairs of words (Chinese and Japanese: characters) and logistic regression."""
    from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    if not any(words(text) for text in texts):
        return _cross_validated(lambda: _tree(1), np.zeros((len(texts), 1)), labels, parts)
    # Counted once; what is learned from the counts (document frequencies, weights) is learned per fold.
    counts = CountVectorizer(
        tokenizer=words, token_pattern=None, lowercase=False, ngram_range=(1, 2), max_features=MAX_WORDS
    ).fit_transform(texts)
    return _cross_validated(
        lambda: make_pipeline(
            TfidfTransformer(sublinear_tf=True),
            LogisticRegression(C=10, class_weight="balanced", max_iter=1000),
        ),
        counts,
        labels,
        parts,
    )


def predict_from_names(texts: Sequence[str], labels: Labels) -> Labels:
    """The label whose name is the only one to occur in the text, word for word; "" where none or several
    occur. Nothing is learned."""
    names = {label: f" {' '.join(words(label))} " for label in sorted(set(labels.tolist()))}
    found = []
    for text in texts:
        # Most texts hold no name at all, which is seen without taking them apart.
        folded = unicodedata.normalize("NFKC", text).lower()
        likely = [label for label, name in names.items() if name.split() and name.split()[0] in folded]
        plain = f" {' '.join(words(text))} " if likely else ""
        inside = [label for label in likely if names[label] in plain]
        found.append(inside[0] if len(inside) == 1 else "")
    return np.array(found)


def telling_marks(
    table: MarkTable,
    texts: Sequence[str],
    ids: Sequence[str],
    labels: Labels,
    parts: list[tuple[Indices, Indices]],
) -> tuple[TellingMark, ...]:
    """The marks that tell the label best, one threshold each and one mark of a character: best first."""
    tried = []
    for column, mark in enumerate(table.marks):
        values = table.values[:, [column]]
        tree = _tree(1).fit(values, labels)
        if tree.tree_.node_count == 1:
            continue
        score = Score.of(labels.tolist(), tree.predict(values).tolist())
        # Of two that tell the same, whether a character is there is said rather than how often.
        plain = mark.character and mark.measure != "share" and tree.tree_.threshold[0] < 1
        tried.append((-round(score.balanced, 2), not plain, -score.balanced, column))
    told: list[TellingMark] = []
    subjects: set[str] = set()
    for *_, column in sorted(tried):
        mark = table.marks[column]
        if mark.subject in subjects:
            continue
        found = _told(mark, table.values[:, column], texts, ids, labels, parts)
        if told and found.score.skill < WORTH_TELLING * told[0].score.skill:
            break
        subjects.add(mark.subject)
        told.append(found)
        if len(told) == MOST_TOLD:
            break
    return tuple(told)


def _told(
    mark: Mark,
    values: NDArray[np.float64],
    texts: Sequence[str],
    ids: Sequence[str],
    labels: Labels,
    parts: list[tuple[Indices, Indices]],
) -> TellingMark:
    column = values[:, None]
    predicted = _cross_validated(lambda: _tree(1), column, labels, parts)
    threshold = float(_tree(1).fit(column, labels).tree_.threshold[0])
    return TellingMark(
        mark.condition(threshold),
        "" if mark.measure == "share" else "it",
        Score.of(labels.tolist(), predicted.tolist()),
        _side(values > threshold, texts, ids, labels),
        _side(values <= threshold, texts, ids, labels),
    )


def _side(there: NDArray[np.bool_], texts: Sequence[str], ids: Sequence[str], labels: Labels) -> Side:
    counts = Counter(labels[there].tolist())
    label, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
    first = int(np.flatnonzero(there & (labels == label))[0])
    return Side(int(there.sum()), label, count / int(there.sum()), ids[first], excerpt(texts[first]))


def excerpt(text: str) -> str:
    """The beginning of a text in one line."""
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT else f"{line[: EXCERPT - 1]}…"


def _tree(depth: int) -> Any:
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(
        max_depth=depth, min_samples_leaf=3, class_weight="balanced", random_state=SEED
    )


def _cross_validated(
    model: Callable[[], Any], features: Any, labels: Labels, parts: list[tuple[Indices, Indices]]
) -> Labels:
    """Each document's label by a model that has seen neither it nor its near-duplicates."""
    if features.shape[1] == 0:  # no marks at all: every text is the same to the model
        features = np.zeros((len(labels), 1))
    predicted = labels.copy()
    for train, test in parts:
        if len(set(labels[train].tolist())) < 2:
            # All that is left to learn from is of one class: a few distinct texts, each of one label.
            predicted[test] = labels[train][0]
        else:
            predicted[test] = model().fit(features[train], labels[train]).predict(features[test])
    return predicted
