"""`mapd undo`, `mapd redo`: a person's latest act, taken back and brought back."""

from mapd.cli import shared
from mapd.errors import BadInput
from mapd.people import owner
from mapd.review import batches
from mapd.store import judgement_log, queries


def undo(exam: shared.ExamRef, by: shared.JudgeName, as_json: shared.AsJson = False) -> None:
    """Take back your latest act in an exam. An act is one judgement, a bulk one, or a repair."""
    _take_back(exam, by, as_json, redo=False)


def redo(exam: shared.ExamRef, by: shared.JudgeName, as_json: shared.AsJson = False) -> None:
    """Bring back what an undo took back. It works as often as you undid, until you do something new."""
    _take_back(exam, by, as_json, redo=True)


def _take_back(exam: str, by: str, as_json: bool, *, redo: bool) -> None:
    word, person = "redo" if redo else "undo", owner(by)
    with shared.writing() as session:
        info = queries.exam(session, exam)
        rows = judgement_log.judgements(session, info.id)
        act = batches.find_redoable(rows, person.name) if redo else batches.find_undoable(rows, person.name)
        if not act:
            raise BadInput(f"{person.name} has nothing to {word} in {info.name}; --by says whose acts")
        batches.take_back(session, act, by=person)
        result = {"exam": info.uid, word: len(act), "targets": [f"{row.target} {row.target_uid}" for row in act]}
    shared.show(result, as_json, f"{word} of one act")
