"""Browse reads page by page, forwards and backwards, what the rules find, on both databases."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from mapd import domain
from mapd.checks import State
from mapd.curation import live_set
from mapd.curation.curated import Curated, Mistake
from mapd.curation.decided_texts import DecidedText
from mapd.domain import Act, ExamInfo, Order, Part, RowFilter, RowKind
from mapd.judgements import pick_latest
from mapd.people import owner
from mapd.policies import PAPER
from mapd.review import judging
from mapd.review.judging import Target
from mapd.review.queue_index import derivation
from mapd.review.queue_index.rows import authors_of
from mapd.review.queues import doubt
from mapd.store import browse, db, judgement_log, queries
from mapd.store import tables as t
from mapd.store.browse import BrowseRow, PageStart
from mapd.ui.kit.text import find_hits as marked
from tests import samples
from tests.conftest import import_files

FAILS = {"matches_gold": "fails"}
ASKED = [
    RowFilter(),
    RowFilter(RowKind.FEEDBACK),
    RowFilter(RowKind.MISTAKES),
    RowFilter(verdict="accepted"),
    RowFilter(verdict="rejected"),
    RowFilter(RowKind.MISTAKES, verdict="rejected"),
    RowFilter(checks=FAILS),
    RowFilter(RowKind.MISTAKES, checks=FAILS | {"shows_work": "holds"}),
    RowFilter(people="judged"),
    RowFilter(people="not judged"),
    RowFilter(people="overridden"),
    RowFilter(people="conflict"),
    RowFilter(judged_by="bob"),
    RowFilter(judged_by="bo"),
    RowFilter(reason="no_work"),
    RowFilter(people="judged", blind_person="ann"),
    RowFilter(people="overridden", blind_person="bob"),
    RowFilter(judged_by="ann", blind_person="bob"),
    RowFilter(reason="no_work", blind_person="bob"),
    RowFilter(verdict="rejected", blind_person="bob"),
    RowFilter(RowKind.MISTAKES, verdict="accepted", people="judged", blind_person="ann"),
    RowFilter(means=(300, 450)),
    RowFilter(cuts=(300, 400)),
    RowFilter(spread=2),
    RowFilter(author_id=2),
    RowFilter(RowKind.MISTAKES, author_id=2, verdict="accepted"),
    RowFilter(task="numeric"),
    RowFilter(task="choice"),
    RowFilter(part=Part(1, 2)),
    RowFilter(RowKind.MISTAKES, part=Part(2, 3)),
    RowFilter(words="ann HAS 15 pens"),
    RowFilter(words="pens 15 ann"),
    RowFilter(words='15 "Ann has"'),
    RowFilter(words='"has Ann"'),
    RowFilter(words="1"),
    RowFilter(words="$15"),
    RowFilter(words="15 pe"),
    RowFilter(words='15 "pe"'),
    RowFilter(words="14-4"),
    RowFilter(RowKind.MISTAKES, words="4"),
    RowFilter(words="more come"),
    RowFilter(RowKind.FEEDBACK, words="student subtr"),
    RowFilter(RowKind.MISTAKES, words="more come"),
    RowFilter(RowKind.MISTAKES, words="nobody explained"),
    RowFilter(words="no such words"),
]


@pytest.fixture
def exam_of(engine: sa.Engine, tmp_path: Path) -> Iterator[ExamInfo]:
    """Twelve mistakes, some judged, and one that nobody has explained."""
    with db.writing(engine) as session:
        exam = queries.exam(session, import_files(session, *samples.files(tmp_path)).exam)
        (questions,) = session.exec(select(t.QuestionSet.id)).all()
        of = {"set_id": questions, "source_id": "x", "position": -1, "split": "train", "task": "numeric", "gold": "1"}
        session.add(question := t.Question(text="Nobody explained this.", **of))
        session.flush()
        read = {"text": "2", "answer": "2", "outcome": "incorrect", "our_outcome": "incorrect"}
        session.add(t.Attempt(exam_id=exam.id, question_id=question.id, **read))
        texts = [x.text.id for x in live_set.load_curated(session, exam.id).rationales]
        for n, act, who in (
            (0, Act.REJECT, "ann"),
            (5, Act.ACCEPT, "ann"),
            (10, Act.ACCEPT, "bob"),
            (0, Act.ACCEPT, "bob"),
        ):
            judging.judge(session, Target("rationale", texts[n]), act, by=owner(who))
        judging.judge(session, Target("rationale", texts[7]), Act.REJECT, by=owner("ann"), reason="no_work")
    derivation.catch_up(engine, exam.id)
    return exam


# -- the same by the rules --------------------------------------------------------------------------------------------


def part_of(position: int, of: int) -> Part:
    return Part(abs(position * 7919) % 10007 % of + 1, of)


def fits(curated: Curated, mistake: Mistake, x: DecidedText, wanted: RowFilter, authors: dict[str, int]) -> bool:
    said = [row.judged for row in curated.judgements if (row.target, row.target_id) == (x.text.kind, x.text.id)]
    people = {
        "judged": x.judged,
        "not judged": not x.judged,
        "overridden": x.overridden,
        "conflict": x.people.conflict,
        None: True,
    }
    mean = x.committee.mean
    may_know = wanted.blind_person is None or wanted.blind_person in {j.person for j in pick_latest(said)}
    verdict = x.verdict if may_know else x.committee.verdict
    return (
        wanted.author_id in (None, authors[x.text.teacher])
        and wanted.verdict in (None, verdict.value)
        and (may_know or not wanted.about_people)
        and all(getattr(x.states, check) is State(state) for check, state in wanted.checks.items())
        and people[wanted.people]
        and (wanted.judged_by is None or wanted.judged_by in {j.person for j in pick_latest(said)})
        and wanted.reason in (None, x.people.reason)
        and (wanted.means is None or (mean is not None and wanted.means[0] <= mean * 100 <= wanted.means[1]))
        and (wanted.cuts is None or wanted.cuts[0] < x.final_cut <= wanted.cuts[1])
        and x.spread >= wanted.spread
        and wanted.task in (None, mistake.question.task.value)
        and (wanted.part is None or part_of(mistake.question.position, wanted.part.of) == wanted.part)
        and has(wanted.words, x.text.text, mistake.question.text, mistake.attempt.text)
    )


def has(words: str, *texts: str) -> bool:
    chunks = re.findall(r'"[^"]*"|\S+', words.casefold())
    return any(all(stands(chunk, text, last=chunk is chunks[-1]) for chunk in chunks) for text in texts)


def stands(chunk: str, text: str, *, last: bool) -> bool:
    """Whether the chunk's words stand in the text one behind the other."""
    sought, there = (re.findall(r"[a-z0-9]+", x.casefold()) for x in (chunk, text))
    begins = last and '"' not in chunk and not sought[-1].isdigit()
    runs = (there[n : n + len(sought)] for n in range(len(there) - len(sought) + 1))
    return any(
        run[:-1] == sought[:-1] and (run[-1] == sought[-1] or (begins and run[-1].startswith(sought[-1])))
        for run in runs
    )


