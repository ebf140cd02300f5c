"""Hold an exam: a student answers a set's questions of one split; each answer is graded and kept as an attempt.

    run(engine, model, student="smollm2", question_set="demo", split="dev", by=owner("ann"))
    -> ExamResult(exam="5e…", n=210, correct=12, mistakes=198, no_answer=31, failed=0)

The same student, questions, decoding, seed and samples are the same exam: started again it asks what is missing. An
exam that isn't broken off has the same answers, bit for bit, on the same machine with the same batch size. After a
break the remaining questions are asked in other batches, where two tokens that tie may fall the other way: the hash of
the answers shows it.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from mapd import answer_stream, event_loops, prompts, students
from mapd.answers.grading import Outcome, Task
from mapd.attempts import LONGEST, Inquiry, load_answered, longest_answer, seed_of_sample, store_answers, take_over
from mapd.errors import BadInput, Stopped
from mapd.models.base import Completion, Finish, Model, Rendering, Request, Sampling
from mapd.people import Person, Right, require
from mapd.questions import sets
from mapd.store import audit_log, claims, db, exam_material, queries
from mapd.store import tables as t

GREEDY = Sampling(max_tokens=LONGEST[Task.NUMERIC])


@dataclass(frozen=True, slots=True)
class ExamProgress:
    """Answers kept of all, those of earlier starts too; the rate is this start's. `elsewhere`: another run is at it."""

    completed: int
    total: int
    questions_per_s: float = 0.0
    seconds_left: float | None = None
    elsewhere: bool = False

    @property
    def in_words(self) -> str:
        """Return its speed, or what it waits for."""
        return claims.WAITING if self.elsewhere else f"{self.questions_per_s:.1f} questions/s"


@dataclass(frozen=True, slots=True)
class ExamResult:
    """An exam's counts. `failed` answers never came, for `reason`, and are no attempts. `cut_off`: by max_tokens."""

    exam: str
    n: int
    correct: int
    mistakes: int
    no_answer: int
    cut_off: int = 0
    failed: int = 0
    reason: str | None = None


def run(
    engine: sa.Engine,
    model: Model,
    *,
    student: str | int,
    question_set: str | int,
    split: str,
    by: Person,
    decoding: Sampling | None = None,
    seed: int = 0,
    samples: int = 1,
    open_test: str | None = None,
    longer_than: str | int | None = None,
    backend: str = "transformers",
    rendering: str | None = None,
    progress: Callable[[ExamProgress], None] = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
    home: Path | None = None,
) -> ExamResult:
    """Examine the student (`model` comes from `students.open_model`) until every answer is there.

    `decoding`: how it draws its tokens; by default greedily, as long as its task and its template need. `samples`:
    answers to each question, each with a seed that follows from `seed`. `open_test`: what a sealed test split is opened
    for. `longer_than`: an earlier exam with fewer tokens, whose whole responses are taken over. `backend`: what a local
    student is asked with. `rendering`: who writes a served one's prompt. `home`: the project's folder, which tells at
    once that another run here was killed.

    Raises: Forbidden; NotFound (student, question set, earlier exam), BadInput (no such split, a sealed one, samples
    without a temperature, an earlier exam that was asked in another way), Stopped.
    """
    person = require(by, Right.RUN_JOBS)
    if decoding is None:
        with db.reading(engine) as session:
            longest = default_tokens(session, question_set, split, model)
        decoding = replace(GREEDY, max_tokens=longest)
    if samples > 1 and decoding.temperature == 0:
        raise BadInput(f"{samples} samples at temperature 0 are {samples} times the same answer; set a temperature")
    with db.writing(engine) as session:
        way = _describe_way(decoding, samples, backend)
        exam = _ensure_exam(session, student, question_set, split, way, seed, person)
        _note_rendering(session, exam, rendering)
        uid, exam_id = exam.uid, queries.identity(exam)
        inquiries = _list_inquiries(session, exam, decoding, seed, samples)
        if longer_than is not None:
            take_over(session, exam, queries.exam(session, longer_than).id)
        missing = _list_missing(session, exam_id, inquiries)
        if split == "test":
            unseal(session, exam, open_test, by=by)
        if missing:
            audit_log.audit(session, person, "exam", f"exam {uid}", missing=len(missing))
    exam_run = _ExamRun(engine, exam_id, uid, inquiries, progress, stopping)
    failures = exam_run.hold(model, home) if missing else []
    with db.reading(engine) as session:
        return replace(count_outcomes(session, uid), failed=len(failures), reason=next(iter(failures), None))


