"""A person's judgements of an exam set aside as a whole, and back: what they had decided, and who judges it now."""

import csv
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.curation import live_set
from mapd.curation.curated import Curated
from mapd.curation.summary import summary
from mapd.domain import Act, ExamInfo, RowFilter
from mapd.errors import BadInput
from mapd.exchange import judgements
from mapd.people import owner
from mapd.review import assignment, judging, own_judgements, repairs, set_aside
from mapd.review.judging import Target
from mapd.review.queue_index import derivation
from mapd.review.queues import QUEUES
from mapd.store import browse, db, judgement_log, queries
from mapd.store import tables as t
from tests import samples
from tests.conftest import import_files
from tests.review.filled import fill


@pytest.fixture
def judged(engine: sa.Engine, tmp_path: Path) -> ExamInfo:
    """Twelve mistakes: eve rejected all rationales of six of them and took one back, ann accepted one."""
    with db.writing(engine) as session:
        exam = queries.exam(session, import_files(session, *samples.files(tmp_path)).exam)
        assignment.set_judging(session, exam.id, by=owner("ann"), judgements_wanted=2)
        curated = live_set.load_curated(session, exam.id)
        for mistake in curated.mistakes[:6]:
            for x in mistake.rationales:
                target = Target("rationale", x.text.id)
                made = judging.judge(session, target, Act.REJECT, by=owner("eve"), reason="other")
        judging.undo(session, queries.identity(made), by=owner("eve"))
        first = Target("rationale", curated.mistakes[0].rationales[0].text.id)
        judging.judge(session, first, Act.ACCEPT, by=owner("ann"))
    derivation.catch_up(engine, exam.id)
    return exam


def curated_set(engine: sa.Engine, exam: ExamInfo) -> Curated:
    with db.reading(engine) as session:
        return live_set.load_curated(session, exam.id)


def counts(engine: sa.Engine, exam: ExamInfo) -> tuple[object, ...]:
    """What the rules and the index say."""
    with db.reading(engine) as session:
        by_eve = browse.count_rows(session, exam.id, RowFilter(judged_by="eve"), 300)
        accepted = browse.count_rows(session, exam.id, RowFilter(verdict="accepted"), 300)
        own = len(own_judgements.load(session, exam.id, "eve"))
    return summary(curated_set(engine, exam)), by_eve, accepted, own


def test_it_is_as_if_the_person_had_said_nothing_and_back_again(engine: sa.Engine, judged: ExamInfo) -> None:
    before = counts(engine, judged)
    assert before[1] == 17
    with db.writing(engine) as session:
        assert set_aside.set_aside(session, judged.id, "eve", " clicked through ", by=owner("ann")) == 19
    without = counts(engine, judged)
    assert without[1:] == (0, summary(curated_set(engine, judged)).accepted, 0)
    assert {row.judged.person for row in curated_set(engine, judged).judgements} == {"ann"}
    with db.reading(engine) as session:
        (work,) = set_aside.list_set_aside(session, judged.id)
        assert (work.person, work.reason, work.judgements, work.by) == ("eve", "clicked through", 19, "ann")
        assert len(judgement_log.history(session, ("rationale", 1))) > 0, "the history shows them all the same"
    with db.writing(engine) as session:
        assert set_aside.count_again(session, judged.id, "eve", by=owner("ann")) == 19
    assert counts(engine, judged) == before
    with db.reading(engine) as session:
        assert set_aside.list_set_aside(session, judged.id) == []


def test_what_they_judged_waits_for_others(engine: sa.Engine, judged: ExamInfo) -> None:
    def settled(person: str) -> int:
        return fill(curated_set(engine, judged), QUEUES["everything"], person).settled_count

    with db.writing(engine) as session:
        for mistake in live_set.load_curated(session, judged.id).mistakes[:2]:
            for x in mistake.texts:
                judging.judge(session, Target(x.text.kind, x.text.id), Act.ACCEPT, by=owner("bob"))
                if x.text.kind == "feedback":
                    judging.judge(session, Target(x.text.kind, x.text.id), Act.ACCEPT, by=owner("eve"))
    assert settled("zoe") == 2, "eve and bob were two"
    with db.writing(engine) as session:
        set_aside.set_aside(session, judged.id, "eve", "a bot", by=owner("ann"))
    assert settled("zoe") == 0


