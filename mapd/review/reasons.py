"""Why people reject a text: the usual reasons, and those of the project's own.

    add(session, "Wrong units", by=owner("ann"))      -> "wrong_units"
    list_offered(session)    -> ["wrong_answer", "false_step", …, "other", "wrong_units"]

A judgement holds the code, from which the words are read. A reason that is taken away stays where it was given.
"""

import re

from sqlmodel import Session, col, select

from mapd.domain import NOTE, TextReason
from mapd.errors import BadInput, NotFound
from mapd.people import Person, Right, require
from mapd.store import audit_log
from mapd.store import tables as t

WORDS = {
    "no_work": "no work shown",
    "contradicts_question": "contradicts the question",
    "gold_wrong": "the gold answer is wrong",
    "question_unclear": "the question is unclear",
}  # where a code's own words say too little
MOST = 20  # reasons in all
LONGEST = 40  # characters
# Words with single blanks or hyphens, so that a code can be read as its words.
PLAIN = re.compile(r"[^\W_]+(?:[ -][^\W_]+)*")


def words(code: str | None) -> str:
    """Return a reason in words."""
    return WORDS.get(code or "", (code or "").replace("_", " "))


def code_of(phrase: str) -> str:
    """Return the code of a reason's words."""
    return next((code for code, wording in WORDS.items() if wording == phrase), phrase.replace(" ", "_"))


def list_offered(session: Session) -> list[str]:
    """Return the codes of all reasons for which a text can be rejected, the usual ones first."""
    return [*(reason.value for reason in TextReason), *list_own(session)]


def list_own(session: Session) -> list[str]:
    """Return the codes of the project's own reasons, the oldest first."""
    return list(session.exec(select(t.RejectionReason.code).order_by(col(t.RejectionReason.id))).all())


def add(session: Session, phrase: str, *, by: Person) -> str:
    """Offer another reason; returns its code. One that is offered already stays as it is.

    Raises: Forbidden; BadInput where the words can't be a reason, or there are too many.
    """
    person = require(by, Right.WRITE_GUIDELINES)
    plain = " ".join(phrase.lower().split())
    if not PLAIN.fullmatch(plain) or len(plain) > LONGEST or plain == NOTE:
        raise BadInput(f"a reason is 1 to {LONGEST} characters, words of letters and digits, not {phrase[:80]!r}")
    code, codes = code_of(plain), list_offered(session)
    if code in codes:
        return code
    if len(codes) >= MOST:
        raise BadInput(f"there are {len(codes)} reasons already; take one away before {plain!r} is added")
    session.add(t.RejectionReason(code=code, person=person))
    audit_log.audit(session, person, "add reason", f"reason {code}")
    session.flush()
    return code


def remove(session: Session, code: str, *, by: Person) -> None:
    """Offer one of the project's own reasons no more. Raises: Forbidden; NotFound where it is none of them."""
    person = require(by, Right.WRITE_GUIDELINES)
    row = session.exec(select(t.RejectionReason).where(t.RejectionReason.code == code)).first()
    if row is None:
        codes = ", ".join(list_own(session)) or "none yet"
        raise NotFound(f"unknown reason: {code[:80]}; the project's own are {codes}")
    session.delete(row)
    audit_log.audit(session, person, "remove reason", f"reason {code}")
    session.flush()
