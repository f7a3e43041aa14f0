"""Texts that are not English get words, stop words and stems of their own, or one line on what is missing."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from of_type import all_of_type

from readbench.adapter import Context, MissingDependency
from readbench.core.types import Document, RankedPhrases
from readbench.machine.weights import find_weights
from readbench.methods.registry import Registry
from readbench.tasks.spec import TaskSpec

pytest.importorskip("pke", reason="needs the extra keyphrases")
pytest.importorskip("jieba", reason="needs the extra keyphrases")

import spacy
from nltk.stem.snowball import SnowballStemmer
from pke.lang import stopwords as pke_stop_words

from readbench_adapters.words.languages import LANGUAGES, language_of
from readbench_adapters.words.parse import Parse
from readbench_adapters.words.stop_words import stop_words

TEXTS = {
    "de": (
        "Neuronale Netze für die Erkennung von Rissen in Brücken. Wir zeigen, dass neuronale Netze Risse in "
        "Betonbrücken erkennen. Die Netze wurden mit Bildern von 40 Brücken trainiert. Deep-Learning hilft.",
        "Messung der Luftfeuchte in Getreidespeichern. Die Luftfeuchte schwankt, weil nicht gelüftet wird.",
    ),
    "fr": (
        "L'apprentissage automatique pour l'analyse des sols agricoles. Nous proposons une méthode "
        "d'apprentissage automatique qui prédit l'humidité des sols à partir d'images satellitaires.",
        "Mesure du vent dans les vallées alpines. Le vent varie, car le relief dévie les courants d'air.",
    ),
    "es": (
        "Detección de plagas en cultivos de maíz con drones. Los drones toman imágenes de los cultivos y una "
        "red neuronal detecta las plagas. La detección con drones es más rápida que una inspección a pie.",
        "Calidad del agua en ríos de montaña. La calidad del agua de los ríos depende del deshielo.",
    ),
    "zh": (
        "基于深度学习的桥梁裂缝检测方法。本文提出一种裂缝检测方法，用于混凝土桥梁的图像。"
        "裂缝检测在雨天也能工作，深度学习模型的精度高于阈值方法。我们使用CNN模型进行比较。",
        "粮仓湿度的测量。粮仓中的湿度变化很大，因为通风没有控制。",
    ),
}
STOPPED = {"de": "die", "fr": "les", "es": "los", "zh": "的"}
WITHOUT_TAGS = (
    "pke.yake",
    "pke.tfidf[df=train]",
    "pke.kpminer[df=train, lasf=1]",
    "pke.topicrank[candidates=ngrams(1,3)]",
    "pke.multipartiterank[candidates=ngrams(1,3)]",
    "pke.firstphrases[candidates=ngrams(1,3)]",
    "sgrank[normalize=lower, include_pos=[]]",
)
BY_TAGS = (
    "pke.firstphrases",
    "pke.textrank",
    "pke.singlerank",
    "pke.topicrank",
    "pke.topicalpagerank[lda=train]",
    "pke.positionrank",
    "pke.multipartiterank",
    "sgrank",
    "pke.tfidf[df=train, candidates=noun-phrases]",
    "pke.textrank[candidates=ngrams(1,3)]",
)


def task(language: str) -> TaskSpec:
    return TaskSpec(task="keyphrases", fields=("abstract",), language=language)


def documents(language: str) -> list[Document]:
    return [Document(str(i), {"abstract": text}, language) for i, text in enumerate(TEXTS[language])]


@pytest.fixture(scope="module")
def prepare(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Builds a preparation and what it needs, each once."""
    known: dict[str, Path] = {}

    def prepared(preparation: Any, language: str) -> Any:
        name = f"{language} {preparation.name} {preparation.params!r}"
        if name not in known:
            inputs = {n: prepared(need.preparation, language) for n, need in preparation.needs().items()}
            folder = known[name] = tmp_path_factory.mktemp("preparation")
            preparation.build(documents(language), folder, Context(task(language), preparations=inputs))
        return preparation.open(known[name])

    return prepared


