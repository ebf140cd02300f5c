"""Reasons of the project's own, beside the usual ones."""

import pytest
from sqlmodel import Session

from mapd import domain
from mapd.domain import Act, TextReason
from mapd.errors import BadInput, NotFound
from mapd.people import owner
from mapd.review import judging, reasons
from mapd.review.judging import Target

ANN = owner("ann")
TEXT = Target("rationale", 1)


def test_a_text_is_rejected_for_a_reason_of_the_projects_own(session: Session, exam: domain.ExamInfo) -> None:
    with pytest.raises(BadInput, match=r"unknown reason for a rationale: wrong_units; one of wrong_answer, .*other$"):
        judging.judge(session, TEXT, Act.REJECT, by=ANN, reason="wrong_units")
    assert reasons.add(session, "  Wrong  units ", by=ANN) == "wrong_units"
    assert reasons.add(session, "wrong units", by=ANN) == "wrong_units"
    assert reasons.list_offered(session) == [*TextReason, "wrong_units"]
    assert judging.judge(session, TEXT, Act.REJECT, by=ANN, reason="wrong_units").reason == "wrong_units"
    with pytest.raises(BadInput, match="unknown reason for a question"):
        judging.judge(session, Target("question", 1), Act.REJECT, by=ANN, reason="wrong_units")
    reasons.remove(session, "wrong_units", by=ANN)
    assert reasons.list_own(session) == []
    with pytest.raises(NotFound, match="unknown reason: wrong_units"):
        reasons.remove(session, "wrong_units", by=ANN)


@pytest.mark.parametrize("words", ["", " ", "a" * 41, "two\nlines?", "<b>", "note", "x_y", "1 > 2"])
def test_what_is_no_reason_is_refused(session: Session, words: str) -> None:
    with pytest.raises(BadInput, match="a reason is 1 to 40 characters"):
        reasons.add(session, words, by=ANN)


def test_there_are_not_more_than_a_person_can_read(session: Session) -> None:
    for number in range(reasons.MOST - len(TextReason)):
        reasons.add(session, f"reason {number}", by=ANN)
    with pytest.raises(BadInput, match="take one away"):
        reasons.add(session, "one more", by=ANN)