def rank(order: Order, x: DecidedText | None) -> int:
    """Where a text stands by itself."""
    mean = x.committee.mean if x else None
    if order is Order.LOWEST:
        return t.NO_MEAN if mean is None else round(100 * mean)
    if order is Order.HIGHEST:
        return 0 if mean is None else -round(100 * mean)
    return -round(1000 * doubt(x)) if x else 1


def find(curated: Curated, wanted: RowFilter, order: Order, authors: dict[str, int]) -> list[tuple[int, int | None]]:
    """The rows that fit, in order, as (attempt, text)."""
    found: list[tuple[Mistake, DecidedText | None]] = []
    for m in curated.mistakes:
        texts = m.feedback if wanted.show is RowKind.FEEDBACK else m.rationales
        fitting = [x for x in texts if fits(curated, m, x, wanted, authors)]
        if wanted.show is RowKind.MISTAKES and fitting:
            fitting = [min(fitting, key=lambda x: rank(order, x))]
        found += [(m, x) for x in fitting]
        bare = wanted.show is RowKind.MISTAKES and not m.rationales and not wanted.about_texts
        bare = bare and (wanted.part is None or part_of(m.question.position, wanted.part.of) == wanted.part)
        if bare and has(wanted.words, m.question.text, m.attempt.text):
            found.append((m, None))
    if order is Order.HIGHEST:
        found.reverse()
    if order is not Order.QUESTION:
        found.sort(key=lambda row: rank(order, row[1]))
    return [(m.attempt.id, x.text.id if x else None) for m, x in found]


# -- what the store reads ---------------------------------------------------------------------------------------------


