"""Several people in one exam: several judgements of each text."""

import pytest
from sqlmodel import Session

from mapd.curation import live_set
from mapd.domain import Act, ExamInfo, Part, Verdict
from mapd.errors import BadInput, NotFound
from mapd.people import owner
from mapd.review import assignment, blinding, filters, judging
from mapd.review.judging import Target
from mapd.review.queue_index import derivation
from mapd.review.queues import QUEUES, QueuedMistake
from tests.review.filled import FilledQueue, fill


def line(session: Session, exam: ExamInfo, person: str, queue: str = "everything") -> FilledQueue:
    return fill(live_set.load_curated(session, exam.id), QUEUES[queue], person)


def first_open(session: Session, exam: ExamInfo, person: str, queue: str = "everything") -> QueuedMistake:
    """The first mistake that waits for this person."""
    return next(entry for entry in line(session, exam, person, queue).entries if not entry.is_settled)


def accept_all(session: Session, exam: ExamInfo, person: str) -> list[int]:
    """Accept the texts of the first mistake that waits for this person; returns their ids."""
    entry = first_open(session, exam, person)
    for x in entry.waiting:
        judging.judge(session, Target(x.text.kind, x.text.id), Act.ACCEPT, by=owner(person))
    return [x.text.id for x in entry.waiting]


def test_two_judgements_wanted_are_two_peoples(session: Session, exam: ExamInfo) -> None:
    assignment.set_judging(session, exam.id, judgements_wanted=2, by=owner("ann"))
    texts = accept_all(session, exam, "ann")
    assert line(session, exam, "ann").settled_count == 1, "ann is done with it"
    assert line(session, exam, "bob").settled_count == 0
    assert accept_all(session, exam, "bob") == texts, "bob is not"
    assert line(session, exam, "eve").settled_count == 1, "two were enough"


def test_so_many_are_given_it_at_once_as_are_still_wanted(session: Session, exam: ExamInfo) -> None:
    assignment.set_judging(session, exam.id, judgements_wanted=2, by=owner("ann"))
    waits = first_open(session, exam, "eve")
    assert waits.capacity == 2
    assert accept_all(session, exam, "ann")
    left = first_open(session, exam, "eve")
    assert (left.mistake.attempt, left.capacity) == (waits.mistake.attempt, 1), "ann's word is there already"


def test_what_others_said_is_not_told_before_the_own_judgement(session: Session, exam: ExamInfo) -> None:
    assignment.set_judging(session, exam.id, judgements_wanted=2, by=owner("ann"))

    def seen(person: str):
        text = next(x for x in live_set.load_curated(session, exam.id).rationales if x.text.id == texts[0])
        return blinding.hide_others(text, person, 2)

    texts = accept_all(session, exam, "ann")
    judging.judge(session, Target("rationale", texts[0]), Act.REJECT, by=owner("ann"))
    assert (seen("bob").people.by, seen("bob").judged) == ((), False)
    assert seen("bob").verdict is seen("bob").committee.verdict
    assert seen("ann").people.by == ("ann",)
    judging.judge(session, Target("rationale", texts[0]), Act.REJECT, by=owner("bob"))
    assert seen("bob").people.by == ("ann", "bob")
    assert seen("eve").verdict is Verdict.REJECTED, "it waits for nobody any more"


def test_people_who_disagree_are_a_queue_of_their_own(session: Session, exam: ExamInfo) -> None:
    x = first_open(session, exam, "ann").texts[0]
    target = Target("rationale", x.text.id)
    judging.judge(session, target, Act.ACCEPT, by=owner("ann"))
    judging.judge(session, target, Act.REJECT, by=owner("bob"), reason="false_step")
    assert x.text.id not in {y.text.id for y in first_open(session, exam, "eve").waiting}, "nowhere else"
    assert [y.text.id for y in first_open(session, exam, "eve", "conflicts").waiting] == [x.text.id]
    judging.judge(session, target, Act.REJECT, by=owner("eve"), role="adjudicator")
    assert not line(session, exam, "eve", "conflicts").entries
    (settled,) = [y for y in live_set.load_curated(session, exam.id).rationales if y.text.id == x.text.id]
    assert (settled.verdict, settled.people.adjudicated) == (Verdict.REJECTED, True)


@pytest.mark.parametrize("number", [0, 10, -1])
def test_an_exam_wants_a_few_judgements(session: Session, exam: ExamInfo, number: int) -> None:
    with pytest.raises(BadInput, match=f"1 to 9 judgements of each text, not {number}"):
        assignment.set_judging(session, exam.id, judgements_wanted=number, by=owner("ann"))
    with pytest.raises(NotFound):
        assignment.set_judging(session, 999, judgements_wanted=2, by=owner("ann"))


# -- shared out -------------------------------------------------------------------------------------------------------


def test_what_waits_is_shared_out(session: Session, exam: ExamInfo) -> None:
    session.commit()
    derivation.catch_up(session.get_bind().engine, exam.id)
    before = assignment.share_out(session, exam.id, 3)
    assert [str(share.part) for share in before] == ["1/3", "2/3", "3/3"]
    assert sum(share.mistakes for share in before) == 12
    assert min(share.mistakes for share in before) >= 3, "about equally many"
    selection = filters.read(before[1].filter, {}).filter
    assert (selection.part, selection.people) == (Part(2, 3), "not judged")


def test_a_share_holds_what_one_judged_where_another_judgement_is_wanted(session: Session, exam: ExamInfo) -> None:
    assignment.set_judging(session, exam.id, judgements_wanted=2, by=owner("ann"))
    session.commit()
    derivation.catch_up(session.get_bind().engine, exam.id)
    assert "not+judged" not in assignment.share_out(session, exam.id, 2)[0].filter


@pytest.mark.parametrize("among", [-1, 0, 1, 100])
def test_work_is_shared_among_people(session: Session, exam: ExamInfo, among: int) -> None:
    with pytest.raises(BadInput, match=rf"among 2 to 99 people, not {among}"):
        assignment.share_out(session, exam.id, among)


@pytest.mark.parametrize("text", ["", "0/3", "4/3", "2/100", "1", "1/2/3", "²/3", "1,5/3", "-1/3"])
def test_a_part_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="a part is written as 2/3"):
        Part.read(text)
    if text:
        with pytest.raises(BadInput, match="a part is written as 2/3"):
            filters.read(f"part={text}", {})
