"""The aggregate: kept up row by row it is what it is derived in whole, and what the rules say, on both databases."""

from bisect import bisect_left, bisect_right
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, select

from mapd.curation import saved_policies
from mapd.curation.curated import Curated, curate
from mapd.curation.decided_texts import CommitteeRules
from mapd.curation.threshold_sweep import Figures
from mapd.domain import Act, ExamInfo
from mapd.errors import MapdError
from mapd.people import owner
from mapd.review import assignment, batches, judging, repairs
from mapd.review.judging import Target
from mapd.review.queue_index import derivation, index_writer
from mapd.review.queue_index.cursor import QueueCursor
from mapd.review.queue_index.rows import authors_of
from mapd.review.queues import QUEUES, sort_key, waits_for
from mapd.store import committees, db, exam_material, judgement_log, queries, queue_index
from mapd.store import tables as t
from mapd.store.queue_index import QueueKey
from tests import samples
from tests.conftest import import_files
from tests.curation.test_threshold_sweep import told
from tests.fits import make_policy
from tests.review import index_rows
from tests.review.filled import FilledQueue, fill

TEACHERS = ("ash", "brook", "rowan")
PEOPLE = ("ann", "bob")
TEXTS = ("3 + 4 = 7. Answer: 7", "3 + 4 = 8. So it is 8", "8", "Nobody knows.", "We add them up: 4 + 4 = 8. Answer: 8")
POLICIES = ("paper", "strict", "fitted")
WALKED = ("smart", "conflicts")  # one that votes fill, one that people's words fill
LINES = st.lists(
    st.one_of(
        st.tuples(st.just("rationale"), st.integers(0, 2), st.sampled_from(TEACHERS), st.sampled_from(TEXTS)),
        st.tuples(st.just("feedback"), st.integers(0, 2), st.sampled_from(TEACHERS), st.sampled_from(TEXTS)),
        st.tuples(st.just("review"), st.integers(0, 9), st.sampled_from(TEACHERS), st.none() | st.integers(1, 5)),
        st.tuples(
            st.just("judge"),
            st.integers(0, 9),
            st.sampled_from(PEOPLE),
            st.sampled_from([Act.ACCEPT, Act.REJECT, Act.SKIP, Act.WITHDRAW, Act.CORRECT]),
        ),
        st.tuples(st.just("attempt"), st.integers(0, 2), st.sampled_from(PEOPLE), st.sampled_from([*Act])),
        st.tuples(st.just("question"), st.integers(0, 2), st.sampled_from(PEOPLE), st.sampled_from([*Act])),
        st.tuples(st.just("repair"), st.integers(0, 9), st.sampled_from(PEOPLE), st.sampled_from(TEXTS)),
        st.tuples(st.just("undo"), st.integers(0, 3), st.sampled_from(PEOPLE), st.none()),
        st.tuples(st.just("policy"), st.sampled_from(POLICIES), st.integers(0, 500), st.none()),
        st.tuples(st.just("want"), st.integers(1, 3), st.none(), st.none()),
        st.tuples(st.just("read"), st.none(), st.none(), st.none()),
    ),
    min_size=4,
    max_size=24,
)

RULES_THAT_COME_BACK = [
    ("rationale", 0, "ash", TEXTS[0]),
    ("want", 2, None, None),
    ("read", None, None, None),
    ("want", 1, None, None),
    ("judge", 0, "ann", Act.ACCEPT),
    ("want", 2, None, None),
]


FITTED = [
    ("policy", "fitted", 250, None),
    ("rationale", 0, "ash", TEXTS[0]),
    ("rationale", 0, "brook", TEXTS[1]),
    ("feedback", 0, "brook", TEXTS[1]),
    ("read", None, None, None),
    ("review", 0, "brook", 5),
    ("review", 1, "ash", 2),
    ("review", 2, "ash", 2),
    ("judge", 1, "ann", Act.ACCEPT),
    # It moves what the other rationale's answer is held against.
    ("repair", 1, "bob", TEXTS[0]),
    ("rationale", 0, "rowan", TEXTS[0]),
]


