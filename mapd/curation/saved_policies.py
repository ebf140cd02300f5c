"""The policies of a project: the presets, those that people saved, and the one that an exam is curated by.

set_policy(session, exam.id, "strict", 3.5, by=owner("ann")); exam_policy(session, exam)    -> STRICT.at(3.5)
"""

from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd import domain
from mapd.curation.order_fits import OrderFit, load_default, name_policy, read_people_fit
from mapd.errors import BadInput, NotFound
from mapd.people import Person, Right, require
from mapd.policies import PRESETS, Check, Policy
from mapd.probability import read_fit
from mapd.store import audit_log, committees, db, queue_index
from mapd.store import tables as t


def find_policy(session: Session, name: str) -> Policy:
    """Return a preset, or the latest version of a saved policy. Raises: NotFound, naming the known ones."""
    if name in PRESETS:
        return PRESETS[name]
    latest = (
        select(t.SavedPolicy).where(t.SavedPolicy.name == name).order_by(col(t.SavedPolicy.version).desc()).limit(1)
    )
    row = session.exec(latest).first()
    if row is None:
        saved = sorted(set(session.exec(select(t.SavedPolicy.name))))
        raise NotFound(f"unknown policy: {name}; one of {', '.join([*PRESETS, *saved])}")
    return _read(session, row)


def find_version(session: Session, name: str, version: int) -> Policy:
    """Return a version of a saved policy. Raises: NotFound."""
    query = select(t.SavedPolicy).where(t.SavedPolicy.name == name, t.SavedPolicy.version == version)
    row = session.exec(query).first()
    if row is None:
        raise NotFound(f"policy {name} has no version {version}")
    return _read(session, row)


def saved_policies(session: Session) -> list[Policy]:
    """Return the latest version of every saved policy, by name."""
    return [_read(session, row) for row in _list_latest(session)]


def _list_latest(session: Session) -> Sequence[t.SavedPolicy]:
    policy = t.SavedPolicy
    versions = sa.select(col(policy.name), sa.func.max(policy.version)).group_by(col(policy.name))
    is_latest = sa.tuple_(col(policy.name), col(policy.version)).in_(versions)
    return session.exec(select(policy).where(is_latest).order_by(col(policy.name))).all()


def _read(session: Session, row: t.SavedPolicy) -> Policy:
    fit = None
    if row.fit:
        # It goes by who a teacher is: names change.
        fit = read_fit(row.fit).rename(_name_teachers(session))
    return Policy(
        row.name,
        row.threshold_hundredths / 100,
        row.min_votes,
        frozenset(map(Check, row.checks)),
        row.leniency_adjusted,
        row.version,
        fit,
    )


def _name_teachers(session: Session) -> dict[str, str]:
    return dict(session.exec(select(t.Teacher.uid, t.Teacher.name)).all())


def check_name(session: Session, name: str, *, is_fitted: bool) -> str:
    """Return the name as it is kept.

    Raises: BadInput for a preset's name, a name of no characters, or that of a policy of the other kind: a threshold
    on a mean is none on a probability.
    """
    name = name.strip()
    if name in PRESETS or not 0 < len(name) <= 60 or not name.isprintable():
        raise BadInput(f"a policy can't be named {name!r}: 1 to 60 characters, not a preset's name")
    fits = session.exec(select(t.SavedPolicy.fit).where(t.SavedPolicy.name == name)).all()
    if any(bool(fit) != is_fitted for fit in fits):
        kinds = ("a mean", "a probability") if is_fitted else ("a probability", "a mean")
        raise BadInput(
            f"policy {name} is there, with a threshold on {kinds[0]}, and this is on {kinds[1]}: choose another name"
        )
    return name


def save_policy(session: Session, policy: Policy, *, by: Person) -> Policy:
    """Save a policy's next version. Raises: Forbidden; BadInput for a name that it can't have."""
    person = require(by, Right.CHANGE_POLICY)
    name = check_name(session, policy.name, is_fitted=policy.fit is not None)
    # A saved version is never overwritten: snapshots name it.
    latest = session.exec(select(sa.func.max(t.SavedPolicy.version)).where(t.SavedPolicy.name == name)).one()
    row = t.SavedPolicy(
        name=name,
        version=(latest or 0) + 1,
        threshold_hundredths=round(policy.threshold * 100),
        min_votes=policy.min_votes,
        checks=sorted(policy.checks),
        leniency_adjusted=policy.leniency_adjusted,
        fit=policy.fit.as_dict() if policy.fit else {},
        person=person,
        # By the database's clock, as acts are.
        created_at=db.clock(session),
    )
    session.add(row)
    audit_log.audit(
        session, person, "fit policy" if policy.fit else "save policy", f"policy {name}", version=row.version
    )
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


def find_order_fit(session: Session, exam: domain.ExamInfo, policy: Policy) -> OrderFit:
    """Return what orders the exam's combined queue: a fit on its people's judgements, where that is the better one.

    Else it is what `find_base_fit` returns.
    """
    base = find_base_fit(session, exam, policy)
    if not (content := queue_index.load_people_fit(session, exam.id)):
        return base
    return read_people_fit(content).choose(base, exam.name, _name_teachers(session))


def find_base_fit(session: Session, exam: domain.ExamInfo, policy: Policy) -> OrderFit:
    """Return what orders without people's judgements: the policy's fit, the newest that knows the exam, or the default.

    A fit knows the exams that it was fitted on, and those whose whole committee it was fitted on.
    """
    if policy.fit is not None:
        return name_policy(policy, policy.fit)
    rows = [row for row in _list_latest(session) if row.fit]
    if not rows:
        return load_default()
    members = set(committees.member_uids(session, exam.id))
    for row in sorted(rows, key=lambda row: row.id or 0, reverse=True):
        record = row.fit["record"]
        knows_exam = exam.uid in record["exams"]
        if knows_exam or (members and members <= set(record["teachers"].values())):
            saved = _read(session, row)
            assert saved.fit is not None, "the row has one"
            order_fit = name_policy(saved, saved.fit)
            return replace(order_fit, name=f"{order_fit.name}, fitted on this {'exam' if knows_exam else 'committee'}")
    return load_default()
