"""`mapd ask`: one or two students answer a question side by side; nothing of it is stored.

$ mapd ask "A box holds 3 red and 4 blue pens. How many pens are in it?" --student a --student b --gold 7 --json
{"question": {…}, "answers": [{"student": "a", "text": "3 + 4 = 7 …", "answer": "7", "outcome": "correct", …}, …]}
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mapd import interrupts, students
from mapd.answers.grading import Task
from mapd.cli import shared
from mapd.errors import BadInput, BadUsage
from mapd.playground import asking
from mapd.playground.asking import AnswerStage, Decoding, PlaygroundAnswer, StudentModels
from mapd.playground.question import PlaygroundQuestion, find_sealed_words, pick, read_typed
from mapd.settings import Settings
from mapd.store import db

OUTCOMES = {"correct": "right", "incorrect": "wrong", "no_answer": "no answer"}
# Lines of each answer while it is written: a terminal scrolls what is longer.
SHOWN_LINES = 16


def ask(
    text: Annotated[str | None, typer.Argument(metavar="QUESTION", help="The question, or --question.")] = None,
    student: Annotated[
        list[str] | None, typer.Option("--student", help="A student's name, uid or id; give two for side by side.")
    ] = None,
    question: Annotated[
        str | None, typer.Option("--question", metavar="UID", help="A question of a set, by uid or id; not of test.")
    ] = None,
    gold: Annotated[str | None, typer.Option(help="A typed question's right answer; else nothing is graded.")] = None,
    task: Annotated[
        str | None, typer.Option(help="numeric, boolean, choice or text; by default as the gold answer or the options.")
    ] = None,
    options: Annotated[
        str, typer.Option(metavar="A,B,…", help="A choice's options in order; with | between where one has a comma.")
    ] = "",
    temperature: Annotated[float, typer.Option(min=0, max=2, help="0 is greedy, as an exam is.")] = 0.0,
    top_p: Annotated[float, typer.Option("--top-p", min=0.01, max=1, help="Draw from so much of the likeliest.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of a sampled answer; the same gives an exam's first sample.")] = 0,
    max_tokens: Annotated[int | None, typer.Option(min=1, help="An answer's longest; else as its task needs.")] = None,
    by: shared.PersonName = None,
    as_json: shared.AsJson = False,
) -> None:
    """Ask one or two students a question, side by side. An answer is no attempt: nothing is stored."""
    decoding = Decoding(temperature, top_p, seed, max_tokens)
    with shared.usage():
        asking.check(student or (), decoding)
    engine = shared.open_project()
    with db.reading(engine) as session:
        for ref in student or ():
            students.get(session, ref)
        sealed = find_sealed_words(session)
        if question is not None:
            if text is not None or gold is not None or task is not None or options:
                raise BadUsage("--question has its own text, task and gold: leave the others out")
            playground_question = pick(session, question, sealed)
        else:
            if text is None:
                raise BadUsage('there is nothing to ask: type a question, "2 + 2?", or name one with --question UID')
            kind = None if task is None else shared.one_of("--task", task, list(Task))
            parts = options.split("|" if "|" in options else ",") if options else ()
            playground_question = read_typed(text, sealed, task=kind, gold=gold, options=parts)
    models, refs = StudentModels(engine, Settings().make_home()), student or ()
    with (
        interrupts.stopping(lambda: "what came is shown", lambda: "nothing is stored anyway") as stop,
        _show_as_written(refs, as_json) as tell,
    ):
        person, stopping = shared.person_of(by), stop.is_set
        answers = asking.ask_here(models, refs, playground_question, decoding, by=person, tell=tell, stopping=stopping)
    result = {"question": playground_question.as_json(), "answers": [answer.as_json() for answer in answers]}
    shared.show_lines(result, as_json, _list_lines(playground_question, answers))
    _end(answers)


def _end(answers: Sequence[PlaygroundAnswer]) -> None:
    """Raise what makes the command's code: BadInput where a student gave no answer, an interrupt's where it stopped."""
    if failed := [answer for answer in answers if answer.stage is AnswerStage.FAILED]:
        raise BadInput(f"student {failed[0].student} gave no whole answer: {failed[0].error}")
    if any(answer.stage is AnswerStage.STOPPED for answer in answers):
        raise typer.Exit(interrupts.CODE if interrupts.was_heard() else 1)


@contextmanager
def _show_as_written(refs: Sequence[str], as_json: bool) -> Iterator[Callable[[int, PlaygroundAnswer], None]]:
    """Yield a function that is told how far each answer is: at a terminal they are shown beside each other."""
    answers = [PlaygroundAnswer(ref) for ref in refs]
    if as_json or not shared.errors.is_terminal:
        yield lambda *_: None
        return
    with Live(console=shared.errors, transient=True, auto_refresh=False) as live:

        def tell(place: int, answer: PlaygroundAnswer) -> None:
            answers[place] = answer
            live.update(_lay_out(answers), refresh=True)

        yield tell


def _lay_out(answers: Sequence[PlaygroundAnswer]) -> Table:
    table = Table.grid(expand=True, padding=(0, 2))
    for _ in answers:
        table.add_column(ratio=1)
    width = max(20, shared.errors.width // len(answers) - 2)
    table.add_row(*(_cell(answer, width) for answer in answers))
    return table


def _cell(answer: PlaygroundAnswer, width: int) -> Group:
    words = answer.text or ("(a thought)\n" + answer.thought if answer.thought else "")
    # A long answer takes longer to wrap than its next token to come: its end alone is wrapped, from a place that stays
    # for a while, so that lines don't break anew at each token.
    characters = SHOWN_LINES * width
    start = max(0, len(words) // characters - 1) * characters
    lines = Text(words[start:]).wrap(shared.errors, width)
    return Group(Text(_describe_stage(answer), style="bold"), *lines[-SHOWN_LINES:])


def _describe_stage(answer: PlaygroundAnswer) -> str:
    return " · ".join(filter(None, (f"{answer.student} {answer.stage.value}", answer.measures)))


def _list_lines(playground_question: PlaygroundQuestion, answers: Sequence[PlaygroundAnswer]) -> Iterator[str]:
    for answer in answers:
        yield _describe_stage(answer)
        if answer.rendering is not None:
            yield f"  its prompt: {answer.rendering}"
        if answer.thought:
            yield f"  a thought of {len(answer.thought.split()):,} words: not read, not graded"
        yield from (f"  │ {line}" for line in answer.text.split("\n") if answer.text)
        if answer.stage is AnswerStage.DONE:
            word = f"{OUTCOMES[answer.outcome]}, " if answer.outcome else ""
            value = "no answer" if answer.answer is None else playground_question.show(answer.answer)
            yield f"  {word}read as {value}: {answer.why}"
        if answer.error:
            yield f"  {answer.error}"
    if playground_question.gold is not None:
        yield f"gold: {playground_question.show(playground_question.gold)}"