@pytest.fixture
def predict(prepare: Any) -> Any:
    def predicted(spec: str, language: str, notes: dict[str, Any] | None = None) -> list[RankedPhrases]:
        method = Registry().method(spec)
        bare = method.create(Context(task(language)))
        bare.missing()
        found = {
            name: prepare(need.preparation, language) for name, need in bare.needs().preparations.items()
        }
        note = ({} if notes is None else notes).__setitem__
        adapter = method.create(Context(task(language), preparations=found, note=note))
        adapter.load()
        return all_of_type(RankedPhrases, adapter.predict(documents(language)))

    return predicted


@cache
def pipeline(language: str) -> Any:
    return Parse.of(language, tags=False)._model()


def words(phrase: str, language: str) -> list[str]:
    return [token.lower_ for token in pipeline(language)(phrase)]


@pytest.mark.parametrize("language", TEXTS)
def test_the_stop_list_is_that_of_the_language(language: str) -> None:
    own = stop_words("pke", language)
    assert own == {word.lower() for word in spacy.blank(language).Defaults.stop_words}
    assert STOPPED[language] in own
    assert STOPPED[language] not in stop_words("pke", "en")
    # What pke's own table says for the same code: nothing for half of them.
    assert pke_stop_words.get(language, own) == own


def test_english_keeps_pke_s_list() -> None:
    assert stop_words("pke", "en") == pke_stop_words["en"]


@pytest.mark.parametrize(
    ("language", "word", "stem"),
    [
        ("de", "Häuser", "haus"),
        ("fr", "continuellement", "continuel"),
        ("es", "Aplicaciones", "aplic"),
        ("zh", "模型", "模型"),
        ("zh", "Models", "models"),
        ("en", "Häuser", "häuser"),
        ("no", "husene", "hus"),
    ],
)
def test_the_stemmer_is_that_of_the_language(language: str, word: str, stem: str) -> None:
    assert language_of(language).stemmer()(word) == stem


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_what_the_table_promises(language: str) -> None:
    known = LANGUAGES[language]
    assert len(stop_words("pke", language)) > 150
    assert known.stemmer()("Abc") == "abc"
    if language != "en":
        assert words("abc, co-op.", language)[0] == "abc"
    if known.snowball not in (None, "porter"):
        # Upstream's algorithm, by another implementation; the two differ in age, not on such words.
        assert SnowballStemmer(known.snowball).stem("test") == known.stemmer()("test")


@pytest.mark.parametrize("language", ["de", "fr", "es"])
def test_stems_of_the_parse_are_nltk_s_snowball_stems(language: str, prepare: Any) -> None:
    """Two implementations of the same algorithms: PyStemmer here, NLTK there."""
    nltk = SnowballStemmer(LANGUAGES[language].snowball)
    porter = SnowballStemmer("porter")
    parse = prepare(Parse.of(language, tags=False), language)
    pairs = {
        (word, stem)
        for document in documents(language)
        for sentence in parse[document.id]
        for word, stem in zip(sentence.words, sentence.stems, strict=True)
        if word.isalpha()
    }
    same = [nltk.stem(word) == stem for word, stem in pairs]
    assert sum(same) >= 0.9 * len(same)
    assert sum(porter.stem(word) != stem for word, stem in pairs) > len(pairs) / 4


