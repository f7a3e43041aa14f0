"""The verbs that keep a trained method and use it: fit, predict, submit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from readbench.cli.app import Include, app, console, say
from readbench.cli.options import Encoding, KeywordSeparator, Language, reading
from readbench.core.units import count_of

if TYPE_CHECKING:
    from readbench.core.types import Task


@app.command()
def fit(
    method: Annotated[str, typer.Argument(help="A method, with parameters if you like.")],
    dataset: Annotated[str, typer.Option(help="What to learn from: a name or a path.")],
    output: Annotated[Path, typer.Option(help="The model folder to write.")],
    labels: Annotated[
        Path | None, typer.Option(help="A second file with id and label, joined by id.")
    ] = None,
    language: Language = None,
    encoding: Encoding = None,
    keyword_separator: KeywordSeparator = None,
    task: Annotated[str | None, typer.Option(help="Where the method can learn several.")] = None,
    fields: Annotated[
        list[str] | None, typer.Option("--field", help="A field of the text; title and abstract by default.")
    ] = None,
    validation: Annotated[float, typer.Option(help="Share that is held back for choices.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of the training.")] = 20240,
    threads: Annotated[int, typer.Option(help="Threads of the libraries.")] = 1,
    include_path: Include = None,
) -> None:
    """Train a method on all documents with gold and keep it as a folder that `bench predict` reads."""
    from readbench.datasets import open_dataset
    from readbench.datasets.options import read_options
    from readbench.report.progress import counting
    from readbench.trained.fitting import fit as fit_method

    given = reading(language, encoding, keyword_separator) | ({"labels": str(labels)} if labels else {})
    data = open_dataset(dataset, read_options(given))
    screen = console()
    for decision in data.decisions:
        if decision.doubt:
            say(f"bench: {decision.sentence()}", err=True)
    with (
        _interrupted("nothing was kept, and the same command begins anew"),
        counting(screen, f"fit {method}") as progress,
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
            progress=progress,
        )
    say(
        f"{output}: {manifest.method}, {manifest.spec.task}, learned from {manifest.documents['train']} "
        f"documents in {manifest.fit_s:.1f} s; next: "
        f"bench predict --model {output} --input FILE --output FILE"
    )


@app.command()
def predict(
    model: Annotated[Path, typer.Option(help="A model folder, as `bench fit` writes it.")],
    input: Annotated[Path, typer.Option(help="CSV or JSON Lines, of any size.")],
    output: Annotated[Path, typer.Option(help="Where the predictions go: .csv or .jsonl.")],
    encoding: Encoding = None,
    threads: Annotated[int, typer.Option(help="Threads of the libraries.")] = 1,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew, whatever is there.")] = False,
    include_path: Include = None,
) -> None:
    """Predict for every row of a file, in constant memory; the same command goes on after an interruption."""
    from readbench.datasets.options import read_options
    from readbench.report.progress import counting
    from readbench.trained.predicting import opened, predict_file

    options = read_options(reading(None, encoding, None))
    screen = console()
    then = f"the same command{' without --fresh' if fresh else ''} goes on after the last whole block"
    with (
        _interrupted(then),
        opened(model, threads=threads, include_paths=tuple(include_path or ())) as ready,
        counting(screen, "predict") as progress,
    ):
        done = predict_file(
            ready, input, output, options=options, fresh=fresh, progress=lambda count: progress(count, 0)
        )
    before = f", {done.resumed} were there from before" if done.resumed else ""
    say(f"{done.output}: {done.documents} documents{before}")
    if done.without_text:
        say(
            f"bench: {done.without_text} of them have no text in "
            f"{' or '.join(ready.manifest.spec.fields)}, which the method reads",
            err=True,
        )


@app.command()
def submit(
    input: Annotated[Path, typer.Option(help="The papers to submit for: a CSV with uuid, title, abstract.")],
    output: Annotated[Path, typer.Option(help="The submission to write.")] = Path("submit.csv"),
    classifier: Annotated[
        str | None, typer.Option(help="Method for the labels; bert where --train-labels is given.")
    ] = None,
    keyphrases: Annotated[
        str | None, typer.Option(help="Method for the keywords; pke.tfidf unless --label-only.")
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
    with _interrupted("nothing was written, and the same command begins anew"):
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
            say=say,
        )
    unsure = f", {done.abstentions} abstentions given the commonest label" if done.abstentions else ""
    say(f"{done.output}: {done.rows} papers{unsure}")
    if done.empty_keyphrases:
        say(f"bench: warning: {done.empty_keyphrases} papers got no keyphrase", err=True)


def _validated(submission: Path, papers: Path) -> int:
    """Says what is wrong with a submission; returns the exit status."""
    from readbench.trained.submission_check import Check

    check = Check(submission, papers)
    problems = 0
    for line in check.problems():
        problems += 1
        say(f"{submission}: {line}")
    if check.without_keywords:
        say(f"bench: warning: {check.without_keywords} papers have no keywords", err=True)
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
