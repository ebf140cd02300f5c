"""A student's line, round by round: how often each is right, what it learned and forgot, and when to end. Pure but for
`load` and `list_line`.

    load(session, "dev · smollm2-2")
    -> [StudentRound("smollm2", round=0, score=6/210, …), StudentRound("smollm2-1", …), StudentRound("smollm2-2",
        score=92/210, learned=31, regained=4, forgotten=22, ever=101, mcnemar_p=0.07, best_round=1, best_p=0.07)]
    find_stop(rounds, StopRule(gain=1))     -> "accuracy changed by +0.5 points in round 2: the rule asks for +1"

A question is forgotten where the round before was right and this one isn't. What came back isn't learned twice: it is
regained where some earlier round, but not the one before, was right.

The best round so far is the first one, and then each that is shown to be better than it: more right, and McNemar's
exact p below 0.05. Small gains that are shown only together count together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import takewhile
from typing import Any

from sqlmodel import Session

from mapd import results
from mapd.answers.grading import Outcome
from mapd.domain import ExamInfo
from mapd.errors import BadInput
from mapd.results import ExamAnswers, Score
from mapd.statistics import CONFIDENCE, mcnemar
from mapd.store import queries
from mapd.store import tables as t


@dataclass(frozen=True, slots=True)
class StudentRound:
    """One student of the line, by its latest finished exam on the questions.

    `learned`, `regained`, `forgotten`: questions, against the exam before it in the line; 0 and no p in the first.
    `ever`: the questions that one of the line has been right on, up to here. `best_p`: McNemar's, against `best_round`,
    the best one before it.
    """

    student: str
    round: int
    exam: ExamInfo
    score: Score
    learned: int = 0
    regained: int = 0
    forgotten: int = 0
    ever: int = 0
    mcnemar_p: float | None = None
    best_round: int | None = None
    best_p: float | None = None
    is_better: bool = False  # than the best round before it, as far as that can be shown


@dataclass(frozen=True, slots=True)
class StopRule:
    """When rounds end, by the answers on dev. None: that isn't asked.

    `gain`: where accuracy rose by fewer points in the latest round. `patience`: where so many rounds, the latest among
    them, were not shown to be better than the best round before them.

    Raises: BadInput, naming the value.
    """

    gain: float | None = None
    patience: int | None = None

    def __post_init__(self) -> None:
        if self.gain is not None and not -100 <= self.gain <= 100:
            raise BadInput(f"a gain is in points of accuracy, from -100 to 100, not {self.gain:g}")
        if self.patience is not None and self.patience < 1:
            raise BadInput(f"at least 1 round has to be without a better one, not {self.patience}")

    @classmethod
    def read(cls, words: Iterable[str]) -> "StopRule":
        """Return the rule of such words as "gain:1" and "better:2". Raises: BadInput."""
        values: dict[str, float] = {}
        for word in words:
            name, _, number = word.partition(":")
            try:
                field, read_number = {"gain": ("gain", float), "better": ("patience", int)}[name]
                values[field] = read_number(number)
            except (KeyError, ValueError) as error:
                words_ = (
                    "gain:POINTS (where fewer are gained) or better:ROUNDS (where so many aren't shown to be better)"
                )
                raise BadInput(f"a rule to end by is {words_}, not {word}") from error
        patience = values.get("patience")
        return cls(values.get("gain"), None if patience is None else int(patience))

    @property
    def words(self) -> tuple[str, ...]:
        """Return it as `read` takes it."""
        gain = () if self.gain is None else (f"gain:{self.gain:g}",)
        return (*gain, *(() if self.patience is None else (f"better:{self.patience}",)))


def find_stop(rounds: Sequence[StudentRound], rule: StopRule) -> str | None:
    """Return in words why the rule ends the rounds behind the last of these; None where they go on."""
    if len(rounds) < 2:
        return None
    last, before = rounds[-1], rounds[-2]
    gain = 100 * (last.score.correct - before.score.correct) / last.score.n
    if rule.gain is not None and gain < rule.gain:
        return f"accuracy changed by {gain:+.1f} points in round {last.round}: the rule asks for {rule.gain:+g}"
    in_vain = list(takewhile(lambda entry: not entry.is_better, rounds[:0:-1]))
    if rule.patience is not None and len(in_vain) >= rule.patience:
        count = "the last round was" if len(in_vain) == 1 else f"the last {len(in_vain)} rounds were"
        p_words = f"McNemar's p of the latest is {last.best_p:.2g}"
        return f"{count} not shown to be better than round {last.best_round}: {p_words}"
    return None


def load(session: Session, ref: str | int) -> list[StudentRound]:
    """Return the rounds of the line that ends with this exam's student, on its questions; the first student first.

    A student of the line that has no finished exam on the same questions is left out.

    Raises: NotFound; BadInput where this exam isn't finished, or is an import.
    """
    last = results.load(session, ref)
    results.require_finished(last)
    unfinished = queries.unfinished(session)
    # The newest comes first.
    latest: dict[str, ExamInfo] = {}
    for exam in queries.exams(session):
        is_alike = (exam.question_set, exam.split) == (last.exam.question_set, last.exam.split)
        if is_alike and exam.graded_by != "import" and exam.id not in unfinished:
            latest.setdefault(exam.student, exam)
    latest[last.exam.student] = last.exam
    rows = [row for row in list_line(session, queries.exam_row(session, last.exam.id).student_id) if row.name in latest]
    line = [(row.name, row.round, results.load(session, latest[row.name].id)) for row in rows]
    # A set may have grown since.
    return measure([entry for entry in line if entry[2].answers.keys() == last.answers.keys()])


def list_line(session: Session, student_id: int) -> list[t.Student]:
    """Return the student and those that it was taught from, the first of them first."""
    row: t.Student | None = session.get_one(t.Student, student_id)
    line: list[t.Student] = []
    # An archive's rows are foreign: they may name each other in a circle.
    while row is not None and row not in line:
        line.insert(0, row)
        row = None if row.parent_id is None else session.get(t.Student, row.parent_id)
    return line


def describe(entry: StudentRound) -> dict[str, Any]:
    """Return a round as scripts get it; its exam by uid."""
    numbers = {name: getattr(entry, name) for name in ("learned", "regained", "forgotten", "ever", "mcnemar_p")}
    best = {name: getattr(entry, name) for name in ("best_round", "best_p", "is_better")}
    score = asdict(entry.score)
    return {"round": entry.round, "student": entry.student, "exam": entry.exam.uid, "score": score} | numbers | best


def measure(line: Sequence[tuple[str, int, ExamAnswers]]) -> list[StudentRound]:
    """Compare exams on the same questions, in the order of the line: each a student, its round, its answers."""
    rounds: list[StudentRound] = []
    before: set[str] | None = None
    ever: set[str] = set()
    best: set[str] = set()  # what the best round so far has right
    best_round = 0
    for student, number, answers in line:
        right = {uid for uid, answer in answers.answers.items() if answer.outcome is Outcome.CORRECT}
        score = results.score(answers.answers.values())
        if before is None:
            entry = StudentRound(student, number, answers.exam, score, ever=len(right))
        else:
            fixed, forgotten = right - before, before - right
            best_p = mcnemar(len(right - best), len(best - right))
            entry = StudentRound(
                student,
                number,
                answers.exam,
                score,
                learned=len(fixed - ever),
                regained=len(fixed & ever),
                forgotten=len(forgotten),
                ever=len(ever | right),
                mcnemar_p=mcnemar(len(fixed), len(forgotten)),
                best_round=best_round,
                best_p=best_p,
                is_better=len(right) > len(best) and best_p < 1 - CONFIDENCE,
            )
        rounds.append(entry)
        before, ever = right, ever | right
        if entry.is_better or len(rounds) == 1:
            best, best_round = right, number
    return rounds
