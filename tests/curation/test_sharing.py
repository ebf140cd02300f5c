"""Several people in one exam: leases, also where two sessions race for one, and several judgements of each text."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from mapd.curation import first, judging, sharing
from mapd.curation.judging import Target
from mapd.curation.queues import QUEUES, Entry, Filled, fill
from mapd.errors import BadInput, NotFound
from mapd.people import owner
from mapd.store import db, queries
from mapd.store import tables as t
from mapd.store.queries import ExamInfo
from mapd.verdicts import Act, Verdict
from tests import samples
from tests.conftest import import_files


@pytest.fixture
def attempts(session: Session, exam: ExamInfo) -> list[int]:
    return [m.attempt.id for m in judging.curated_set(session, exam.id).mistakes]


def who(session: Session, exam: ExamInfo) -> list[tuple[int, str]]:
    return [(one.attempt_id, one.person) for one in sharing.held(session, exam.id)]


def test_one_has_it_and_the_next_one_does_not(session: Session, exam: ExamInfo, attempts: list[int]) -> None:
    one, two = attempts[:2]
    assert sharing.take(session, one, "ann")
    assert not sharing.take(session, one, "bob")
    assert sharing.take(session, one, "ann"), "it stays hers"
    assert sharing.take(session, two, "bob")
    assert who(session, exam) == [(one, "ann"), (two, "bob")]


def test_who_moves_on_leaves_the_one_before(session: Session, exam: ExamInfo, attempts: list[int]) -> None:
    one, two = attempts[:2]
    sharing.take(session, one, "ann")
    sharing.take(session, two, "ann", leaving=one)
    assert sharing.take(session, one, "bob", leaving=two), "bob leaves nothing of ann's"
    assert who(session, exam) == [(two, "ann"), (one, "bob")]
    sharing.release(session, two, "ann")
    assert who(session, exam) == [(one, "bob")]


def test_what_nobody_renews_runs_out(
    session: Session, exam: ExamInfo, attempts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    began = t.now()
    sharing.take(session, attempts[0], "ann")
    monkeypatch.setattr(db, "clock", lambda _: began + sharing.LEASE / 2)
    sharing.take(session, attempts[0], "ann")
    monkeypatch.setattr(db, "clock", lambda _: began + sharing.LEASE * 1.2)
    assert not sharing.take(session, attempts[0], "bob"), "it was renewed"
    monkeypatch.setattr(db, "clock", lambda _: began + sharing.LEASE * 2)
    assert who(session, exam) == []
    assert sharing.take(session, attempts[0], "bob")
    assert [row.person for row in session.exec(select(t.Lease)).all()] == ["bob"], "nothing old is left lying about"


def test_with_the_clock_set_back_what_is_left_from_before_has_run_out(
    session: Session, exam: ExamInfo, attempts: list[int]
) -> None:
    assert sharing.take(session, attempts[0], "ann")
    session.execute(sa.update(t.Lease).values(until=db.clock(session) + timedelta(hours=2)))
    assert sharing.held(session, exam.id) == []
    assert sharing.take(session, attempts[0], "bob")


def test_one_person_has_two_at_once_and_a_third_lets_the_oldest_go(
    session: Session, exam: ExamInfo, attempts: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    began, (one, two, three, four) = t.now(), attempts[:4]
    taken = [(one, "ann"), (two, "ann"), (four, "bob"), (one, "ann"), (three, "ann")]
    for second, (attempt, person) in enumerate(taken):
        monkeypatch.setattr(db, "clock", lambda _, second=second: began + timedelta(seconds=second))
        assert sharing.take(session, attempt, person)
    assert sorted(who(session, exam)) == sorted([(one, "ann"), (three, "ann"), (four, "bob")]), "one was renewed"
    assert sharing.take(session, two, "bob"), "nobody waits for what a reload left behind"


def test_there_are_as_many_places_as_judgements_are_wanted(
    session: Session, exam: ExamInfo, attempts: list[int]
) -> None:
    assert [sharing.take(session, attempts[0], name, places=2) for name in ("ann", "bob", "eve")] == [True, True, False]


def test_of_many_who_race_for_one_a_single_one_gets_it(engine: sa.Engine, tmp_path: Path) -> None:
    with db.writing(engine) as session:
        exam = queries.exam(session, import_files(session, *samples.files(tmp_path)).exam)
        attempts = [m.attempt.id for m in judging.curated_set(session, exam.id).mistakes]
    people = ("ann", "bob", "eve", "dan")
    start = Barrier(len(people))

    def race(person: str) -> list[int]:
        """Everybody tries them all, in the same order, keeping those they get."""
        got = []
        for attempt in attempts[:6]:
            start.wait()
            with db.writing(engine) as session:
                if sharing.take(session, attempt, person):
                    got.append(attempt)
        return got

    with ThreadPoolExecutor(len(people)) as pool:
        taken = list(pool.map(race, people))
    assert sorted(n for got in taken for n in got) == sorted(attempts[:6]), "each is somebody's, and one's alone"


# -- what the queues give ---------------------------------------------------------------------------------------------


def line(session: Session, exam: ExamInfo, person: str, queue: str = "everything") -> Filled:
    return fill(judging.curated_set(session, exam.id), QUEUES[queue], person)


def first_open(session: Session, exam: ExamInfo, person: str, queue: str = "everything") -> Entry:
    """The first mistake that waits for this person."""
    return next(entry for entry in line(session, exam, person, queue).entries if not entry.settled)


def accept_all(session: Session, exam: ExamInfo, person: str) -> list[int]:
    """Accept the texts of the first mistake that waits for this person; returns their ids."""
    entry = first_open(session, exam, person)
    for x in entry.open:
        judging.judge(session, Target(x.text.kind, x.text.id), Act.ACCEPT, by=owner(person))
    return [x.text.id for x in entry.open]


def test_two_judgements_wanted_are_two_peoples(session: Session, exam: ExamInfo) -> None:
    sharing.want(session, exam.id, judgements_wanted=2, by=owner("ann"))
    texts = accept_all(session, exam, "ann")
    assert line(session, exam, "ann").settled == 1, "ann is done with it"
    assert line(session, exam, "bob").settled == 0
    assert accept_all(session, exam, "bob") == texts, "bob is not"
    assert line(session, exam, "eve").settled == 1, "two were enough"


def test_so_many_are_given_it_at_once_as_are_still_wanted(session: Session, exam: ExamInfo) -> None:
    sharing.want(session, exam.id, judgements_wanted=2, by=owner("ann"))
    waits = first_open(session, exam, "eve")
    assert waits.places == 2
    assert accept_all(session, exam, "ann")
    left = first_open(session, exam, "eve")
    assert (left.mistake.attempt, left.places) == (waits.mistake.attempt, 1), "ann's word is there already"


def test_what_others_said_is_not_told_before_the_own_judgement(session: Session, exam: ExamInfo) -> None:
    sharing.want(session, exam.id, judgements_wanted=2, by=owner("ann"))

    def seen(person: str):
        text = next(x for x in judging.curated_set(session, exam.id).rationales if x.text.id == texts[0])
        return first.unsaid(text, person, 2)

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
    assert x.text.id not in {y.text.id for y in first_open(session, exam, "eve").open}, "nowhere else"
    assert [y.text.id for y in first_open(session, exam, "eve", "conflicts").open] == [x.text.id]
    judging.judge(session, target, Act.REJECT, by=owner("eve"), role="adjudicator")
    assert not line(session, exam, "eve", "conflicts").entries
    (settled,) = [y for y in judging.curated_set(session, exam.id).rationales if y.text.id == x.text.id]
    assert (settled.verdict, settled.people.adjudicated) == (Verdict.REJECTED, True)


@pytest.mark.parametrize("number", [0, 10, -1])
def test_an_exam_wants_a_few_judgements(session: Session, exam: ExamInfo, number: int) -> None:
    with pytest.raises(BadInput, match=f"1 to 9 judgements of each text, not {number}"):
        sharing.want(session, exam.id, judgements_wanted=number, by=owner("ann"))
    with pytest.raises(NotFound):
        sharing.want(session, 999, judgements_wanted=2, by=owner("ann"))
