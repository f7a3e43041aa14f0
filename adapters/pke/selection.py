"""Candidate selection that finds the candidates that pke finds, with a fraction of its work.

A word is checked once per process, an n-gram that no filter would leave is not added, and a chunk grammar is
a regular expression over the tags. ``Selection`` goes before a pke class in a list of bases.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate
from string import punctuation
from typing import Any

from readbench_adapters.words.candidates import Grammar, Ngrams
from readbench_adapters.words.tag_patterns import tag_pattern

LONGEST_PHRASE = 5
PUNCTUATION = frozenset(punctuation)

Span = tuple[int, int, int]
"""Number of a sentence, first word of a candidate in it, and the word after its last."""


@lru_cache(maxsize=1 << 17)
def is_valid(word: str, shortest: int = 2) -> bool:
    """Whether a phrase may hold a word, stop list aside: long enough, letters and digits with hyphens, and
    not hyphens alone."""
    lower = word.lower()
    return len(lower) >= shortest and not PUNCTUATION.issuperset(lower) and lower.replace("-", "").isalnum()


class Asked:
    """Candidates of another kind than a method's own. Goes before a class of pke."""

    candidates: Any
    sentences: Any
    stoplist: Any
    grammar_selection: Any
    ngram_selection: Any
    candidate_filtering: Any

    def select_as(self, wanted: Ngrams | Grammar) -> None:
        """Candidates of a kind, through the filter with its defaults."""
        if isinstance(wanted, Grammar):
            self.grammar_selection(grammar=wanted.text)
            self.candidate_filtering()
            return
        self.ngram_selection(n=wanted.longest)
        self.candidate_filtering()
        self._leave_only(lambda phrase: len(phrase.lexical_form) >= wanted.shortest)

    def _leave_only(self, wanted: Callable[[Any], bool]) -> None:
        for key in [key for key, phrase in self.candidates.items() if not wanted(phrase)]:
            del self.candidates[key]


class Selection(Asked):
    """Overrides of ``pke.base.LoadFile``."""

    # pke's defaults, which ``fill`` sets anew for a language whose words are shorter.
    shortest_phrase = 3
    shortest_word = 2
    all_valid = False
    """Whether the filter with its defaults would leave all candidates."""

    def take(self, spans: Iterable[Span]) -> None:
        """Makes the words at ``spans`` the candidates. Spans with the same stems are one candidate; its form
        is that of the first, its places are counted in words of the document."""
        found = self.candidates
        found.clear()
        self.all_valid = False
        before = list(accumulate((sentence.length for sentence in self.sentences), initial=0))
        for number, start, end in spans:
            sentence = self.sentences[number]
            stems = sentence.stems[start:end]
            phrase = found[" ".join(stems)]
            if not phrase.offsets:
                phrase.lexical_form = stems
            phrase.offsets.append(before[number] + start)
            phrase.sentence_ids.append(number)
            phrase.surface_forms.append(sentence.words[start:end])
            phrase.pos_patterns.append(sentence.pos[start:end])

    # -- the kinds of candidates -----------------------------------------------------------------------

    def longest_pos_sequence_selection(self, valid_pos: Collection[str]) -> None:
        """Every sequence of words with these parts of speech, as long as it can be."""
        self.take(self._runs(lambda sentence: sentence.pos, valid_pos))

    def longest_keyword_sequence_selection(self, keywords: Collection[str]) -> None:
        """Every sequence of words with these stems, as long as it can be."""
        self.take(self._runs(lambda sentence: sentence.stems, frozenset(keywords)))

    def _runs(self, values: Callable[[Any], Sequence[str]], wanted: Collection[str]) -> Iterator[Span]:
        for number, sentence in enumerate(self.sentences):
            start = 0
            for place, value in enumerate(values(sentence)):
                if value not in wanted:
                    if start < place:
                        yield number, start, place
                    start = place + 1
            if start < sentence.length:
                yield number, start, sentence.length

    def grammar_selection(self, grammar: str | None = None) -> None:
        """The chunks of NLTK's grammar that are named NP. Raises ValueError for a grammar that is none."""
        pattern = None if grammar is None else tag_pattern(grammar)
        if pattern is None:
            self.all_valid = False
            super().grammar_selection(grammar=grammar)
            return
        self.take(
            (number, *chunk)
            for number, sentence in enumerate(self.sentences)
            for chunk in pattern.chunks(sentence.pos)
        )

    def ngram_selection(self, n: int = 3) -> None:
        """The n-grams that survive ``candidate_filtering`` with its defaults, in their order."""
        if n > LONGEST_PHRASE:
            self.all_valid = False
            super().ngram_selection(n=n)
        else:
            self.take(self._valid_ngrams(n))
            self.all_valid = True

    def _valid_ngrams(self, longest: int) -> Iterator[Span]:
        """For pke two phrases are one if their stems are equal, and it checks the words of the first
        occurrence alone. An invalid first occurrence therefore excludes all later, valid ones. That can
        happen only where an invalid word has the stem of a valid one, and only such n-grams are kept in
        ``excluded``.
        """
        sentences = self.sentences
        valid = [[self._is_valid(word) for word in sentence.words] for sentence in sentences]
        known = {True: set[str](), False: set[str]()}
        for sentence, good in zip(sentences, valid, strict=True):
            for stem, is_good in zip(sentence.stems, good, strict=True):
                known[is_good].add(stem)
        # No n-gram with one of these stems is ever valid.
        never = known[False] - known[True]
        doubtful = known[False] & known[True]
        accepted: set[str] = set()
        excluded: set[str] = set()
        for number, (sentence, good) in enumerate(zip(sentences, valid, strict=True)):
            stems, words = sentence.stems, sentence.words
            # Between two stops every n-gram may be valid; none that holds one is.
            stops = [place for place, stem in enumerate(stems) if stem in never]
            for start, stop in zip([0, *(place + 1 for place in stops)], [*stops, len(stems)], strict=True):
                for first in range(start, stop):
                    for end in range(first + 1, min(first + longest, stop) + 1):
                        # Only then does what came before matter.
                        if doubtful or end - first < self.shortest_phrase:
                            key = " ".join(stems[first:end])
                            if key in excluded:
                                continue
                            if key not in accepted:
                                # A valid word may still be too short to be a phrase by itself.
                                length = sum(map(len, words[first:end]))
                                if length < self.shortest_phrase or not all(good[first:end]):
                                    excluded.add(key)
                                    continue
                                accepted.add(key)
                        yield number, first, end

    # -- the filter ------------------------------------------------------------------------------------

    def candidate_filtering(self, **options: Any) -> None:
        """Leaves phrases of up to five words all of which are valid. With other options than the defaults,
        pke's own filter."""
        if options:
            super().candidate_filtering(**options)
        elif not self.all_valid:
            self._leave_only(self._is_phrase)

    def _is_valid(self, word: str) -> bool:
        return is_valid(word, self.shortest_word) and word.lower() not in self.stoplist

    def _is_phrase(self, phrase: Any) -> bool:
        first = phrase.surface_forms[0]
        return (
            len(first) <= LONGEST_PHRASE
            and sum(map(len, first)) >= self.shortest_phrase
            and all(map(self._is_valid, first))
        )
