"""`mapd rounds`: a student's line, round by round: how often each is right, what it learned and forgot."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.table import Table

from mapd import lineage
from mapd import rounds as stage
from mapd.cli import shared

HEADER = ("round", "student", "right", "95 %", "learned", "regained", "forgotten", "ever right", "p")


def rounds(
    exam: Annotated[str, typer.Option("--exam", help="An exam of the line's last student: id, uid or name.")],
    as_json: shared.AsJson = False,
) -> None:
    """Show what each round of a student learned and forgot.

    It names the snapshot that each was taught on, too. Learned: right for the first time. Regained: right again.
    Forgotten: right in the round before, and not now.
    """
    with shared.reading() as session:
        line = [stage.describe(entry) for entry in stage.load(session, exam)]
        descents = {descent.student: descent for descent in lineage.trace(session, exam)}
    for entry in line:
        descent = descents[entry["student"]]
        entry |= {"snapshot": descent.snapshot, "pairs": descent.pairs, "mistakes": descent.mistakes}
        entry["taught_from"] = [info.uid for info in descent.exams]
    if as_json:
        shared.show({"rounds": line}, as_json, "")
        return
    draw_line(line)
    for entry in line:
        if entry["snapshot"] is not None:
            pairs = "" if entry["pairs"] is None else f": {entry['pairs']} pairs of {entry['mistakes']} mistakes"
            shared.line(f"{entry['student']} was taught on snapshot {entry['snapshot'][:12]}{pairs}")


def draw_line(line: Sequence[Mapping[str, Any]]) -> None:
    """Print the table of the rounds, as `mapd.rounds.describe` gives them."""
    table = Table(box=None, pad_edge=False)
    for column in HEADER:
        table.add_column(column, justify="left" if column == "student" else "right", overflow="fold")
    for entry in line:
        score = entry["score"]
        share = f"{score['accuracy']:.1%} ({score['correct']}/{score['n']})", f"{score['low']:.1%}–{score['high']:.1%}"
        is_first = entry["mcnemar_p"] is None
        changes = ("" if is_first else f"{entry[name]:,}" for name in ("learned", "regained", "forgotten"))
        p = "" if is_first else f"{entry['mcnemar_p']:.2g}"
        table.add_row(str(entry["round"]), entry["student"], *share, *changes, f"{entry['ever']:,}", p)
    shared.console.print(table)
