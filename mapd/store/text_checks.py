"""What the checks said of each text, written down when it was derived: reading a text takes longer than deciding on it.

    write_records(session, {51: CheckRecord("145", checks)})      # by the queue index, block by block
    load_checks(session, of_texts)[51]                            -> CheckRecord(gold="145", checks=RationaleChecks(…))

One row of `text_check`: id=51, version=1, gold="145", checks='{"answer": "145", "matches_gold": "holds", …}'
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from mapd.checks import CHECKS_VERSION, CheckRecord, FeedbackChecks, RationaleChecks, State
from mapd.store import queries
from mapd.store import tables as t
from mapd.store.columns import refusal_of

# Records of one exam that share an object: many texts end in the same answer.
MOST_SHARED = 65_536


def load_checks(session: Session, of_texts: sa.ColumnElement[bool]) -> dict[int, CheckRecord]:
    """Return by text what the checks of today said of it; one that wasn't derived since is absent. Raises: Damaged.

    `of_texts`: the condition on explanations.
    """
    check, text = t.TextCheck, t.Explanation
    query = (
        sa.select(*map(col, (check.id, text.kind, check.gold, check.checks)))
        .join(text, col(check.id) == col(text.id))
        .where(of_texts, col(check.version) == CHECKS_VERSION)
    )
    share = lru_cache(MOST_SHARED)(_make_record)
    return {text_id: share(kind, gold, checks) for text_id, kind, gold, checks in session.execute(query)}


def _make_record(kind: str, gold: str, content: str) -> CheckRecord:
    try:
        values = dict(json.loads(content))
        if kind == "rationale":
            return CheckRecord(gold, RationaleChecks(**_read_states(RationaleChecks, values)))
        steps = _read_states(CheckRecord, dict(values.pop("steps")))
        return CheckRecord(gold, FeedbackChecks(**_read_states(FeedbackChecks, values)), **steps)
    except (ValueError, TypeError, LookupError) as error:
        raise refusal_of(content, "what the checks say of a text") from error


def _read_states(value_class: type, values: Mapping[str, Any]) -> dict[str, Any]:
    states = {field.name for field in fields(value_class) if field.type is State}
    return {name: State(value) if name in states else value for name, value in values.items()}


def write_records(session: Session, records: Mapping[int, CheckRecord]) -> None:
    """Write what the checks say of these texts, in place of what they said before."""
    rows = [
        {"id": text_id, "version": CHECKS_VERSION, "gold": record.gold, "checks": _write_checks(record)}
        for text_id, record in records.items()
    ]
    for block in queries.split_ids(records):
        session.execute(sa.delete(t.TextCheck).where(col(t.TextCheck.id).in_(block)))
    if rows:
        session.connection().execute(sa.insert(t.TextCheck), rows)


def _write_checks(record: CheckRecord) -> str:
    values = asdict(record.checks)
    if isinstance(record.checks, FeedbackChecks):
        values["steps"] = {"step_exists": record.step_exists, "at_first_false": record.at_first_false}
    return json.dumps(values, ensure_ascii=False)
