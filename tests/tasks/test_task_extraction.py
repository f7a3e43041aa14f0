"""The metrics of extraction against a plain count of every case, against scikit-learn, and by their laws."""

from __future__ import annotations

import math
import random
import unicodedata
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import MultiLabelBinarizer

from readbench.core.errors import BenchError
from readbench.core.types import Document, ExtractedFacts, Fact, RankedPhrases, StatedFacts
from readbench.results.score_files import read_scores, write_scores
from readbench.results.tables import PredictionWriter, predictions_digest, read_columns
from readbench.tasks import get_task
from readbench.tasks.extraction_scores import METRICS, ExtractionScores
from readbench.tasks.spec import TaskSpec

TASK = get_task("extraction")
SPEC = TaskSpec(task="extraction", fields=("instruction", "input"))

Row = tuple[StatedFacts | None, ExtractedFacts]

A, B, C = Fact("a", "p", "x", "S", "O"), Fact("b", "p", "y", "S", "O"), Fact("c", "q", "z", "S", "O")
OTHER_TYPE = Fact("a", "p", "x", "S", "other")


def scored(rows: Sequence[Row]) -> ExtractionScores:
    """Through the task, as the engine does it."""
    ids = [f"d{i}" for i in range(len(rows))]
    documents = {id_: Document(id_, {"input": "text"}) for id_ in ids}
    targets = {id_: gold for id_, (gold, _) in zip(ids, rows, strict=True) if gold is not None}
    predictions = {id_: prediction for id_, (_, prediction) in zip(ids, rows, strict=True)}
    again = TASK.predictions.from_columns(TASK.predictions.to_columns(predictions))
    assert again == predictions
    found = TASK.score(SPEC, documents, targets, again)
    assert isinstance(found, ExtractionScores)
    return found


def numbers(scores: ExtractionScores) -> dict[str, float]:
    return dict(zip((m.id for m in METRICS), scores.aggregates().tolist(), strict=True))


# -- an implementation that shares nothing with the one that is tested -------------------------------


def plain(rows: Sequence[Row]) -> dict[str, float | None]:
    """Every metric by loops over lists and exact fractions."""

    def clean(text: str) -> str:
        return " ".join(unicodedata.normalize("NFC", text).split())

    def listed(facts: Sequence[Fact], typed: bool) -> list[tuple[str, ...]]:
        seen: list[tuple[str, ...]] = []
        for f in facts:
            key = [f.subject, f.predicate, f.object] + ([f.subject_type, f.object_type] if typed else [])
            cleaned = tuple(clean(text) for text in key)
            if cleaned not in seen:
                seen.append(cleaned)
        return seen

    def ratio(above: int, below: int) -> Fraction:
        return Fraction(above, below) if below else Fraction(0)

    def mean(values: Sequence[Fraction]) -> float | None:
        return float(sum(values, Fraction(0)) / len(values)) if values else None

    pooled = {(view, typed): [0, 0, 0] for view in ("", "facts.") for typed in (True, False)}
    per: dict[str, list[Fraction]] = {m.id: [] for m in METRICS if m.aggregate is None}
    for gold, prediction in rows:
        if gold is None:
            continue
        is_facts = gold.label is None or len(gold.facts) > 0
        parts: list[Fraction] = []
        for typed in (True, False):
            wanted, found = listed(gold.facts, typed), listed(prediction.facts, typed)
            hits = sum(fact in wanted for fact in found)
            for view in ("", "facts.") if is_facts else ("",):
                for place, count in enumerate((hits, len(found), len(wanted))):
                    pooled[view, typed][place] += count
            if is_facts:
                f1 = Fraction(int(prediction.parsed))
                if wanted or found:
                    f1 = Fraction(2 * hits, len(wanted) + len(found))
                per["triples.document_f1" if typed else "triples.untyped.document_f1"].append(f1)
                if typed:
                    parts.append(f1)
        parsed = Fraction(int(prediction.parsed))
        per["parsed"].append(parsed)
        if is_facts:
            per["facts.parsed"].append(parsed)
        if gold.label is not None:
            right = prediction.label is not None and clean(prediction.label) == clean(gold.label)
            per["labels.parsed"].append(parsed)
            per["label_accuracy"].append(Fraction(int(right)))
            parts.append(Fraction(int(right)))
        per["score"].append(sum(parts, Fraction(0)) / len(parts))
    result = {name: mean(values) for name, values in per.items()}
    for (view, typed), (hits, answered, asked) in pooled.items():
        name = f"{view}triples.{'' if typed else 'untyped.'}"
        f1 = ratio(2 * hits, answered + asked)
        for measure, value in (
            ("precision", ratio(hits, answered)),
            ("recall", ratio(hits, asked)),
            ("f1", f1),
        ):
            result[name + measure] = float(value) if asked else None
    return result


