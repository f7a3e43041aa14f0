"""The verbs that keep a trained method and use it: fit, predict, submit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from readbench.cli import completion
from readbench.cli.app import Include, app, emit, progress, progress_console, remark, say
from readbench.cli.options import AnswerFormat, Encoding, KeywordSeparator, Language, read_shards, reading
from readbench.cli.streams import apart
from readbench.core.units import count_of

if TYPE_CHECKING:
    from readbench.core.types import Task


LEARNS_NOTHING = "which learns nothing from documents: its parameters were kept"


@app.command()
def fit(
    method: Annotated[
        str,
        typer.Argument(help="A method, with parameters if you like.", autocompletion=completion.methods),
    ],
    dataset: Annotated[
        str,
        typer.Option(help="The training documents: a name or a path.", autocompletion=completion.datasets),
    ],
    output: Annotated[Path, typer.Option(help="The model folder to write.")],
    labels: Annotated[
        Path | None, typer.Option(help="A second file with id and label, joined by id.")
    ] = None,
    language: Language = None,
    encoding: Encoding = None,
    keyword_separator: KeywordSeparator = None,
    task: Annotated[
        str | None, typer.Option(help="The task, if the method has several.", autocompletion=completion.tasks)
    ] = None,
    fields: Annotated[
        list[str] | None, typer.Option("--field", help="A field of the text; title and abstract by default.")
    ] = None,
    validation: Annotated[float, typer.Option(help="Share of the documents for validation.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of the training.")] = 20240,
    threads: Annotated[int, typer.Option(help="Threads of the libraries.")] = 1,
    include_path: Include = None,
    format: Annotated[AnswerFormat, typer.Option(help="How to print it.")] = AnswerFormat.rich,
) -> None:
    """Train a method on all documents with gold and keep it as a folder that `bench predict` reads."""
    from readbench.datasets import open_dataset
    from readbench.datasets.options import read_options
    from readbench.methods.registry import Registry
    from readbench.report import answers
    from readbench.report.progress import counting
    from readbench.trained.fitting import fit as fit_method
    from readbench.trained.fitting import learns

    given = reading(language, encoding, keyword_separator) | ({"labels": str(labels)} if labels else {})
    data = open_dataset(dataset, read_options(given))
    for decision in data.decisions:
        if decision.doubt:
            remark(decision.sentence())
    with (
        _interrupted("nothing was kept; run the same command again"),
        apart(),
        counting(progress_console(), f"fit {method}") as bar,
    ):
        manifest = fit_method(
            method,
            data,
            output,
            task=_task_name(task),
            fields=tuple(fields or ()),
            validation=validation,
            seed=seed,
            threads=threads,
            include_paths=tuple(include_path or ()),
            progress=bar,
        )
    learned = learns(Registry(include_path or ()).method(manifest.method), manifest.spec)
    if format is AnswerFormat.json:
        answer = answers.Fitted(
            model=str(output),
            method=manifest.method,
            task=manifest.spec.task,
            learned=learned,
            documents=manifest.documents,
            fit_s=manifest.fit_s,
        )
        emit(answers.as_json(answer))
        return
    what = f"learned from {count_of(manifest.documents['train'], 'document')} in {manifest.fit_s:.1f} s"
    say(
        f"{output}: {manifest.method}, {manifest.spec.task}, {what if learned else LEARNS_NOTHING}; next: "
        f"bench predict --model {output} --input FILE --output FILE"
    )


@app.command()
def predict(
    model: Annotated[Path, typer.Option(help="A model folder, as `bench fit` writes it.")],
    input: Annotated[Path, typer.Option(help="CSV or JSON Lines, of any size.")],
    output: Annotated[Path, typer.Option(help="Where the predictions go: .csv or .jsonl.")],
    encoding: Encoding = None,
    threads: Annotated[int, typer.Option(help="Threads of the libraries.")] = 1,
    shards: Annotated[
        str,
        typer.Option(help="Processes that predict at a time, each with the model; auto: for all processors."),
    ] = "1",
    fresh: Annotated[bool, typer.Option("--fresh", help="Start again from the first row.")] = False,
    include_path: Include = None,
    format: Annotated[AnswerFormat, typer.Option(help="How to print it.")] = AnswerFormat.rich,
) -> None:
    """Predict for every row of a file, in constant memory. Continues after an interruption."""
    from readbench.datasets.options import read_options
    from readbench.datasets.stream import count_documents
    from readbench.machine.machine import available_cores
    from readbench.report import answers
    from readbench.report.progress import counting
    from readbench.trained.in_parts import in_parts
    from readbench.trained.predicting import opened, predict_file

    parts, paths = read_shards(shards, available_cores() // threads), tuple(include_path or ())
    options = read_options(reading(None, encoding, None))
    shown = progress_console()
    # Only where somebody sees it: to count reads the file once more.
    total = count_documents(input, options) if shown.is_terminal and not shown.quiet else 0
    then = f"the same command{' without --fresh' if fresh else ''} continues after the last complete block"
    with (
        _interrupted(then),
        apart(),
        counting(shown, "predict") as bar,
        opened(model, threads=threads, include_paths=paths, progress=bar.beside) as ready,
        ExitStack() as processes,
    ):
        if parts > 1 and ready.in_one:
            remark(f"predicted in one process: {ready.in_one}")
            parts = 1
        several = in_parts(model, parts, threads=threads, include_paths=paths) if parts > 1 else None
        done = predict_file(
            ready,
            input,
            output,
            options=options,
            fresh=fresh,
            progress=lambda done: bar(done, total),
            predict=None if several is None else processes.enter_context(several),
        )
    if format is AnswerFormat.json:
        answer = answers.Predicted(str(done.output), done.documents, done.resumed, done.without_text, parts)
        emit(answers.as_json(answer))
    else:
        before = f", {done.resumed:,} were predicted before" if done.resumed else ""
        say(f"{done.output}: {count_of(done.documents, 'document')}{before}")
    if done.without_text:
        remark(
            f"{done.without_text} of them have no text in "
            f"{' or '.join(ready.manifest.spec.fields)}, which the method reads"
        )


@app.command()
def submit(
    input: Annotated[Path, typer.Option(help="The papers to submit for: a CSV with uuid, title, abstract.")],
    output: Annotated[Path, typer.Option(help="The submission to write.")] = Path("submit.csv"),
    classifier: Annotated[
        str | None,
        typer.Option(
            help="Method for the labels; bert where --train-labels is given.",
            autocompletion=completion.methods,
        ),
    ] = None,
    keyphrases: Annotated[
        str | None,
        typer.Option(
            help="Method for the keywords; pke.tfidf unless --label-only.", autocompletion=completion.methods
        ),
    ] = None,
    train_labels: Annotated[
        Path | None, typer.Option(help="Labelled papers, or ids and labels of --train-documents.")
    ] = None,
    train_documents: Annotated[
        Path | None, typer.Option(help="Papers of --train-labels; the input where neither has them.")
    ] = None,
    train_keyphrases: Annotated[Path | None, typer.Option(help="Papers with Keywords.")] = None,
    phrases: Annotated[int, typer.Option(min=1, help="Keywords a paper.")] = 6,
    label_only: Annotated[bool, typer.Option("--label-only", help="No Keywords column.")] = False,
    threads: Annotated[int, typer.Option(help="Threads of the libraries.")] = 1,
    fresh: Annotated[bool, typer.Option("--fresh", help="Overwrite the output.")] = False,
    validate: Annotated[
        Path | None, typer.Option(help="Check this submission against the input instead of writing one.")
    ] = None,
) -> None:
    """Write the competition's file, uuid,Keywords,label, or check one (exit status 1 names its bad rows)."""
    from readbench.trained import submission

    if validate is not None:
        raise typer.Exit(_validated(validate, input))
    if label_only and (keyphrases is not None or train_keyphrases is not None):
        _refuse("--label-only leaves out what --keyphrases and --train-keyphrases ask for", "give one")
    if train_documents is not None and train_labels is None:
        _refuse("--train-documents are the papers of --train-labels, which are not given", "give both")
    if classifier is None and train_labels is not None:
        classifier = submission.CLASSIFIER
    if keyphrases is None and not label_only:
        keyphrases = submission.KEYPHRASES
    with _interrupted("nothing was written; run the same command again"):
        done = submission.submit(
            input,
            output,
            classifier=classifier,
            labels=None if train_labels is None else submission.Training(train_labels, train_documents),
            keyphrases=keyphrases,
            gold_keyphrases=None if train_keyphrases is None else submission.Training(train_keyphrases),
            phrases=phrases,
            fresh=fresh,
            threads=threads,
            say=progress,
        )
    unsure = f", {done.abstentions} abstentions given the commonest label" if done.abstentions else ""
    say(f"{done.output}: {done.rows} papers{unsure}")
    if done.empty_keyphrases:
        remark(f"warning: {count_of(done.empty_keyphrases, 'paper')} got no keyphrase")


def _validated(submission: Path, papers: Path) -> int:
    """Says what is wrong with a submission; returns the exit status."""
    from readbench.trained.submission_check import Check

    check = Check(submission, papers)
    problems = 0
    for line in check.problems():
        problems += 1
        say(f"{submission}: {line}")
    if check.without_keywords:
        remark(f"warning: {check.without_keywords} papers have no keywords")
    say(f"{submission}: {count_of(problems, 'problem')}" if problems else f"{submission}: would be accepted")
    return 1 if problems else 0


@contextmanager
def _interrupted(then: str) -> Iterator[None]:
    """Says what Ctrl-C has left of a verb: what is usually said is true of runs."""
    from readbench.core.errors import BenchError

    try:
        yield
    except KeyboardInterrupt:
        raise BenchError(f"interrupted; {then}", exit_status=130) from None


def _refuse(what: str, todo: str) -> NoReturn:
    from readbench.core.errors import BenchError

    raise BenchError(what, todo=todo)


def _task_name(name: str | None) -> Task | None:
    from readbench.tasks import get_task

    return None if name is None else get_task(name).name
