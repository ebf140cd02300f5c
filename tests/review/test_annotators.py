"""Each person's record: by the first standing word, with whom it agrees, and what two words can't tell."""

from sqlmodel import Session

from mapd.curation import live_set
from mapd.curation.reviewer_stats import Share
from mapd.domain import Act, ExamInfo
from mapd.people import owner
from mapd.review import annotators, assignment
from mapd.review.annotators import AnnotatorRecord
from mapd.review.judging import Circumstances, Target, judge, undo
from mapd.store import queries
from mapd.store import tables as t


def texts(session: Session, exam: ExamInfo) -> list[int]:
    return [x.text.id for x in live_set.load_curated(session, exam.id).rationales]


def say(
    session: Session, text: int, who: str, act: Act = Act.ACCEPT, seconds: float | None = 4.0, **more
) -> t.Judgement:
    seen = Circumstances(revealed=more.pop("revealed", False), seconds=seconds)
    return judge(session, Target("rationale", text), act, by=owner(who), circumstances=seen, **more)


def record(session: Session, exam: ExamInfo, who: str) -> AnnotatorRecord:
    return next(r for r in annotators.records(live_set.load_curated(session, exam.id)) if r.person == who)


def test_a_text_counts_once_by_the_first_word_that_stands(session: Session, exam: ExamInfo) -> None:
    a, b, c, d = texts(session, exam)[:4]
    say(session, a, "ann", Act.ACCEPT, 2.0)
    say(session, a, "ann", Act.REJECT, 9.0, revealed=True, reason="unclear")
    slip = say(session, b, "ann", Act.ACCEPT, 1.0)
    undo(session, queries.identity(slip), by=owner("ann"))
    say(session, b, "ann", Act.REJECT, 6.0, revealed=True, reason="false_step")
    say(session, c, "ann", Act.ACCEPT)
    say(session, c, "ann", Act.WITHDRAW)
    say(session, d, "ann", Act.SKIP)
    found = record(session, exam, "ann")
    assert [(w.text[1], w.accepts, w.first) for w in found.words] == [(a, True, True), (b, False, False)]
    assert (found.total.seconds, found.total.accepted, found.judged_first) == (4.0, Share(1, 2), 1)
    assert found.reasons == (("false_step", 1),)


def test_agreement_is_with_an_adjudicator_who_is_somebody_else(session: Session, exam: ExamInfo) -> None:
    a, b, c = texts(session, exam)[:3]
    for text, act in ((a, Act.ACCEPT), (b, Act.ACCEPT), (c, Act.REJECT)):
        say(session, text, "ann", act)
    say(session, c, "eve", Act.ACCEPT)
    for text, act in ((a, Act.ACCEPT), (b, Act.REJECT), (c, Act.ACCEPT)):
        say(session, text, "eve", act, role="adjudicator")
    found = record(session, exam, "ann")
    assert found.total.agreement == Share(1, 3)
    assert found.overruled == (("rationale", b), ("rationale", c))
    eve = record(session, exam, "eve")
    assert (eve.total.agreement, eve.adjudicated) == (Share(0, 0), 3)


def test_the_halves_are_in_the_order_of_judging(session: Session, exam: ExamInfo) -> None:
    for n, text in enumerate(texts(session, exam)[:5]):
        say(session, text, "ann", Act.ACCEPT if n < 3 else Act.REJECT, seconds=10.0 - n)
    early, late = record(session, exam, "ann").halves
    assert (early.accepted, early.seconds) == (Share(3, 3), 9.0)
    assert (late.accepted, late.seconds) == (Share(0, 2), 6.5)


def test_what_was_judged_for_many_at_once_has_no_time(session: Session, exam: ExamInfo) -> None:
    say(session, texts(session, exam)[0], "ann", seconds=None, revealed=True)
    assert record(session, exam, "ann").total.seconds is None


def test_only_what_both_judged_first_is_compared(session: Session, exam: ExamInfo) -> None:
    ids = texts(session, exam)[:5]
    for text in ids[:4]:
        say(session, text, "ann", Act.ACCEPT if text in ids[:2] else Act.REJECT)
        say(session, text, "bob", Act.ACCEPT if text in ids[:3] else Act.REJECT, revealed=text == ids[3])
    say(session, ids[4], "eve")
    curated = live_set.load_curated(session, exam.id)
    (pair,) = annotators.measure_agreement(curated)
    assert (pair.raters, pair.agree) == (("ann", "bob"), Share(2, 3))
    assert pair.kappa is not None
    assert (pair.kappa.value, pair.kappa.why) == (None, "too few: 3 of 30")
    assert {r.person: len(r.words) for r in annotators.records(curated)} == {"ann": 4, "bob": 4, "eve": 1}


def test_done_is_what_nobody_elses_word_is_wanted_for(session: Session, exam: ExamInfo) -> None:
    a, b = texts(session, exam)[:2]
    say(session, a, "ann")
    say(session, b, "ann")
    say(session, b, "bob", Act.REJECT)
    assert annotators.measure_progress(live_set.load_curated(session, exam.id)) == Share(2, 36)
    assignment.set_judging(session, exam.id, judgements_wanted=3, by=owner("ann"))
    assert annotators.measure_progress(live_set.load_curated(session, exam.id)) == Share(0, 36)
    say(session, b, "eve", role="adjudicator")
    assert annotators.measure_progress(live_set.load_curated(session, exam.id)) == Share(1, 36), (
        "the last word makes others needless"
    )
