"""What people do: once, by whom, undone by whom, and with a row in the audit."""

import pytest
from sqlmodel import Session, col, select

from mapd.curation import policies
from mapd.curation.judging import Target, judge, undo
from mapd.errors import BadInput, MapdError, NotFound, Stale
from mapd.store import queries
from mapd.store import tables as t
from mapd.store.queries import ExamInfo
from mapd.verdicts import PAPER, Act, Check, Policy


@pytest.fixture
def target(session: Session, exam: ExamInfo) -> Target:
    text = queries.material(session, exam.id).texts[0]
    return Target(text.kind, text.id)


def decisions(session: Session, target: Target) -> list[str]:
    return [row.judged.decision for row in queries.history(session, (target.kind, target.id))]


def test_the_same_token_decides_once(session: Session, target: Target) -> None:
    first = judge(session, target, Act.ACCEPT, by="ann", token="x")
    again = judge(session, target, Act.REJECT, by="ann", token="x")
    assert first.id == again.id
    assert decisions(session, target) == ["accept"]


def test_who_sees_an_old_state_is_told(session: Session, target: Target) -> None:
    judge(session, target, Act.ACCEPT, by="ann", seen=0)
    with pytest.raises(Stale, match="ann decided"):
        judge(session, target, Act.REJECT, by="bob", seen=0)
    assert decisions(session, target) == ["accept"]


def test_undo_and_redo_leave_every_row(session: Session, target: Target) -> None:
    first = judge(session, target, Act.ACCEPT, by=" Ann ")
    second = judge(session, target, Act.REJECT, by="ann", reason="unclear")
    back = undo(session, queries.identity(second), by="ANN")
    assert decisions(session, target) == ["accept", "reject", "withdraw"]
    with pytest.raises(Stale):
        undo(session, queries.identity(second), by="ann")
    with pytest.raises(BadInput, match="ann's"):
        undo(session, queries.identity(first), by="bob")
    undo(session, queries.identity(back), by="ann")
    assert len(decisions(session, target)) == 4
    assert first.person == "ann"


@pytest.mark.parametrize(
    ("kind", "decision", "more", "said"),
    [
        ("rationale", Act.REJECT, {"reason": "ugly"}, "unknown reason for a rationale: ugly; one of wrong_answer"),
        ("rationale", Act.ACCEPT, {"reason": "unclear"}, "a reason goes with reject"),
        ("rationale", Act.SKIP, {"reason": "unclear", "note": "x"}, "unknown reason for a skip: unclear; one of note"),
        ("rationale", Act.REJECT, {"reason": "note", "note": "x"}, "unknown reason for a rationale: note"),
        ("rationale", Act.SKIP, {"reason": "note", "note": " "}, "a note has no words"),
        ("rationale", Act.CORRECT, {}, "correct needs one"),
        ("rationale", Act.CORRECT, {"value": "  "}, "correct needs one"),
        ("rationale", Act.ACCEPT, {"value": "3"}, "a value goes with correct"),
        ("feedback", Act.CORRECT, {"value": "3"}, "no answer to correct"),
        ("attempt", Act.REJECT, {"reason": "unclear"}, "unknown reason for a attempt"),
        ("rationale", Act.ACCEPT, {"by": " \t"}, "1 to 80 characters"),
        ("rationale", Act.ACCEPT, {"by": "x" * 81}, "1 to 80 characters"),
    ],
)
def test_what_does_not_fit_is_refused(
    session: Session, exam: ExamInfo, kind: str, decision: Act, more: dict[str, str], said: str
) -> None:
    material = queries.material(session, exam.id)
    ids = {x.kind: x.id for x in material.texts} | {"attempt": material.attempts[0].id}
    with pytest.raises(BadInput, match=said):
        judge(session, Target(kind, ids[kind]), decision, **{"by": "ann", **more})
    assert session.exec(select(t.Judgement)).all() == []


@pytest.mark.parametrize("kind", ["rationale", "feedback", "attempt", "question"])
def test_an_unknown_target_is_not_found(session: Session, exam: ExamInfo, kind: str) -> None:
    with pytest.raises(NotFound, match="999999"):
        judge(session, Target(kind, 999999), Act.ACCEPT, by="ann")


def test_a_feedback_is_no_rationale(session: Session, exam: ExamInfo) -> None:
    feedback = next(x for x in queries.material(session, exam.id).texts if x.kind == "feedback")
    with pytest.raises(NotFound):
        judge(session, Target("rationale", feedback.id), Act.ACCEPT, by="ann")


def test_every_act_leaves_an_audit_row(session: Session, exam: ExamInfo, target: Target) -> None:
    row = judge(session, target, Act.ACCEPT, by="ann")
    undo(session, queries.identity(row), by="ann")
    policies.save_policy(session, Policy("mine", 3.5), by="bob")
    policies.set_policy(session, exam.id, "mine", None, by="bob")
    audits = session.exec(select(t.Audit).order_by(col(t.Audit.id))).all()
    assert [(a.person, a.action) for a in audits] == [
        ("ann", "import authors"),
        ("ann", "judge accept"),
        ("ann", "undo"),
        ("bob", "save policy"),
        ("bob", "set policy"),
    ]


def test_a_saved_policy_gets_versions(session: Session) -> None:
    policy = Policy("mine", 3.25, 2, frozenset({Check.MATCHES_GOLD}), leniency_adjusted=True)
    assert policies.save_policy(session, policy, by="ann") == policy
    assert policies.save_policy(session, policy.at(4), by="ann").version == 2
    assert policies.policy_named(session, "mine").threshold == 4
    for name in ("paper", " ", "x" * 61, "a\nb"):
        with pytest.raises(BadInput):
            policies.save_policy(session, Policy(name), by="ann")
    with pytest.raises(NotFound, match="unknown policy: lax; one of paper, strict, mine"):
        policies.policy_named(session, "lax")


def test_an_exam_keeps_its_policy_and_threshold(session: Session, exam: ExamInfo) -> None:
    assert policies.exam_policy(session, exam) == PAPER
    policies.set_policy(session, exam.id, "strict", 3.5, by="ann")
    assert policies.exam_policy(session, queries.exam(session, exam.id)).threshold == 3.5
    policies.set_policy(session, exam.id, "strict", 3.0, by="ann")
    assert queries.exam(session, exam.uid).threshold is None
    for wrong in ((exam.id, "lax", None), (999, "paper", None), (exam.id, "paper", 7.0)):
        with pytest.raises(MapdError):
            policies.set_policy(session, *wrong, by="ann")