def test_hyphens_stay_and_elisions_go(prepare: Any) -> None:
    def of(language: str) -> list[str]:
        parse = prepare(Parse.of(language, tags=False), language)
        return [word for sentence in parse["0"] for word in sentence.words]

    assert "Deep-Learning" in of("de")
    assert of("fr")[:6] == ["L'", "apprentissage", "automatique", "pour", "l'", "analyse"]
    assert of("zh")[:8] == ["基于", "深度", "学习", "的", "桥梁", "裂缝", "检测", "方法"]


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("spec", WITHOUT_TAGS)
def test_methods_without_tags_need_no_model(spec: str, language: str, predict: Any) -> None:
    notes: dict[str, Any] = {}
    predictions = predict(spec, language, notes)
    assert notes["words"]["stop words"] == f"spaCy {language}"
    own = stop_words("pke", language)
    for text, prediction in zip(TEXTS[language], predictions, strict=True):
        assert prediction.phrases
        bare = "".join(text.lower().split())
        for phrase in prediction.phrases:
            assert "".join(phrase.lower().split()) in bare
            found = words(phrase, language)
            # SGRank allows stop words between others, as textacy does.
            assert own.isdisjoint({found[0], found[-1]} if "sgrank" in spec else found), phrase


def test_stems_make_two_forms_one_phrase(predict: Any) -> None:
    """German plural and dative: one candidate of three occurrences, where English stems would make two."""
    [first, _] = predict("pke.kpminer[df=train, lasf=2]", "de")
    assert "rissen" in first.phrases
    assert "risse" not in first.phrases
    [first, _] = predict("pke.kpminer[df=train, lasf=2, normalization=none]", "de")
    assert "rissen" not in first.phrases
    [stemmed, _] = predict("pke.tfidf[df=train, stemming=true]", "es")
    assert "cultiv" in stemmed.phrases  # Porter leaves "cultivo"


def test_chinese_is_written_without_blanks_and_keeps_short_terms(predict: Any) -> None:
    [first, second] = predict("pke.yake", "zh")
    assert {"裂缝检测", "深度学习", "桥梁"} <= set(first.phrases)
    assert {"粮仓", "湿度"} <= set(second.phrases)
    assert {phrase for phrase in (*first.phrases, *second.phrases) if " " in phrase} <= {
        "使用 cnn 模型",
        "cnn 模型",
        "使用 cnn",
    }
    [first, _] = predict("pke.tfidf[df=train]", "zh")
    assert "cnn 模型" in first.phrases


@pytest.mark.parametrize("spec", BY_TAGS)
def test_french_tags_come_from_the_model(spec: str, predict: Any) -> None:
    pytest.importorskip("fr_core_news_sm", reason="needs spaCy's French model")
    [first, second] = predict(spec, "fr")
    found = {phrase.replace("sol agricole", "sols agricoles") for phrase in first.phrases}
    # Adjectives follow their noun in French, in grammars as well.
    assert "apprentissage automatique" in found
    assert {"sols agricoles", "sols"} & found
    assert not {"vallées alpines", "vallées", "vallée alpin"}.isdisjoint(second.phrases)


@pytest.mark.parametrize("spec", BY_TAGS)
@pytest.mark.parametrize(("language", "model"), [("de", "de_core_news_sm"), ("zh", "zh_core_web_sm")])
def test_a_method_by_tags_without_a_model_is_one_line(spec: str, language: str, model: str) -> None:
    if spacy.util.is_package(model):
        pytest.skip(f"{model} is here")
    with pytest.raises(MissingDependency, match=f"python -m spacy download {model}$"):
        Registry().method(spec).create(Context(task(language))).missing()