def test_what_they_judge_afterwards_counts_and_can_be_set_aside_too(engine: sa.Engine, judged: ExamInfo) -> None:
    with db.writing(engine) as session:
        set_aside.set_aside(session, judged.id, "eve", "a bot", by=owner("ann"))
        x = next(iter(live_set.load_curated(session, judged.id).rationales))
        judging.judge(session, Target("rationale", x.text.id), Act.ACCEPT, by=owner("eve"))
        assert len(judgement_log.judgements_by(session, judged.id, "eve")) == 1
        assert set_aside.set_aside(session, judged.id, "eve", "still a bot", by=owner("ann")) == 1
        (work,) = set_aside.list_set_aside(session, judged.id)
        assert (work.judgements, work.reason) == (20, "still a bot")
        assert set_aside.count_again(session, judged.id, "eve", by=owner("ann")) == 20


def test_what_never_counted_here_does_not_count_afterwards(engine: sa.Engine, judged: ExamInfo) -> None:
    with db.writing(engine) as session:
        foreign = session.exec(select(t.Judgement).where(t.Judgement.person == "eve")).first()
        assert foreign is not None
        foreign.origin, foreign.counts = "a" * 64, False
        session.add(foreign)
        session.flush()
        assert set_aside.set_aside(session, judged.id, "eve", "a bot", by=owner("ann")) == 18
        assert set_aside.count_again(session, judged.id, "eve", by=owner("ann")) == 18
        silent = session.exec(select(t.Judgement.uid).where(~col(t.Judgement.counts))).all()
        assert silent == [foreign.uid]


def test_their_repair_goes_and_what_it_repaired_comes_back(engine: sa.Engine, judged: ExamInfo) -> None:
    with db.writing(engine) as session:
        broken = live_set.load_curated(session, judged.id).mistakes[8].rationales[0].text
        made = repairs.repair(session, Target("rationale", broken.id), "1 + 1 = 2.", by=owner("eve"), token=t.new_uid())
        uid = made.uid
        assert uid in {x.text.uid for x in live_set.load_curated(session, judged.id).rationales}
        set_aside.set_aside(session, judged.id, "eve", "a bot", by=owner("ann"))
        texts = {x.text.uid: x for x in live_set.load_curated(session, judged.id).rationales}
        assert uid not in texts
        assert not texts[broken.uid].judged
        set_aside.count_again(session, judged.id, "eve", by=owner("ann"))
        assert uid in {x.text.uid for x in live_set.load_curated(session, judged.id).rationales}


def test_the_list_of_their_work_says_what_counts(engine: sa.Engine, judged: ExamInfo, tmp_path: Path) -> None:
    with db.writing(engine) as session:
        set_aside.set_aside(session, judged.id, "eve", "a bot", by=owner("ann"))
    path = tmp_path / "eve.csv"
    assert judgements.export(engine, judged.uid, path, by=owner("ann"), of_person="eve").rows == 19
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["person"], row["counts"]) for row in rows} == {("eve", "no")}


def test_what_can_not_be_set_aside_is_one_line(session: Session, exam: ExamInfo) -> None:
    for name, reason, line in (
        ("eve", "a bot", "nothing that eve said of .* counts"),
        ("eve", "  ", "why are eve's judgements set aside"),
        ("eve", "x" * 501, "In 1 to 500 characters"),
    ):
        with pytest.raises(BadInput, match=line):
            set_aside.set_aside(session, exam.id, name, reason, by=owner("ann"))
    with pytest.raises(BadInput, match=r"nothing that eve said of .* is set aside"):
        set_aside.count_again(session, exam.id, "eve", by=owner("ann"))
