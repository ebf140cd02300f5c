"""Repair: a new text by a person stands in for the old one; one undo takes it back; snapshots say what it is."""

import json

import pytest
from sqlmodel import Session, select

from mapd.curation import live_set, snapshots
from mapd.curation.curated import drop_repairs
from mapd.curation.decided_texts import DecidedText
from mapd.curation.summary import summary
from mapd.domain import Act, ExamInfo, RowFilter, RowKind, Verdict
from mapd.errors import BadInput
from mapd.people import Person, owner
from mapd.policies import STRICT
from mapd.review import batches
from mapd.review.judging import Target, judge, undo
from mapd.review.queue_index import derivation
from mapd.review.repairs import repair
from mapd.store import browse, judgement_log, queries, queue_index
from mapd.store import tables as t

ANN = owner("ann")
GOOD = "Ann has 10 pens. 10 + 3 = 13. She has 13 pens."


def look(session: Session, exam: ExamInfo, uid: str, policy=None) -> DecidedText:
    curated = live_set.load_curated(session, exam.id, policy)
    return next(x for m in curated.mistakes for x in m.texts if x.text.uid == uid)


def texts(session: Session, exam: ExamInfo) -> list[str]:
    return [x.text.uid for m in live_set.load_curated(session, exam.id).mistakes for x in m.texts]


@pytest.fixture
def broken(session: Session, exam: ExamInfo) -> DecidedText:
    """The first question's rationale with a false step."""
    texts = live_set.load_curated(session, exam.id).mistakes[0].rationales
    return next(x for x in texts if x.text.teacher == "mistral")


def mend(session: Session, x: DecidedText, text: str = GOOD, by: Person = ANN, token: str = "k") -> t.Explanation:
    return repair(session, Target(x.text.kind, x.text.id), text, by=by, token=token)


def test_a_repair_stands_in_for_what_it_repairs(session: Session, exam: ExamInfo, broken: DecidedText) -> None:
    made = mend(session, broken)
    assert mend(session, broken).id == made.id, "the same token makes it once"
    old, new = look(session, exam, broken.text.uid), look(session, exam, made.uid)
    assert (old.verdict, new.verdict) == (Verdict.REJECTED, Verdict.ACCEPTED)
    assert old.text.text == broken.text.text, "nothing is overwritten"
    assert (new.text.teacher, new.text.teacher_kind, new.text.repairs_id) == ("ann", "person", broken.text.id)
    assert new.checks.false_steps == 0, "checks ran again"
    assert not new.overridden
    assert new.judged, "it doesn't wait for its own author"


def test_one_act_makes_it_and_its_undo_brings_the_old_text_back(
    session: Session, exam: ExamInfo, broken: DecidedText
) -> None:
    made = mend(session, broken)
    rows = judgement_log.judgements(session, exam.id)
    assert len({row.batch for row in rows}) == 1
    backs = [undo(session, row.judged.id, by=owner("ann")) for row in rows]
    assert look(session, exam, broken.text.uid).verdict is broken.verdict
    assert made.uid not in texts(session, exam), "taken back it is no text of the mistake"
    for row in backs:
        undo(session, queries.identity(row), by=owner("ann"))
    assert look(session, exam, made.uid).verdict is Verdict.ACCEPTED


@pytest.mark.parametrize("kind", ["rationale", "feedback"])
def test_a_repair_taken_back_counts_nowhere_but_in_the_history(session: Session, exam: ExamInfo, kind: str) -> None:
    def told() -> tuple[object, ...]:
        curated = live_set.load_curated(session, exam.id)
        frozen = snapshots.freeze(session, curated, by=owner("ann"), everything=True)
        at = RowFilter(show=RowKind.RATIONALES if kind == "rationale" else RowKind.FEEDBACK)
        counts = queue_index.count_queues(session, exam.id, 300, "ann")
        return (
            summary(curated),
            texts(session, exam),
            frozen.sha256,
            browse.count_rows(session, exam.id, at, 300),
            counts,
        )

    derivation.derive(session, exam.id)
    before = told()
    mistake = live_set.load_curated(session, exam.id).mistakes[0]
    made = mend(session, mistake.rationales[0] if kind == "rationale" else mistake.feedback[0])
    rows = batches.find_undoable(judgement_log.judgements(session, exam.id), "ann")
    assert len(rows) == 2
    judge(session, Target(kind, queries.identity(made)), Act.ACCEPT, by=owner("bob"))
    with_it = told()
    assert [one != other for one, other in zip(before, with_it, strict=True)][1:4] == [True] * 3
    undone = batches.take_back(session, rows, by=owner("ann"))
    assert told() == before
    mistake = live_set.load_curated(session, exam.id).mistakes[0]
    assert [x.text for x in mistake.undone_repairs] == [GOOD]
    again = batches.find_redoable(judgement_log.judgements(session, exam.id), "ann")
    assert [row.judged.id for row in again] == [row.id for row in undone]
    assert again[-1].target_uid == made.uid, "a redo is looked at there"
    batches.take_back(session, again, by=owner("ann"))
    assert told() == with_it