def count_questions(session: Session, question_set: str | int, split: str) -> int:
    """Return how many questions a split has. Raises: NotFound, BadInput."""
    return _check_split(session, sets.get(session, question_set), split)


def default_tokens(session: Session, question_set: str | int, split: str, model: Model) -> int:
    """Return how long an answer may be by default: as the split's tasks need. Raises: NotFound, BadInput."""
    questions = sets.get(session, question_set)
    _check_split(session, questions, split)
    return longest_answer(exam_material.list_tasks(session, queries.identity(questions), split), model)


def count_outcomes(session: Session, exam: str | int) -> ExamResult:
    """Return the exam's counts by the outcomes recorded so far. Raises: NotFound."""
    info = queries.exam(session, exam)
    query = select(t.Attempt.outcome, func.count()).where(t.Attempt.exam_id == info.id).group_by(t.Attempt.outcome)
    counts = dict(session.exec(query).all())
    n, correct = sum(counts.values()), counts.get(Outcome.CORRECT, 0)
    cut_off = select(func.count()).where(t.Attempt.exam_id == info.id, t.Attempt.finish == Finish.CUT_OFF)
    no_answer = counts.get(Outcome.NO_ANSWER, 0)
    return ExamResult(info.uid, n, correct, n - correct, no_answer, session.exec(cut_off).one())


def _ensure_exam(
    session: Session,
    student: str | int,
    question_set: str | int,
    split: str,
    way: Mapping[str, Any],
    seed: int,
    person: str,
) -> t.Exam:
    """Return the exam that these arguments describe, and make it where it isn't there. They are hashed to its uid."""
    learner, questions = students.get(session, student), sets.get(session, question_set)
    # Two starts of one exam must not both make it. The lock is PostgreSQL's; on SQLite the writer is alone anyway.
    session.exec(select(t.Student.id).where(t.Student.id == learner.id).with_for_update()).one()
    decoding_row = dict(way) | ({"shots": learner.shots} if learner.shots else {})
    # The uid is a hash of all that decides the answers: the same exam has the same uid in every project.
    words = json.dumps([learner.uid, questions.uid, split, learner.round, seed, decoding_row], sort_keys=True)
    uid = uuid5(NAMESPACE_URL, f"exam {words}").hex
    namesake = session.exec(select(t.Exam).where(t.Exam.uid == uid)).first()
    if namesake is not None:
        if (namesake.student_id, namesake.set_id, namesake.split) != (learner.id, questions.id, split):
            raise BadInput(
                f"the exam {namesake.name} has the name of this one and is another: it came with an archive; examine "
                "in a project of its own, with MAPD_HOME=FOLDER"
            )
        return namesake
    if session.get(t.Prompt, prompts.EXAM.sha256) is None:
        session.add(t.Prompt(sha256=prompts.EXAM.sha256, kind=prompts.EXAM.kind, text=prompts.EXAM.text))
    draw_note = f" · temperature {way['temperature']:g}, seed {seed}" if way["temperature"] else ""
    draw_note += f" · {way['backend']}" if "backend" in way else ""
    name = f"{questions.name} · {learner.name} · {split} · round {learner.round}{draw_note}"
    if name in queries.names_like(session, t.Exam.name, name):
        # An exam of this name was asked before: most often this one asks again with more tokens.
        name += f" · {way['max_tokens']:,} tokens"
    exam = t.Exam(
        uid=uid,
        name=free_name(session, name),
        student_id=queries.identity(learner),
        set_id=queries.identity(questions),
        split=split,
        round=learner.round,
        decoding=decoding_row,
        seed=seed,
        graded_by="ours",
    )
    _check_split(session, questions, split)
    session.add(exam)
    audit_log.audit(session, person, "make exam", f"exam {uid}", student=learner.name, questions=questions.name)
    session.flush()
    return exam


