"""What to do next with an exam: the most urgent finding first, until nothing is left but the download."""

from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from mapd.curation import live_set, saved_policies, snapshots
from mapd.curation.summary import SnapshotSummary, funnel, people, teachers
from mapd.domain import Act, ExamInfo
from mapd.people import owner
from mapd.review import judging
from mapd.review.judging import Target
from mapd.review.next_step import NextStep, Step, list_changes, next_step
from mapd.store import tables as t


def frozen(row: t.Snapshot) -> SnapshotSummary:
    return SnapshotSummary(row.sha256, row.pairs, row.created_at, row.manifest["policy"])


def step(session: Session, exam: ExamInfo, newest: SnapshotSummary | None = None) -> NextStep:
    return next_step(live_set.load_curated(session, exam.id), newest)


def reject_wrong_answers(session: Session, exam: ExamInfo) -> None:
    for x in live_set.load_curated(session, exam.id).rationales:
        if x.verdict == "accepted" and x.states.matches_gold == "fails":
            judging.judge(session, Target("rationale", x.text.id), Act.REJECT, by=owner("ann"), reason="wrong_answer")


def test_wrong_answers_come_first(session: Session, exam: ExamInfo) -> None:
    found = step(session, exam)
    assert (found.step, found.count, found.page, found.queue) == (Step.WRONG_ANSWERS, 4, "triage", "accepted-wrong")


def test_mistakes_without_a_rationale_lead_to_the_committee(session: Session, exam: ExamInfo) -> None:
    session.execute(sa.delete(t.Review))
    session.execute(sa.delete(t.Explanation))
    found = step(session, exam)
    assert (found.step, found.count, found.page) == (Step.NO_RATIONALES, 12, "committee")
    session.execute(sa.update(t.Attempt).values(finish="cut_off"))
    found = step(session, exam)
    assert (found.step, found.count, found.page) == (Step.ALL_CUT_OFF, 12, "exam"), "teachers aren't asked about them"


def test_a_conflict_comes_before_everything(session: Session, exam: ExamInfo) -> None:
    x = next(live_set.load_curated(session, exam.id).rationales)
    judging.judge(session, Target("rationale", x.text.id), Act.ACCEPT, by=owner("ann"))
    judging.judge(session, Target("rationale", x.text.id), Act.REJECT, by=owner("bob"))
    assert step(session, exam).step is Step.CONFLICTS


def test_then_it_is_frozen_and_again_when_something_changed(session: Session, exam: ExamInfo) -> None:
    reject_wrong_answers(session, exam)
    assert step(session, exam).step is Step.FREEZE
    curated = live_set.load_curated(session, exam.id)
    row = snapshots.freeze(session, curated, by=owner("ann"))
    session.flush()
    teach = step(session, exam, frozen(row))
    assert (teach.step, teach.page) == (Step.FROZEN, "finetune")
    compare = step(session, exam, replace(frozen(row), taught=True))
    assert (compare.step, compare.page) == (Step.TAUGHT, "results")
    saved_policies.set_policy(session, exam.id, "paper", 4.0, by=owner("ann"))
    session.flush()
    again = step(session, exam, frozen(row))
    assert again.step is Step.FREEZE_AGAIN
    assert "the policy is now paper at 4" in again.finding


def test_no_pair_leads_to_the_threshold(session: Session, exam: ExamInfo) -> None:
    saved_policies.set_policy(session, exam.id, "paper", 5.0, by=owner("ann"))
    session.flush()
    reject_wrong_answers(session, exam)
    x = live_set.load_curated(session, exam.id).mistakes[0].feedback[0]
    judging.judge(session, Target("feedback", x.text.id), Act.REJECT, by=owner("ann"))
    assert step(session, exam).step is Step.NO_PAIRS


def test_a_skip_changes_nothing_that_is_frozen(session: Session, exam: ExamInfo) -> None:
    row = snapshots.freeze(session, live_set.load_curated(session, exam.id), by=owner("ann"))
    x = next(live_set.load_curated(session, exam.id).rationales)
    judging.judge(session, Target("rationale", x.text.id), Act.SKIP, by=owner("ann"))
    assert list_changes(live_set.load_curated(session, exam.id), frozen(row)) == []


def test_the_funnel_narrows(session: Session, exam: ExamInfo) -> None:
    stages = {s.name: s for s in funnel(live_set.load_curated(session, exam.id), None)}
    assert stages["mistakes"].count == 12
    assert (stages["accepted rationales"].count, stages["accepted rationales"].of) == (24, 36)
    assert stages["training pairs"].count <= stages["mistakes covered"].count <= 12
    assert all(0 <= s.count <= s.of for s in stages.values())


def test_each_teacher_is_counted_as_author_and_as_reviewer(session: Session, exam: ExamInfo) -> None:
    figures = teachers(live_set.load_curated(session, exam.id))
    assert {f.name for f in figures} == {"gpt", "gemini", "mistral"}
    assert sum(f.accepted for f in figures) == 24
    assert sum(f.wrong for f in figures) == 4
    assert sum(f.votes for f in figures) == 72
    assert sum(f.leniency * f.votes for f in figures if f.leniency is not None) == pytest.approx(0)


def test_what_people_did_is_counted(session: Session, exam: ExamInfo) -> None:
    reject_wrong_answers(session, exam)
    counts = people(live_set.load_curated(session, exam.id))
    assert counts.overridden == 4
