"""`mapd judge`: what a person decides on a text, an answer or a question."""

import re
from typing import Annotated, Any

import typer
from sqlmodel import Session

from mapd.cli import shared
from mapd.curation import live_set
from mapd.curation.curated import DecidedText
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
Words = Annotated[str | None, typer.Option(help="A remark in your words.")]


def judge(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="rationale, feedback, attempt or question.")],
    ref: TextRef,
    decision: Annotated[str, typer.Option(help="accept, reject, correct, skip or withdraw.")],
    by: shared.JudgeName,
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
    as_json: shared.AsJson = False,
) -> None:
    """Decide on an explanation, an answer or a question. A judgement stands whatever the threshold.

    Rejecting an attempt says that it is not a mistake, rejecting a question takes it out of the curated set.
    """
    act, marks = Act(shared.one_of("--decision", decision, list(Act))), [_read_mark(text) for text in mark or ()]
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
