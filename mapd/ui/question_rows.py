"""Questions as rows of browse: the student's answer, and what people say of question and answer.

    question_rows.draw(exam_id, found, question_rows.USUAL, "pens")

Where the student was asked several times the row has its first mistake, else its first answer; the fold has them all.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from mapd.answers.grading import Outcome
from mapd.mistakes import apply_correction, is_mistake
from mapd.store import db, queries
from mapd.store.listing import BrowseRow
from mapd.store.queries import Item, Response
from mapd.ui import attempts, current, rows
from mapd.verdicts import Act, Judged, Ruling, ruling

HEADS = ("answer",)
USUAL = ("no", "family", "question", "gold", "answer")
Said = Mapping[tuple[str, int], Sequence[Judged]]  # by target


def draw(exam_id: int, found: Sequence[BrowseRow], columns: Sequence[str], words: str) -> None:
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
    gold, bad = apply_correction(item.gold, of_question), of_question.decision is Act.REJECT
    wrong = {r.id for r in taken if is_mistake(r, item, gold, of_answers[r.id])}
    ordered = sorted(taken, key=lambda response: response.id != attempt_id)  # the others behind the one of the row
    answers = [
        attempts.Answer("another answer" if n else "answer", r, _chip(item, r, bad, r.id in wrong, of_answers[r.id]))
        for n, r in enumerate(ordered)
    ]
    right = "–" if bad else f"{len(taken) - len(wrong)} of {len(taken)}"
    people = _people(item, of_question, of_answers.values())
    return attempts.Shown(replace(item, gold=gold), tuple(answers), people, right)


def _people(item: Item, of_question: Ruling, of_answers: Iterable[Ruling]) -> str:
    """What people say of the question and of the answers, as HTML."""
    rulings = [("question", of_question), *(("attempt", people) for people in of_answers)]
    return "<br>".join(f"{about}: {rows.said(people, item, about)}" for about, people in rulings if people.by)


def _chip(question: Item, response: Response, bad: bool, wrong: bool, people: Ruling) -> str:
    """What the answer comes to, as people have it."""
    read = apply_correction(response.answer, people)
    answer = read and question.show(read)
    if bad:
        return attempts.chip("nothing", answer, word="taken out")
    if not wrong:
        return attempts.chip(Outcome.CORRECT, answer)
    outcome = Outcome.INCORRECT if response.outcome == Outcome.CORRECT else response.outcome
    return attempts.chip(outcome, answer) + attempts.cut_off(response)
