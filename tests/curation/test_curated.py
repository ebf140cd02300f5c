"""The curated set: decided, counted, corrected by people."""

from dataclasses import replace

from sqlmodel import Session

from mapd.checks import State
from mapd.curation import live_set
from mapd.curation.curated import curate
from mapd.curation.cut_columns import list_changes, tabulate_cuts
from mapd.curation.decided_texts import filter_votes
from mapd.curation.summary import summary
from mapd.domain import Act, ExamInfo, Verdict, Vote
from mapd.people import owner
from mapd.policies import PAPER
from mapd.review.judging import Target, judge
from mapd.store import exam_material


def test_every_mistake_has_its_texts_decided(session: Session, exam: ExamInfo) -> None:
    curated = live_set.load_curated(session, exam.id)
    counts = summary(curated)
    assert (counts.mistakes, counts.rationales) == (12, 36)
    assert counts.accepted + counts.rejected + counts.undecided == 36
    assert counts.by_teacher.keys() == {"gpt", "gemini", "mistral"}
    assert sum(counts.by_teacher.values()) == counts.accepted
    wrong = [x for x in curated.rationales if x.states.matches_gold is State.FAILS]
    assert {x.text.teacher for x in wrong} == {"mistral"}
    assert len(wrong) == 4
    assert all(len(m.feedback) == 3 and m.feedback_stands for m in curated.mistakes)


def test_a_judgement_changes_one_text_and_survives_every_threshold(session: Session, exam: ExamInfo) -> None:
    before = live_set.load_curated(session, exam.id)
    target = next(x for x in before.rationales if x.verdict is Verdict.ACCEPTED)
    judge(session, Target("rationale", target.text.id), Act.REJECT, by=owner("ann"), reason="false_step")
    after = live_set.load_curated(session, exam.id)
    changes = list_changes(*(x for curated in (before, after) for x in (tabulate_cuts(curated), 300)))
    assert [before.mistakes[0].rationales[place].text.id for place in changes.dropped] == [target.text.id]
    assert not changes.added.size
    for threshold in (0, 3, 5):
        moved = live_set.load_curated(session, exam.id, PAPER.at(threshold))
        assert live_set.find_text(moved, "rationale", target.text.id).verdict is Verdict.REJECTED
    assert summary(after).overridden == 1


def test_two_people_who_differ_leave_it_undecided(session: Session, exam: ExamInfo) -> None:
    text = live_set.load_curated(session, exam.id).mistakes[0].rationales[0].text
    judge(session, Target("rationale", text.id), Act.ACCEPT, by=owner("ann"))
    judge(session, Target("rationale", text.id), Act.REJECT, by=owner("bob"))
    x = live_set.find_text(live_set.load_curated(session, exam.id), "rationale", text.id)
    assert (x.verdict, x.people.conflict, x.judged) == (Verdict.UNDECIDED, True, True)


def test_an_attempt_that_people_read_as_right_is_no_mistake(session: Session, exam: ExamInfo) -> None:
    mistake = live_set.load_curated(session, exam.id).mistakes[0]
    judge(session, Target("attempt", mistake.attempt.id), Act.CORRECT, by=owner("ann"), value=f"{mistake.gold}.0")
    curated = live_set.load_curated(session, exam.id)
    assert len(curated.mistakes) == 11
    assert [a.id for a in curated.corrected] == [mistake.attempt.id]
    judge(session, Target("attempt", mistake.attempt.id), Act.CORRECT, by=owner("ann"), value="77")
    assert len(live_set.load_curated(session, exam.id).mistakes) == 12


def test_a_corrected_gold_is_checked_against(session: Session, exam: ExamInfo) -> None:
    first, second = live_set.load_curated(session, exam.id).mistakes[1:3]
    judge(session, Target("question", first.question.id), Act.CORRECT, by=owner("ann"), value="999")
    judge(
        session,
        Target("question", second.question.id),
        Act.CORRECT,
        by=owner("ann"),
        value=str(second.attempt.answer),
    )
    curated = live_set.load_curated(session, exam.id)
    changed_gold = next(m for m in curated.mistakes if m.question.id == first.question.id)
    assert changed_gold.gold == "999"
    assert {x.states.matches_gold for x in changed_gold.rationales} == {State.FAILS}
    assert second.question.id not in {m.question.id for m in curated.mistakes}  # the student was right after all


def test_an_excluded_question_leaves_the_set(session: Session, exam: ExamInfo) -> None:
    mistake = live_set.load_curated(session, exam.id).mistakes[0]
    judge(session, Target("question", mistake.question.id), Act.REJECT, by=owner("ann"), reason="question_unclear")
    curated = live_set.load_curated(session, exam.id)
    assert (len(curated.mistakes), len(curated.excluded)) == (11, 1)


def test_a_corrected_reading_is_compared_anew(session: Session, exam: ExamInfo) -> None:
    mistake = live_set.load_curated(session, exam.id).mistakes[0]
    text = mistake.rationales[0].text
    judge(session, Target("rationale", text.id), Act.ACCEPT, by=owner("ann"))
    judge(session, Target("rationale", text.id), Act.CORRECT, by=owner("ann"), value="7")
    x = live_set.find_text(live_set.load_curated(session, exam.id), "rationale", text.id)
    assert (x.answer, x.states.matches_gold, x.verdict) == ("7", State.FAILS, Verdict.ACCEPTED)


def test_votes_with_and_without_sight_of_the_gold_are_never_averaged() -> None:
    with_gold, without = Vote("a", 5), Vote("b", 1, saw_gold=False)
    assert filter_votes([without, with_gold]) == [with_gold]
    assert filter_votes([without]) == [without]
    assert filter_votes([replace(with_gold, score=None, status="no score found"), without]) == [without]


def test_an_empty_exam_counts_nothing(session: Session, exam: ExamInfo) -> None:
    material = replace(exam_material.material(session, exam.id), attempts=(), texts=())
    assert summary(curate(material, [], PAPER)).accepted == 0
