"""`mapd read answer`, `mapd read score`: how a text from standard input is read, and why. No project is needed.

$ echo 'x = 3. **Answer: C**' | mapd read answer --task choice --options rises,falls,stays --gold C --json
{"answer": "C", "outcome": "correct", "why": "the last line that begins with Answer: decides"}
"""

from pathlib import Path
from typing import Annotated

import typer

from mapd.answers.choice import option_letter
from mapd.answers.grading import Outcome, Task, grade, read_answer
from mapd.cli.shared import AsJson, one_of, read_file, show
from mapd.errors import BadUsage
from mapd.questions.golds import read_gold
from mapd.scores import parse_score

STANDARD_INPUT = Path("-")
commands = typer.Typer(help="How a text from standard input is read, and why.", no_args_is_help=True)


@commands.command("answer")
def show_answer(
    task: Annotated[str, typer.Option(help="numeric, boolean, choice or text.")],
    options: Annotated[
        str, typer.Option(metavar="A,B,…", help="A choice's options in order; with | between where one has a comma.")
    ] = "",
    gold: Annotated[str | None, typer.Option(help="The right answer; without it nothing is graded.")] = None,
    as_json: AsJson = False,
) -> None:
    """Read the final answer of the text on standard input."""
    kind = Task(one_of("--task", task, list(Task)))
    choices = tuple(option.strip() for option in options.split("|" if "|" in options else ",")) if options else ()
    if kind is Task.CHOICE and len(choices) < 2:
        raise BadUsage("a choice has two options at least: name them, --options rises,falls,stays")
    right = None if gold is None else _gold(gold, kind, choices)
    text = read_file(STANDARD_INPUT)
    answer = read_answer(text, kind, choices)
    outcome = Outcome.NO_ANSWER if answer.value is None else None
    if right is not None:
        outcome = grade(text, right, kind, choices).outcome
    show({"answer": answer.value, "outcome": outcome, "why": answer.why}, as_json, "read as")


def _gold(gold: str, task: Task, options: tuple[str, ...]) -> str:
    if task is not Task.CHOICE:
        try:
            return read_gold(gold, task).answer
        except ValueError as error:
            raise BadUsage(f"--gold: {error}") from error
    if (letter := option_letter(gold, options)) is None:
        raise BadUsage(f"--gold {gold} names none of the {len(options)} options; give its letter or its text")
    return letter


@commands.command("score")
def show_score(
    solution: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The text that is reviewed: its own scores are no vote.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read the score, 1-5, of the review on standard input."""
    solution_text = "" if solution is None else read_file(solution)
    score = parse_score(read_file(STANDARD_INPUT), solution=solution_text)
    show({"score": score.score, "status": score.status.value, "why": score.why}, as_json, "read as")