def random_row(generator: random.Random) -> Row:
    def facts() -> tuple[Fact, ...]:
        return tuple(
            Fact(*(generator.choice(words) for words in ("ab", "pq", "xy", ("", "S"), ("", "O"))))
            for _ in range(generator.choice((0, 0, 1, 2, 3, 5)))
        )

    gold: StatedFacts | None
    kind = generator.random()
    if kind < 0.05:
        gold = None
    elif kind < 0.5:
        gold = StatedFacts(label=generator.choice("lmn"))
    else:
        gold = StatedFacts(facts(), generator.choice((None, None, None, "l")))
    if generator.random() < 0.1:
        return gold, ExtractedFacts(parsed=False, raw="?")
    label = generator.choice((None, "l", "m", "n"))
    return gold, ExtractedFacts(facts(), label, raw=generator.choice((None, "text")))


def assert_equal(found: Mapping[str, float], wanted: Mapping[str, float | None]) -> None:
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert (math.isnan(found[name]) and value is None) or found[name] == pytest.approx(
            value, abs=1e-12
        ), name


def test_twenty_thousand_documents_against_a_plain_count() -> None:
    generator = random.Random(5)
    rows = [random_row(generator) for _ in range(20_000)]
    whole = scored(rows)
    assert_equal(numbers(whole), plain(rows))
    # Each document alone, from the same table.
    places = {metric.id: i for i, metric in enumerate(METRICS)}
    for index in range(0, 20_000, 29):
        wanted = plain([rows[index]])
        for metric in METRICS:
            if metric.aggregate is None:
                value, expected = whole.values[index, places[metric.id]], wanted[metric.id]
                assert (math.isnan(value) and expected is None) or value == pytest.approx(expected)


def test_many_small_samples_and_resamples_against_a_plain_count() -> None:
    generator = random.Random(6)
    for _ in range(300):
        rows = [random_row(generator) for _ in range(generator.randint(1, 6))]
        scores = scored(rows)
        assert_equal(numbers(scores), plain(rows))
        weights = np.array([[generator.randint(0, 3) for _ in rows] for _ in range(3)], dtype=np.float64)
        for row, of_resample in zip(weights, scores.resampled(weights), strict=True):
            repeated = [one for one, times in zip(rows, row, strict=True) for _ in range(int(times))]
            assert_equal(
                dict(zip((m.id for m in METRICS), of_resample.tolist(), strict=True)), plain(repeated)
            )


def test_against_scikit_learn() -> None:
    generator = random.Random(7)
    rows = [
        (gold, prediction)
        for gold, prediction in (random_row(generator) for _ in range(2_000))
        if gold is not None and gold.label is None and prediction.parsed
    ]
    binarizer = MultiLabelBinarizer().fit([[*g.facts, *p.facts] for g, p in rows])
    gold, predicted = (binarizer.transform([one.facts for one in side]) for side in zip(*rows, strict=True))
    found = numbers(scored(rows))
    for view in ("", "facts."):
        assert found[f"{view}triples.precision"] == pytest.approx(
            sk.precision_score(gold, predicted, average="micro")
        )
        assert found[f"{view}triples.recall"] == pytest.approx(
            sk.recall_score(gold, predicted, average="micro")
        )
        assert found[f"{view}triples.f1"] == pytest.approx(sk.f1_score(gold, predicted, average="micro"))
    by_document = sk.f1_score(gold, predicted, average="samples", zero_division=1)
    assert found["triples.document_f1"] == found["score"] == pytest.approx(by_document)


# -- by hand, and by their laws ----------------------------------------------------------------------


