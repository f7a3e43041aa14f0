"""Candidate selection with the same output as pke's own, and a fraction of its work.

pke adds every n-gram of a document and then throws most of them away, and it checks each word of each n-gram
anew. Here a word is checked once per process, and an n-gram that would be thrown away is not added.
``Selection`` goes before a pke class in a list of bases.
"""

from __future__ import annotations

from functools import lru_cache
from string import punctuation
from typing import Any

from readbench_adapters.words.candidates import Grammar, Ngrams

LONGEST_PHRASE = 5
PUNCTUATION = frozenset(punctuation)


@lru_cache(maxsize=1 << 17)
def is_valid(word: str, shortest: int = 2) -> bool:
    """What ``candidate_filtering`` with its defaults asks of every word of a phrase, stop list aside."""
    lower = word.lower()
    return len(lower) >= shortest and not PUNCTUATION.issuperset(lower) and lower.replace("-", "").isalnum()


class Selection:
    """Overrides of ``pke.base.LoadFile``."""

    candidates: Any
    sentences: Any
    stoplist: Any
    grammar_selection: Any
    # pke's defaults, which ``fill`` sets anew for a language whose words are shorter.
    shortest_phrase = 3
    shortest_word = 2

    def _is_valid(self, word: str) -> bool:
        return is_valid(word, self.shortest_word) and word.lower() not in self.stoplist

    def add_candidate(
        self, words: list[str], stems: list[str], pos: list[str], offset: int, sentence_id: int
    ) -> None:
        candidate = self.candidates[" ".join(stems)]
        candidate.surface_forms.append(words)
        candidate.lexical_form = stems
        candidate.pos_patterns.append(pos)
        candidate.offsets.append(offset)
        candidate.sentence_ids.append(sentence_id)

    def ngram_selection(self, n: int = 3) -> None:
        """The n-grams that survive ``candidate_filtering`` with its defaults, in pke's order.

        For pke two phrases are one if their stems are equal, and it checks the words of the first occurrence
        alone. An invalid first occurrence therefore excludes all later, valid ones. That can happen only
        where an invalid word has the stem of a valid one, and only such n-grams are kept in ``excluded``.
        """
        if n > LONGEST_PHRASE:
            super().ngram_selection(n=n)  # type: ignore[misc]
            return
        self.candidates.clear()
        words = [(word, stem) for s in self.sentences for word, stem in zip(s.words, s.stems, strict=True)]
        is_valid = self._is_valid
        valid_stems = {stem for word, stem in words if is_valid(word)}
        # No n-gram with one of these stems is ever valid.
        never_valid = {stem for word, stem in words if not is_valid(word)} - valid_stems
        excluded: set[str] = set()
        shift = 0
        for number, sentence in enumerate(self.sentences):
            valid = [is_valid(word) for word in sentence.words]
            stop = [stem in never_valid for stem in sentence.stems]
            for start in range(sentence.length):
                for end in range(start + 1, min(start + n, sentence.length) + 1):
                    # Neither this n-gram nor a longer one can become valid.
                    if stop[end - 1]:
                        break
                    key = " ".join(sentence.stems[start:end])
                    if key not in self.candidates:
                        if key in excluded:
                            continue
                        # A valid word may still be too short to be a phrase by itself.
                        length = sum(len(word) for word in sentence.words[start:end])
                        if length < self.shortest_phrase or not all(valid[start:end]):
                            excluded.add(key)
                            continue
                    self.add_candidate(
                        sentence.words[start:end],
                        sentence.stems[start:end],
                        sentence.pos[start:end],
                        shift + start,
                        number,
                    )
            shift += sentence.length

    def select_as(self, wanted: Ngrams | Grammar) -> None:
        """Candidates of another kind than the method's own, through pke's filter with its defaults."""
        if isinstance(wanted, Grammar):
            self.grammar_selection(grammar=wanted.text)
            self.candidate_filtering()
            return
        self.ngram_selection(n=wanted.longest)
        self.candidate_filtering()
        short = [key for key, c in self.candidates.items() if len(c.lexical_form) < wanted.shortest]
        for key in short:
            del self.candidates[key]

    def candidate_filtering(self, **options: Any) -> None:
        """With other options than the defaults, pke's own."""
        if options:
            super().candidate_filtering(**options)  # type: ignore[misc]
            return
        for key in list(self.candidates):
            candidate = self.candidates[key]
            first = candidate.surface_forms[0]
            if (
                len(candidate.lexical_form) > LONGEST_PHRASE
                or sum(len(word) for word in first) < self.shortest_phrase
                or not all(self._is_valid(word) for word in first)
            ):
                del self.candidates[key]
