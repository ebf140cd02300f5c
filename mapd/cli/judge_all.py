"""`mapd judge-all`: one decision on all texts that fit filters."""

from typing import Annotated

import typer

from mapd import domain
from mapd.checks import State
from mapd.cli import shared
from mapd.cli.judge import CHECKS, KINDS, ReasonCode, Words
from mapd.curation import saved_policies
from mapd.domain import Act, RowFilter, RowKind, Verdict
from mapd.errors import BadUsage
from mapd.people import owner
from mapd.review import batches, judging
from mapd.review.queue_index import derivation
from mapd.store import browse, queries

# By option: the check's name in a filter.
COLUMNS = {name: check.value for name, check in CHECKS.items()} | {"step": domain.STEP_EXISTS}
CheckState = Annotated[str | None, typer.Option(help="What this check says: holds, fails or nothing.")]


def judge_all(
    exam: shared.ExamRef,
    decision: Annotated[str, typer.Option(help="accept or reject.")],
    by: shared.JudgeName,
    kind: Annotated[str, typer.Option(help="rationale or feedback.")] = "rationale",
    teacher: Annotated[str | None, typer.Option(help="Only texts by this one.")] = None,
    verdict: Annotated[str | None, typer.Option(help="accepted, rejected or undecided.")] = None,
    gold: CheckState = None,
    equations: CheckState = None,
    work: CheckState = None,
    step: Annotated[
        str | None, typer.Option(help="Of feedback: whether the step that it criticises is in the answer.")
    ] = None,
    people: Annotated[str | None, typer.Option(help="not judged, judged, overridden or conflict.")] = None,
    words: Annotated[
        str, typer.Option(help='All of them in the question, the text or the response; "a phrase" as it stands.')
    ] = "",
    question: Annotated[str | None, typer.Option(help="Only on the question of this number in its file.")] = None,
    reason: ReasonCode = None,
    note: Words = None,
    yes: Annotated[bool, typer.Option("--yes", help="Judge them; without it they are only counted.")] = False,
    as_json: shared.AsJson = False,
) -> None:
    """Judge all texts that fit, as one act that one undo takes back. Filters as on the browse page."""
    act = Act(shared.one_of("--decision", decision, ("accept", "reject")))
    shared.one_of("--kind", kind, KINDS)
    checks = _read_checks(kind, gold=gold, equations=equations, work=work, step=step)
    if verdict is not None:
        shared.one_of("--verdict", verdict, list(Verdict))
    if people is not None:
        shared.one_of("--people", people, domain.PEOPLE)
    if len(words) > domain.LONGEST_SEARCH:
        raise BadUsage(f"--words takes at most {domain.LONGEST_SEARCH} characters, not {len(words):,}; look for fewer")
    if words and not browse.split_phrases(words):
        raise BadUsage(f"--words looks for words, and there is none in: {words}")
    with shared.reading() as session:
        with shared.usage():
            judging.check_decision(session, kind, act, reason, note, None)
        info = queries.exam(session, exam)
        voices = queries.voices(session, info.id)
        row_filter = RowFilter(
            show=RowKind.RATIONALES if kind == "rationale" else RowKind.FEEDBACK,
            author_id=None if teacher is None else voices[shared.one_of("--teacher", teacher, voices)],
            verdict=verdict,
            checks=checks,
            people=people,
            question=question,
            words=words,
        )
    derivation.catch_up(shared.open_project(), info.id)
    with shared.writing() if yes else shared.reading() as session:
        at = round(saved_policies.exam_policy(session, info).threshold * 100)
        number = browse.count_rows(session, info.id, row_filter, at)
        texts = browse.list_texts(session, info.id, row_filter, at, number)
        choice, person = batches.select_texts(texts, kind), owner(by)
        judged = batches.judge_all(session, choice, act, by=person, reason=reason, note=note) if yes else []
        decided_count = sum(bool(x.judged_by) for x in texts)
        result = {"exam": info.uid, "fit": len(texts), "decided_before": decided_count, "judged": len(judged)}
    shared.show(result, as_json, "judged" if yes else "nothing was judged yet: --yes does it")


def _read_checks(kind: str, **states: str | None) -> dict[str, str]:
    """Return the filter's checks: each option that is there."""
    if states["step"] and kind != "feedback":
        raise BadUsage("--step is of feedback alone; add --kind feedback")
    return {COLUMNS[name]: shared.one_of(f"--{name}", state, list(State)) for name, state in states.items() if state}
