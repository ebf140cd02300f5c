"""Compare a student before and after: what it now gets right and wrong, and if that may be luck. Pure but for `load…`.

    compare(load(session, "dev · smollm2"), load(session, "dev · smollm2 tuned"))
    -> before 6/210 [1.3 %, 6.1 %], after 79/210 [31.3 %, 44.3 %], fixed 75, broken 2, mcnemar_p 4e-20

Intervals are Wilson's 95 %, p is McNemar's exact one. An attempt counts as its exam recorded it.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from operator import itemgetter

from sqlmodel import Session

from mapd import domain
from mapd.answers.grading import Outcome, Task
from mapd.domain import ExamInfo
from mapd.errors import BadInput
from mapd.sampled_answers import QuestionAnswers, SampledScores, measure
from mapd.statistics import CONFIDENCE, mcnemar, paired_bootstrap, wilson
from mapd.store import exam_material as store
from mapd.store import queries
from mapd.store import tables as t


class Change(StrEnum):
    """What became of one question."""

    FIXED = "fixed"
    BROKEN = "newly broken"
    STILL_WRONG = "still wrong"
    STILL_RIGHT = "still right"


@dataclass(frozen=True, slots=True)
class ExamAnswer:
    """One question as one exam has it."""

    uid: str
    family: str
    gold: str
    outcome: Outcome
    is_cut_off: bool = False
    length: int = 0  # characters of the response


@dataclass(frozen=True, slots=True)
class ExamAnswers:
    """An exam's first samples, by question uid; `samples`: how many there are of each question.

    `question_count`: of its split. `asking`: how the student was asked, in words by name; empty where it was elsewhere.
    """

    exam: ExamInfo
    answers: Mapping[str, ExamAnswer]
    question_count: int
    samples: int = 1
    asking: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Score:
    """`correct` of `n` (at least 1), and between which shares the truth lies with 95 % confidence.

    `cut_off`: the answers that ran into their exam's max_tokens, whatever came of them. `length`: of a response, the
    mean in characters.
    """

    n: int
    correct: int
    no_answer: int
    accuracy: float
    low: float
    high: float
    cut_off: int = 0
    length: float = 0


@dataclass(frozen=True, slots=True)
class FamilyResult:
    """One family (or the whole): both scores, what always giving its most common gold answer would score, and p.

    `difference`: the 95 % interval of what accuracy gained, over draws of the questions; None where none changed.
    """

    before: Score
    after: Score
    majority: float
    mcnemar_p: float
    difference: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Results:
    """Two exams on the same questions, compared."""

    before: ExamInfo
    after: ExamInfo
    overall: FamilyResult
    by_family: Mapping[str, FamilyResult]
    changes: Mapping[Change, tuple[str, ...]]  # question uids, in the order of the questions
    # Over the questions whose answer could be read both times; None where there are none.
    readable: FamilyResult | None
    samples: int  # the most that one of them took of each question; the first counts
    # By name, where the two exams were not asked alike.
    asked_otherwise: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def fixed(self) -> int:
        """Return how many questions are right now and weren't."""
        return len(self.changes[Change.FIXED])

    @property
    def broken(self) -> int:
        """Return how many questions were right and aren't any more."""
        return len(self.changes[Change.BROKEN])


def load(session: Session, ref: str | int) -> ExamAnswers:
    """Return one exam's first samples. Raises: NotFound."""
    info = queries.exam(session, ref)
    answers = {
        uid: ExamAnswer(uid, family or info.question_set, gold, Outcome(outcome), finish == domain.CUT_OFF, length)
        for uid, family, gold, outcome, finish, length in store.list_answers(session, info.id)
    }
    question_count, samples = store.count_questions(session, info), store.count_samples(session, info.id)
    return ExamAnswers(info, answers, question_count, samples, _describe_asking(session, info.id))


def load_sampled(session: Session, ref: str | int) -> SampledScores | None:
    """Return the scores of an exam that asked each question several times; None of another. Raises: NotFound."""
    info = queries.exam(session, ref)
    # An import has mistakes alone: it says nothing of how often the student is right.
    if info.graded_by == "import" or store.count_samples(session, info.id) == 1:
        return None
    by_question = groupby(store.list_samples(session, info.id), key=itemgetter(0))
    return measure(_gather_samples(list(rows)) for _, rows in by_question)


