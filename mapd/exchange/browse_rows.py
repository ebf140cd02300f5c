"""The rows that Browse's filters find, as a file, in the same order. `mapd export --exam 1 --filter verdict=accepted`

    {"number": "0", "kind": "rationale", "teacher": "gpt", "text": "To find out …", "verdict": "accepted",
     "committee": "accepted", "mean": 5.0, "scores": [{"reviewer": "gemini", "score": 5}, …], "people": null,
     "judged_by": [], "reason": null, "matches_gold": "holds", …, "question": "There are 87 …", "gold": "145", …}

They come from the queue index, as the page's do. A mean has two digits, rounded up: above a threshold it stays above.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from mapd.alignment import align
from mapd.checks import State
from mapd.curation.decided_texts import filter_votes
from mapd.domain import CHECKS, ExamInfo, Order, RowFilter, RowKind
from mapd.exchange import row_files
from mapd.exchange.archive.outgoing import one_moment
from mapd.exchange.row_files import Progress, RowsExport
from mapd.people import Person, Right, require
from mapd.store import audit_log, browse, browse_contents, check_columns, db, queries
from mapd.store.browse import BrowseRow, PageStart
from mapd.store.browse_contents import BrowseContents
from mapd.store.tables import NO_MEAN

# Rows that are read at once.
BLOCK = 400
COLUMNS = (
    *("number", "kind", "teacher", "text", "verdict", "committee", "mean", "scores", "people", "judged_by", "reason"),
    *(*CHECKS, "at_first_false", "question", "context", "options", "gold", "response", "student_answer", "outcome"),
    *("task", "family", "simulated", "repair", "uid", "mistake", "question_uid"),
)


def export(
    engine: sa.Engine,
    exam: str | int,
    row_filter: RowFilter,
    path: Path,
    *,
    threshold: int,
    by: Person,
    order: Order = Order.QUESTION,
    announce: Callable[[int], None] = lambda _: None,
    progress: Progress = lambda *_: None,
    note_texts: Callable[[Collection[int]], None] = lambda _: None,
) -> RowsExport:
    """Write the rows that fit the filter to a .csv or .jsonl. `announce` is told their number before.

    `threshold`: in hundredths. The exam's queue index has to be up to date. `note_texts` is told the ids of the texts
    that go out.

    Raises: Forbidden; NotFound; BadUsage for another ending; BadInput where the file can't be written.
    """
    person = require(by, Right.EXPORT)
    with one_moment(engine) as session:
        info = queries.exam(session, exam)
        count = browse.count_rows(session, info.id, row_filter, threshold)
        rows = iterate_rows(session, info, row_filter, threshold, order, note_texts)
        written = row_files.export_rows(path, COLUMNS, rows, count, announce, progress)
    # The audit is written after the file: an export that broke off isn't in it.
    with db.writing(engine) as session:
        detail = {"format": "rows", "rows": written.rows, "file": path.name, "sha256": written.sha256}
        audit_log.audit(session, person, "export", f"exam {info.uid}", **detail)
    return written


def iterate_rows(
    session: Session,
    exam: ExamInfo,
    row_filter: RowFilter,
    threshold: int,
    order: Order,
    note_texts: Callable[[Collection[int]], None],
) -> Iterator[dict[str, Any]]:
    """Yield the rows that fit the filter, in its order."""
    start: PageStart | None = None
    while block := browse.list_rows(session, exam.id, row_filter, threshold, start, order=order, number=BLOCK):
        contents = browse_contents.load_contents(session, exam.id, block)
        # The page notes the texts that a person has seen with others' judgements: nobody judges those first later.
        note_texts(contents.texts.keys())
        for row in block:
            yield _as_row(row, contents, threshold, exam, row_filter.blind_person)
        # An offset would read all rows before it again, for each block.
        start = PageStart(block[-1].key)


def _as_row(
    row: BrowseRow, contents: BrowseContents, threshold: int, exam: ExamInfo, blind_person: str | None
) -> dict[str, Any]:
    standing = contents.standings[row.key[-1]]
    question, attempt = contents.questions[row.question_id], contents.attempts[row.attempt_id]
    answer = contents.answers[attempt.id]
    return {
        "number": question.source_id,
        "kind": standing["kind"],
        **_describe_text(row.explanation_id, contents),
        **_describe_decision(standing, threshold, exam, blind_person),
        **check_columns.read_checks(standing),
        "at_first_false": _check_first(row.explanation_id, attempt.text, standing, contents),
        "question": question.text,
        "context": question.context,
        "options": list(question.options),
        "gold": question.show(contents.golds[question.id]),
        "response": attempt.text,
        "student_answer": None if answer is None else question.show(answer),
        "outcome": attempt.outcome,
        "task": question.task.value,
        "family": question.family,
        "mistake": attempt.uid,
        "question_uid": question.uid,
    }


def _check_first(id_: int | None, answer: str, standing: Mapping[str, Any], contents: BrowseContents) -> str:
    """Return whether a feedback criticises the answer's first false equation; other rows have nothing to check."""
    if id_ is None or standing["kind"] != RowKind.FEEDBACK:
        return State.NOTHING.value
    return align(answer, contents.texts[id_]["text"]).at_first_false.value


def _describe_text(id_: int | None, contents: BrowseContents) -> dict[str, Any]:
    if id_ is None:
        return dict.fromkeys(("teacher", "text", "scores", "simulated", "repair", "uid"))
    text = contents.texts[id_]
    votes = filter_votes(contents.votes.get(id_, []))
    return {
        **{name: text[name] for name in ("teacher", "text", "simulated", "uid")},
        "repair": text["repairs_id"] is not None,
        "scores": [{"reviewer": vote.reviewer, "score": vote.score} for vote in votes],
    }


def _describe_decision(
    standing: Mapping[str, Any], threshold: int, exam: ExamInfo, blind_person: str | None
) -> dict[str, Any]:
    """Return what was decided of a row, as far as the person may know it."""
    judged_by = [name for name in standing["judged_by"].split("\n") if name]
    # Where a text still waits for the person, others' judgements of it are kept back, as the page does.
    waits = blind_person is not None and blind_person not in judged_by and len(judged_by) < exam.judgements_per_text
    said = (
        {"people": None, "judged_by": [], "reason": None}
        if waits
        else {"people": standing["people"] or None, "judged_by": judged_by, "reason": standing["reason"] or None}
    )
    # A mistake or a question has no text that a committee could score.
    if standing["explanation_id"] is None:
        return {"verdict": None, "committee": None, "mean": None, **said}
    committee = _verdict(standing["committee_cut"], standing["committee_undecided"], threshold)
    verdict = committee if waits else _verdict(standing["cut"], standing["undecided"], threshold)
    # The index has a number for no mean, which in a file would be taken for a mean.
    mean = None if standing["mean"] == NO_MEAN else standing["mean"] / 100
    return {"verdict": verdict, "committee": committee, "mean": mean, **said}


def _verdict(cut: int, is_undecided: bool, threshold: int) -> str:
    return "undecided" if is_undecided else "accepted" if cut > threshold else "rejected"