def test_a_repair_of_what_was_taken_back_since_stands(session: Session, exam: ExamInfo, broken: DecidedText) -> None:
    first = mend(session, broken)
    rows = batches.find_undoable(judgement_log.judgements(session, exam.id), "ann")
    second = mend(session, look(session, exam, first.uid), GOOD + " Done.", by=owner("bob"), token="l")
    batches.take_back(session, rows, by=owner("ann"))
    curated = live_set.load_curated(session, exam.id)
    frozen = snapshots.freeze(session, curated, by=owner("ann"), everything=True)
    lines = [json.loads(line)["rationale"] for line in frozen.lines.splitlines()]
    assert [x["repairs"] for x in lines if x["uid"] == second.uid] == [first.uid]
    assert first.uid not in {x["uid"] for x in lines}


def test_a_required_check_outranks_the_repair_but_no_later_judgement(
    session: Session, exam: ExamInfo, broken: DecidedText
) -> None:
    made = mend(session, broken, "Ann has 10 pens. 10 + 3 = 14. She has 14 pens.")
    assert look(session, exam, made.uid).verdict is Verdict.ACCEPTED, "the paper's policy asks for no check"
    strict = look(session, exam, made.uid, STRICT)
    assert strict.verdict is Verdict.REJECTED
    assert "equation is false" in strict.committee.why
    judge(session, Target("rationale", queries.identity(made)), Act.ACCEPT, by=owner("ann"))
    assert look(session, exam, made.uid, STRICT).verdict is Verdict.ACCEPTED


def test_repairs_of_repairs_and_of_feedback(session: Session, exam: ExamInfo, broken: DecidedText) -> None:
    first = mend(session, broken)
    again = mend(session, look(session, exam, first.uid), GOOD + " Done.", token="l")
    assert (first.sample, again.sample) == (0, 1)
    assert look(session, exam, first.uid).verdict is Verdict.REJECTED
    feedback = live_set.load_curated(session, exam.id).mistakes[0].feedback[0]
    made = mend(session, feedback, "You subtracted. Add: 10 + 3 = 13.", by=owner("gpt"), token="m")
    author = session.exec(select(t.Teacher).where(t.Teacher.id == made.author_id)).one()
    assert (author.name, author.kind) == ("gpt (person)", "person"), "no teacher's name is taken"


def test_what_cannot_be_kept_is_refused(session: Session, broken: DecidedText) -> None:
    for text in ("", "  ", broken.text.text, "x" * 20_001):
        with pytest.raises(BadInput, match="a repair is another text"):
            mend(session, broken, text)


def test_a_snapshot_says_what_was_repaired(session: Session, exam: ExamInfo, broken: DecidedText) -> None:
    before = snapshots.freeze(session, live_set.load_curated(session, exam.id), by=owner("ann"), everything=True)
    assert "repairs" not in before.lines
    made = mend(session, broken)
    curated = live_set.load_curated(session, exam.id)
    frozen = snapshots.freeze(session, curated, by=owner("ann"), everything=True)
    mended = [json.loads(line)["rationale"] for line in frozen.lines.splitlines() if made.uid in line]
    assert [(x["by_person"], x["repairs"]) for x in mended] == [(True, broken.text.uid)]
    assert frozen.manifest["counts"]["pairs_with_repairs"] == 1
    reviewed = drop_repairs(curated)
    assert made.uid not in {x.text.uid for m in reviewed.mistakes for x in m.texts}
