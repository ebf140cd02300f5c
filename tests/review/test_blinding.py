"""Judge first: what is hidden from whom, and an order that can be told again from what is stored."""

from sqlmodel import Session

from mapd.curation import live_set
from mapd.domain import Act, ExamInfo
from mapd.people import owner
from mapd.review import blinding
from mapd.review.judging import Target, judge, undo
from mapd.store import judgement_log, queries


def test_only_the_own_decision_reveals_and_taking_it_back_hides_nothing_again(session: Session, exam: ExamInfo) -> None:
    texts = live_set.load_curated(session, exam.id).mistakes[0].rationales
    one, two, three = (Target("rationale", x.text.id) for x in texts)
    row = judge(session, one, Act.REJECT, by=owner("ann"))
    judge(session, two, Act.SKIP, by=owner("ann"), reason="note", note="later")
    judge(session, three, Act.ACCEPT, by=owner("bob"))
    undo(session, queries.identity(row), by=owner("ann"))
    rows = judgement_log.judgements(session, exam.id)
    assert blinding.find_hidden(rows, texts, "ann") == {two.id, three.id}
    assert blinding.find_hidden(rows, texts, "bob") == {one.id, two.id}


def test_the_order_is_each_persons_own_and_the_same_each_time(session: Session, exam: ExamInfo) -> None:
    mistakes = live_set.load_curated(session, exam.id).mistakes
    orders = {
        name: [[x.text.teacher for x in blinding.shuffle(m.rationales, name)] for m in mistakes]
        for name in ("ann", "bob")
    }
    assert orders["ann"] != orders["bob"]
    assert len({tuple(order) for order in orders["ann"]}) > 3, "no teacher stands always first"
    again = sorted((x for x in mistakes[0].rationales), key=lambda x: blinding.draw("ann", x.text.uid))
    assert [x.text.teacher for x in again] == orders["ann"][0]
