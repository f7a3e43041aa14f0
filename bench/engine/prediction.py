"""How the test documents of a cell are predicted: chunk by chunk, each kept as soon as it is done, and one by
one where a chunk raises."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from readbench.adapter import BenchError, MissingDependency
from readbench.core.types import Document, Prediction
from readbench.engine.chunks import Chunk, ChunkFile
from readbench.engine.clock import perf_counter, process_time, seconds_since
from readbench.engine.notes import plain_text
from readbench.engine.outcome import MESSAGE_KEPT, TYPE_KEPT, FailedDocument, FailedDocuments
from readbench.tasks.predictions import PredictionFormat

Predict = Callable[[Sequence[Document]], Sequence[Prediction]]

MOST_FAILED = 20
"""Failed documents whose errors are kept."""


def told(error: BaseException) -> tuple[str, str]:
    """The class of an exception and its text, cut to what is kept of one."""
    kind = type(error).__name__
    try:
        message = str(error)
    except Exception:  # whoever writes a failing method can write a failing __str__
        message = ""
    if not message or isinstance(error, SystemExit):
        message = f"the method raised {kind}{f'({message})' if message else ''}"
    return plain_text(kind[:TYPE_KEPT]), plain_text(message[:MESSAGE_KEPT])


def is_broken(failed: int, documents: int) -> bool:
    """Whether a method that raises on so many documents is broken, and not just bad: on more than half."""
    return 2 * failed > documents


def is_of_document(error: Exception) -> bool:
    """Whether an exception may be about the document; a lack of memory or of a library is not."""
    return not isinstance(error, MissingDependency | MemoryError)


@dataclass
class Predicting:
    """Predicts the documents ``test`` in chunks, or those of part ``part`` of ``parts``: a run of chunks.
    ``tolerant``: a document on which the method raises is a failed one, which is given the empty answer;
    otherwise what it raises is raised here. ``progress`` is told how many are done."""

    predict: Predict
    format_: PredictionFormat
    test: Sequence[Document]
    chunk_size: int
    tolerant: bool
    progress: Callable[[int, int], None]
    part: int = 0
    parts: int = 1
    seconds: float = 0.0
    processor: float = 0.0
    failed: dict[str, tuple[str, str]] = field(default_factory=dict)

    def chunks(self) -> Iterator[Sequence[Document]]:
        """The chunks of this part, in order."""
        begins = range(0, len(self.test), self.chunk_size)
        first, end = (len(begins) * part // self.parts for part in (self.part, self.part + 1))
        for begin in begins[first:end]:
            yield self.test[begin : begin + self.chunk_size]

    @property
    def count(self) -> int:
        """How many documents this part has."""
        return sum(map(len, self.chunks()))

    def answers(self, chunk: Sequence[Document]) -> dict[str, Prediction]:
        """The predictions of a chunk by document id. Raises what the method raises where that is no failure
        of single documents, or where too many fail, and BenchError where it does not keep to the
        interface."""
        try:
            found = self._clocked(chunk)
        except Exception as error:
            if not (self.tolerant and is_of_document(error)):
                raise
            return self._one_by_one(chunk, error)
        return checked(chunk, found, self.format_.check)

    def _one_by_one(self, chunk: Sequence[Document], error: Exception) -> dict[str, Prediction]:
        """A chunk that raised. An error that no document of it raises by itself is the method's."""
        found: dict[str, Prediction] = {}
        before = len(self.failed)
        for document in chunk:
            own = error
            if len(chunk) > 1:
                try:
                    answer = self._clocked([document])
                except Exception as raised:
                    own = raised
                else:
                    found |= checked([document], answer, self.format_.check)
                    continue
            self._fail(document, own)
            found[document.id] = self.format_.empty
        if len(self.failed) == before:
            raise error
        return found

    def _fail(self, document: Document, error: Exception) -> None:
        """Raises the error where it is not about the document, or where the method is broken."""
        if not is_of_document(error):
            raise error
        self.failed[document.id] = told(error)
        if is_broken(len(self.failed), len(self.test)):
            raise error

    def _clocked(self, chunk: Sequence[Document]) -> Sequence[Prediction]:
        """What a method predicts. The time counts, whatever it raises."""
        start, worked = perf_counter(), process_time()
        try:
            return self.predict(chunk)
        finally:
            self.seconds += seconds_since(start)
            self.processor += max(0.0, process_time() - worked)

    def all(self, file: ChunkFile, kept: Callable[[], Any], began: float, resident: int) -> None:
        """Predicts every chunk that the file lacks, and adds each to it within the context ``kept``.
        ``began``: when the process started, by ``perf_counter``; ``resident``: the bytes that it held
        then."""
        self.failed |= file.kept.failed
        done, count = 0, self.count
        for chunk in self.chunks():
            done += len(chunk)
            if tuple(document.id for document in chunk) in file.kept.chunks:
                continue
            before = self.seconds, self.processor
            columns = self.format_.to_columns(self.answers(chunk))
            line = Chunk(
                columns,
                predict_s=self.seconds - before[0],
                predict_cpu_s=self.processor - before[1],
                wall_s=seconds_since(began),
                process_s=process_time(),
                grown_bytes=max(0, most_resident_bytes() - resident),
                failed={d.id: self.failed[d.id] for d in chunk if d.id in self.failed},
            )
            with kept():
                file.add(line)
            self.progress(done, count)

    def failed_documents(self) -> FailedDocuments | None:
        """None where there is none."""
        if not self.failed:
            return None
        first = [
            FailedDocument(id=plain_text(id_[:MESSAGE_KEPT]), type=kind, message=message)
            for id_, (kind, message) in list(self.failed.items())[:MOST_FAILED]
        ]
        return FailedDocuments(count=len(self.failed), of=len(self.test), first=tuple(first))


def most_resident_bytes() -> int:
    """The most that this process held in memory since its peak was reset, its shared pages included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def checked(
    chunk: Sequence[Document], predictions: Sequence[Any], check: Callable[[Any], None]
) -> dict[str, Any]:
    """Predictions by document id. Raises BenchError where their number or shape is wrong."""
    if len(predictions) != len(chunk):
        raise BenchError(f"predict returned {len(predictions)} predictions for {len(chunk)} documents")
    for document, prediction in zip(chunk, predictions, strict=True):
        try:
            check(prediction)
        except BenchError as error:
            raise BenchError(str(error), where=f"document {document.id}") from None
    return {document.id: prediction for document, prediction in zip(chunk, predictions, strict=True)}
