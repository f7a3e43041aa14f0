"""Bounds of the value itself: what can be written, and what holds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readbench.core.errors import BenchError
from readbench.gate.bounds import is_bound, parse_bound
from readbench.gate.thresholds import Threshold, Thresholds, parse_guard, parse_guards
from readbench.gate.verdicts import check_guards


@pytest.mark.parametrize(
    ("text", "name", "comparison", "value"),
    [
        ("accuracy:>=0.90", "accuracy", ">=", 0.9),
        ("accuracy:>=90%", "accuracy", ">=", 0.9),
        ("f1@10:>.15", "f1@10", ">", 0.15),
        ("mcc:>=-0.5", "mcc", ">=", -0.5),
        ("brier:<=0.25", "brier", "<=", 0.25),
        ("fit_s:<2m", "fit_s", "<", 120.0),
        ("predict_s: <= 1.5", "predict_s", "<=", 1.5),
        ("peak_memory_bytes:<=2GiB", "peak_memory_bytes", "<=", 2 * 2**30),
        ("documents_per_s:>=10", "documents_per_s", ">=", 10.0),
    ],
)
def test_what_can_be_written(text: str, name: str, comparison: str, value: float) -> None:
    bound = parse_bound(text)
    assert (bound.name, bound.comparison) == (name, comparison)
    assert bound.value == pytest.approx(value)


def test_a_part_of_the_name_of_a_cost_is_told_the_whole() -> None:
    with pytest.raises(BenchError, match=r"no cost is called p95_s; did you mean latency_p95_s\?"):
        parse_bound("p95_s:<2s")
    with pytest.raises(BenchError, match="'s' is no unit of accuracy"):
        parse_bound("accuracy:<2s")


@pytest.mark.parametrize(
    "text",
    [
        "accuracy:>=",
        "accuracy:>=high",
        "accuracy:>==0.9",
        "accuracy:>=0.9GiB",
        "fit_s:<2GiB",
        "fit_s:<10%",
        "fit_s:>2m",
        "documents_per_s:<=10",
        "peak_memory_bytes:<=0",
        ":>=0.9",
    ],
)
def test_what_cannot(text: str) -> None:
    with pytest.raises(BenchError):
        parse_guard(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("accuracy:>=90", "lies between 0 and 1"),
        ("accuracy:>=0", "lies between 0 and 1"),
        ("accuracy:<=0.9", "is better the higher it is"),
        ("brier:>=0.1", "is better the lower it is"),
        ("brier:<=2", "lies between 0 and 2"),
        ("acuracy:>=0.9", "did you mean accuracy"),
        ("f1@10:>=0.1", "no metric of classification"),
    ],
)
def test_a_bound_that_guards_nothing_is_refused(text: str, told: str) -> None:
    thresholds = Thresholds(((None, (parse_guard(text),)),))
    with pytest.raises(BenchError) as refused:
        check_guards(thresholds, ["classification"])
    assert told in str(refused.value)


def test_the_edge_belongs_to_the_bound_that_says_so() -> None:
    assert parse_bound("accuracy:>=0.9").holds(0.9)
    assert not parse_bound("accuracy:>0.9").holds(0.9)
    assert parse_bound("brier:<=0.2").holds(0.2)
    assert not parse_bound("brier:<0.2").holds(0.2)


def test_a_bound_stands_beside_a_threshold_of_the_same_name() -> None:
    both = parse_guards(["f1@10:-1pp", "f1@10:>=0.15"], "here")
    particular = (parse_guard("f1@10:>=0.30"),)
    thresholds = Thresholds(((None, both), ("pke.tfidf", particular)))
    assert [bound.text for bound in thresholds.bounds_of("yake")] == ["f1@10:>=0.15"]
    assert [bound.text for bound in thresholds.bounds_of("pke.tfidf[n=2]")] == ["f1@10:>=0.30"]
    assert thresholds.of("pke.tfidf")["f1@10"].text == "f1@10:-1pp"
    with pytest.raises(BenchError, match=r"f1@10 has two bounds, f1@10:>=0\.1 and f1@10:>0\.2"):
        parse_guards(["f1@10:>=0.1", "f1@10:>0.2"], "here")
    floor_and_ceiling = parse_guards(["fit_s:<10s", "fit_s:+5%"], "here")
    assert len(floor_and_ceiling) == 2


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_a_guard_or_one_clear_line(text: str) -> None:
    told = ""
    try:
        guard = parse_guard(text)
    except BenchError as error:
        told = str(error)
    else:
        assert isinstance(guard, Threshold) != is_bound(text)
        return
    assert "--fail-on" in told