class Story:
    """A small exam, and what comes in one after the other, each in a transaction of its own."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine, self.texts, self.judged = engine, [], []
        with db.writing(engine) as session:
            mark = t.new_uid()
            questions = t.QuestionSet(name=mark, source="made", sha256=mark)
            student = t.Student(name=mark, base="none")
            if session.get(t.Prompt, "0") is None:
                session.add(t.Prompt(sha256="0", kind="imported", text=""))
                session.add_all(t.Teacher(name=name, kind="imported") for name in TEACHERS)
                saved_policies.save_policy(session, make_policy(TEACHERS), by=owner("ann"))
            session.add_all([questions, student])
            session.flush()
            exam = t.Exam(name=mark, student_id=student.id, set_id=questions.id, split="train", graded_by="ours")
            asked = [
                t.Question(
                    set_id=questions.id, source_id=str(n), position=n, split="train", task="numeric", text="?", gold="7"
                )
                for n in range(3)
            ]
            session.add_all([exam, *asked])
            session.flush()
            wrong = {"exam_id": exam.id, "text": "9", "answer": "9", "outcome": "incorrect"}
            outcomes = ("incorrect", "correct", "incorrect")
            attempts = [
                t.Attempt(question_id=q.id, our_answer="7", our_outcome=ours, **wrong)
                for q, ours in zip(asked, outcomes, strict=True)
            ]
            session.add_all(attempts)
            session.flush()
            self.exam = queries.identity(exam)
            self.questions = [queries.identity(q) for q in asked]
            self.attempts = [queries.identity(a) for a in attempts]
            self.teachers = dict(session.exec(select(t.Teacher.name, t.Teacher.id)).all())
            committees.name_members(session, self.exam, [self.teachers[name] for name in TEACHERS])

    def tell(self, what: str, at: Any, who: Any, value: Any) -> None:
        """One thing that comes in; what the store or the rules refuse is left out."""
        if what == "read":
            derivation.catch_up(self.engine, self.exam)
            return
        try:
            with db.writing(self.engine) as session:
                getattr(self, f"_{what}")(session, at, who, value)
        except (sa.exc.IntegrityError, MapdError):
            pass

    def _rationale(self, session: Session, at: int, who: str, text: str) -> None:
        self._text(session, "rationale", at, who, text)

    def _feedback(self, session: Session, at: int, who: str, text: str) -> None:
        self._text(session, "feedback", at, who, text)

    def _text(self, session: Session, kind: str, at: int, who: str, text: str) -> None:
        of = self.attempts[at] if kind == "feedback" else None
        row = t.Explanation(
            kind=kind,
            question_id=self.questions[at],
            attempt_id=of,
            author_id=self.teachers[who],
            prompt_sha256="0",
            text=text,
        )
        session.add(row)
        session.flush()
        self.texts.append((kind, queries.identity(row)))

    def _review(self, session: Session, at: int, who: str, score: int | None) -> None:
        if self.texts:
            status = "ok" if score else "no score found"
            told = {"score": score, "status": status, "saw_gold": True, "prompt_sha256": "0"}
            _, text = self.texts[at % len(self.texts)]
            session.add(t.Review(explanation_id=text, reviewer_id=self.teachers[who], **told))

    def _judge(self, session: Session, at: int, who: str, act: Act) -> None:
        if self.texts:
            self._said(session, Target(*self.texts[at % len(self.texts)]), who, act)

    def _repair(self, session: Session, at: int, who: str, text: str) -> None:
        if self.texts:
            target = Target(*self.texts[at % len(self.texts)])
            made = repairs.repair(session, target, text, by=owner(who), token=t.new_uid())
            own = (made.kind, queries.identity(made))
            self.texts.append(own)
            for of in ((target.kind, target.id), own):
                self.judged.append(judgement_log.history(session, of)[-1].judged.id)

    def _attempt(self, session: Session, at: int, who: str, act: Act) -> None:
        self._said(session, Target("attempt", self.attempts[at]), who, act)

    def _question(self, session: Session, at: int, who: str, act: Act) -> None:
        self._said(session, Target("question", self.questions[at]), who, act)

    def _said(self, session: Session, target: Target, who: str, act: Act) -> None:
        value = "8" if act is Act.CORRECT else None
        seen = judging.Circumstances(committee="accepted")
        row = judging.judge(session, target, act, by=owner(who), value=value, circumstances=seen)
        self.judged.append(queries.identity(row))

    def _undo(self, session: Session, at: int, who: str, _: None) -> None:
        if self.judged:
            self.judged.append(
                queries.identity(judging.undo(session, self.judged[-1 - at % len(self.judged)], by=owner(who)))
            )

    def _want(self, session: Session, number: int, _: None, __: None) -> None:
        assignment.set_judging(session, self.exam, judgements_wanted=number, by=owner("ann"))

    def _policy(self, session: Session, name: str, threshold: int, _: None) -> None:
        # A probability's threshold is at most 1.
        at = threshold / 500 if name == "fitted" else threshold / 100
        saved_policies.set_policy(session, self.exam, name, round(at, 2), by=owner("ann"))


def held(session: Session, exam_id: int) -> dict[str, list]:
    """All that the aggregate holds of an exam, without the ids."""

    def rows(query: str) -> list:
        return sorted(map(tuple, session.execute(sa.text(query), {"exam": exam_id}).all()), key=repr)

    band = "b.name, b.low, b.high, b.waits"
    columns = ", ".join(c.name for c in t.metadata.tables["standing"].c if c.name != "id")
    return {
        "standing": rows(f"SELECT {columns} FROM standing WHERE exam_id = :exam"),
        "band": rows(f"SELECT {band}, b.number FROM band b WHERE exam_id = :exam AND number <> 0"),
        "queued": rows(
            f"SELECT {band}, q.place, q.position, q.attempt_id, q.question_id, q.explanation_id"
            " FROM queued q JOIN band b ON b.id = q.band_id WHERE b.exam_id = :exam"
        ),
        "passed": rows(
            f"SELECT p.person, {band}, q.attempt_id, p.band_id = q.band_id FROM passed p"
            " JOIN queued q ON q.id = p.queued_id JOIN band b ON b.id = q.band_id WHERE b.exam_id = :exam"
        ),
    }


def by_the_rules(session: Session, exam_id: int, threshold: int) -> Curated:
    """What curate() says at this threshold, with the leniency that the aggregate measured."""
    offsets = {k: Fraction(v) for k, v in session.get(t.StandingExam, exam_id).leniency.items()}
    policy = saved_policies.exam_policy(session, queries.exam(session, exam_id))
    policy = policy.at(min(threshold / 100, policy.highest))
    return curate(
        exam_material.material(session, exam_id),
        judgement_log.judgements(session, exam_id),
        policy,
        rules=CommitteeRules(policy, offsets),
    )


def agree(session: Session, exam_id: int, threshold: int) -> None:
    """Every queue as SQL reads it is the queue as the rules fill it."""
    curated = by_the_rules(session, exam_id, threshold)
    threshold = round(curated.policy.threshold * 100)
    for person in PEOPLE:
        counts = queue_index.count_queues(session, exam_id, threshold, person)
        for name, queue in QUEUES.items():
            line = fill(curated, queue, person)
            read = queue_index.list_positions(session, exam_id, name, threshold, person, number=100, all_positions=True)
            ruled = [(sort_key(queue, e.mistake, threshold / 100), not e.is_settled) for e in line.entries]
            assert [(p.key, p.waits) for p in read] == ruled, (name, threshold, person)
            waiting = [place for place, waits in ruled if waits]
            first = queue_index.list_positions(session, exam_id, name, threshold, person)
            assert [p.key for p in first] == waiting[:1]
            count = counts.get(name, queue_index.QueueCount(0, 0))
            assert (count.waiting, count.all) == (len(waiting), len(ruled)), (name, threshold, person)
            if name in WALKED:
                walked(session, curated, line, person)
            if line.queue.by_lot:
                drawn(session, curated, line, person)
            if queue.batch_rule is not None:
                classed(session, curated, line, person)
    told(Figures.of(queue_index.figures(session, exam_id)), curated, authors_of(session))


def classed(session: Session, curated: Curated, line: FilledQueue, person: str) -> None:
    """A class that is decided at once is the queue's texts that wait for this person."""
    exam, threshold = curated.exam, round(curated.policy.threshold * 100)
    found = batches.load_waiting(session, exam, line.queue.batch_rule, threshold, person)
    texts = {x.text.id: x for e in line.entries for x in e.texts if waits_for(x, person, exam.judgements_per_text)}
    assert [one.target.id for one in found] == sorted(texts)
    assert all(one.committee == "accepted" for one in found)


