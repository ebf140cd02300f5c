"""Which texts are dealt beside the queue: practice, checks, repeats."""

from sqlmodel import Session

from mapd.curation import live_set
from mapd.curation.reviewer_stats import Share
from mapd.domain import Act, ExamInfo
from mapd.people import owner
from mapd.review import annotators, assignment, practice
from mapd.review.judging import Circumstances, Target, judge
from mapd.store import judgement_log, queries


def texts(session: Session, exam: ExamInfo) -> list[int]:
    return [x.text.id for x in live_set.load_curated(session, exam.id).rationales]


def say(session: Session, text: int, who: str, act: Act = Act.ACCEPT, queue: str = "everything", **more) -> None:
    circumstances = Circumstances(queue=queue, revealed=False, seconds=3.0)
    judge(session, Target("rationale", text), act, by=owner(who), circumstances=circumstances, **more)


def settle(session: Session, text: int, act: Act = Act.REJECT, note: str | None = "its second line is false") -> None:
    say(session, text, "eve", act, role="adjudicator", note=note)


def pool(session: Session, exam: ExamInfo, kind: str, who: str) -> list[int]:
    mine = judgement_log.judgements_by(session, exam.id, who)
    settled = judgement_log.adjudicated_judgements(session, exam.id)
    return [text for _, text in practice.list_candidates(kind, mine, settled, who)]


def practises(session: Session, exam: ExamInfo, who: str) -> int:
    """How many practice texts are still to come."""
    return practice.count_missing_practice(
        queries.exam(session, exam.id), judgement_log.judgements_by(session, exam.id, who)
    )


def record(session: Session, exam: ExamInfo) -> annotators.AnnotatorRecord:
    (ann,) = [r for r in annotators.records(live_set.load_curated(session, exam.id)) if r.person == "ann"]
    return ann


def test_practice_is_what_an_adjudicator_explained_each_text_once(session: Session, exam: ExamInfo) -> None:
    ids = texts(session, exam)
    for text in ids[:3]:
        settle(session, text)
    settle(session, ids[3], note=None)
    assignment.set_judging(session, exam.id, by=owner("eve"), practice=2)
    assert practises(session, exam, "ann") == 2
    first, second, third = pool(session, exam, "practice", "ann")
    assert {first, second, third} == set(ids[:3]), "what has no note explains nothing"
    assert pool(session, exam, "practice", "eve") == [], "who explained it doesn't practise on it"
    say(session, first, "ann", Act.REJECT, queue="practice")
    say(session, second, "ann", queue="practice")
    assert (practises(session, exam, "ann"), pool(session, exam, "practice", "ann")) == (0, [third])
    ann = record(session, exam)
    assert (ann.practised, ann.words, ann.total.agreement) == (Share(1, 2), (), Share(0, 0)), "it counts by itself"


def test_a_practice_text_may_be_skipped(session: Session, exam: ExamInfo) -> None:
    first = texts(session, exam)[0]
    settle(session, first)
    assert pool(session, exam, "practice", "ann") == [first]
    say(session, first, "ann", Act.SKIP)
    assert pool(session, exam, "practice", "ann") == []


def test_who_has_begun_is_not_sent_to_practise(session: Session, exam: ExamInfo) -> None:
    say(session, texts(session, exam)[5], "ann")
    assignment.set_judging(session, exam.id, by=owner("eve"), practice=1)
    assert (practises(session, exam, "ann"), practises(session, exam, "bob")) == (0, 1)


def test_a_check_is_what_an_adjudicator_decided_with_or_without_a_note(session: Session, exam: ExamInfo) -> None:
    ids = texts(session, exam)
    for text in ids[:2]:
        settle(session, text, note=None)
    checks = pool(session, exam, "check", "ann")
    assert sorted(checks) == ids[:2]
    assert pool(session, exam, "check", "eve") == [], "who decided it isn't checked by it"
    say(session, checks[0], "ann", Act.REJECT, queue="check")
    assert pool(session, exam, "check", "ann") == checks[1:]
    assert record(session, exam).total.agreement == Share(1, 1)


def test_a_repeat_is_an_own_text_of_a_while_ago(session: Session, exam: ExamInfo) -> None:
    ids = texts(session, exam)
    for text in ids[: practice.GAP]:
        say(session, text, "ann")
    assert pool(session, exam, "repeat", "ann") == [], "too fresh in mind"
    for text in ids[practice.GAP : practice.GAP + 2]:
        say(session, text, "ann")
    assert pool(session, exam, "repeat", "ann") == ids[:2]
    say(session, ids[0], "ann", Act.REJECT, queue="repeat")
    assert pool(session, exam, "repeat", "ann") == ids[1:2]
    say(session, ids[1], "ann", queue="repeat")
    assert pool(session, exam, "repeat", "ann") == []
    assert record(session, exam).repeated == Share(1, 2)
    assert len(record(session, exam).words) == practice.GAP + 2, "a text counts once"
