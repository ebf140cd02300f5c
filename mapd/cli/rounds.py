"""`mapd rounds`: a student's line, round by round: how often each is right, what it learned and forgot."""

from typing import Annotated, Any

import typer
from rich.table import Table

from mapd import rounds as stage
from mapd.cli import shared
from mapd.cli.results import score
from mapd.rounds import StudentRound

HEADER = ("round", "student", "right", "95 %", "learned", "regained", "forgotten", "ever right", "p")


def rounds(
    exam: Annotated[str, typer.Option("--exam", help="An exam of the line's last student: id, uid or name.")],
    as_json: shared.AsJson = False,
) -> None:
    """Show what each round of a student learned and forgot.

    Learned: right for the first time. Regained: right again. Forgotten: right in the round before, and not now.
    """
    with shared.reading() as session:
        line = stage.load(session, exam)
    if as_json:
        shared.show({"rounds": [_as_json(entry) for entry in line]}, as_json, "")
        return
    table = Table(box=None, pad_edge=False)
    for column in HEADER:
        table.add_column(column, justify="left" if column == "student" else "right", overflow="fold")
    for entry in line:
        result = entry.score
        share = f"{result.accuracy:.1%} ({result.correct}/{result.n})", f"{result.low:.1%}–{result.high:.1%}"
        numbers = (entry.learned, entry.regained, entry.forgotten)
        is_first = entry.mcnemar_p is None
        changes = ("", "", "") if is_first else tuple(f"{number:,}" for number in numbers)
        p = "" if entry.mcnemar_p is None else f"{entry.mcnemar_p:.2g}"
        table.add_row(str(entry.round), entry.student, *share, *changes, f"{entry.ever:,}", p)
    shared.console.print(table)


def _as_json(entry: StudentRound) -> dict[str, Any]:
    result: dict[str, Any] = {"round": entry.round, "student": entry.student, "exam": entry.exam.uid}
    result |= {"score": score(entry.score), "learned": entry.learned, "regained": entry.regained}
    return result | {"forgotten": entry.forgotten, "ever": entry.ever, "mcnemar_p": entry.mcnemar_p}
