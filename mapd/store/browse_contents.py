"""What the rows of browse are of, a block at a time: question, response, text, votes, and what people corrected.

contents = load_contents(session, exam_id, list_rows(session, exam_id, row_filter, 300, number=500))
contents.standings[rows[0].key[-1]]["mean"]      -> 450, in hundredths
contents.votes[51]                               -> [Vote("gpt", 5), Vote("mistral", 4)]
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from mapd.domain import Act, Item, Response, Vote
from mapd.judgements import apply_correction, ruling
from mapd.store import exam_material, judgement_log
from mapd.store import tables as t
from mapd.store.browse import BrowseRow


@dataclass(frozen=True, slots=True)
class BrowseContents:
    """What a block of rows is of, by id; gold answers and answers are as people corrected them."""

    standings: Mapping[int, Mapping[str, Any]]
    questions: Mapping[int, Item]
    golds: Mapping[int, str]  # by question
    attempts: Mapping[int, Response]
    answers: Mapping[int, str | None]  # by attempt
    texts: Mapping[int, Mapping[str, Any]]  # by explanation: its row, with the teacher's name and kind
    votes: Mapping[int, Sequence[Vote]]  # by explanation


def load_contents(session: Session, exam_id: int, rows: Sequence[BrowseRow]) -> BrowseContents:
    """Return what these rows are of. Only a few hundred rows may be asked for at once."""
    question_ids = sorted({row.question_id for row in rows})
    text_ids = sorted({row.explanation_id for row in rows if row.explanation_id is not None})
    # An exam of several samples has attempts at these questions that the rows aren't of.
    attempts = {attempt.id: attempt for attempt in exam_material.attempts(session, exam_id, question_ids)}
    questions = exam_material.questions(session, exam_id, question_ids)
    corrections = _load_corrections(session, exam_id, question_ids)
    golds = {q.id: apply_correction(q.gold, ruling(corrections["question", q.id])) for q in questions.values()}
    answers = {a.id: apply_correction(a.answer, ruling(corrections["attempt", a.id])) for a in attempts.values()}
    standing_ids = [row.key[-1] for row in rows]
    standings = sa.select(t.metadata.tables["standing"]).where(col(t.Standing.id).in_(standing_ids))
    of_text: list[Any] = [t.Explanation.id, t.Explanation.uid, t.Explanation.text, t.Explanation.repairs_id]
    of_text += [col(t.Teacher.name).label("teacher"), t.Teacher.simulated]
    explanations = sa.select(*of_text).join(t.Teacher, col(t.Explanation.author_id) == col(t.Teacher.id))
    explanations = explanations.where(col(t.Explanation.id).in_(text_ids))
    votes: defaultdict[int, list[Vote]] = defaultdict(list)
    for text, reviewer, score, saw_gold in exam_material.iterate_votes(session, exam_id, question_ids):
        votes[text].append(Vote(reviewer, score, saw_gold=saw_gold))
    return BrowseContents(
        standings=_by_id(session.execute(standings).mappings()),
        questions=questions,
        golds=golds,
        attempts=attempts,
        answers=answers,
        texts=_by_id(session.execute(explanations).mappings()),
        votes=votes,
    )


def _by_id(rows: Iterable[Mapping[Any, Any]]) -> dict[int, Mapping[str, Any]]:
    return {row["id"]: row for row in rows}


def _load_corrections(session: Session, exam_id: int, questions: Sequence[int]) -> Mapping[tuple[str, int], list[Any]]:
    """Return what people said of the questions and of the attempts at them, by target."""
    corrected = sa.select(sa.func.coalesce(col(t.Judgement.question_id), col(t.Attempt.question_id))).select_from(
        sa.outerjoin(t.Judgement, t.Attempt, col(t.Judgement.attempt_id) == col(t.Attempt.id))
    )
    of_block = col(t.Judgement.question_id).in_(questions) | col(t.Attempt.question_id).in_(questions)
    ids = session.scalars(corrected.where(of_block, col(t.Judgement.decision) == Act.CORRECT).distinct()).all()
    judged: defaultdict[tuple[str, int], list[Any]] = defaultdict(list)
    # Few questions are corrected: only of those all judgements are read.
    for row in judgement_log.judgements(session, exam_id, ids) if ids else ():
        judged[row.target, row.target_id].append(row.judged)
    return judged
