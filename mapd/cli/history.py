"""`mapd history`: each judgement on a text, an answer or a question."""

from typing import Annotated, Any

import typer

from mapd.cli import shared
from mapd.cli.judge import TextRef, find_target
from mapd.domain import JudgementRow
from mapd.judgements import drop_undone
from mapd.review import judging
from mapd.review.history import describe_undo
from mapd.store import judgement_log, queries


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
    items = [_judgement(row, by_id, standing, target.text or "") for row in rows]
    lines = [f"{kind} {target.uid}: {len(rows):,} {'judgement' if len(rows) == 1 else 'judgements'}"]
    lines += [f"  {shared.moment(row.created_at)}  {_in_words(item)}" for row, item in zip(rows, items, strict=True)]
    shared.show_lines({"id": target.uid, "judgements": items}, as_json, lines)


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
    is_replaced = judgement["counts"] and not judgement["stands"]
    undo = f" {judgement['undo']}" if judgement["undo"] else ", taken back or replaced" * is_replaced
    archive = ", with an archive" if judgement["archive"] else ""
    archive += "" if judgement["counts"] else ", not counted" if judgement["archive"] else ", set aside"
    words = f"{judgement['person']}{role}: {judgement['decision']}{reason}{value}{undo}{marks}{note}{archive}"
    return " ".join(words.split())
