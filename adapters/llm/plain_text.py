"""Text in which nothing is a control token, for any tokenizer of transformers.

transformers itself sees what a text spells as control tokens, or leaves alone those that a chat template does
not name (``sanitize_control_tokens``). Here every added token counts: in the copy of a tokenizer that reads
documents they all have other names.
"""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from readbench.core.errors import BenchError
from readbench_adapters.chatglm.plain_pieces import any_of, broken_up

NAME_LETTERS = 20
"""Random letters in the name that a control token has in the copy: no document spells it."""
SAMPLES = ("a paper", "论文 1")
"""With these a copy must give the ids of the tokenizer itself."""


class PlainText(Protocol):
    """How text becomes ids. Whatever it spells, none of them is an added token's."""

    def ids(self, text: str) -> list[int]:
        """Ids of text that stands alone."""

    def frame(self, before: str, after: str) -> Callable[[str], list[int]]:
        """What gives the ids of text between ``before`` and ``after``, in which control tokens are what they
        are."""


def plain_text(tokenizer: Any) -> PlainText:
    """Plain text for a tokenizer of transformers."""
    controls = control_tokens(tokenizer)
    if getattr(tokenizer, "backend_tokenizer", None) is None:
        return _BrokenUp(tokenizer, controls)
    return _Renamed(tokenizer, controls)


def control_tokens(tokenizer: Any) -> dict[str, int]:
    """The id of each added token. White space that a vocabulary adds as a token (runs of blanks) is text."""
    added = {str(token.content): int(id_) for id_, token in tokenizer.added_tokens_decoder.items()}
    named = {
        str(token): int(tokenizer.convert_tokens_to_ids(token)) for token in tokenizer.all_special_tokens
    }
    return {token: id_ for token, id_ in (named | added).items() if token.strip()}


class _Renamed:
    """A copy of a fast tokenizer, in which every control token has a random name. Frames are spelt with these
    names, documents cannot be. Everything else is the same, so that a text without control tokens has the ids
    that it always had."""

    def __init__(self, tokenizer: Any, controls: Mapping[str, int]) -> None:
        self._tokenizer = tokenizer
        self._names = dict(zip(controls, _names(), strict=False))
        self._controls = any_of(controls)
        self._copy = _copy(tokenizer.backend_tokenizer, self._names)
        self._original = {
            id_: controls[token]
            for token, name in self._names.items()
            if (id_ := self._copy.token_to_id(name)) is not None
        }

    def ids(self, text: str) -> list[int]:
        encoded: Sequence[int] = self._copy.encode(text, add_special_tokens=False).ids
        return [self._original.get(id_, id_) for id_ in encoded]

    def frame(self, before: str, after: str) -> Callable[[str], list[int]]:
        first, last = self._renamed(before), self._renamed(after)
        if all(self.ids(first + one + last) == self._whole(before + one + after) for one in SAMPLES):
            return lambda text: self.ids(first + text + last)
        # A frame whose control tokens depend on what stands beside them is read by itself.
        begun, ended = self._whole(before), self._whole(after)
        return lambda text: [*begun, *self.ids(text), *ended]

    def _renamed(self, frame: str) -> str:
        if self._controls is None:
            return frame
        return self._controls.sub(lambda found: self._names[found.group()], frame)

    def _whole(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return ids


class _BrokenUp:
    """For a tokenizer that is no fast one: control tokens in a text are cut in two, and the parts read one
    after the other."""

    def __init__(self, tokenizer: Any, controls: Mapping[str, int]) -> None:
        self._tokenizer, self._controls = tokenizer, controls
        self._spelled = any_of(token for token in controls if len(token) > 1)

    def ids(self, text: str) -> list[int]:
        ids = [id_ for part in broken_up(text, self._spelled) for id_ in self._encode(part, split=True)]
        unknown = self._tokenizer.unk_token_id
        spelled = set(ids) & {id_ for id_ in self._controls.values() if id_ != unknown}
        if spelled:
            token = self._tokenizer.convert_ids_to_tokens(min(spelled))
            raise BenchError(
                f"its tokenizer reads {token!r} in a text as a control token",
                where=str(self._tokenizer.name_or_path),
                todo="give a model with a tokenizer.json",
            )
        return ids

    def frame(self, before: str, after: str) -> Callable[[str], list[int]]:
        begun, ended = self._encode(before), self._encode(after)

        def framed(text: str) -> list[int]:
            if self._spelled is None or not self._spelled.search(text):
                return self._encode(before + text + after)
            return [*begun, *self.ids(text), *ended]

        return framed

    def _encode(self, text: str, *, split: bool = False) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False, split_special_tokens=split)
        return ids


def _names() -> Iterator[str]:
    """Names of one length, so that none begins another, in brackets, as most control tokens are."""
    while True:
        yield f"<{''.join(secrets.choice(string.ascii_lowercase) for _ in range(NAME_LETTERS))}>"


def _copy(backend: Any, names: Mapping[str, str]) -> Any:
    """A tokenizer of the library ``tokenizers`` in which the tokens of ``names`` are called otherwise."""
    from tokenizers import Tokenizer

    described = json.loads(backend.to_str())
    special = {added["content"] for added in described["added_tokens"] if added["special"]}
    for added in described["added_tokens"]:
        added["content"] = names.get(added["content"], added["content"])
    _rename(described["model"], names, special)
    # What is added around a text is never asked for, and names control tokens.
    described["post_processor"] = described["truncation"] = described["padding"] = None
    return Tokenizer.from_str(json.dumps(described))


def _rename(model: dict[str, Any], names: Mapping[str, str], special: set[str]) -> None:
    """Renames tokens in the vocabulary of a model, where a text could become one of them: a word of a list of
    words, a piece with a score. One that merges make stays, because merges name it; those that make a special
    token are left out."""
    vocabulary = model.get("vocab")
    if isinstance(vocabulary, list):  # Unigram: pairs of piece and score
        model["vocab"] = [[names.get(piece, piece), score] for piece, score in vocabulary]
        return
    merges = [pair.split(" ", 1) if isinstance(pair, str) else pair for pair in model.get("merges", ())]
    made = {"".join(pair) for pair in merges} | {part for pair in merges for part in pair}
    free = {token: name for token, name in names.items() if token not in made}
    model["vocab"] = {free.get(token, token): id_ for token, id_ in (vocabulary or {}).items()}
    if "merges" in model:
        model["merges"] = [pair for pair in merges if "".join(pair) not in special]
    if model.get("unk_token") in free:
        model["unk_token"] = free[model["unk_token"]]
