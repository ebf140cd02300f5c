"""Guidelines: every version is kept, nobody's is overwritten unseen, and time tells which one was current."""

from datetime import timedelta

import pytest
from sqlmodel import Session

from mapd.domain import Act, ExamInfo
from mapd.errors import BadInput, Stale
from mapd.people import owner
from mapd.review import guidelines, judging
from mapd.review.judging import Target
from mapd.store import exam_material
from mapd.store import tables as t


def test_a_new_version_leaves_the_old_one(session: Session) -> None:
    assert guidelines.current(session) is None
    first = guidelines.save(session, " # Accept \n", by=owner("Ann"), base_uid=None)
    assert guidelines.save(session, "# Accept", by=owner("bob"), base_uid=first.uid) == first, (
        "the same text is no version"
    )
    second = guidelines.save(session, "# Reject", by=owner("bob"), base_uid=first.uid)
    assert guidelines.current(session) == second
    assert [(v.number, v.text, v.person) for v in guidelines.versions(session)] == [
        (2, "# Reject", "bob"),
        (1, "# Accept", "ann"),
    ]


def test_who_has_not_seen_the_current_one_overwrites_nothing(session: Session) -> None:
    first = guidelines.save(session, "one", by=owner("ann"), base_uid=None)
    guidelines.save(session, "two", by=owner("bob"), base_uid=first.uid)
    for seen in (None, first.uid):
        with pytest.raises(Stale, match="bob saved another version"):
            guidelines.save(session, "three", by=owner("ann"), base_uid=seen)


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 20_001])
def test_nothing_and_too_much_are_refused(session: Session, text: str) -> None:
    with pytest.raises(BadInput, match="1 to 20,000 characters"):
        guidelines.save(session, text, by=owner("ann"), base_uid=None)


def test_time_tells_which_one_was_current(session: Session, exam: ExamInfo) -> None:
    start = t.now()
    first = guidelines.save(session, "one", by=owner("ann"), base_uid=None)
    second = guidelines.save(session, "two", by=owner("ann"), base_uid=first.uid)
    first.created_at, second.created_at = start + timedelta(hours=1), start + timedelta(hours=2)
    text = Target(
        "rationale", next(x.id for x in exam_material.material(session, exam.id).texts if x.kind == "rationale")
    )
    for hours, act in ((0.5, Act.ACCEPT), (1.5, Act.REJECT), (1.6, Act.SKIP), (2.5, Act.ACCEPT), (2.6, Act.REJECT)):
        judging.judge(session, text, act, by=owner("ann")).created_at = start + timedelta(hours=hours)
    session.flush()
    assert [(v.number, v.verdicts, v.until) for v in guidelines.versions(session)] == [
        (2, 2, None),
        (1, 1, second.created_at),
    ], "the first verdict was given by none of them"
