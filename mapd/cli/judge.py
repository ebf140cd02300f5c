"""`mapd judge`: what a person decides on a text, an answer or a question."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import Session

from mapd.cli import shared
from mapd.cli.judge_file import judge_file
from mapd.curation import live_set
from mapd.curation.decided_texts import DecidedText
from mapd.domain import Act
from mapd.errors import BadUsage
from mapd.judgements import ADJUDICATOR, ANNOTATOR
from mapd.people import owner
from mapd.policies import Check
from mapd.review import judging
from mapd.review.judging import Circumstances, Target
from mapd.store import queries
from mapd.store import tables as t

KINDS = ("rationale", "feedback")
CHECKS = {"gold": Check.MATCHES_GOLD, "equations": Check.EQUATIONS_TRUE, "work": Check.SHOWS_WORK}
KindOfText = Annotated[str, typer.Argument(metavar="KIND", help="rationale or feedback.")]
TextRef = Annotated[str, typer.Argument(metavar="ID", help="As `mapd curate show --items` gives it.")]
ReasonCode = Annotated[
    str | None, typer.Option(help="Why: false_step, … with reject; note with skip, to leave a note alone.")
]
JudgeOrImporter = Annotated[
    str | None,
    typer.Option(
        "--by",
        envvar=shared.PERSON,
        callback=shared.check_person,
        help="Who judges: your name. With --file who brings them in, by default the machine's user.",
    ),
]
Words = Annotated[str | None, typer.Option(help="A remark in your words.")]


def judge(
    kind: Annotated[
        str | None, typer.Argument(metavar="[KIND]", help="rationale, feedback, attempt or question.")
    ] = None,
    ref: Annotated[str | None, typer.Argument(metavar="[ID]", help="As `mapd curate show --items` gives it.")] = None,
    decision: Annotated[str | None, typer.Option(help="accept, reject, correct, skip or withdraw.")] = None,
    by: JudgeOrImporter = None,
    reason: ReasonCode = None,
    note: Words = None,
    value: Annotated[
        str | None, typer.Option(help="With correct: the answer as it should be read, or the right gold.")
    ] = None,
    mark: Annotated[
        list[str] | None,
        typer.Option(help="With reject: a false step, from character START (from 0) up to END; repeat it for more."),
    ] = None,
    adjudicate: Annotated[bool, typer.Option("--adjudicate", help="Have the last word where people disagree.")] = False,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            metavar="FILE",
            help="Verdicts that were given elsewhere, all or none: CSV, JSON Lines or .xlsx with person, kind, uid, "
            "decision, reason and note; what `mapd export --judgements` wrote; or Label Studio's export (JSON).",
        ),
    ] = None,
    exam: Annotated[str | None, typer.Option("--exam", help="With --file: every row is of this exam.")] = None,
    person: Annotated[
        list[str] | None,
        typer.Option(
            "--person", metavar="WHO=NAME", help="With --file: who somebody of the file is here; repeat it for more."
        ),
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="With --file: they don't count, and stand in the history alone.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --file: bring them in without asking.")] = False,
    as_json: shared.AsJson = False,
) -> None:
    """Decide on an explanation, an answer or a question. A judgement stands whatever the threshold.

    Rejecting an attempt says that it is not a mistake, rejecting a question takes it out of the curated set.

    \b
    mapd judge rationale UID --decision reject --reason false_step --by ann
    mapd judge --file verdicts.csv                       what others said: shown first, then brought in at a yes
    """
    of_one = {"KIND": kind, "ID": ref, "--decision": decision, "--reason": reason, "--note": note, "--value": value}
    of_file = {"--exam": exam, "--person": person, "--history": history or None, "--yes": yes or None}
    if file is not None:
        _refuse_beside("--file", of_one | {"--mark": mark, "--adjudicate": adjudicate or None})
        judge_file(file, exam, person or (), by, history=history, yes=yes, as_json=as_json)
        return
    if kind is None or ref is None or decision is None:
        absent = next(name for name, text in of_one.items() if text is None)
        raise BadUsage(f"Missing {absent}: a judgement is KIND ID --decision DECISION, or --file FILE brings in many")
    if by is None:
        raise BadUsage(f"Missing option '--by': who judges? Give your name, or set {shared.PERSON}")
    _refuse_beside("a judgement of one text", of_file)
    judge_one(kind, ref, decision, by, reason, note, value, mark or (), adjudicate=adjudicate, as_json=as_json)


def _refuse_beside(way: str, others: dict[str, Any]) -> None:
    if clashing := [name for name, value in others.items() if value is not None]:
        raise BadUsage(f"{way} goes without {clashing[0]}; leave it out")


def judge_one(
    kind: str,
    ref: str,
    decision: str,
    by: str,
    reason: str | None,
    note: str | None,
    value: str | None,
    mark: Sequence[str],
    *,
    adjudicate: bool,
    as_json: bool,
) -> None:
    """Record one judgement, and show what it changes."""
    act, marks = Act(shared.one_of("--decision", decision, list(Act))), [_read_mark(text) for text in mark]
    shared.one_of("KIND", kind, judging.TABLES)
    with shared.writing() as session:
        with shared.usage():
            judging.check_decision(session, kind, act, reason, note, value, marks)
        row = find_target(session, kind, ref)
        old, circumstances = describe(session, row)
        judging.judge(
            session,
            Target(kind, queries.identity(row)),
            act,
            by=owner(by),
            reason=reason,
            note=note,
            value=value,
            marks=marks,
            role=ADJUDICATOR if adjudicate else ANNOTATOR,
            circumstances=circumstances,
        )
        new, _ = describe(session, row)
        result: dict[str, Any] = {"id": row.uid}
        result |= {f"{word}_before": old[word] for word in old} | {f"{word}_after": new[word] for word in new}
        if marks:
            result["marked"] = [(row.text or "")[start:end] for start, end in marks]
    shared.show(result, as_json, "judged")


def find_target(session: Session, kind: str, ref: str) -> t.Explanation | t.Attempt | t.Question:
    """Return what is judged. Raises: NotFound."""
    if kind in KINDS:
        return queries.explanation(session, kind, ref)
    return queries.attempt(session, ref) if kind == "attempt" else queries.question(session, ref)


def _read_mark(text: str) -> tuple[int, int]:
    places = re.fullmatch(r"([0-9]{1,9}):([0-9]{1,9})", text)
    if places is None:
        raise BadUsage(f"--mark is START:END, two numbers of characters such as 12:27, not {text}")
    return int(places[1]), int(places[2])


def load_explained(session: Session, row: t.Explanation) -> DecidedText:
    """Return the text as the curated set has it: its committee, its checks and its verdict."""
    curated = live_set.load_curated(session, queries.exam_of(session, row))
    return live_set.find_text(curated, row.kind, queries.identity(row))


def describe(session: Session, row: t.Explanation | t.Attempt | t.Question) -> tuple[dict[str, Any], Circumstances]:
    """Return what a judgement of the row may change, and its circumstances."""
    if isinstance(row, t.Explanation):
        x = load_explained(session, row)
        return {"verdict": x.verdict.value}, Circumstances(queue="cli", committee=x.committee.verdict)
    curated = live_set.load_curated(session, queries.exam_of(session, row))
    return {"mistakes": len(curated.mistakes)}, Circumstances(queue="cli")
