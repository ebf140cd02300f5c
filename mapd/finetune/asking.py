"""A few held-out questions, asked now and then while a student is trained: behind step 0, 20, 40 … and at the end.

    questions = choose(session, snapshot, 3)             three of dev, the same for each training on these sets
    Asker(engine, tokenizer, …).ask(learner, 20, False)  -> a row of finetune_answer each, graded as an exam's

They are no attempts, and nothing of them is taught or counted. A test split is never asked. The learner answers
greedily, as it is at that step, and draws no number: the training is the same with them and without.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn
from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd import event_loops, prompts
from mapd.answers.grading import Task
from mapd.attempts import grade_response, longest_answer
from mapd.characters import storable
from mapd.errors import BadInput
from mapd.finetune import examples
from mapd.finetune.options import RunOptions
from mapd.models.base import Completion, Finish, Model, Request, Sampling, split_thought, stream
from mapd.questions.rows import question_key
from mapd.store import db, exam_material, queries
from mapd.store import tables as t

SPLIT = "dev"
log = logging.getLogger("mapd.finetune")


def choose(session: Session, snapshot: t.Snapshot, count: int) -> list[t.Question]:
    """Return so many dev questions of the sets whose questions are taught, none of which is taught, or tested.

    Raises: BadInput where there is none.
    """
    taught = {examples.pair_key(json.loads(line)) for line in snapshot.lines.split("\n") if line}
    # A test split of any set may have the same question.
    excluded = taught | set(map(question_key, exam_material.list_test_questions(session)))
    in_dev = session.exec(select(t.Question).where(_is_in_dev(session, snapshot))).all()
    questions = [q for q in in_dev if question_key(q) not in excluded]
    if not questions:
        _refuse(snapshot, " that isn't taught or tested")
    # By a hash of their names: drawn from all over the set, and the same for every training, side by side.
    by_hash = sorted(questions, key=lambda q: hashlib.sha256(f"ask {q.uid}".encode()).digest())
    return sorted(by_hash[:count], key=lambda q: (q.set_id, q.position))


def require_questions(session: Session, snapshot: t.Snapshot) -> None:
    """See that the sets have a dev split at all: a page asks it each time that it is drawn. Raises: BadInput."""
    if not session.scalar(sa.select(sa.exists().where(_is_in_dev(session, snapshot)))):
        _refuse(snapshot, "")


def _is_in_dev(session: Session, snapshot: t.Snapshot) -> sa.ColumnElement[bool]:
    exams = queries.exams_of_snapshot(session, queries.identity(snapshot))
    sets = sa.select(col(t.Exam.set_id)).where(col(t.Exam.id).in_([exam.id for exam in exams]))
    return col(t.Question.set_id).in_(sets) & (col(t.Question.split) == SPLIT)


def _refuse(snapshot: t.Snapshot, kind: str) -> NoReturn:
    raise BadInput(
        f"there is no {SPLIT} question to ask: the sets of snapshot {snapshot.sha256[:12]} have none{kind}; leave "
        "--ask-every out"
    )


@dataclass
class Asker:
    """Asks the questions behind a training's steps, each once, and keeps the answers. `uid`: the finetune's."""

    engine: sa.Engine
    tokenizer: Any
    options: RunOptions
    questions: Sequence[t.Question]
    shots: int
    uid: str
    # Answers from before the first step that it does: a finetune has a row from that on.
    early_answers: list[t.FinetuneAnswer] = field(default_factory=list)

    def ask(self, learner: Any, step: int, is_end: bool) -> None:
        """Ask behind a step where its turn has come, before the first one that is done, and at the end; what a run
        before this one asked isn't asked again. Raises: Busy."""
        if not self.questions:
            return
        uids = {answer_uid(self.uid, question.uid, step): question for question in self.questions}
        with db.reading(self.engine) as session:
            is_begun = session.exec(select(t.Finetune.id).where(t.Finetune.uid == self.uid)).first() is not None
            answered = session.exec(select(t.FinetuneAnswer.uid).where(col(t.FinetuneAnswer.uid).in_(uids))).all()
        if is_begun and not is_end and step % self.options.ask_every:
            return
        missing = [question for uid, question in uids.items() if uid not in answered]
        answers = [self._grade(question, step, answer) for question, answer in self._generate(learner, missing)]
        if is_begun:
            db.transact(self.engine, partial(self._store, answers))
        else:
            self.early_answers = answers

    def store_early(self, session: Session, finetune_id: int) -> None:
        """Put the answers from before the first step into the row that is there now."""
        self._add(session, finetune_id, self.early_answers)

    def _store(self, answers: Sequence[t.FinetuneAnswer], session: Session) -> None:
        finetune_id = session.exec(select(t.Finetune.id).where(t.Finetune.uid == self.uid)).one()
        assert finetune_id is not None
        self._add(session, finetune_id, answers)

    @staticmethod
    def _add(session: Session, finetune_id: int, answers: Sequence[t.FinetuneAnswer]) -> None:
        for answer in answers:
            # A copy: a transaction that is tried again adds it anew.
            values = answer.model_dump(exclude={"id", "finetune_id"})
            if session.exec(select(t.FinetuneAnswer.id).where(t.FinetuneAnswer.uid == answer.uid)).first() is None:
                session.add(t.FinetuneAnswer(**values, finetune_id=finetune_id))

    def _generate(self, learner: Any, questions: Sequence[t.Question]) -> list[tuple[t.Question, Completion]]:
        """Return the questions that were answered, each with its answer."""
        if not questions:
            return []
        from mapd.finetune import learners, merged  # torch takes seconds to import
        from mapd.models.local import LocalModel

        model = LocalModel("in training", learner, self.tokenizer, is_in_training=True)
        requests = [self._request(question, model) for question in questions]

        async def collect() -> dict[str, Completion]:
            return {answer.key: answer async for answer in model.generate(stream(requests))}

        with learners.eval_mode(learner), merged.merged_layers(learner):
            answers = event_loops.run(collect())
        failures = [answer.error for answer in answers.values() if answer.finish is Finish.FAILED]
        if failures:
            log.warning("%d held-out questions have no answer at this step: %s", len(failures), failures[0])
        return [(q, answers[str(q.id)]) for q in questions if answers[str(q.id)].finish is not Finish.FAILED]

    def _request(self, question: t.Question, model: Model) -> Request:
        task = Task(question.task)
        block = prompts.question_block(question.text, question.context, question.options)
        sampling = Sampling(max_tokens=longest_answer([task], model))
        return Request(str(question.id), prompts.exam_messages(block, task, self.shots), sampling)

    def _grade(self, question: t.Question, step: int, answer: Completion) -> t.FinetuneAnswer:
        completion = split_thought(answer)
        text = storable(completion.text)
        grade = grade_response(text, completion.finish, question.gold, Task(question.task), question.options)
        return t.FinetuneAnswer(
            uid=answer_uid(self.uid, question.uid, step),
            finetune_id=0,
            question_id=queries.identity(question),
            step=step,
            text=text,
            thought=completion.thought and storable(completion.thought),
            finish=completion.finish,
            answer=grade.answer,
            outcome=grade.outcome,
        )


def answer_uid(finetune_uid: str, question_uid: str, step: int) -> str:
    """Return the name of a training's answer to a question behind a step."""
    return uuid5(NAMESPACE_URL, f"finetune answer {finetune_uid} {question_uid} {step}").hex