def test_a_small_case_by_hand() -> None:
    rows: list[Row] = [
        (StatedFacts((A, B)), ExtractedFacts((OTHER_TYPE, B, B, C))),
        (StatedFacts(label="fruit"), ExtractedFacts(label="fruit")),
        (StatedFacts(label="tea"), ExtractedFacts((C,), "fruit")),
        (StatedFacts(label="tea"), ExtractedFacts(parsed=False, raw="tea")),
    ]
    found = numbers(scored(rows))
    assert found["triples.precision"] == 1 / 4
    assert found["facts.triples.precision"] == 1 / 3
    assert found["triples.recall"] == found["facts.triples.recall"] == 1 / 2
    assert found["facts.triples.f1"] == pytest.approx(2 / 5)
    assert found["facts.triples.untyped.precision"] == pytest.approx(2 / 3)
    assert found["triples.untyped.recall"] == 1
    assert found["label_accuracy"] == 1 / 3
    assert (found["parsed"], found["facts.parsed"], found["labels.parsed"]) == (3 / 4, 1, 2 / 3)
    assert found["score"] == pytest.approx((2 / 5 + 1 + 0 + 0) / 4)
    counts = dict(zip((m.id for m in METRICS), scored(rows).counts().tolist(), strict=True))
    assert (counts["score"], counts["triples.f1"], counts["facts.triples.f1"], counts["label_accuracy"]) == (
        4,
        4,
        1,
        3,
    )


def test_nothing_is_right_where_gold_has_nothing_but_only_if_it_was_said() -> None:
    empty = StatedFacts()
    assert numbers(scored([(empty, ExtractedFacts())]))["score"] == 1
    assert numbers(scored([(empty, ExtractedFacts(parsed=False, raw="?"))]))["score"] == 0
    assert numbers(scored([(empty, ExtractedFacts((A,)))]))["score"] == 0
    assert math.isnan(numbers(scored([(empty, ExtractedFacts((A,)))]))["triples.precision"])


def test_spelling_that_counts_as_equal() -> None:
    gold = StatedFacts((Fact("Caf\u00e9  Nord", "p", "x"),))
    assert (
        numbers(scored([(gold, ExtractedFacts((Fact("Cafe\u0301 Nord", " p", "x\n"),)))]))["triples.f1"] == 1
    )
    assert numbers(scored([(gold, ExtractedFacts((Fact("café Nord", "p", "x"),)))]))["triples.f1"] == 0


def test_documents_without_gold_do_not_count() -> None:
    some: list[Row] = [(StatedFacts((A,)), ExtractedFacts((A,))), (StatedFacts(label="l"), ExtractedFacts())]
    more: list[Row] = [*some, (None, ExtractedFacts((B,), "l"))]
    assert_equal(numbers(scored(more)), numbers(scored(some)))
    assert scored(more).counts().max() == 2


fact = st.builds(
    Fact, st.sampled_from("ab"), st.sampled_from("pq"), st.sampled_from("xy"), st.sampled_from(["", "S"])
)
facts = st.lists(fact, max_size=4).map(tuple)
golds = st.one_of(
    st.builds(StatedFacts, facts), st.builds(StatedFacts, st.just(()), st.sampled_from(["l", "m"]))
)
told = st.builds(ExtractedFacts, facts, st.sampled_from([None, "l", "m"]))
samples = st.lists(st.tuples(golds, told), min_size=1, max_size=6)


@settings(max_examples=80, deadline=None)
@given(samples)
def test_laws(rows: list[Row]) -> None:
    found = numbers(scored(rows))
    assert all(math.isnan(value) or 0 <= value <= 1 for value in found.values())
    for name in ("precision", "recall", "f1"):
        typed, untyped = found[f"facts.triples.{name}"], found[f"facts.triples.untyped.{name}"]
        every = found[f"triples.{name}"]
        # Facts where a label was asked for can only cost precision.
        assert math.isnan(every) or every <= found[f"facts.triples.{name}"] + 1e-12
        assert math.isnan(typed) == math.isnan(untyped)
    perfect = [(gold, ExtractedFacts(gold.facts, gold.label)) for gold, _ in rows]  # type: ignore[union-attr]
    assert all(math.isnan(value) or value == 1 for value in numbers(scored(perfect)).values())
    shuffled = scored(rows[::-1])
    assert_equal(numbers(shuffled), {k: None if math.isnan(v) else v for k, v in found.items()})


