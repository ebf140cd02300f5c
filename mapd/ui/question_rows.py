"""Questions as rows of browse: the student's answer, and what people say of question and answer.

    question_rows.draw(exam_id, found, question_rows.USUAL)

Where the student was asked several times the row has its first mistake, else its first answer; "right" counts them all.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from mapd.mistakes import is_mistake, or_corrected
from mapd.questions.grading import Outcome
from mapd.store import db, queries
from mapd.store.listing import Row
from mapd.store.queries import Item, Response
from mapd.ui import attempts, current, rows
from mapd.verdicts import Judged, Ruling, ruling

HEADS = ("answer",)
USUAL = ("no", "family", "question", "gold", "answer")
Said = Mapping[tuple[str, int], Sequence[Judged]]  # by target


def draw(exam_id: int, found: Sequence[Row], columns: Sequence[str] = USUAL, words: str = "") -> None:
    """Draw the rows. `words`: what was searched for, to be marked."""
    ids = [row.question_id for row in found]
    with db.reading(current.engine()) as session:
        items, answers = queries.questions(session, exam_id, ids), queries.attempts(session, exam_id, ids)
        judgements = queries.judgements(session, exam_id, ids)
    said, taken = defaultdict(list), defaultdict(list)
    for row in judgements:
        said[row.target, row.target_id].append(row.judged)
    for response in answers:
        taken[response.question_id].append(response)
    shown = [_shown(items[row.question_id], row.attempt_id, taken[row.question_id], said) for row in found]
    attempts.draw(shown, HEADS, columns, judge=True, found=words)


def _shown(item: Item, attempt_id: int, taken: Sequence[Response], said: Said) -> attempts.Shown:
    of_question = ruling(said.get(("question", item.id), ()))
    of_answers = {response.id: ruling(said.get(("attempt", response.id), ())) for response in taken}
    gold = or_corrected(item.gold, of_question)
    wrong = {r.id for r in taken if is_mistake(r, item, gold, of_answers[r.id])}
    shown = next(response for response in taken if response.id == attempt_id)
    return attempts.Shown(
        item,
        (("answer", shown),),
        _people(of_question, of_answers[shown.id]),
        _now(shown, shown.id in wrong, of_answers[shown.id]),
        right=len(taken) - len(wrong),
        taken=len(taken),
    )


def _people(of_question: Ruling, of_answer: Ruling) -> str:
    """What people say of the question and of the answer, as HTML."""
    rulings = {"question": of_question, "attempt": of_answer}
    return "<br>".join(f"{about}: {rows.said(people, about)}" for about, people in rulings.items() if people.by)


def _now(response: Response, wrong: bool, people: Ruling) -> tuple[str, str | None]:
    """The outcome and the answer, as people have it."""
    answer = or_corrected(response.answer, people)
    if not wrong:
        return Outcome.CORRECT, answer
    return (Outcome.INCORRECT if response.outcome == Outcome.CORRECT else response.outcome), answer
