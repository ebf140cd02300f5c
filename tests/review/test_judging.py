"""What people do: once, by whom, undone by whom, and with a row in the audit."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.curation import live_set, saved_policies, snapshots
from mapd.domain import Act, ExamInfo
from mapd.errors import BadInput, MapdError, NotFound, Stale
from mapd.judgements import ADJUDICATOR, ANNOTATOR
from mapd.people import owner
from mapd.policies import PAPER, Check, Policy
from mapd.review import batches, guidelines
from mapd.review.judging import Target, judge, undo
from mapd.store import db, exam_material, judgement_log, queries
from mapd.store import tables as t
from tests import samples
from tests.conftest import import_files


@pytest.fixture
def target(session: Session, exam: ExamInfo) -> Target:
    text = exam_material.material(session, exam.id).texts[0]
    return Target(text.kind, text.id)


def decisions(session: Session, target: Target) -> list[str]:
    return [row.judged.decision for row in judgement_log.history(session, (target.kind, target.id))]


def test_the_same_token_decides_once(session: Session, target: Target) -> None:
    first = judge(session, target, Act.ACCEPT, by=owner("ann"), token="x")
    again = judge(session, target, Act.REJECT, by=owner("ann"), token="x")
    assert first.id == again.id
    assert decisions(session, target) == ["accept"]


def test_who_sees_an_old_state_is_told(session: Session, target: Target) -> None:
    judge(session, target, Act.ACCEPT, by=owner("ann"), latest_seen=0)
    with pytest.raises(Stale, match="ann decided"):
        judge(session, target, Act.REJECT, by=owner("bob"), latest_seen=0)
    assert decisions(session, target) == ["accept"]


def test_undo_and_redo_leave_every_row(session: Session, target: Target) -> None:
    first = judge(session, target, Act.ACCEPT, by=owner(" Ann "))
    second = judge(session, target, Act.REJECT, by=owner("ann"), reason="unclear")
    back = undo(session, queries.identity(second), by=owner("ANN"))
    assert decisions(session, target) == ["accept", "reject", "withdraw"]
    with pytest.raises(Stale):
        undo(session, queries.identity(second), by=owner("ann"))
    with pytest.raises(BadInput, match="ann's"):
        undo(session, queries.identity(first), by=owner("bob"))
    undo(session, queries.identity(back), by=owner("ann"))
    assert len(decisions(session, target)) == 4
    assert first.person == "ann"


class Second:
    """What a second transaction does beside a first one that is not committed yet."""

    def __init__(self, engine: sa.Engine, act: Callable[[Session], object]) -> None:
        self.engine, self.act = engine, act
        self.error: MapdError | None = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        self.thread.join(0.3)  # on either database it waits for the first

    def _run(self) -> None:
        try:
            with db.writing(self.engine) as session:
                self.act(session)
        except MapdError as error:
            self.error = error

    def end(self) -> MapdError | None:
        self.thread.join()
        return self.error


@pytest.fixture
def text(engine: sa.Engine, tmp_path: Path) -> Target:
    """A text of an exam that is committed."""
    with db.writing(engine) as session:
        found = queries.exams(session) or [queries.exam(session, import_files(session, *samples.files(tmp_path)).exam)]
        first = exam_material.material(session, found[0].id).texts[0]
        return Target(first.kind, first.id)


def test_of_two_who_decide_at_the_same_moment_the_second_is_told(engine: sa.Engine, text: Target) -> None:
    with db.writing(engine) as session:
        judge(session, text, Act.ACCEPT, by=owner("ann"), latest_seen=0)
        second = Second(engine, lambda s: judge(s, text, Act.REJECT, by=owner("bob"), latest_seen=0))
    assert isinstance(second.end(), Stale)


def test_a_press_that_comes_twice_at_the_same_moment_decides_once(engine: sa.Engine, text: Target) -> None:
    with db.writing(engine) as session:
        judge(session, text, Act.ACCEPT, by=owner("ann"), token="x")
        second = Second(engine, lambda s: judge(s, text, Act.ACCEPT, by=owner("ann"), token="x"))
    assert second.end() is None
    with db.reading(engine) as session:
        assert decisions(session, text) == ["accept"]


def test_an_undo_that_comes_twice_at_the_same_moment_is_told(engine: sa.Engine, text: Target) -> None:
    with db.writing(engine) as session:
        row = queries.identity(judge(session, text, Act.ACCEPT, by=owner("ann")))
        session.flush()
    with db.writing(engine) as session:
        undo(session, row, by=owner("ann"))
        second = Second(engine, lambda s: undo(s, row, by=owner("ann")))
    assert isinstance(second.end(), Stale)


def test_what_two_save_at_the_same_moment_is_saved_once(engine: sa.Engine) -> None:
    def save_policy(session: Session) -> None:
        saved_policies.save_policy(session, Policy("mine", 3.5), by=owner("ann"))

    with db.writing(engine) as session:
        guidelines.save(session, "# One", by=owner("ann"), base_uid=None)
        second = Second(engine, lambda s: guidelines.save(s, "# Two", by=owner("bob"), base_uid=None))
    assert isinstance(second.end(), Stale)
    with db.writing(engine) as session:
        save_policy(session)
        session.flush()
        third = Second(engine, save_policy)
    assert isinstance(third.end(), Stale | None)


def set_the_clock_back(session: Session) -> None:
    """What was said by now was said by a clock that is two hours ahead of the one from now on."""
    ahead = t.now() + timedelta(hours=2)
    for table in (t.Judgement, t.Guidelines, t.Snapshot):
        session.execute(sa.update(table).values(created_at=ahead))


def test_with_the_clock_set_back_the_new_decision_is_in_force(session: Session, target: Target) -> None:
    judge(session, target, Act.ACCEPT, by=owner("ann"))
    set_the_clock_back(session)
    second = judge(session, target, Act.REJECT, by=owner("ann"), reason="unclear")
    assert decisions(session, target) == ["accept", "reject"]
    undo(session, queries.identity(second), by=owner("ann"))
    assert decisions(session, target) == ["accept", "reject", "withdraw"]


def test_with_the_clock_set_back_undo_takes_back_the_latest_act_on_whatever_text(
    session: Session, exam: ExamInfo
) -> None:
    targets = [Target(x.kind, x.id) for x in exam_material.material(session, exam.id).texts[:2]]
    judge(session, targets[0], Act.ACCEPT, by=owner("ann"))
    set_the_clock_back(session)
    last = judge(session, targets[1], Act.ACCEPT, by=owner("ann"))
    found = batches.find_undoable(judgement_log.judgements(session, exam.id), "ann")
    assert [row.judged.id for row in found] == [last.id]


def test_with_the_clock_set_back_what_is_newer_is_newer(session: Session, exam: ExamInfo, target: Target) -> None:
    guidelines.save(session, "# One", by=owner("ann"), base_uid=None)
    snapshot = snapshots.freeze(session, live_set.load_curated(session, exam.id), by=owner("ann"))
    set_the_clock_back(session)
    row = judge(session, target, Act.ACCEPT, by=owner("ann"))
    assert row.created_at > snapshot.created_at
    first = guidelines.current(session)
    assert first is not None
    guidelines.save(session, "# Two", by=owner("ann"), base_uid=first.uid)
    assert [(v.number, v.verdicts) for v in guidelines.versions(session)] == [(2, 0), (1, 1)]
    assert getattr(guidelines.current(session), "text", "") == "# Two"


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
    ],
)
def test_what_does_not_fit_is_refused(
    session: Session, exam: ExamInfo, kind: str, decision: Act, more: dict[str, str], said: str
) -> None:
    material = exam_material.material(session, exam.id)
    ids = {x.kind: x.id for x in material.texts} | {"attempt": material.attempts[0].id}
    with pytest.raises(BadInput, match=said):
        judge(session, Target(kind, ids[kind]), decision, **{"by": owner("ann"), **more})
    assert session.exec(select(t.Judgement)).all() == []


@pytest.mark.parametrize(("task", "wrong", "kept"), [("boolean", "banana", "true"), ("numeric", "perhaps", "145")])
def test_a_correction_is_read_as_its_question_is_answered(
    session: Session, exam: ExamInfo, task: str, wrong: str, kept: str
) -> None:
    material = exam_material.material(session, exam.id)
    question = session.get_one(t.Question, material.attempts[0].question_id)
    question.task = task
    rationale = next(x for x in material.texts if x.kind == "rationale" and x.question_id == question.id)
    targets = {"question": queries.identity(question), "attempt": material.attempts[0].id, "rationale": rationale.id}
    for kind, row in targets.items():
        with pytest.raises(BadInput, match=f"a {task} question is answered by .*, not by '{wrong}'; nothing was saved"):
            judge(session, Target(kind, row), Act.CORRECT, by=owner("ann"), value=wrong)
        made = judge(session, Target(kind, row), Act.CORRECT, by=owner("ann"), value=f" {kept.capitalize()}. ")
        assert made.value == kept
    assert len(session.exec(select(t.Judgement)).all()) == 3


@pytest.mark.parametrize("kind", ["rationale", "feedback", "attempt", "question"])
def test_only_what_one_said_can_be_withdrawn(session: Session, exam: ExamInfo, kind: str) -> None:
    material = exam_material.material(session, exam.id)
    ids = {x.kind: x.id for x in material.texts} | {
        "attempt": material.attempts[0].id,
        "question": material.attempts[0].question_id,
    }
    about = Target(kind, ids[kind])

    def refuses(person: str, role: str = ANNOTATOR) -> None:
        with pytest.raises(BadInput, match=f"{person} .* this {kind}: there is nothing to withdraw"):
            judge(session, about, Act.WITHDRAW, by=owner(person), role=role)

    refuses("ann")
    judge(session, about, Act.SKIP, by=owner("ann"), reason="note", note="hm")
    refuses("ann")
    judge(session, about, Act.ACCEPT, by=owner("bob"))
    refuses("ann")
    refuses("bob", ADJUDICATOR)
    said = judge(session, about, Act.REJECT, by=owner("ann"))
    undo(session, queries.identity(said), by=owner("ann"))
    refuses("ann")
    judge(session, about, Act.SKIP, by=owner("ann"))
    judge(session, about, Act.WITHDRAW, by=owner("ann"))
    refuses("ann")
    judge(session, about, Act.WITHDRAW, by=owner("bob"))
    refuses("bob")
    rows = session.exec(select(t.Judgement).where(t.Judgement.decision == "withdraw")).all()
    assert sorted((row.person, row.undoes_id is not None) for row in rows) == [
        ("ann", False),
        ("ann", True),
        ("bob", False),
    ]


@pytest.mark.parametrize("kind", ["rationale", "feedback", "attempt", "question"])
def test_an_unknown_target_is_not_found(session: Session, exam: ExamInfo, kind: str) -> None:
    with pytest.raises(NotFound, match="999999"):
        judge(session, Target(kind, 999999), Act.ACCEPT, by=owner("ann"))


def test_a_feedback_is_no_rationale(session: Session, exam: ExamInfo) -> None:
    feedback = next(x for x in exam_material.material(session, exam.id).texts if x.kind == "feedback")
    with pytest.raises(NotFound):
        judge(session, Target("rationale", feedback.id), Act.ACCEPT, by=owner("ann"))


def test_every_act_leaves_an_audit_row(session: Session, exam: ExamInfo, target: Target) -> None:
    row = judge(session, target, Act.ACCEPT, by=owner("ann"))
    undo(session, queries.identity(row), by=owner("ann"))
    saved_policies.save_policy(session, Policy("mine", 3.5), by=owner("bob"))
    saved_policies.set_policy(session, exam.id, "mine", None, by=owner("bob"))
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
    assert saved_policies.save_policy(session, policy, by=owner("ann")) == policy
    assert saved_policies.save_policy(session, policy.at(4), by=owner("ann")).version == 2
    assert saved_policies.find_policy(session, "mine").threshold == 4
    for name in ("paper", " ", "x" * 61, "a\nb"):
        with pytest.raises(BadInput):
            saved_policies.save_policy(session, Policy(name), by=owner("ann"))
    with pytest.raises(NotFound, match="unknown policy: lax; one of paper, strict, mine"):
        saved_policies.find_policy(session, "lax")


def test_an_exam_keeps_its_policy_and_threshold(session: Session, exam: ExamInfo) -> None:
    assert saved_policies.exam_policy(session, exam) == PAPER
    saved_policies.set_policy(session, exam.id, "strict", 3.5, by=owner("ann"))
    assert saved_policies.exam_policy(session, queries.exam(session, exam.id)).threshold == 3.5
    saved_policies.set_policy(session, exam.id, "strict", 3.0, by=owner("ann"))
    assert queries.exam(session, exam.uid).threshold is None
    for wrong in ((exam.id, "lax", None), (999, "paper", None), (exam.id, "paper", 7.0)):
        with pytest.raises(MapdError):
            saved_policies.set_policy(session, *wrong, by=owner("ann"))
