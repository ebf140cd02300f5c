"""What the checks said of each text, written down when it was derived: reading a text takes longer than deciding on it.

    write_records(session, {51: CheckRecord("145", checks)})      # by the queue index, block by block
    load_checks(session, of_texts)[51]                            -> CheckRecord(gold="145", checks=RationaleChecks(…))

One row of `text_check`: id=51, gold="145", answer="145", matches_gold="holds", false_steps=0, …
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from mapd.checks import CHECKS_VERSION, CheckRecord, FeedbackChecks, RationaleChecks, State
from mapd.store import queries
from mapd.store import tables as t

# Records of one exam that share an object: many texts end in the same answer.
MOST_SHARED = 65_536


def load_checks(session: Session, of_texts: sa.ColumnElement[bool]) -> dict[int, CheckRecord]:
    """Return by text what the checks of today said of it; one that wasn't derived since is absent.

    `of_texts`: the condition on explanations.
    """
    check, text = t.TextCheck, t.Explanation
    names = (check.gold, check.answer, check.matches_gold, check.equations_true, check.false_steps, check.shows_work)
    columns = (*names, check.step_exists, check.at_first_false, check.not_read)
    query = (
        sa.select(col(check.id), col(text.kind), *map(col, columns))
        .join(text, col(check.id) == col(text.id))
        .where(of_texts, col(check.version) == CHECKS_VERSION)
    )
    share = lru_cache(MOST_SHARED)(_make_record)
    return {text_id: share(*values) for text_id, *values in session.execute(query)}


def _make_record(
    kind: str,
    gold: str,
    answer: str | None,
    matches_gold: str,
    equations_true: str,
    false_steps: int,
    shows_work: str,
    *rest: str,
) -> CheckRecord:
    step_exists, at_first_false, limit = rest
    of_gold, equations = State(matches_gold), State(equations_true)
    if kind == "rationale":
        return CheckRecord(gold, RationaleChecks(answer, of_gold, equations, false_steps, State(shows_work), limit))
    checks = FeedbackChecks(of_gold, equations, false_steps, limit)
    return CheckRecord(gold, checks, State(step_exists), State(at_first_false))


def write_records(session: Session, records: Mapping[int, CheckRecord]) -> None:
    """Write what the checks say of these texts, in place of what they said before."""
    rows = [_row(*record) for record in records.items()]
    for block in queries.split_ids(records):
        session.execute(sa.delete(t.TextCheck).where(col(t.TextCheck.id).in_(block)))
    if rows:
        session.connection().execute(sa.insert(t.TextCheck), rows)


def _row(text_id: int, record: CheckRecord) -> dict[str, Any]:
    checks = record.checks
    if isinstance(checks, RationaleChecks):
        of_kind = {"answer": checks.answer, "matches_gold": checks.matches_gold, "shows_work": checks.shows_work}
    else:
        of_kind = {"answer": None, "matches_gold": checks.states_gold, "shows_work": State.NOTHING}
    return of_kind | {
        "id": text_id,
        "version": CHECKS_VERSION,
        "gold": record.gold,
        "equations_true": checks.equations_true,
        "false_steps": checks.false_steps,
        "step_exists": record.step_exists,
        "at_first_false": record.at_first_false,
        "not_read": checks.limit,
    }