@dataclass(frozen=True, slots=True)
class ExamContent:
    """The sha256 of an exam's answers, in whatever order they came; who wrote a served student's prompt.

    `note`: where another run of the same exam may answer otherwise.
    """

    sha256: str
    rendering: str | None = None
    note: str | None = None


MAY_DIFFER = "another run may differ: a server's batch can turn two tokens that nearly tie; compare the sha256"


def load_content(session: Session, ref: str | int) -> ExamContent:
    """Return what an exam's answers are, as far as two runs of it can be compared by it. Raises: NotFound."""
    row = queries.exam_row(session, queries.exam(session, ref).id)
    # Sorted here: databases order texts in ways of their own.
    texts = store.list_texts(session, queries.identity(row))
    lines = sorted(f"{json.dumps(tuple(text), ensure_ascii=False)}\n" for text in texts)
    rendering = row.decoding.get("rendering")
    may_differ = rendering is not None or "backend" in row.decoding
    sha256 = hashlib.sha256("".join(lines).encode()).hexdigest()
    return ExamContent(sha256, None if rendering is None else str(rendering), MAY_DIFFER if may_differ else None)


def _gather_samples(rows: Sequence[tuple[int, str, list[str], str | None, str]]) -> QuestionAnswers:
    _, task, options, *_ = rows[0]
    answers = tuple((answer, outcome == Outcome.CORRECT) for *_, answer, outcome in rows)
    return QuestionAnswers(Task(task), tuple(options), answers)


def _describe_asking(session: Session, exam_id: int) -> dict[str, str]:
    """Return how an exam's student was asked, in words. Its base model counts: the chat template writes the prompt."""
    exam = queries.exam_row(session, exam_id)
    student = session.get_one(t.Student, exam.student_id)
    # Weights of its own have the chat template of the base that they began as.
    while student.base.startswith("finetune:") and student.parent_id is not None:
        student = session.get_one(t.Student, student.parent_id)
    values = {n.replace("_", " "): value for n, value in exam.decoding.items() if n != "samples"}
    how = {name: f"{v:g}" if isinstance(v, float) else str(v)[:64] for name, v in values.items()}
    base = {"base model, hence template": _describe_base(student)}
    return how | base | ({"seed": str(exam.seed)} if exam.decoding.get("temperature") else {})


def _describe_base(student: t.Student) -> str:
    # An adapter has a name of its own at its server: what it shares with its base is the tokenizer.
    if student.base_url is not None:
        return student.tokenizer or f"{student.base} at {student.base_url}"
    return f"{student.base}{f' at {student.revision}' if student.revision else ''}"


def _find_differences(first: ExamAnswers, second: ExamAnswers) -> dict[str, tuple[str, str]]:
    """Return by name where the two were asked differently, as (first, second)."""
    names = dict.fromkeys([*first.asking, *second.asking])
    pairs = {name: (first.asking.get(name, "not known"), second.asking.get(name, "not known")) for name in names}
    pairs |= {"samples": (str(first.samples), str(second.samples))}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def require_finished(exam: ExamAnswers) -> None:
    """See that an exam has an accuracy. Raises: BadInput where it isn't finished, or is an import."""
    if exam.exam.graded_by == "import":
        raise BadInput(f"{exam.exam.name} is an import, which holds mistakes alone: it has no accuracy to compare")
    if len(exam.answers) < exam.question_count or not exam.answers:
        raise BadInput(
            f"exam {exam.exam.name} isn't finished: {len(exam.answers)} of {exam.question_count} questions; "
            "`mapd exam run` goes on with it"
        )


def compare(before: ExamAnswers, after: ExamAnswers) -> Results:
    """Compare two exams on the same questions.

    Raises: BadInput where they have different questions, or one of them isn't finished or is an import.
    """
    for exam in (before, after):
        require_finished(exam)
    if before.answers.keys() != after.answers.keys():
        raise BadInput(
            f"{before.exam.name} and {after.exam.name} have different questions; compare exams on one set and split"
        )
    pairs = [(first, after.answers[uid]) for uid, first in before.answers.items()]
    families = dict.fromkeys(first.family for first, _ in pairs)
    readable = [pair for pair in pairs if all(answered.outcome is not Outcome.NO_ANSWER for answered in pair)]
    changes: dict[Change, list[str]] = {change: [] for change in Change}
    for first, second in pairs:
        changes[_change(first.outcome, second.outcome)].append(first.uid)
    return Results(
        before=before.exam,
        after=after.exam,
        overall=_result(pairs),
        by_family={name: _result([pair for pair in pairs if pair[0].family == name]) for name in families},
        changes={change: tuple(uids) for change, uids in changes.items()},
        readable=_result(readable) if readable else None,
        samples=max(before.samples, after.samples),
        asked_otherwise=_find_differences(before, after),
    )


