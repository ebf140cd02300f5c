"""`mapd judge`, `judge-all`, `repair`, `undo`, `redo`, `history`: what people say of texts, answers and questions."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import Session

from mapd import domain
from mapd.checks import State
from mapd.cli import shared
from mapd.curation import live_set, saved_policies
from mapd.curation.curated import DecidedText
from mapd.domain import Act, JudgementRow, RowFilter, RowKind, Verdict
from mapd.errors import BadInput, BadUsage
from mapd.judgements import ADJUDICATOR, ANNOTATOR, drop_undone
from mapd.people import owner
from mapd.policies import Check
from mapd.review import batches, judging, repairs
from mapd.review.history import describe_undo
from mapd.review.judging import Circumstances, Target
from mapd.review.queue_index import derivation
from mapd.store import browse, judgement_log, queries
from mapd.store import tables as t

KINDS = ("rationale", "feedback")
ROWS: dict[str, Callable[[Session, str], t.Attempt | t.Question]] = {
    "attempt": queries.attempt,
    "question": queries.question,
}
CHECKS = {"gold": Check.MATCHES_GOLD, "equations": Check.EQUATIONS_TRUE, "work": Check.SHOWS_WORK}

KindOfText = Annotated[str, typer.Argument(metavar="KIND", help="rationale or feedback.")]
TextRef = Annotated[str, typer.Argument(metavar="ID", help="As `mapd curate show --items` gives it.")]
ReasonCode = Annotated[
    str | None, typer.Option(help="Why: false_step, … with reject; note with skip, to leave a note alone.")
]
Words = Annotated[str | None, typer.Option(help="A remark in your words.")]
CheckState = Annotated[str | None, typer.Option(help="What this check says: holds, fails or nothing.")]


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
        old, circumstances = _describe(session, row)
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
        new, _ = _describe(session, row)
        result: dict[str, Any] = {"id": row.uid}
        result |= {f"{word}_before": old[word] for word in old} | {f"{word}_after": new[word] for word in new}
        if marks:
            result["marked"] = [(row.text or "")[start:end] for start, end in marks]
    shared.show(result, as_json, "judged")


def repair(
    kind: KindOfText,
    ref: TextRef,
    file: Annotated[Path, typer.Option(help="The corrected text, as UTF-8; - reads standard input.")],
    by: shared.JudgeName,
    as_json: shared.AsJson = False,
) -> None:
    """Keep a corrected copy of a text, and reject the old one. One undo takes both back."""
    shared.one_of("KIND", kind, KINDS)
    words = shared.read_file(file)
    with shared.writing() as session:
        row = queries.explanation(session, kind, ref)
        circumstances = _make_circumstances(_load_explained(session, row))
        token = t.new_uid()
        target = Target(row.kind, queries.identity(row))
        copy = repairs.repair(session, target, words, by=owner(by), token=token, circumstances=circumstances)
        explained = _load_explained(session, copy)
        checks = {name: getattr(explained.states, check).value for name, check in CHECKS.items()}
        result = {"id": copy.uid, "repairs": row.uid, "verdict": explained.verdict.value, "checks": checks}
    shared.show(result, as_json, "repaired")


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
    states = {name: state for name, state in (("gold", gold), ("equations", equations), ("work", work)) if state}
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
            checks={
                CHECKS[name].value: shared.one_of(f"--{name}", state, list(State)) for name, state in states.items()
            },
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


def undo(exam: shared.ExamRef, by: shared.JudgeName, as_json: shared.AsJson = False) -> None:
    """Take back your latest act in an exam. An act is one judgement, a bulk one, or a repair."""
    _take_back(exam, by, as_json, redo=False)


def redo(exam: shared.ExamRef, by: shared.JudgeName, as_json: shared.AsJson = False) -> None:
    """Bring back what an undo took back. It works as often as you undid, until you do something new."""
    _take_back(exam, by, as_json, redo=True)


def _take_back(exam: str, by: str, as_json: bool, *, redo: bool) -> None:
    word, person = "redo" if redo else "undo", owner(by)
    with shared.writing() as session:
        info = queries.exam(session, exam)
        rows = judgement_log.judgements(session, info.id)
        act = batches.find_redoable(rows, person.name) if redo else batches.find_undoable(rows, person.name)
        if not act:
            raise BadInput(f"{person.name} has nothing to {word} in {info.name}; --by says whose acts")
        batches.take_back(session, act, by=person)
        result = {"exam": info.uid, word: len(act), "targets": [f"{row.target} {row.target_uid}" for row in act]}
    shared.show(result, as_json, f"{word} of one act")


def find_target(session: Session, kind: str, ref: str) -> t.Explanation | t.Attempt | t.Question:
    """Return what is judged. Raises: NotFound."""
    return queries.explanation(session, kind, ref) if kind in KINDS else ROWS[kind](session, ref)


def _read_mark(text: str) -> tuple[int, int]:
    places = re.fullmatch(r"([0-9]{1,9}):([0-9]{1,9})", text)
    if places is None:
        raise BadUsage(f"--mark is START:END, two numbers of characters such as 12:27, not {text}")
    return int(places[1]), int(places[2])


def _load_explained(session: Session, row: t.Explanation) -> DecidedText:
    curated = live_set.load_curated(session, queries.exam_of(session, row))
    return live_set.find_text(curated, row.kind, queries.identity(row))


def _describe(session: Session, row: t.Explanation | t.Attempt | t.Question) -> tuple[dict[str, Any], Circumstances]:
    """Return what a judgement of the row may change, and its circumstances."""
    if isinstance(row, t.Explanation):
        x = _load_explained(session, row)
        return {"verdict": x.verdict.value}, _make_circumstances(x)
    curated = live_set.load_curated(session, queries.exam_of(session, row))
    return {"mistakes": len(curated.mistakes)}, Circumstances(queue="cli")


def _make_circumstances(x: DecidedText) -> Circumstances:
    return Circumstances(queue="cli", committee=x.committee.verdict)


def history(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="rationale, feedback, attempt or question.")],
    ref: TextRef,
    as_json: shared.AsJson = False,
) -> None:
    """Show each judgement on a text, an answer or a question. The oldest comes first."""
    shared.one_of("KIND", kind, judging.TABLES)
    with shared.reading() as session:
        target = find_target(session, kind, ref)
        rows = judgement_log.history(session, (kind, queries.identity(target)))
    standing = {j.id for j in drop_undone(row.judged for row in rows if row.counts)}
    by_id = {row.judged.id: row for row in rows}
    judgements = [_judgement(row, by_id, standing, target.text or "") for row in rows]
    if as_json:
        shared.show({"id": target.uid, "judgements": judgements}, as_json, "")
        return
    shared.line(f"{kind} {target.uid}: {len(rows):,} {'judgement' if len(rows) == 1 else 'judgements'}")
    for row, judgement in zip(rows, judgements, strict=True):
        shared.line(f"  {shared.moment(row.created_at)}  {_in_words(judgement)}")


def _judgement(row: JudgementRow, by_id: dict[int, JudgementRow], standing: set[int], text: str) -> dict[str, Any]:
    undo, about = describe_undo(row, by_id)
    return {
        "id": row.uid,
        "person": row.judged.person,
        "role": row.judged.role,
        "decision": "note" if about.judged.only_notes else about.judged.decision.value,
        "undo": undo or None,
        "reason": None if about.judged.only_notes else about.judged.reason,
        "value": about.judged.value,
        "note": row.note,
        "marks": [{"start": start, "end": end, "text": text[start:end]} for start, end in row.marks],
        "judged_first": not row.revealed,
        "committee": row.committee,
        "queue": row.queue,
        "stands": bool(undo) or row.judged.id in standing,
        "counts": row.counts,
        "archive": row.origin,
        "at": row.created_at.isoformat(),
    }


def _in_words(judgement: dict[str, Any]) -> str:
    # "ann: reject (false step) “10 + 3 = 14”, the sum is wrong"
    role = ", adjudicator" if judgement["role"] == "adjudicator" else ""
    reason = f" ({judgement['reason'].replace('_', ' ')})" if judgement["reason"] else ""
    value = f" to {judgement['value']}" if judgement["value"] else ""
    marks = "".join(f" “{mark['text']}”" for mark in judgement["marks"])
    note = f", {judgement['note']}" if judgement["note"] else ""
    undo = f" {judgement['undo']}" if judgement["undo"] else "" if judgement["stands"] else ", taken back or replaced"
    archive = ", with an archive" if judgement["archive"] else ""
    archive += "" if judgement["counts"] else ", not counted"
    words = f"{judgement['person']}{role}: {judgement['decision']}{reason}{value}{undo}{marks}{note}{archive}"
    return " ".join(words.split())
