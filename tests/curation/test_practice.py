"""What is given beside the queue: practice before all else, checks and repeats when due; nothing that nobody wants."""

from sqlmodel import Session

from mapd.curation import judging, practice, records, sharing
from mapd.curation.curated import Explained, Mistake
from mapd.curation.judging import Circumstances, Target, judge
from mapd.curation.queues import QUEUES, fill
from mapd.curation.reviewing import Share
from mapd.people import owner
from mapd.store import queries
from mapd.store.queries import ExamInfo
from mapd.verdicts import Act


def texts(session: Session, exam: ExamInfo) -> list[int]:
    return [x.text.id for x in judging.curated_set(session, exam.id).rationales]


def say(session: Session, text: int, who: str, act: Act = Act.ACCEPT, queue: str = "everything", **more) -> None:
    seen = Circumstances(queue=queue, revealed=False, seconds=3.0)
    judge(session, Target("rationale", text), act, by=owner(who), circumstances=seen, **more)


def settle(session: Session, text: int, act: Act = Act.REJECT, note: str | None = "its second line is false") -> None:
    say(session, text, "eve", act, role="adjudicator", note=note)


Given = tuple[str, Mistake, Explained]


def given(
    session: Session, exam: ExamInfo, who: str, queue: str = "everything", judge_first: bool = True
) -> Given | None:
    """What is given, looked for among all that the exam holds."""
    curated, of = judging.curated_set(session, exam.id), QUEUES[queue]
    mine = queries.judgements_by(session, exam.id, who)
    settled = queries.judgements_settled(session, exam.id)
    filled = [(e.mistake, e.texts) for e in fill(curated, of, who).entries]
    everywhere = [(m, m.texts) for m in curated.mistakes]
    for kind, texts in practice.due(curated.exam, of, mine, settled, who, judge_first=judge_first):
        if (found := practice.first(texts, everywhere if kind == "practice" else filled)) is not None:
            return (kind, *found)
    return None


def what(found: Given | None) -> tuple[str, int] | None:
    return None if found is None else (found[0], found[2].text.id)


def test_nothing_is_given_where_nothing_is_wanted(session: Session, exam: ExamInfo) -> None:
    ids = texts(session, exam)
    settle(session, ids[0])
    for text in ids[1:20]:
        say(session, text, "ann")
    assert given(session, exam, "ann") is None


def test_practice_comes_first_each_text_once_and_never_to_who_explained_it(session: Session, exam: ExamInfo) -> None:
    ids = texts(session, exam)
    for text in ids[:3]:
        settle(session, text)
    settle(session, ids[3], note=None)
    sharing.want(session, exam.id, by=owner("eve"), practice=2)
    practised = []
    while (found := given(session, exam, "ann", judge_first=False)) is not None:
        kind, text = what(found)
        assert kind == "practice"
        practised.append(text)
        say(session, practised[-1], "ann", Act.REJECT if len(practised) == 1 else Act.ACCEPT, queue="practice")
    assert len(set(practised)) == 2
    assert set(practised) <= set(ids[:3]), "what has no note explains nothing"
    assert given(session, exam, "eve") is None
    assert given(session, exam, "bob", queue="conflicts") is None
    (ann,) = [r for r in records.records(judging.curated_set(session, exam.id)) if r.person == "ann"]
    assert (ann.practised, ann.words, ann.whole.agreement) == (Share(1, 2), (), Share(0, 0)), "it counts by itself"


def test_a_practice_text_may_be_skipped(session: Session, exam: ExamInfo) -> None:
    settle(session, texts(session, exam)[0])
    sharing.want(session, exam.id, by=owner("eve"), practice=5)
    assert what(given(session, exam, "ann")) == ("practice", texts(session, exam)[0])
    say(session, texts(session, exam)[0], "ann", Act.SKIP)
    assert given(session, exam, "ann") is None


def test_a_check_is_due_after_so_many_texts(session: Session, exam: ExamInfo) -> None:
    ids = texts(session, exam)
    for text in ids[:2]:
        settle(session, text, note=None)
    sharing.want(session, exam.id, by=owner("eve"), check_every=4)
    for text in ids[5:8]:
        say(session, text, "ann")
        assert given(session, exam, "ann") is None
    say(session, ids[8], "ann")
    kind, text = what(given(session, exam, "ann"))
    assert (kind, text in ids[:2]) == ("check", True)
    assert given(session, exam, "ann", judge_first=False) is None, "where all is shown it would be no check"
    assert given(session, exam, "eve") is None, "who decided it isn't checked by it"
    say(session, text, "ann", Act.REJECT, queue="check")
    assert given(session, exam, "ann") is None
    (ann,) = [r for r in records.records(judging.curated_set(session, exam.id)) if r.person == "ann"]
    assert ann.whole.agreement == Share(1, 1)


def test_a_repeat_is_an_own_text_of_a_while_ago(session: Session, exam: ExamInfo) -> None:
    ids = texts(session, exam)
    sharing.want(session, exam.id, by=owner("ann"), repeat_every=3)
    for text in ids[: practice.GAP]:
        say(session, text, "ann")
    assert given(session, exam, "ann") is None, "too fresh in mind"
    for text in ids[practice.GAP : practice.GAP + 2]:
        say(session, text, "ann")
    assert what(given(session, exam, "ann")) == ("repeat", ids[0])
    say(session, ids[0], "ann", Act.REJECT, queue="repeat")
    assert what(given(session, exam, "ann")) == ("repeat", ids[1])
    say(session, ids[1], "ann", queue="repeat")
    assert given(session, exam, "ann") is None
    (ann,) = records.records(judging.curated_set(session, exam.id))
    assert ann.repeated == Share(1, 2)
    assert len(ann.words) == practice.GAP + 2, "a text counts once"


def test_who_has_begun_is_not_sent_to_practise(session: Session, exam: ExamInfo) -> None:
    ids = texts(session, exam)
    settle(session, ids[0])
    say(session, ids[5], "ann")
    sharing.want(session, exam.id, by=owner("eve"), practice=1)
    assert given(session, exam, "ann") is None
    assert what(given(session, exam, "bob")) == ("practice", ids[0])