def everything(
    session: Session, exam_id: int, wanted: RowFilter, at: int, order: Order, *, back: bool
) -> list[BrowseRow]:
    """All rows, page by page, from the beginning or from the end."""
    found: list[BrowseRow] = []
    end = {Order.QUESTION: (10**9,) * 3, Order.HIGHEST: (-2,) * 4}.get(order, (10**9,) * 4)
    turn = PageStart(end, back=True) if back else None
    while rows := browse.list_rows(session, exam_id, wanted, at, turn, order=order, number=5):
        found = rows + found if back else found + rows
        turn = PageStart(rows[0].key if back else rows[-1].key, back)
    return found


@pytest.mark.parametrize("order", domain.OF_TEXTS)
def test_pages_hold_what_the_rules_find(
    engine: sa.Engine, exam_of: ExamInfo, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = 350
    with db.reading(engine) as session:
        authors = authors_of(session)
        curated = live_set.load_curated(session, exam_of.id, PAPER.at(at / 100))
        for wanted in ASKED:
            ruled = find(curated, wanted, order, authors)
            for few in (9_000, 0) if wanted.words else (9_000,):  # hits sorted, or each text looked up among them
                monkeypatch.setattr(browse, "FEW", few)
                for back in (False, True):
                    rows = everything(session, exam_of.id, wanted, at, order, back=back)
                    assert [(r.attempt_id, r.explanation_id) for r in rows] == ruled, (wanted, few, back)
            assert browse.count_rows(session, exam_of.id, wanted, at, order=order) == len(ruled)
            for n in range(0, len(rows), 7):
                assert browse.count_rows(session, exam_of.id, wanted, at, order=order, before_key=rows[n].key) == n, (
                    wanted
                )


@pytest.mark.parametrize(
    ("words", "text", "fits"),
    [
        ("oranges bananas", "87 Oranges and 290 bananas", True),
        ("bananas oranges", "87 Oranges and 290 bananas", True),
        ('"oranges bananas"', "87 Oranges and 290 bananas", False),
        ('"290 bananas" 87', "87 oranges and 290 bananas", True),
        ("banan", "290 bananas", True),
        ("banan 290", "290 bananas", False),
        ("$5", "It costs $5, 8-5", True),
        ("5", "55 and 50", False),
        ("5", "8-5", True),
        ("5", "8−5=3", True),
        ("5", "4.5", True),
        ("4.5", "4.5 and 5 4", True),
        ("4.5", "5.4", False),
        ("cafe", "Café au lait", True),
        ("élan", "Elan", True),
        ("snake", "snake_case", True),
        ("x2", "2*x2", True),
        ("'* OR ( :", "this or that", True),
        ("NOT OR NEAR", "near or not", True),
    ],
)
def test_words_are_found_alike_on_both_databases(engine: sa.Engine, words: str, text: str, fits: bool) -> None:
    with db.writing(engine) as session:
        session.add(questions := t.QuestionSet(name="s", source="s", sha256="0"))
        session.flush()
        of = {"set_id": questions.id, "source_id": "x", "position": 0, "split": "train", "task": "numeric", "gold": "1"}
        session.add(question := t.Question(text=text, **of))
        session.flush()
        begin, _, _ = browse._search_rows(session, words, values := {})
        found = session.execute(sa.text(f"{begin}SELECT id FROM hit"), values).scalars().all()
        assert (4 * (question.id or 0) + 1 in found) is fits
    assert bool(marked(text, words)) >= fits, "what is found can be marked"


def questions(session: Session, exam_id: int, **asked: Any) -> list[int]:
    """The positions of the questions that are found."""
    rows = browse.list_rows(session, exam_id, RowFilter(RowKind.QUESTIONS, **asked), 300, number=50)
    return [row.key[0] for row in rows]


def test_every_question_is_a_row_with_what_people_say_of_it(engine: sa.Engine, exam_of: ExamInfo) -> None:
    with db.writing(engine) as session:
        mistakes = live_set.load_curated(session, exam_of.id).mistakes
        judging.judge(session, Target("question", mistakes[2].question.id), Act.REJECT, by=owner("ann"), reason="other")
        judging.judge(session, Target("attempt", mistakes[1].attempt.id), Act.REJECT, by=owner("ann"))
        assert len(questions(session, exam_of.id)) == 13
        both = [m.question.position for m in mistakes[1:3]]
        assert questions(session, exam_of.id, people="judged") == both, "of the question, or of an answer to it"
        assert questions(session, exam_of.id, people="overridden") == questions(session, exam_of.id, judged_by="ann")
        assert questions(session, exam_of.id, judged_by="ann") == both
        assert questions(session, exam_of.id, judged_by="ann", reason="other") == both[1:]
        right = questions(session, exam_of.id, checks={"matches_gold": "holds"})
        assert right == [mistakes[1].question.position], "no mistake any more"
        unread = [m.question.position for n, m in enumerate(mistakes) if n == 2 or (m.answer is None and n != 1)]
        assert questions(session, exam_of.id, checks={"matches_gold": "nothing"}) == unread
        assert questions(session, exam_of.id, words="Nobody explained") == [-1]


def test_words_in_any_answer_find_the_question(
    engine: sa.Engine, exam_of: ExamInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.writing(engine) as session:
        mistake = live_set.load_curated(session, exam_of.id).mistakes[4]
        read = {"answer": "x", "outcome": "incorrect", "our_outcome": "incorrect", "sample": 1, "seed": 1}
        session.add(t.Attempt(exam_id=exam_of.id, question_id=mistake.question.id, text="A zebra says x.", **read))
    derivation.catch_up(engine, exam_of.id)
    with db.reading(engine) as session:
        for few in (9_000, 0):
            monkeypatch.setattr(browse, "FEW", few)
            assert questions(session, exam_of.id, words="zebra") == [mistake.question.position]


def test_questions_stand_by_how_many_of_the_answers_are_wrong_or_right(engine: sa.Engine, exam_of: ExamInfo) -> None:
    with db.writing(engine) as session:
        of = {
            row.question_id: row.key[0]
            for row in browse.list_rows(session, exam_of.id, RowFilter(RowKind.QUESTIONS), 300)
        }
        mistakes = live_set.load_curated(session, exam_of.id).mistakes
        twice, right, bad = (mistakes[n].question.id for n in (7, 5, 2))
        read = {"text": "x", "answer": "x", "outcome": "correct", "our_outcome": "correct"}
        session.add(t.Attempt(exam_id=exam_of.id, question_id=twice, sample=1, seed=1, **read))
        judging.judge(session, Target("attempt", mistakes[5].attempt.id), Act.REJECT, by=owner("ann"))
        judging.judge(session, Target("question", bad), Act.REJECT, by=owner("ann"), reason="other")
    derivation.catch_up(engine, exam_of.id)
    last, half = [of[right], of[bad]], [of[twice]]
    others = [position for position in of.values() if position not in last + half]
    ruled = {
        Order.QUESTION: sorted(of.values()),
        Order.WRONG: others + half + sorted(last),
        Order.RIGHT: [of[right], *half, *sorted([of[bad], *others])],
    }
    assert set(ruled) == set(domain.OF_QUESTIONS)
    with db.reading(engine) as session:
        for order, positions in ruled.items():
            for back in (False, True):
                rows = everything(session, exam_of.id, RowFilter(RowKind.QUESTIONS), 300, order, back=back)
                assert [of[row.question_id] for row in rows] == positions, (order, back)
            for n, row in enumerate(rows):
                wanted = RowFilter(RowKind.QUESTIONS)
                assert browse.count_rows(session, exam_of.id, wanted, 300, order=order, before_key=row.key) == n


def test_the_texts_to_judge_come_with_what_was_seen(engine: sa.Engine, exam_of: ExamInfo) -> None:
    with db.reading(engine) as session:
        said = browse.list_texts(session, exam_of.id, RowFilter(people="judged"), 300, 100)
        latest = {row.target_id: row.judged.id for row in judgement_log.judgements(session, exam_of.id)}
        assert {x.explanation_id: x.latest for x in said} == latest
        assert {x.judged_by for x in said} == {("ann",), ("bob",), ("ann", "bob")}
        every = browse.list_texts(session, exam_of.id, RowFilter(), 300, 100)
        ruled = {x.text.id: x.committee.verdict.value for x in live_set.load_curated(session, exam_of.id).rationales}
        assert {x.explanation_id: x.committee for x in every} == ruled
        assert len(browse.list_texts(session, exam_of.id, RowFilter(), 300, 7)) == 7


@pytest.mark.parametrize("show", list(RowKind))
def test_each_row_is_in_one_part(engine: sa.Engine, exam_of: ExamInfo, show: RowKind) -> None:
    with db.reading(engine) as session:
        all_rows = browse.list_rows(session, exam_of.id, RowFilter(show), 300, number=1_000)
        parts = [
            browse.list_rows(session, exam_of.id, RowFilter(show, part=Part(number, 3)), 300, number=1_000)
            for number in (1, 2, 3)
        ]
    assert all(parts), "nobody goes without work"
    assert sorted(row.key for part in parts for row in part) == sorted(row.key for row in all_rows)