@pytest.mark.parametrize(
    ("spec", "language", "line"),
    [
        ("pke.tfidf", "de", r"document frequencies are English.*pke.tfidf\[df=train\]"),
        ("pke.kpminer", "zh", r"document frequencies are English.*pke.kpminer\[df=train\]"),
        ("pke.topicalpagerank", "fr", r"topics are English.*pke.topicalpagerank\[lda=train\]"),
        ("pke.yake[stoplist=jcdl2020]", "es", "jcdl2020 is English"),
        ("pke.tfidf[df=train, df_stoplist=jcdl2020]", "es", "jcdl2020 is English"),
        ("keybert", "de", r"all-MiniLM-L6-v2 reads English.*keybert\[model=...\]"),
        (
            "bert-tagger",
            "pl",
            r"all-MiniLM-L6-v2 reads English.*bert-tagger\[model=...\]",
        ),
        ("bert-tagger[model=bert-base-uncased]", "Polish", "bert-base-uncased reads English"),
        ("bert-keyword-extractor", "pl", r"reads English.*bert-keyword-extractor\[model=...\]"),
        ("yake", "zh", "between blanks.*pke.yake"),
        ("pke.yake", "ge", "no stop words and stemmer for the language 'ge'; did you mean de?"),
        ("sgrank", "sp", "did you mean es?"),
        ("pke.tfidf[df=train]", "tlh", "there are: da, de, en"),
    ],
)
def test_what_is_english_alone_says_so_in_one_line(spec: str, language: str, line: str) -> None:
    if "topicalpagerank" in spec:
        pytest.importorskip("fr_core_news_sm", reason="needs spaCy's French model")
    if spec == "keybert" or spec.startswith("bert"):
        pytest.importorskip("keybert", reason="needs the extra neural")
    adapter = Registry().method(spec).create(Context(task(language)))
    with pytest.raises(MissingDependency, match=line) as raised:
        adapter.missing()
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("spec", ["pke.tfidf", "pke.topicalpagerank", "yake", "pke.yake[stoplist=jcdl2020]"])
def test_nothing_loads_as_english_where_nobody_asked(spec: str) -> None:
    """Also without the plan's question before."""
    with pytest.raises(MissingDependency):
        Registry().method(spec).create(Context(task("zh"))).load()


def test_region_and_script_play_no_role() -> None:
    assert Parse.of("de-AT", tags=False).params == Parse.of("DE", tags=False).params
    assert Parse.of("zh_Hans", tags=True).params.model == "zh_core_web_sm"
    assert Parse.of("en-GB", tags=False).params == Parse().params


@pytest.mark.parametrize("language", TEXTS)
def test_keybert_takes_candidates_of_the_language(language: str, predict: Any, tmp_path: Path) -> None:
    """The weights here know little of these languages, which a folder does not tell: candidates are what
    is looked at."""
    pytest.importorskip("keybert", reason="needs the extra neural")
    weights = find_weights("all-MiniLM-L6-v2")
    if weights is None:
        pytest.skip("needs the weights of all-MiniLM-L6-v2")
    folder = tmp_path / "model"
    folder.symlink_to(weights.folder)
    own = stop_words("pke", language)
    [first, _] = predict(f"keybert[model={folder}, keyphrase_ngram_range=[1, 2]]", language)
    assert len(first.phrases) > 5
    for phrase in first.phrases:
        assert own.isdisjoint(words(phrase, language)), phrase
    assert {"de": "neuronale netze", "fr": "sols agricoles", "es": "red neuronal", "zh": "深度学习"}[
        language
    ] in first.phrases
    [ngrams, _] = predict(f"keybert[model={folder}, candidates=ngrams(1,3)]", language)
    [other, _] = predict("pke.firstphrases[candidates=ngrams(1,3)]", language)
    assert set(ngrams.phrases) == set(other.phrases)
    with pytest.raises(MissingDependency, match="stop_words=own"):
        predict(f"keybert[model={folder}, stop_words=english]", language)


def test_candidates_that_begin_together_do_not_stop_topic_rank(prepare: Any) -> None:
    """pke's own divides by zero as soon as two topics have candidates that begin at the same word."""
    from pke.unsupervised import TopicRank as Plain

    from readbench_adapters.pke.extractors import TopicRank
    from readbench_adapters.pke.filling import fill

    parsed = prepare(Parse.of("de", tags=False), "de")["0"]

    def weighed(cls: Any) -> Any:
        extractor = cls()
        fill(extractor, parsed, "stemming", language="de")
        extractor.ngram_selection(n=3)
        extractor.candidate_filtering()
        extractor.candidate_weighting()
        return extractor

    assert len(weighed(TopicRank).get_n_best(n=5)) == 5
    with pytest.raises(ZeroDivisionError):
        weighed(Plain)
