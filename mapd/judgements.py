"""The effective judgement: what people decided of a target, of all that they said; which attempts are mistakes by that.

ruling([accept by ann, reject by bob])                        -> Ruling(conflict=True)
ruling([accept by ann, reject by bob, accept by the adjudicator]) -> Ruling(decision=Act.ACCEPT, adjudicated=True)
is_mistake(attempt, question, gold="145", people=Ruling(Act.REJECT))    -> False: a person found it correct
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

from mapd.answers.grading import Outcome, answers_equal
from mapd.domain import Act, Item, Judged, Response, Ruling, Verdict

ANNOTATOR, ADJUDICATOR = "annotator", "adjudicator"  # what one judges as


def find_founding(judged: Iterable[Judged]) -> list[Judged]:
    """Return the judgement that a repair was made with: the first on it, which accepts it. `judged`: oldest first.

    None where that came with an archive and doesn't count: then a rejection may be the first, and makes no repair.
    """
    return [first for first in list(judged)[:1] if first.decision is Act.ACCEPT]


def is_repair_undone(judged: Sequence[Judged]) -> bool:
    """Return whether the act that made a repair is undone: until it is redone it is no text of the mistake."""
    return not set(find_founding(judged)) & set(drop_undone(judged))


def drop_undone(judgements: Iterable[Judged]) -> list[Judged]:
    """Return the judgements that nobody undid, oldest first. Undoing an undo brings the first back (redo)."""
    everything = list(judgements)
    if not everything:
        return []
    undone_by = {j.undoes: j.id for j in everything if j.undoes is not None}

    # An undo of an undo is a redo: an even number of undos leaves the judgement in force.
    def stands(judgement: int) -> bool:
        undos = 0
        while judgement in undone_by:
            judgement, undos = undone_by[judgement], undos + 1
        return undos % 2 == 0

    return [j for j in everything if j.undoes is None and stands(j.id)]


VERDICT = frozenset({Act.ACCEPT, Act.REJECT, Act.WITHDRAW})  # what is said of a text
# How a text's answer is read: a correction stands beside the verdict, not instead of it.
READING = frozenset({Act.CORRECT})
ANYTHING = frozenset(Act)
NO_RULING = Ruling()


def pick_latest(judgements: Iterable[Judged], about: frozenset[Act] = ANYTHING) -> list[Judged]:
    """Return each person's latest judgement of one target, in the order in which they were made.

    A withdrawal ends the person's say; a skip says nothing and takes nothing back.
    """
    latest: dict[tuple[str, str], Judged] = {}
    for judgement in drop_undone(judgements):
        if judgement.decision is Act.SKIP or judgement.decision not in about:
            continue
        # Put in again below, so that the order is that of the latest judgements.
        latest.pop((judgement.role, judgement.person), None)
        if judgement.decision is not Act.WITHDRAW:
            latest[judgement.role, judgement.person] = judgement
    return list(latest.values())


def pick_latest_of(kind: str, judged: Sequence[Judged]) -> list[Judged]:
    """Return each person's latest judgement of a target of this kind; of a text the verdict and the reading."""
    if kind in ("rationale", "feedback"):
        return pick_latest(judged, VERDICT) + pick_latest(judged, READING)
    return pick_latest(judged)


def ruling(judgements: Iterable[Judged], about: frozenset[Act] = ANYTHING) -> Ruling:
    """Return what people decided `about` it: the adjudicator's latest, else what all agree on, else a conflict."""
    everyone = pick_latest(judgements, about)
    # Most texts: nobody has judged them.
    if not everyone:
        return NO_RULING
    last_word = [j for j in everyone if j.role == ADJUDICATOR][-1:]
    decisive = last_word or everyone
    people = tuple(sorted({j.person for j in decisive}))
    if len({(j.decision, j.value) for j in decisive}) > 1:
        return Ruling(by=people, conflict=True)
    last = decisive[-1]
    return Ruling(last.decision, last.value, last.reason, people, adjudicated=bool(last_word))


def final_verdict(committee: Verdict, people: Ruling) -> Verdict:
    """Return what counts: people's decision, else the committee's. A conflict waits for an adjudicator."""
    if people.conflict:
        return Verdict.UNDECIDED
    if people.decision is Act.ACCEPT:
        return Verdict.ACCEPTED
    return Verdict.REJECTED if people.decision is Act.REJECT else committee


def is_mistake(attempt: Response, question: Item, gold: str, people: Ruling) -> bool:
    """Return whether the attempt is a mistake: as people say, else by the corrected gold, else as recorded."""
    if people.decision is Act.REJECT:
        return False
    # The recorded outcome compares the old answer with the old gold: after a correction it tells nothing.
    if people.decision is Act.CORRECT or gold != question.gold:
        answer = apply_correction(attempt.answer, people)
        return answer is None or not answers_equal(answer, gold, question.task, question.options)
    return attempt.outcome != Outcome.CORRECT


@dataclass(frozen=True, slots=True)
class CorrectedAttempts:
    """An exam's attempts after people's corrections: what they decided and the gold answers, by id of the database.

    `wrong`: the attempts that aren't correct. `mistakes`: those of them whose question is wrong often enough.
    """

    of_question: Mapping[int, Ruling]
    of_attempt: Mapping[int, Ruling]
    golds: Mapping[int, str]
    wrong: frozenset[int]
    mistakes: frozenset[int]


def correct_attempts(
    questions: Mapping[int, Item],
    attempts: Sequence[Response],
    judged: Mapping[tuple[str, int], Sequence[Judged]],
    wrong_in: int,
) -> CorrectedAttempts:
    """Apply people's corrections. `wrong_in`: in so many samples a question is to be wrong for a mistake."""
    of_question = {id_: ruling(judged.get(("question", id_), ())) for id_ in questions}
    of_attempt = {attempt.id: ruling(judged.get(("attempt", attempt.id), ())) for attempt in attempts}
    golds = {id_: apply_correction(question.gold, of_question[id_]) for id_, question in questions.items()}
    question_of = {
        attempt.id: attempt.question_id
        for attempt in attempts
        if is_mistake(attempt, questions[attempt.question_id], golds[attempt.question_id], of_attempt[attempt.id])
    }
    counts = Counter(question_of.values())
    mistakes = frozenset(attempt for attempt, question in question_of.items() if counts[question] >= wrong_in)
    return CorrectedAttempts(of_question, of_attempt, golds, frozenset(question_of), mistakes)


@overload
def apply_correction(value: str, people: Ruling) -> str: ...
@overload
def apply_correction(value: str | None, people: Ruling) -> str | None: ...
def apply_correction(value: str | None, people: Ruling) -> str | None:
    """Return the value as people corrected it, else as it was."""
    return people.value if people.decision is Act.CORRECT else value
