"""One act on many texts, and one undo."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session

from mapd.curation import live_set
from mapd.domain import Act, ExamInfo, Judged, JudgementRow, Verdict
from mapd.errors import Stale
from mapd.judgements import drop_undone
from mapd.people import owner
from mapd.review import assignment, batches
from mapd.review.batches import BatchText
from mapd.review.judging import Target, judge
from mapd.review.queue_index import derivation
from mapd.review.queues import QUEUES
from mapd.store import judgement_log, queries
from mapd.store.browse import ListedText
from mapd.store.judgement_log import batch_of
from tests.review.filled import fill


def chosen(session: Session, exam: ExamInfo) -> list[BatchText]:
    """Every rationale of gemini's."""
    curated = live_set.load_curated(session, exam.id)
    mine = [x for x in curated.rationales if x.text.teacher == "gemini"]
    return batches.select_texts([ListedText(x.text.id, x.committee.verdict.value, (), 0) for x in mine], "rationale")


def verdicts(session: Session, exam: ExamInfo) -> list[Verdict]:
    return [x.verdict for x in live_set.load_curated(session, exam.id).rationales if x.text.teacher == "gemini"]


def test_all_are_judged_undone_and_redone_in_one(session: Session, exam: ExamInfo) -> None:
    before, all_of_them = verdicts(session, exam), chosen(session, exam)
    done = batches.judge_all(session, all_of_them, Act.REJECT, by=owner("ann"), reason="no_work", note="class")
    again = batches.judge_all(session, all_of_them, Act.REJECT, by=owner("ann"), reason="no_work", note="class")
    assert [row.id for row in again] == [row.id for row in done], "the same press twice is one act"
    assert verdicts(session, exam) == [Verdict.REJECTED] * 12
    rows = judgement_log.judgements(session, exam.id)
    assert len(rows) == 12
    assert len({row.batch for row in rows}) == 1
    assert {row.queue for row in rows} == {"bulk"}
    assert batches.find_undoable(rows, "ann") == tuple(rows)
    assert batches.find_undoable(rows, "bob") == batches.find_redoable(rows, "ann") == ()
    batches.take_back(session, rows, by=owner("ann"))
    assert verdicts(session, exam) == before
    undone = judgement_log.judgements(session, exam.id)[12:]
    assert len({row.batch for row in undone}) == 1
    assert batches.find_redoable([*rows, *undone], "ann") == tuple(undone)
    batches.take_back(session, undone, by=owner("ann"))
    assert verdicts(session, exam) == [Verdict.REJECTED] * 12
    assert len(judgement_log.judgements(session, exam.id)) == 36, "nothing is overwritten"


def test_who_sees_an_old_state_of_one_judges_none(session: Session, exam: ExamInfo) -> None:
    all_of_them = chosen(session, exam)
    judge(session, all_of_them[5].target, Act.ACCEPT, by=owner("bob"))
    with pytest.raises(Stale, match="bob decided"):
        batches.judge_all(session, all_of_them, Act.REJECT, by=owner("ann"))


def test_a_class_is_what_waits_for_the_person(session: Session, exam: ExamInfo) -> None:
    queue = QUEUES["no-work"]

    def waiting(person: str) -> list[int]:
        now = queries.exam(session, exam.id)
        return [one.target.id for one in batches.load_waiting(session, now, queue.batch_rule, 300, person)]

    derivation.derive(session, exam.id)
    curated = live_set.load_curated(session, exam.id)
    every = sorted(x.text.id for entry in fill(curated, queue, "ann").entries for x in entry.texts)
    one, two, three = (Target("rationale", text) for text in every[:3])
    assert waiting("ann") == every
    judge(session, one, Act.ACCEPT, by=owner("ann"))
    judge(session, two, Act.SKIP, by=owner("ann"))
    assert waiting("ann") == waiting("bob") == every[1:], "who skips has not decided"
    assignment.set_judging(session, exam.id, judgements_wanted=2, by=owner("ann"))
    derivation.derive(session, exam.id)
    assert (waiting("ann"), waiting("bob")) == (every[1:], every)
    judge(session, one, Act.REJECT, by=owner("bob"))
    judge(session, three, Act.REJECT, by=owner("eve"), role="adjudicator")
    assert waiting("ann") == waiting("zoe") == [two.id, *every[3:]], "two have judged one, and one is settled"


# -- undo and redo as an editor has them ------------------------------------------------------------------------------


class Record:
    """Acts as the database keeps them, each of so many judgements."""

    def __init__(self) -> None:
        self.rows: list[JudgementRow] = []

    def add(self, token: str, undoes: int | None = None, person: str = "ann") -> None:
        judged = Judged(len(self.rows) + 1, person, Act.WITHDRAW if undoes else Act.ACCEPT, undoes=undoes)
        made = datetime(2026, 1, 1, tzinfo=UTC)
        where = ("rationale", 1, "x", None, None, made, None)
        self.rows.append(JudgementRow(judged, f"u{judged.id}", *where, revealed=True, batch=batch_of(token)))

    def act(self, judgements: int, person: str = "ann") -> set[int]:
        first = len(self.rows) + 1
        for n in range(judgements):
            self.add(f"{first}/{n}" if judgements > 1 else f"{first}", person=person)
        return set(range(first, len(self.rows) + 1))

    def take_back(self, rows: tuple[JudgementRow, ...]) -> None:
        for n, row in enumerate(rows):  # the tokens of bulk.take_back
            self.add(f"{row.uid}-undo" if len(rows) == 1 else f"{row.batch}-undo/{n}", undoes=row.judged.id)


@given(st.lists(st.sampled_from(["undo", "redo", "other"]) | st.integers(1, 3), max_size=30))
def test_undo_and_redo_are_those_of_an_editor(story: list[str | int]) -> None:
    record = Record()
    done: list[set[int]] = []
    undone: list[set[int]] = []
    for step in story:
        if step == "other":
            record.act(2, person="bob")
        elif step == "undo":
            record.take_back(batches.find_undoable(record.rows, "ann"))
            undone += [done.pop()] if done else []
        elif step == "redo":
            record.take_back(batches.find_redoable(record.rows, "ann"))
            done += [undone.pop()] if undone else []
        else:
            done.append(record.act(int(step)))
            undone.clear()
        standing_ids = {j.id for j in drop_undone(row.judged for row in record.rows) if j.person == "ann"}
        assert standing_ids == set().union(*done)
        assert len(batches.find_undoable(record.rows, "ann")) == len(done[-1] if done else ())
        assert len(batches.find_redoable(record.rows, "ann")) == len(undone[-1] if undone else ())
