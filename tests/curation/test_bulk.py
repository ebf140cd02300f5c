"""One act on many texts, and one undo."""

import pytest
from sqlmodel import Session

from mapd.curation import bulk, judging
from mapd.curation.bulk import Chosen
from mapd.curation.judging import judge
from mapd.errors import Stale
from mapd.store import queries
from mapd.store.listing import Said
from mapd.store.queries import ExamInfo
from mapd.verdicts import Act, Verdict


def chosen(session: Session, exam: ExamInfo) -> list[Chosen]:
    """Every rationale of gemini's."""
    curated = judging.curated_set(session, exam.id)
    mine = [x for x in curated.rationales if x.text.teacher == "gemini"]
    return bulk.chosen([Said(x.text.id, x.committee.verdict.value, x.judged, 0) for x in mine], "rationale")


def verdicts(session: Session, exam: ExamInfo) -> list[Verdict]:
    return [x.verdict for x in judging.curated_set(session, exam.id).rationales if x.text.teacher == "gemini"]


def test_all_are_judged_undone_and_redone_in_one(session: Session, exam: ExamInfo) -> None:
    before, all_of_them = verdicts(session, exam), chosen(session, exam)
    done = bulk.judge_all(session, all_of_them, Act.REJECT, by="ann", reason="no_work", note="class")
    again = bulk.judge_all(session, all_of_them, Act.REJECT, by="ann", reason="no_work", note="class")
    assert [row.id for row in again] == [row.id for row in done], "the same press twice is one act"
    assert verdicts(session, exam) == [Verdict.REJECTED] * 12
    rows = queries.judgements(session, exam.id)
    assert len(rows) == 12
    assert len({row.batch for row in rows}) == 1
    assert {row.queue for row in rows} == {"bulk"}
    assert bulk.undoable(rows, "ann") == tuple(rows)
    assert bulk.undoable(rows, "bob") == bulk.redoable(rows, "ann") == ()
    bulk.take_back(session, rows, by="ann")
    assert verdicts(session, exam) == before
    undone = queries.judgements(session, exam.id)[12:]
    assert len({row.batch for row in undone}) == 1
    assert bulk.redoable([*rows, *undone], "ann") == tuple(undone)
    bulk.take_back(session, undone, by="ann")
    assert verdicts(session, exam) == [Verdict.REJECTED] * 12
    assert len(queries.judgements(session, exam.id)) == 36, "nothing is overwritten"


def test_who_sees_an_old_state_of_one_judges_none(session: Session, exam: ExamInfo) -> None:
    all_of_them = chosen(session, exam)
    judge(session, all_of_them[5].target, Act.ACCEPT, by="bob")
    with pytest.raises(Stale, match="bob decided"):
        bulk.judge_all(session, all_of_them, Act.REJECT, by="ann")
