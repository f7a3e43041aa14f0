"""Models behind an API, with a server that misbehaves: faults, budgets, keys, names, labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from api_server import Misbehave, Stub, serving

from readbench.adapter import UNANSWERED, BenchError, Context, MissingDependency, Price
from readbench.core.types import (
    Dataset,
    Document,
    ExtractedFacts,
    PredictedLabel,
    RankedPhrases,
    Target,
    Task,
)
from readbench.tasks.spec import TaskSpec

pytest.importorskip("openai", reason="needs the extra api")

from readbench_adapters.api.answers import Answer, Journal
from readbench_adapters.api.asking import RequestFailed
from readbench_adapters.api.method import Api
from readbench_adapters.api.params import ApiParams
from readbench_adapters.api.server import asked_to_wait

SECRET = "sk-never-to-be-seen-1234567890"


def papers(count: int) -> list[Document]:
    return [
        Document(f"d{n:02}", {"title": f"Paper number {n:02}", "abstract": f"On subject {n:02}."})
        for n in range(count)
    ]


def loaded(stub: Stub, folder: Path | None = None, task: Task = "classification", **more: Any) -> Api:
    prices = more.pop("prices", {})
    note = more.pop("note", {}.__setitem__)
    spec = TaskSpec(task=task, labels=("yes", "no") if task == "classification" else ())
    params = ApiParams(model="stub-1", base_url=stub.url, **{"timeout": 0.4, "retries": 6} | more)
    api = Api(params, Context(task=spec, kept=folder, prices=prices, note=note))
    api.load()
    return api


def predicted(api: Api, documents: list[Document]) -> dict[str, Any]:
    """Predictions by id; a document that failed has what was raised."""
    found: dict[str, Any] = {}
    try:
        return dict(zip([d.id for d in documents], api.predict(documents), strict=True))
    except RequestFailed:
        pass
    for document in documents:
        try:
            (found[document.id],) = api.predict([document])
        except RequestFailed as failed:
            found[document.id] = failed
    return found


FAULTS = {
    "00": [Misbehave(status=429, headers={"Retry-After": "0.6"})],
    "01": [Misbehave(status=429)],
    "02": [Misbehave(status=500), Misbehave(status=503)],
    "03": [Misbehave("hang")],
    "04": [Misbehave("half"), Misbehave("half")],
    "05": [Misbehave("not json")],
    "06": [Misbehave("other json")],
    "07": [Misbehave("other model")],
    "08": [Misbehave(status=400)],
    "09": [Misbehave(status=429, headers={"Retry-After": "0.3"}), Misbehave(status=500), Misbehave("half")],
    "10": [Misbehave(status=408), Misbehave(status=409)],
    "11": [Misbehave("not json"), Misbehave("hang"), Misbehave(status=502)],
}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("readbench_adapters.api.asking.FIRST_WAIT_S", 0.02)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_twenty_faults_lose_no_answer_and_no_answer_is_asked_for_twice(tmp_path: Path) -> None:
    assert sum(map(len, FAULTS.values())) == 19
    faults = {f"number {number}": [*left] for number, left in FAULTS.items()}
    faults["number 12"] = [Misbehave(status=429, headers={"Retry-After": "100000"})]
    documents = papers(24)
    with serving(Stub(faults=faults)) as stub:
        first = predicted(loaded(stub, tmp_path), documents)
        failed = {id_: str(found) for id_, found in first.items() if isinstance(found, RequestFailed)}
        assert {*failed} == {"d07", "d08", "d12"}
        assert "'another' answered in place of 'stub-1'" in failed["d07"]
        assert all(found == PredictedLabel("yes") for id_, found in first.items() if id_ not in failed)
        assert set(stub.answered.values()) == {1}
        assert len(stub.answered) == 22  # of all but the two that were refused
        asked_once = {prompt: len(times) for prompt, times in stub.asked.items()}
        # In the order of the documents: one request, and one more for each fault that may pass.
        for document in documents:
            (count,) = [n for prompt, n in asked_once.items() if document.fields["title"] in prompt]
            passing = 0 if document.id in failed else len(FAULTS.get(document.id[1:], []))
            assert count == 1 + passing, document.id
        (times,) = [t for prompt, t in stub.asked.items() if "number 00" in prompt]
        assert times[1] - times[0] >= 0.6
        # Another process finds every answer; only what had none, or another model's, is asked for.
        again = predicted(loaded(stub, tmp_path), documents)
        assert all(found == PredictedLabel("yes") for found in again.values())
        asked_again = {prompt for prompt, n in asked_once.items() if len(stub.asked[prompt]) > n}
        assert {
            document.id for document in documents if any(document.fields["title"] in p for p in asked_again)
        } == {
            "d07",
            "d08",
            "d12",
        }


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("budget", [{"max_tokens": 300}, {"max_cost": 0.0004}])
def test_a_budget_is_passed_by_one_request_at_most(
    tmp_path: Path, concurrency: int, budget: dict[str, Any]
) -> None:
    notes: dict[str, Any] = {}
    prices = {"stub-1": Price(input=1.0, output=10.0)}
    documents = papers(40)
    with serving(Stub(delay_s=0.01)) as stub:
        api = loaded(stub, tmp_path, prices=prices, concurrency=concurrency, note=notes.__setitem__, **budget)
        found = predicted(api, documents)
        usage = api.usage()
        assert usage is not None
        answered = sum(stub.answered.values())
        of_one = stub.tokens / answered
        if "max_tokens" in budget:
            assert budget["max_tokens"] <= stub.tokens < budget["max_tokens"] + of_one
        else:
            spent = prices["stub-1"].of(usage.input_tokens or 0, 0, usage.output_tokens or 0)
            of_one = spent / answered
            cached = prices["stub-1"].of(
                usage.input_tokens or 0, usage.cached_tokens or 0, usage.output_tokens or 0
            )
            assert budget["max_cost"] <= cached < budget["max_cost"] + of_one
        assert 0 < answered < 40
        assert usage.documents == answered
        assert sum(one == PredictedLabel("yes") for one in found.values()) == answered
        assert sum(one == PredictedLabel(None) for one in found.values()) == 40 - answered
        assert notes[UNANSWERED]["documents"] == 40 - answered
        assert notes[UNANSWERED]["of"] == 40
        # What was paid for counts in the next process, too.
        more = loaded(stub, tmp_path, prices=prices, concurrency=concurrency, **budget)
        predicted(more, documents)
        assert sum(stub.answered.values()) == answered


def test_far_from_its_budget_requests_run_beside_each_other() -> None:
    with serving(Stub(delay_s=0.05)) as stub:
        predicted(loaded(stub, max_tokens=10_000_000, concurrency=6), papers(18))
        assert 2 <= stub.most_at_once <= 6


def test_a_budget_in_money_needs_a_price() -> None:
    with (
        serving(Stub()) as stub,
        pytest.raises(BenchError, match=r'no price of stub-1; .*\[prices."stub-1"\]'),
    ):
        loaded(stub, max_cost=1.0)


def test_usage_counts_tokens_requests_and_what_was_there_before(tmp_path: Path) -> None:
    with serving(Stub(faults={"number 01": [Misbehave(status=500)]})) as stub:
        first = loaded(stub, tmp_path)
        predicted(first, papers(4))
        usage = first.usage()
        assert usage is not None
        assert (usage.documents, usage.requests, usage.retries, usage.kept) == (4, 5, 1, 0)
        assert (usage.input_tokens or 0) + (usage.output_tokens or 0) == stub.tokens
        assert 0 < (usage.cached_tokens or 0) < (usage.input_tokens or 0)
        assert len(usage.latencies_s) == 4
        again = first.usage()
        assert again is not None
        assert (again.documents, again.requests, again.input_tokens, again.latencies_s) == (0, 0, 0, ())
        second = loaded(stub, tmp_path)
        predicted(second, papers(4))
        kept = second.usage()
        assert kept is not None
        assert sorted(kept.latencies_s) == sorted(usage.latencies_s)
        assert kept.model_copy(update={"kept": 0, "latencies_s": usage.latencies_s}) == usage
        assert kept.kept == 4


def test_a_key_that_is_wrong_ends_the_cell() -> None:
    with serving(
        Stub(faults={"Paper": [Misbehave(status=401, body='{"error": {"message": "bad key"}}')] * 99})
    ) as stub:
        api = loaded(stub, concurrency=2)
        with pytest.raises(
            MissingDependency, match=r"the server answers 401: .*check model, base_url, the key"
        ):
            api.predict(papers(9))
        assert len(stub.asked) < 9


def test_the_key_goes_to_its_own_server_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("OTHER_KEY", "sk-other")
    with serving(Stub()) as stub:
        predicted(loaded(stub), papers(1))
        assert stub.keys == {"Bearer none"}
        predicted(loaded(stub, key_from="OTHER_KEY"), papers(1))
        assert stub.keys == {"Bearer none", "Bearer sk-other"}
    assert ApiParams(model="m").key_variable == "OPENAI_API_KEY"


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": f"http://me:{SECRET}@localhost/v1"},
        {"base_url": f"http://localhost/v1?key={SECRET}"},
        {"base_url": "localhost:8000"},
        {"key_from": SECRET},
    ],
)
def test_a_key_is_no_parameter(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"environment variable|must begin with http"):
        ApiParams(model="m", **wrong)


def test_without_a_model_a_key_or_a_server_it_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    task = TaskSpec(task="keyphrases")

    def lacks(**params: Any) -> str:
        api = Api(ApiParams(timeout=2, **params), Context(task=task))
        assert api.weights() == {}
        with pytest.raises(MissingDependency) as raised:
            api.missing()
        return str(raised.value)

    assert "api[model=" in lacks()
    assert "OPENAI_API_KEY" in lacks(model="gpt-x")
    assert "start the server" in lacks(model="m", base_url="http://127.0.0.1:9/v1")


@pytest.mark.parametrize(
    ("said", "by", "tops", "label"),
    [
        ("no", "logprobs", {"yes": -0.1, "no": -3.0}, "yes"),
        ("no", "logprobs", {" No": -0.1, "Yes": -3.0}, "no"),
        ("no", "parsing", {"maybe": -0.1}, "no"),
        ("no", "parsing", None, "no"),
    ],
)
def test_a_label_is_read_by_log_probabilities_or_else_by_its_words(
    said: str, by: str, tops: dict[str, float] | None, label: str
) -> None:
    notes: dict[str, Any] = {}
    with serving(Stub(say=lambda _: said, tops=None if tops is None else lambda _: tops)) as stub:
        api = loaded(stub, note=notes.__setitem__)
        (found,) = api.predict(papers(1))
    assert isinstance(found, PredictedLabel)
    assert found.label == label
    assert notes["labels_by"] == {by: 1}
    assert bool(found.scores) == (by == "logprobs")
    if found.scores:
        assert sum(found.scores.values()) == pytest.approx(1.0)


def test_a_server_that_refuses_log_probabilities_is_asked_without(tmp_path: Path) -> None:
    notes: dict[str, Any] = {}
    with serving(Stub(refuses_logprobs=True)) as stub:
        api = loaded(stub, tmp_path, concurrency=1, note=notes.__setitem__)
        assert predicted(api, papers(3)) == {f"d0{n}": PredictedLabel("yes") for n in range(3)}
        assert notes["labels_by"] == {"parsing": 3}
        assert sum(map(len, stub.asked.values())) == 4
        predicted(loaded(stub, tmp_path, concurrency=1), papers(3))
        assert set(stub.answered.values()) == {1}


def test_phrases_and_facts_are_read_as_those_of_other_language_models() -> None:
    with serving(Stub(say=lambda _: "deep learning; lung images")) as stub:
        (phrases,) = loaded(stub, task="keyphrases").predict(papers(1))
        assert isinstance(phrases, RankedPhrases)
        assert phrases.phrases == ("deep learning", "lung images")
        assert "logprobs" not in stub.seen[-1]
        (facts,) = loaded(stub, task="extraction").predict(papers(1))
        assert facts == ExtractedFacts(parsed=False, raw="deep learning; lung images")


def test_examples_stand_in_the_prompt_and_in_the_saved_folder(tmp_path: Path) -> None:
    documents = papers(6)
    targets: dict[Task, dict[str, Target]] = {
        "classification": {d.id: "yes" if n % 2 else "no" for n, d in enumerate(documents)}
    }
    train = Dataset(name="", documents=tuple(documents[:5]), targets=targets)
    with serving(Stub()) as stub:
        api = loaded(stub, shots=2)
        api.fit(train, Dataset(name="", documents=(), targets={}))
        before = api.predict(documents[5:])
        prompt = stub.seen[-1]["messages"][0]["content"]
        assert prompt.count("Paper number") == 3
        assert prompt.endswith("On subject 05.")
        api.save(tmp_path)
        other = loaded(stub, shots=2)
        other.restore(tmp_path)
        assert other.predict(documents[5:]) == before
        assert stub.seen[-1]["messages"][0]["content"] == prompt


def test_a_line_that_was_cut_short_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    answer = Answer("yes", True, "m", "f", 1, 0, 1, 0.1, 2, (("yes", -0.1),))
    Journal(file).keep("a", answer)
    file.write_bytes(file.read_bytes() + b'{"key": "b", "text": "ye')
    Journal(file).keep("c", answer)
    journal = Journal(file)
    assert journal.known == {"a": answer, "c": answer}
    assert journal.before == {"a", "c"}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("soon", None),
        ("", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
    ],
)
def test_what_retry_after_asks_for(header: str, seconds: float | None) -> None:
    assert asked_to_wait({"retry-after": header}) == seconds