def _describe_way(decoding: Sampling, samples: int, backend: str) -> dict[str, Any]:
    """Return how a student is asked, as an exam's row has it and its uid hashes it."""
    way = {key: value for key, value in asdict(decoding).items() if key != "seed"}
    way |= {"samples": samples, "prompt": prompts.EXAM.sha256}
    return way | ({} if backend == "transformers" else {"backend": backend})


def _note_rendering(session: Session, exam: t.Exam, rendering: str | None) -> None:
    """Keep who writes the prompt; of several runs the least certain one counts."""
    earlier = exam.decoding.get("rendering")
    if rendering is not None and (earlier is None or _certainty(rendering) > _certainty(str(earlier))):
        exam.decoding = exam.decoding | {"rendering": rendering}
        session.add(exam)


def _certainty(rendering: str) -> int:
    words = [word.value for word in Rendering]
    return words.index(rendering) if rendering in words else len(words)


def _check_split(session: Session, questions: t.QuestionSet, split: str) -> int:
    query = select(t.Question.split, func.count()).where(t.Question.set_id == questions.id).group_by(t.Question.split)
    counts = dict(session.exec(query).all())
    if split not in counts:
        split_list = ", ".join(f"{name} ({n})" for name, n in sorted(counts.items())) or "none: it is empty"
        raise BadInput(f"question set {questions.name} has no {split} questions; its splits: {split_list}")
    return counts[split]


def free_name(session: Session, name: str) -> str:
    """Return the name, or with a number behind it where another exam has it."""
    return queries.free_name(name, queries.names_like(session, t.Exam.name, name))


def unseal(session: Session, exam: t.Exam, purpose: str | None, *, by: Person) -> None:
    """Open the sealed test split for this exam, once. Raises: Forbidden; BadInput where nobody says what for."""
    person = require(by, Right.OPEN_TEST)
    if session.exec(select(t.Opening.id).where(t.Opening.exam_id == exam.id)).first() is not None:
        return
    if purpose is None or not purpose.strip():
        raise BadInput("the test split is sealed, and each opening is counted: say what for with --open-test PURPOSE")
    session.add(t.Opening(set_id=exam.set_id, exam_id=exam.id, person=person, purpose=purpose.strip()))
    audit_log.audit(session, person, "open test", f"exam {exam.uid}", purpose=purpose.strip())


def set_wrong_in(session: Session, exam: str | int, wrong_in: int, *, by: Person) -> t.Exam:
    """Say in how many of its samples a question is to be wrong for its wrong answers to be mistakes.

    What was collected for the other wrong answers stays, and counts again when they are mistakes again.

    Raises: Forbidden; NotFound; BadInput where a question has fewer samples.
    """
    person = require(by, Right.SET_EXAM)
    row = session.get_one(t.Exam, queries.exam(session, exam).id)
    samples = exam_material.count_samples(session, queries.identity(row))
    if not 1 <= wrong_in <= samples:
        raise BadInput(
            f"exam {row.name} has {samples} samples of each question: wrong in 1 to {samples} of them, not {wrong_in}"
        )
    row.wrong_in = wrong_in
    session.add(row)
    audit_log.audit(session, person, "set mistakes", f"exam {row.uid}", wrong_in=wrong_in)
    session.flush()
    return row


def require_cut_off(session: Session, exam: str | int) -> t.Exam:
    """Return the exam's row, some responses of which were cut off, to be asked again with more tokens.

    Raises: NotFound; BadInput where none was cut off, or the student was asked elsewhere.
    """
    row = session.get_one(t.Exam, queries.exam(session, exam).id)
    if not all(isinstance(row.decoding.get(name), int | float) for name in ("temperature", "top_p", "max_tokens")):
        raise BadInput(f"the student of exam {row.name} was asked elsewhere: ask it again there, with more tokens")
    if not count_outcomes(session, row.uid).cut_off:
        raise BadInput(f"no response of exam {row.name} was cut off: there is nothing to ask again")
    return row