def walked(session: Session, curated: Curated, filled: FilledQueue, person: str) -> None:
    """A cursor leads along the queue as it is filled, from every mistake, in the queue or not."""
    threshold = curated.policy.threshold
    cursor = QueueCursor(curated.exam.id, filled.queue, round(threshold * 100), person)
    places = [cursor.key_of(e.mistake) for e in filled.entries]
    waiting = [place for place, e in zip(places, filled.entries, strict=True) if not e.is_settled]
    assert ahead(cursor, session, None) == waiting
    assert cursor.numbers(session, places, len(places)) == {place: n for n, place in enumerate(places, 1)}
    for mistake in curated.mistakes:
        own = cursor.key_of(mistake)
        assert own == sort_key(filled.queue, mistake, threshold)
        assert cursor.place_of(session, mistake.attempt.id) == (own if own in places else None)
        behind = [place for place in waiting if place > own]
        assert ahead(cursor, session, own) == behind + [place for place in waiting if place < own]
        before, after = places[: bisect_left(places, own)], places[bisect_right(places, own) :]
        for backwards, among in ((True, before[::-1]), (False, after)):
            around, _ = cursor.neighbours(session, own, 100, backwards=backwards)
            assert [place.key for place in around] == among


def drawn(session: Session, curated: Curated, filled: FilledQueue, person: str) -> None:
    """Another draw is the same order, begun elsewhere; numbers are counted from there."""
    at = (curated.exam.id, filled.queue, round(curated.policy.threshold * 100), person)
    first = ahead(QueueCursor(*at), session, None)
    for draw in (2, 3):
        cursor = QueueCursor(*at, draw=draw)
        places = ahead(cursor, session, None)
        begin = first.index(places[0]) if places else 0
        assert places == first[begin:] + first[:begin]
        keys = [cursor.key_of(e.mistake) for e in filled.entries]
        numbers = cursor.numbers(session, keys, len(keys))
        assert sorted(numbers.values()) == list(range(1, len(keys) + 1))
        assert sorted(places, key=numbers.__getitem__) == places


