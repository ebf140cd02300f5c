"""Repair: a person's corrected copy of a rationale or feedback, a new row that stands in for the one it repairs.

    repair(session, Target("rationale", 12), "290 / 2 = 145 bananas a group.", by=owner("ann"), token="3f…")
    -> Explanation(id=61, author=ann, repairs_id=12), a rejection of 12 and an acceptance of 61, taken back in one

Nothing is overwritten. How a repair is decided is `verdicts.decide_repair`'s rule.
"""

import hashlib

from sqlmodel import Session, col, func, select

from mapd.domain import LONGEST_REPAIR, Act
from mapd.errors import BadInput
from mapd.judgements import ANNOTATOR
from mapd.people import Person, Right, require
from mapd.review.judging import ON_ITS_OWN, Circumstances, Target, judge
from mapd.store import audit_log, queries
from mapd.store import tables as t

ACT = "-repair"  # what the batch of such an act ends with


def repair(
    session: Session,
    target: Target,
    text: str,
    *,
    by: Person,
    token: str,
    role: str = ANNOTATOR,
    circumstances: Circumstances = ON_ITS_OWN,
) -> t.Explanation:
    """Keep `text` as this person's repair of `target`. The same token again returns the row that is there.

    Raises: Forbidden; BadInput (no text, too much of it, or the text as it was), NotFound.
    """
    person, uid = require(by, Right.JUDGE), uid_of(token)
    existing = session.exec(select(t.Explanation).where(t.Explanation.uid == uid)).first()
    if existing is not None:
        return existing
    broken = queries.explanation(session, target.kind, target.id)
    if text.strip() == broken.text.strip() or not 0 < len(text.strip()) <= LONGEST_REPAIR:
        raise BadInput(
            f"a repair is another text of 1 to {LONGEST_REPAIR:,} characters, "
            f"not of {len(text.strip()):,}, unchanged or empty"
        )
    # Both judgements share the act's token, so that one undo takes both back.
    rejects, accepts = f"{token}{ACT}/rejects", f"{token}{ACT}/accepts"
    judge(session, target, Act.REJECT, by=by, note="repaired", token=rejects, role=role, circumstances=circumstances)
    row = keep(session, broken, text.strip(), person, uid)
    audit_log.audit(session, person, "repair", f"{broken.kind} {broken.uid}", repair=uid)
    repair_target = Target(row.kind, queries.identity(row))
    # No committee and no order: nobody has scored the new text yet.
    own_circumstances = Circumstances(circumstances.queue, seconds=circumstances.seconds)
    judge(session, repair_target, Act.ACCEPT, by=by, note="repair", token=accepts, circumstances=own_circumstances)
    return row


def uid_of(token: str) -> str:
    """Return the uid of the repair that is made with this token."""
    return hashlib.sha256(f"repair {token}".encode()).hexdigest()[:32]


def keep(session: Session, broken: t.Explanation, text: str, person: str, uid: str) -> t.Explanation:
    """Keep a text as a person's repair, without a word of theirs on it. Raises: BadInput where two have the name."""
    x, author_id = t.Explanation, queries.identity(_author(session, person))
    query = select(func.max(x.sample)).where(
        x.kind == broken.kind,
        x.question_id == broken.question_id,
        col(x.attempt_id).is_not_distinct_from(broken.attempt_id),
        x.author_id == author_id,
        x.prompt_sha256 == broken.prompt_sha256,
    )
    last = session.exec(query).one()
    row = t.Explanation(
        uid=uid,
        kind=broken.kind,
        question_id=broken.question_id,
        attempt_id=broken.attempt_id,
        author_id=author_id,
        prompt_sha256=broken.prompt_sha256,
        sample=0 if last is None else last + 1,
        repairs_id=broken.id,
        text=text,
    )
    session.add(row)
    session.flush()
    return row


def _author(session: Session, person: str) -> t.Teacher:
    # Beside a teacher of the same name the person is "ann (person)".
    for name in (person, f"{person} (person)"):
        author = session.exec(select(t.Teacher).where(t.Teacher.name == name)).first()
        if author is None:
            author = t.Teacher(name=name, kind="person")
            session.add(author)
            session.flush()
        if author.kind == "person":
            return author
    raise BadInput(f"two teachers are named like {person}; choose another name to repair under")
