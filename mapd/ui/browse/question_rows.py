"""Questions as rows of the browse page: the student's answer, and people's judgements of question and answer.

Where the student answered several times, the row has the first mistake, or else the first answer; the fold has all.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from mapd.answers.grading import Outcome
from mapd.domain import Act, Item, Judged, Response, Ruling
from mapd.judgements import apply_correction, is_mistake, ruling
from mapd.store import exam_material, judgement_log
from mapd.store.browse import BrowseRow
from mapd.ui.kit import attempts, context, rows

HEADINGS = ("answer",)
DEFAULT_COLUMNS = ("no", "family", "question", "gold", "answer")
# By kind and id of what is judged.
JudgedByTarget = Mapping[tuple[str, int], Sequence[Judged]]


def draw(exam_id: int, browse_rows: Sequence[BrowseRow], columns: Sequence[str], words: str) -> None:
    """Draw the rows. `words`: the words of a search, which are marked."""
    ids = [row.question_id for row in browse_rows]
    items, answers = (
        context.read(exam_material.questions, exam_id, ids),
        context.read(exam_material.attempts, exam_id, ids),
    )
    judgements = context.read(judgement_log.judgements, exam_id, ids)
    by_target, responses = defaultdict(list), defaultdict(list)
    for row in judgements:
        by_target[row.target, row.target_id].append(row.judged)
    for response in answers:
        responses[response.question_id].append(response)
    attempt_rows = [
        _make_row(items[row.question_id], row.attempt_id, responses[row.question_id], by_target) for row in browse_rows
    ]
    attempts.draw_rows(attempt_rows, HEADINGS, columns, with_links=True, words=words)


def _make_row(
    item: Item, attempt_id: int, responses: Sequence[Response], by_target: JudgedByTarget
) -> attempts.AttemptRow:
    question_ruling = ruling(by_target.get(("question", item.id), ()))
    answer_rulings = {response.id: ruling(by_target.get(("attempt", response.id), ())) for response in responses}
    gold, is_bad = apply_correction(item.gold, question_ruling), question_ruling.decision is Act.REJECT
    mistake_ids = {r.id for r in responses if is_mistake(r, item, gold, answer_rulings[r.id])}
    # The row's own answer first.
    in_order = sorted(responses, key=lambda response: response.id != attempt_id)
    answers = [
        attempts.AnswerCell(
            "another answer" if n else "answer", r, _chip(item, r, is_bad, r.id in mistake_ids, answer_rulings[r.id])
        )
        for n, r in enumerate(in_order)
    ]
    right = "–" if is_bad else f"{len(responses) - len(mistake_ids)} of {len(responses)}"
    people = _people(item, question_ruling, answer_rulings.values())
    return attempts.AttemptRow(replace(item, gold=gold), tuple(answers), people, right)


def _people(item: Item, question_ruling: Ruling, answer_rulings: Iterable[Ruling]) -> str:
    """Return what people decided on the question and on each answer as HTML."""
    rulings = [("question", question_ruling), *(("attempt", people) for people in answer_rulings)]
    return "<br>".join(f"{kind}: {rows.describe_ruling(people, item, kind)}" for kind, people in rulings if people.by)


def _chip(question: Item, response: Response, is_bad: bool, is_wrong: bool, answer_ruling: Ruling) -> str:
    counted_answer = apply_correction(response.answer, answer_ruling)
    answer = counted_answer and question.show(counted_answer)
    if is_bad:
        return attempts.outcome_chip("nothing", answer, word="taken out")
    if not is_wrong:
        return attempts.outcome_chip(Outcome.CORRECT, answer)
    outcome = Outcome.INCORRECT if response.outcome == Outcome.CORRECT else response.outcome
    return attempts.outcome_chip(outcome, answer) + attempts.cut_off_chip(response)