def _change(first: Outcome, second: Outcome) -> Change:
    was_right, is_right = first is Outcome.CORRECT, second is Outcome.CORRECT
    if was_right:
        return Change.STILL_RIGHT if is_right else Change.BROKEN
    return Change.FIXED if is_right else Change.STILL_WRONG


def _result(pairs: Sequence[tuple[ExamAnswer, ExamAnswer]]) -> FamilyResult:
    changes = Counter(_change(first.outcome, second.outcome) for first, second in pairs)
    golds = Counter((first.family, first.gold) for first, _ in pairs)
    best = {family: max(n for (of, _), n in golds.items() if of == family) for family, _ in golds}
    return FamilyResult(
        before=score(first for first, _ in pairs),
        after=score(second for _, second in pairs),
        majority=sum(best.values()) / len(pairs),
        mcnemar_p=mcnemar(changes[Change.FIXED], changes[Change.BROKEN]),
        difference=paired_bootstrap([_is_right(second) - _is_right(first) for first, second in pairs]),
    )


def _is_right(answer: ExamAnswer) -> bool:
    return answer.outcome is Outcome.CORRECT


def score(answers: Iterable[ExamAnswer]) -> Score:
    """Count answers by their outcomes; there is at least one."""
    answers = list(answers)
    counts = Counter(answered.outcome for answered in answers)
    n, correct = counts.total(), counts[Outcome.CORRECT]
    low, high = wilson(correct, n)
    cut_off = sum(answered.is_cut_off for answered in answers)
    length = sum(answered.length for answered in answers) / n
    return Score(n, correct, counts[Outcome.NO_ANSWER], correct / n, low, high, cut_off, length)


def list_caveats(results: Results) -> list[str]:
    """Return what the comparison can't show, in words, with its numbers."""
    before, after = results.overall.before, results.overall.after
    lines = [differences_in_words(results)] if results.asked_otherwise else []
    if before.cut_off or after.cut_off:
        lines.append(
            f"{_percent(before.cut_off, before.n)} of the answers were cut off before, "
            f"{_percent(after.cut_off, after.n)} after: ask them again with more "
            "tokens, or part of any gain is learning to stop."
        )
    lines += [
        f"{_percent(before.no_answer, before.n)} of the answers could not be read before, "
        f"{_percent(after.no_answer, after.n)} after: part of any gain is learning the answer's form."
    ]
    if (read := results.readable) is not None:
        lines.append(
            f"Of the {read.before.n} questions whose answer could be read both times, {read.before.accuracy:.1%} were "
            f"right before and {read.after.accuracy:.1%} after: there the form is no help."
        )
    lines.append(f"Always giving each family's most common answer would score {results.overall.majority:.1%}.")
    if results.overall.mcnemar_p >= 1 - CONFIDENCE:
        lines.append(f"The difference may be luck: McNemar's exact p is {results.overall.mcnemar_p:.2g}.")
    lines.append(
        "Intervals and p speak of other questions of this kind, not of another training: that needs more seeds."
    )
    if results.before.split != "test":
        lines.append(f"These are {results.before.split} questions: what was chosen by them may look better than it is.")
    if results.samples > 1:
        lines.append(f"Questions were answered up to {results.samples} times; only each first answer counts here.")
    if results.before.simulated:
        lines.append(
            "The questions are generated and the teachers simulated: it shows the loop, not the method's worth."
        )
    return lines


def differences_in_words(results: Results) -> str:
    """Say in which ways the two exams weren't asked alike."""
    ways = ", ".join(f"{name} {first} and {second}" for name, (first, second) in results.asked_otherwise.items())
    return f"The two exams were not asked alike ({ways}): part of the difference may be that."


def _percent(count: int, of: int) -> str:
    return f"{count / of:.1%}"