def _list_inquiries(session: Session, exam: t.Exam, decoding: Sampling, seed: int, samples: int) -> list[Inquiry]:
    in_split = select(t.Question).where(t.Question.set_id == exam.set_id, t.Question.split == exam.split)
    seeds = [seed_of_sample(seed, sample) for sample in range(samples)]
    shots = session.get_one(t.Student, exam.student_id).shots
    inquiries = []
    for q in session.exec(in_split.order_by(col(t.Question.position))).all():
        task, id_ = Task(q.task), queries.identity(q)
        messages = prompts.exam_messages(prompts.question_block(q.text, q.context, q.options), task, shots)
        for sample, sample_seed in enumerate(seeds):
            request = Request(f"{id_} {sample}", messages, replace(decoding, seed=sample_seed))
            inquiries.append(Inquiry(id_, q.uid, task, q.gold, tuple(q.options), sample, request))
    # Questions of like length are asked together: a batch then has little padding.
    return sorted(inquiries, key=lambda a: len(a.request.messages[-1].content))


def _list_missing(session: Session, exam_id: int, inquiries: Sequence[Inquiry]) -> list[Inquiry]:
    """Return the requests that have no attempt yet, in the order in which they are asked."""
    answered = load_answered(session, exam_id)
    return [a for a in inquiries if (a.question_id, a.sample) not in answered]


@dataclass(frozen=True, slots=True)
class _ExamRun:
    """One run over what an exam still lacks."""

    engine: sa.Engine
    exam_id: int
    uid: str
    inquiries: Sequence[Inquiry]
    progress: Callable[[ExamProgress], None]
    stopping: Callable[[], bool]

    def hold(self, model: Model, home: Path | None) -> list[str]:
        """Ask what is missing once no other run is at it; return the reasons of what failed."""
        with claims.ClaimHolder(self.engine, home) as claimer:
            # One run at a time is at an exam; a second one waits here, and may find nothing left to ask.
            claims.claim_when_free(claimer, f"exam {self.uid}", self._wait)
            with db.reading(self.engine) as session:
                missing = _list_missing(session, self.exam_id, self.inquiries)
            return event_loops.run(self._ask(model, missing))

    def _wait(self) -> None:
        """Say how far the other run is. Raises: Stopped."""
        with db.reading(self.engine) as session:
            answer_count = len(load_answered(session, self.exam_id))
        if self.stopping():
            raise Stopped(answer_count, len(self.inquiries))
        self.progress(ExamProgress(answer_count, len(self.inquiries), elsewhere=True))

    async def _ask(self, model: Model, missing: Sequence[Inquiry]) -> list[str]:
        """Ask all in one stream and keep each answer as it comes; return the reasons of failures. Raises: Stopped."""
        by_key = {inquiry.request.key: inquiry for inquiry in missing}
        total, earlier_count = len(self.inquiries), len(self.inquiries) - len(missing)
        started, answer_count = time.perf_counter(), 0

        def keep(answers: Sequence[Completion]) -> None:
            nonlocal answer_count
            if answers:
                group = [by_key[answer.key] for answer in answers]
                way = partial(store_answers, exam_id=self.exam_id, uid=self.uid, group=group, answers=answers)
                db.transact(self.engine, way)
            answer_count += len(answers)
            rate = answer_count / (time.perf_counter() - started)
            seconds_left = (len(missing) - answer_count) / rate if rate else None
            self.progress(ExamProgress(earlier_count + answer_count, total, rate, seconds_left))

        ending = await answer_stream.ask(model, [inquiry.request for inquiry in missing], keep, self.stopping)
        if ending.stopped and answer_count < len(missing):
            given_up = ending.sent - answer_count - len(ending.failures)
            raise Stopped(earlier_count + answer_count, total, given_up)
        # Behind a fault that lasts, such as a wrong key, a model is asked no more.
        unasked = len(missing) - answer_count - len(ending.failures)
        return ending.failures + ending.failures[-1:] * unasked
