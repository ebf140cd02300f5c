"""The policies of a project: the presets, those that people saved, and the one that an exam is curated by.

set_policy(session, exam.id, "strict", 3.5, by=owner("ann")); exam_policy(session, exam)    -> STRICT.at(3.5)
"""

from sqlmodel import Session, col, select

from mapd import domain
from mapd.errors import BadInput, NotFound
from mapd.people import Person, Right, require
from mapd.policies import PRESETS, Check, Policy
from mapd.store import audit_log
from mapd.store import tables as t


def find_policy(session: Session, name: str) -> Policy:
    """Return a preset, or the latest version of a saved policy. Raises: NotFound, naming the known ones."""
    if name in PRESETS:
        return PRESETS[name]
    saved = {p.name: p for p in saved_policies(session)}
    if name not in saved:
        raise NotFound(f"unknown policy: {name}; one of {', '.join([*PRESETS, *saved])}")
    return saved[name]


def saved_policies(session: Session) -> list[Policy]:
    """Return the latest version of every saved policy, by name."""
    rows = session.exec(select(t.SavedPolicy).order_by(col(t.SavedPolicy.name), col(t.SavedPolicy.version))).all()
    latest = {row.name: row for row in rows}
    return [
        Policy(
            row.name,
            row.threshold_hundredths / 100,
            row.min_votes,
            frozenset(map(Check, row.checks)),
            row.leniency_adjusted,
            row.version,
        )
        for row in latest.values()
    ]


def save_policy(session: Session, policy: Policy, *, by: Person) -> Policy:
    """Save a policy's next version. Raises: Forbidden; BadInput for a preset's name or a name of no characters."""
    person, name = require(by, Right.CHANGE_POLICY), policy.name.strip()
    if name in PRESETS or not 0 < len(name) <= 60 or not name.isprintable():
        raise BadInput(f"a policy can't be named {name!r}: 1 to 60 characters, not a preset's name")
    # A saved version is never overwritten: snapshots name it.
    versions = session.exec(select(t.SavedPolicy.version).where(t.SavedPolicy.name == name)).all()
    row = t.SavedPolicy(
        name=name,
        version=max(versions, default=0) + 1,
        threshold_hundredths=round(policy.threshold * 100),
        min_votes=policy.min_votes,
        checks=sorted(policy.checks),
        leniency_adjusted=policy.leniency_adjusted,
        person=person,
    )
    session.add(row)
    audit_log.audit(session, person, "save policy", f"policy {name}", version=row.version)
    session.flush()
    return find_policy(session, name)


def set_policy(session: Session, exam_id: int, name: str, threshold: float | None, *, by: Person) -> None:
    """Choose the exam's policy, and its threshold if another. Raises: Forbidden; NotFound; BadInput."""
    person, policy = require(by, Right.CHANGE_POLICY), find_policy(session, name)
    row = session.get(t.Exam, exam_id)
    if row is None:
        raise NotFound(f"unknown exam: {exam_id}")
    # NULL where it is the policy's own threshold: then a new version of the policy moves the exam's, too.
    moved = None if threshold is None or threshold == policy.threshold else policy.at(threshold).threshold
    row.policy, row.threshold_hundredths = name, None if moved is None else round(moved * 100)
    audit_log.audit(session, person, "set policy", f"exam {row.uid}", policy=name, threshold=threshold)


def exam_policy(session: Session, exam: domain.ExamInfo) -> Policy:
    """Return the exam's current policy, with its own threshold where a person moved it."""
    policy = find_policy(session, exam.policy)
    return policy if exam.threshold is None else policy.at(exam.threshold)