@settings(max_examples=50, deadline=None)
@given(samples)
def test_types_ignored_find_no_fewer_facts(rows: list[Row]) -> None:
    scores = scored(rows)
    tallies = scores.tallies
    assert (tallies.untyped_gold <= tallies.gold).all()
    some = tallies.right > 0
    assert (tallies.untyped_right[some] > 0).all()


# -- files -------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.tuples(st.one_of(st.none(), golds), told), min_size=1, max_size=6))
def test_scores_come_back_from_their_file(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> None:
    path = tmp_path_factory.mktemp("scores") / "scores.parquet"
    scores = scored(rows)
    write_scores(scores, path)
    columns = read_scores(path)
    assert columns is not None
    again = TASK.scores_from_columns(SPEC, columns)
    assert again.ids == scores.ids
    np.testing.assert_array_equal(again.values, scores.values)
    np.testing.assert_array_equal(again.aggregates(), scores.aggregates())
    np.testing.assert_array_equal(again.counts(), scores.counts())


def test_predictions_come_back_from_their_file(tmp_path: Path) -> None:
    """Also where the first chunks have no fact, no label and no raw text."""
    predictions = {
        "a": ExtractedFacts(),
        "b": ExtractedFacts((A, Fact("s", "p", "o")), None, True, "said"),
        "c": ExtractedFacts((), "水果"),
        "d": ExtractedFacts(parsed=False, raw=""),
    }
    writer = PredictionWriter(tmp_path / "predictions.parquet")
    for id_, prediction in predictions.items():
        writer.add(TASK.predictions.to_columns({id_: prediction}))
        writer._flush()
    writer.close()
    columns = read_columns(tmp_path / "predictions.parquet")
    assert TASK.predictions.from_columns(columns) == predictions
    assert predictions_digest(columns) == predictions_digest(TASK.predictions.to_columns(predictions))


@pytest.mark.parametrize(
    ("prediction", "why"),
    [
        (RankedPhrases((), ()), "is a RankedPhrases, not ExtractedFacts"),
        (ExtractedFacts("ab"), "facts are a str, not a tuple"),  # type: ignore[arg-type]
        (ExtractedFacts((("a", "b", "c"),)), "fact 1 is a tuple, not a Fact"),  # type: ignore[arg-type]
        (ExtractedFacts((A, Fact("a", " ", "c"))), "the predicate of fact 2 is blank"),
        (ExtractedFacts((Fact("a", "b", 3),)), "the object of fact 1 is a int"),  # type: ignore[arg-type]
        (ExtractedFacts(label=" "), "the label is blank"),
        (ExtractedFacts(label=3), "label is a int, not a string"),  # type: ignore[arg-type]
        (ExtractedFacts(raw=b""), "raw is a bytes, not a string"),  # type: ignore[arg-type]
        (ExtractedFacts(parsed=None), "parsed is a NoneType, not a truth value"),  # type: ignore[arg-type]
        (ExtractedFacts((A,), parsed=False), "could not be read has facts or a label"),
        (ExtractedFacts((), "l", parsed=False), "could not be read has facts or a label"),
    ],
)
def test_malformed_predictions(prediction: object, why: str) -> None:
    with pytest.raises(BenchError, match="document x: ") as caught:
        TASK.predictions.check(prediction, where="document x")
    assert why in str(caught.value)


def test_malformed_columns_targets_and_ids() -> None:
    columns = TASK.predictions.to_columns({"a": ExtractedFacts((A,))})
    with pytest.raises(BenchError, match="are not equally long"):
        TASK.predictions.from_columns(columns | {"objects": [[]]})
    with pytest.raises(BenchError, match="is no list"):
        TASK.predictions.from_columns(columns | {"objects": ["x"]})
    with pytest.raises(BenchError, match="column is missing"):
        TASK.predictions.from_columns({name: values for name, values in columns.items() if name != "raw"})
    document = {"a": Document("a", {})}
    with pytest.raises(BenchError, match="target is not StatedFacts"):
        TASK.prepare(SPEC, document, {"a": "fruit"})
    with pytest.raises(BenchError, match="1 documents without a prediction"):
        TASK.score(SPEC, document, {}, {})


def test_its_metrics_are_described() -> None:
    assert {TASK.primary, *TASK.board} <= {metric.id for metric in TASK.metrics}
    assert len({metric.id for metric in METRICS}) == len(METRICS)
    assert all(metric.summary and metric.version and metric.higher_is_better for metric in METRICS)
