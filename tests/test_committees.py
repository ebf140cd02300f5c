"""A teacher's texts and votes count in an exam whose committee named it, and in no other; people's count everywhere."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd import committee, exam, teacher_models, teachers
from mapd.curation import live_set
from mapd.curation.summary import summary
from mapd.curation.threshold_sweep import Figures
from mapd.domain import Act, RowFilter
from mapd.errors import NotFound
from mapd.people import owner
from mapd.review import judging, repairs
from mapd.review.judging import Target
from mapd.review.queue_index import derivation
from mapd.review.queue_index.rows import authors_of, compute_figures
from mapd.settings import Settings
from mapd.store import browse, committees, db, judgement_log, project, queries, queue_index
from mapd.store import tables as t
from tests import looped
from tests.archives import bring_in, exported
from tests.commands import Mapd
from tests.pages.running import open_page, shown
from tests.pages.test_threshold import number

WIDE, NARROW = ("sound", "slips", "lucky"), ("sound", "slips")


def collect(engine: sa.Engine, taught: str, names: Sequence[str]) -> committee.CollectResult:
    with db.reading(engine) as session:
        models = {name: teacher_models.open_model(engine, teachers.get(session, name)) for name in names}
    return committee.collect(engine, exam=taught, teachers=names, models=models, by=owner("ann"))


@pytest.fixture
def pair(engine: sa.Engine) -> tuple[str, str]:
    """Two exams over the same questions: all three teachers taught the first student."""
    return sit_two(engine)


def sit_two(engine: sa.Engine) -> tuple[str, str]:
    looped.go_round(engine)
    with db.writing(engine) as session:
        session.add(t.Student(name="other", base="path:/nowhere"))
    second = exam.run(
        engine, looped.Scripted(5), student="other", question_set=looped.SET, split="train", by=owner("ann")
    )
    with db.reading(engine) as session:
        first = session.exec(select(t.Exam.uid).where(t.Exam.split == "train").order_by(col(t.Exam.id))).first()
    assert first is not None
    return first, second.exam


def voices(session: Session, uid: str) -> set[str]:
    """Whoever wrote or reviewed what the exam's curated set holds."""
    texts = live_set.load_curated(session, queries.exam(session, uid).id).texts
    return {x.text.teacher for x in texts} | {vote.reviewer for x in texts for vote in x.text.votes}


def check_agreement(engine: sa.Engine, uid: str) -> int:
    """See that all who count rationales count alike; return how many are accepted."""
    with db.reading(engine) as session:
        info = queries.exam(session, uid)
        curated = live_set.load_curated(session, info.id)
    derivation.catch_up(engine, info.id)
    with db.reading(engine) as session:
        names = set(queries.voices(session, info.id))
        assert names == voices(session, uid)
        assert set(next(h.teachers for h in project.holdings(session) if h.uid == uid)) == names
        indexed = Figures.of(queue_index.figures(session, info.id))
        afresh = compute_figures(curated, authors_of(session))
        whole = range(0, 501, 25)
        assert [indexed.at("accepted", at) for at in whole] == [afresh.at("accepted", at) for at in whole]
        rows = browse.count_texts(session, info.id, RowFilter(verdict="accepted"), 300)
        assert rows == indexed.at("accepted", 300) == summary(curated).accepted
        return rows


def test_a_text_counts_where_the_committee_named_its_teacher(engine: sa.Engine, pair: tuple[str, str]) -> None:
    first, second = pair
    accepted = check_agreement(engine, first)
    assert accepted
    with db.reading(engine) as session:
        assert voices(session, first) == set(WIDE)
        assert voices(session, second) == set(), "nobody was asked for this exam yet"
    assert check_agreement(engine, second) == 0

    collect(engine, second, NARROW)
    assert check_agreement(engine, first) == accepted
    narrow = check_agreement(engine, second)
    with db.reading(engine) as session:
        assert (voices(session, first), voices(session, second)) == (set(WIDE), set(NARROW))

    done = collect(engine, second, WIDE)  # the third joins: its rationales of shared questions are there already
    assert done.calls_reused > 0
    with db.reading(engine) as session:
        assert voices(session, second) == set(WIDE)
    assert check_agreement(engine, second) > narrow > 0


def test_a_judgement_goes_to_an_exam_where_the_text_counts(engine: sa.Engine, pair: tuple[str, str]) -> None:
    by_lucky = select(t.Explanation).join(t.Teacher).where(t.Teacher.name == "lucky", t.Explanation.kind == "rationale")
    with db.writing(engine) as session:
        text = session.exec(by_lucky.order_by(col(t.Explanation.id)).limit(1)).one()
        assert queries.exam_of(session, text) == queries.exam(session, pair[0]).id
        judging.judge(session, Target("rationale", queries.identity(text)), Act.ACCEPT, by=owner("ben"))
    with db.reading(engine) as session:
        of = [len(judgement_log.judgements(session, queries.exam(session, uid).id)) for uid in pair]
        own = [len(judgement_log.judgements_by(session, queries.exam(session, uid).id, "ben")) for uid in pair]
    assert of == own == [1, 0]
    with db.writing(engine) as session:
        session.execute(sa.delete(t.CommitteeMember))
    with db.reading(engine) as session, pytest.raises(NotFound, match="with lucky in its committee: the text counts"):
        queries.exam_of(session, session.exec(by_lucky.limit(1)).one())


def test_what_a_person_wrote_counts(engine: sa.Engine, pair: tuple[str, str]) -> None:
    _, second = pair
    collect(engine, second, NARROW)
    with db.writing(engine) as session:
        curated = live_set.load_curated(session, queries.exam(session, second).id)
        broken = next(iter(curated.rationales)).text
        target = Target("rationale", broken.id)
        repairs.repair(session, target, f"{broken.text} So it is.", by=owner("ben"), token=t.new_uid())
    check_agreement(engine, second)
    with db.reading(engine) as session:
        assert voices(session, second) == {*NARROW, "ben"}


def test_committees_travel(engine: sa.Engine, pair: tuple[str, str], home: Path, tmp_path: Path) -> None:
    collect(engine, pair[1], NARROW)
    content = exported(engine, home, tmp_path)
    other = db.connect(f"sqlite:///{tmp_path}/mapd.db")
    db.migrate(other)
    for _ in range(2):
        loaded = bring_in(other, tmp_path, content)
    assert loaded.rows_new == 0
    with db.reading(other) as session:
        assert voices(session, pair[0]) == set(WIDE)
        assert voices(session, pair[1]) == set(NARROW)
        assert len(committees.members(session, queries.exam(session, pair[1]).id)) == len(NARROW)


def test_pages_command_and_rows_agree(home: Path, mapd: Mapd) -> None:
    engine = db.open_store(Settings())
    pair = sit_two(engine)
    collect(engine, pair[1], NARROW)
    derivation.catch_up_all(engine)
    totals = []
    for uid in pair:
        told = mapd("curate", "show", "--exam", uid, "--items", "--json").json
        lab, page = (open_page(f"pages/{name}.py", exam=uid) for name in ("curate/threshold", "loop/committee"))
        assert number(lab, "rationales accepted") == told["accepted"] == check_agreement(engine, uid)
        assert f">{len(told['items'])}</a>" in shown(page), "the committee page counts the same rationales"
        totals.append((len(told["items"]), {item["teacher"] for item in told["items"]}))
    (wide, all_three), (narrow, two) = totals
    assert (all_three, two) == (set(WIDE), set(NARROW))
    assert wide > narrow > 0
