"""What the checks said of a text is written down when it is derived: an exam is decided without reading it again."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session

from mapd import alignment, checks
from mapd.curation import curated, feedback_inputs
from mapd.curation.curated import Curated, curate
from mapd.domain import Act, ExamInfo
from mapd.errors import Damaged
from mapd.people import owner
from mapd.policies import PAPER, STRICT, Policy
from mapd.review import queues
from mapd.review.judging import Target, judge
from mapd.review.queue_index import derivation, index_writer, rows
from mapd.review.queue_index.derivation import IndexState
from mapd.store import exam_material, judgement_log, queries, text_checks
from mapd.store import tables as t
from tests.review import index_rows

# Until the transaction ends nobody asks whether what a row refers to is there.
FREE = {"sqlite": "PRAGMA defer_foreign_keys = ON", "postgresql": "SET LOCAL session_replication_role = replica"}
FAIR = Policy("fair", leniency_adjusted=True)


@pytest.fixture
def example(session: Session, tmp_path: Path) -> ExamInfo:
    """The index's own example, derived: judgements, a repair, a corrected gold answer, a question that is excluded."""
    exam_id = index_rows.make_example(session, tmp_path)
    derivation.derive(session, exam_id)
    return queries.exam(session, exam_id)


def decide(session: Session, exam: ExamInfo, policy: Policy = PAPER, *, reads: bool = False) -> Curated:
    material = exam_material.material(session, exam.id)
    if reads:
        material = replace(material, checks={})
    return curate(material, judgement_log.judgements(session, exam.id), policy)


def forbid(*_: Any) -> None:
    raise AssertionError("a text is read that was read before")


@pytest.mark.parametrize("policy", [PAPER, STRICT, FAIR], ids=lambda policy: policy.name)
def test_an_exam_is_decided_by_what_is_written_as_by_reading(
    session: Session, example: ExamInfo, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = decide(session, example, policy, reads=True)
    absent = queues.QUEUES["absent-step"]
    of_read = [absent.about(m, policy.threshold) for m in read.mistakes]
    for module, name in ((curated, "check_rationale"), (feedback_inputs, "check_feedback"), (alignment, "align")):
        monkeypatch.setattr(module, name, forbid)
    decided = decide(session, example, policy)
    # All but where a text has its answer from.
    assert decided == read
    assert [absent.about(m, policy.threshold) for m in decided.mistakes] == of_read
    assert rows.list_new_records(decided.mistakes) == {}


def test_beside_another_gold_answer_a_text_is_read_again_and_written_down(session: Session, example: ExamInfo) -> None:
    (mistake, *_) = decide(session, example).mistakes
    target = Target("question", mistake.question.id)
    text = mistake.rationales[0].text.id
    before = exam_material.material(session, example.id).checks[text]
    # Not derived yet: what is written stands beside the old answer.
    judge(session, target, Act.CORRECT, by=owner("eve"), value="77", follow=False)
    assert exam_material.material(session, example.id).checks[text] == before
    (mistake, *_) = decide(session, example).mistakes
    assert mistake.gold == "77"
    assert mistake.rationales[0].states.matches_gold == checks.State.FAILS
    assert decide(session, example) == decide(session, example, reads=True)
    derivation.derive(session, example.id)
    after = exam_material.material(session, example.id).checks[text]
    assert (before.gold, after.gold) == (mistake.question.gold, "77")


@pytest.mark.parametrize("content", ["{", "[]", "7", '{"answer": "7"}', '{"matches_gold": "perhaps"}'])
def test_a_record_that_is_damaged_is_one_line(session: Session, example: ExamInfo, content: str) -> None:
    session.execute(sa.update(t.TextCheck).values(checks=content))
    with pytest.raises(Damaged, match="where what the checks say of a text stands; restore it"):
        exam_material.material(session, example.id)


def test_more_texts_are_written_at_once_than_a_query_takes_values(session: Session, example: ExamInfo) -> None:
    records = exam_material.material(session, example.id).checks
    record = next(iter(records.values()))
    many = dict.fromkeys((*records, *range(10000, 80000)), record)
    with session.begin_nested() as attempt:
        # No such explanations are there.
        session.execute(sa.text(FREE[session.get_bind().dialect.name]))
        text_checks.write_records(session, many)
        assert session.scalar(sa.select(sa.func.count()).select_from(t.TextCheck)) == len(many)
        attempt.rollback()
    assert exam_material.material(session, example.id).checks == records


def test_of_other_checks_nothing_that_is_written_counts(
    session: Session, example: ExamInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {x.text.id for x in decide(session, example).texts}
    assert texts <= exam_material.material(session, example.id).checks.keys()
    assert derivation.find_state(session, example.id) is not IndexState.MISSING
    for module in (text_checks, index_writer):
        monkeypatch.setattr(module, "CHECKS_VERSION", 2)
    assert exam_material.material(session, example.id).checks == {}
    assert derivation.find_state(session, example.id) is IndexState.MISSING
    derivation.derive(session, example.id)
    assert exam_material.material(session, example.id).checks.keys() == texts