def ahead(cursor: QueueCursor, session: Session, after: QueueKey | None) -> list[QueueKey]:
    """All that waits, from there on."""
    places, end = cursor.ahead(session, after, 100)
    assert end
    return [place.key for place in places]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(lines=LINES, threshold=st.integers(0, 500))
@example(lines=RULES_THAT_COME_BACK, threshold=300)
@example(lines=FITTED, threshold=62)
def test_row_by_row_is_derived_in_whole_is_what_the_rules_say(
    engine: sa.Engine, lines: list[tuple[Any, ...]], threshold: int
) -> None:
    story = Story(engine)
    for line in lines:
        story.tell(*line)
    derivation.catch_up(engine, story.exam)
    with db.writing(engine) as session:
        kept = held(session, story.exam)
        for at in (threshold, 300):
            agree(session, story.exam, at)
        derivation.derive(session, story.exam, measure=False)
        assert held(session, story.exam) == kept


def test_a_judgement_is_derived_in_its_own_transaction(engine: sa.Engine, exam_of: ExamInfo) -> None:
    derivation.catch_up(engine, exam_of.id)
    with db.writing(engine) as session:
        before = queue_index.count_queues(session, exam_of.id, 300, "ann")
        first = queue_index.list_positions(session, exam_of.id, "accepted-wrong", 300, "ann")[0]
        assert first.text_id is not None
        judging.judge(session, Target("rationale", first.text_id), Act.REJECT, by=owner("ann"))
        assert queue_index.count_queues(session, exam_of.id, 300, "ann")["accepted-wrong"].waiting == (
            before["accepted-wrong"].waiting - 1
        )
        assert session.exec(select(t.DirtyQuestion)).all() == []
        session.rollback()
    with db.reading(engine) as session:
        assert queue_index.count_queues(session, exam_of.id, 300, "ann") == before


def test_a_page_goes_on_where_the_last_one_ended_and_back(engine: sa.Engine, exam_of: ExamInfo) -> None:
    derivation.catch_up(engine, exam_of.id)
    with db.reading(engine) as session:

        def read(**more: Any) -> list[queue_index.QueuePosition]:
            return queue_index.list_positions(session, exam_of.id, "everything", 300, "ann", all_positions=True, **more)

        whole = read(number=100)
        assert len(whole) == 12
        assert read(number=5, after=whole[3].key) == whole[4:9]
        assert read(number=2, after=whole[3].key, backwards=True) == [whole[2], whole[1]]
        assert queue_index.find_position(session, exam_of.id, "everything", 300, whole[3].key.attempt_id) == whole[3]


def test_what_is_derived_changes_with_the_version_of_the_rules_alone(session: Session, tmp_path: Path) -> None:
    rows = index_rows.list_rows(session, index_rows.make_example(session, tmp_path))
    assert {row.split("\t")[2] for row in rows} >= QUEUES.keys(), "the example has something in every queue"
    content = index_rows.FILE.read_text("utf-8")
    assert (fault := index_rows.compare(rows, content)) is None, fault
    assert "raise RULES_VERSION" in (index_rows.compare(rows[1:], content) or "")
    older = content.replace(f"VERSION {index_writer.RULES_VERSION}", "VERSION 0", 1)
    assert "writes queue_index.tsv anew" in (index_rows.compare(rows, older) or "")
    # A raised number of the rules says nothing of the checks.
    other_checks = [row.replace("holds", "fails") if "\ttext_check\t" in row else row for row in rows]
    assert "raise CHECKS_VERSION" in (index_rows.compare(other_checks, older) or "")


@pytest.fixture
def exam_of(engine: sa.Engine, tmp_path: Any) -> ExamInfo:
    """Twelve mistakes, committed."""
    with db.writing(engine) as session:
        return queries.exam(session, import_files(session, *samples.files(tmp_path)).exam)
