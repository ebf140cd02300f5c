"""A project that went once round the loop: real stages, simulated teachers, scripted students, an invented finetune."""

from collections.abc import AsyncIterable, AsyncIterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import sqlalchemy as sa
from sqlmodel import select

from mapd import committee, exam, teacher_models, teachers
from mapd.curation import live_set, snapshots
from mapd.finetune import records
from mapd.finetune.hyperparameters import Hyperparameters
from mapd.loop import demo
from mapd.models.base import Completion, Finish, Request
from mapd.people import owner
from mapd.questions import generated, sets
from mapd.review.queue_index import derivation
from mapd.store import db, queries
from mapd.store import tables as t

QUESTIONS = {"train": 3, "dev": 4}  # a family
STEPS = 6
SET = "demo"


class Scripted:
    """A student that knows the answer to every `knows`-th question, and says 1 to the others."""

    def __init__(self, knows: int) -> None:
        self.name, self.knows, self.asked = f"knows-{knows}", knows, 0

    async def generate(self, requests: AsyncIterable[Request]) -> AsyncIterator[Completion]:
        async for request in requests:
            made = generated.read(request.messages[-1].content.split("\n")[0])
            assert made is not None
            self.asked += 1
            answer = made.gold if self.asked % self.knows == 0 else "1"
            yield Completion(request.key, f"I think so.\nAnswer: {answer}", Finish.OK)

    async def answer(self, request: Request, tell: object) -> Completion:
        """Answer in one piece, as the playground asks."""

        async def alone() -> AsyncIterator[Request]:
            yield request

        return await anext(aiter(self.generate(alone())))


def finetune(
    engine: sa.Engine,
    *,
    home: Path,
    hyperparameters: Hyperparameters,
    snapshot_sha: str,
    student: str = demo.STUDENT,
    arm: str | None = None,
    **_: object,
) -> SimpleNamespace:
    """A finetune that only leaves its row and an empty adapter."""
    with db.writing(engine) as session:
        frozen = next(row for row in queries.snapshots(session) if row.sha256 == snapshot_sha)
        parent = session.exec(select(t.Student).where(t.Student.name == student)).one()
        row = records.make_row(parent, frozen, hyperparameters, arm)
        name, adapter = f"tuned-{row.uid[:6]}", f"finetunes/{row.uid}/adapter"
        (home / adapter).mkdir(parents=True, exist_ok=True)
        if session.exec(select(t.Student).where(t.Student.uid == row.uid)).first() is None:
            tuned = t.Student(uid=row.uid, name=name, base=parent.base, adapter=adapter, round=1, parent_id=parent.id)
            session.add(tuned)
            session.flush()
            row.student_id = tuned.id
            session.add(row)
    return SimpleNamespace(name=name, steps=hyperparameters.epochs, stopped=None)


def go_round(engine: sa.Engine) -> None:
    """Fill the project; the tuned student is right every second time, the untuned one every fourth."""
    with db.writing(engine) as session:
        rows = sets.make_rows(generated.draw(generated.FAMILIES, QUESTIONS, seed=1))
        questions = sets.add(session, SET, rows, source="generated", simulated=True, by=owner("ann")).name
        before = t.Student(name="small", base="path:/nowhere")
        session.add(before)
        session.flush()
        asked = [
            teachers.add(session, n, kind="simulated", model=n, by=owner("ann")) for n in ("sound", "slips", "lucky")
        ]
        models = {row.name: teacher_models.open_model(engine, row) for row in asked}
        names = list(models)
    assert questions == SET
    taught = train(engine)
    exam.run(engine, Scripted(4), student="small", question_set=questions, split="dev", by=owner("ann"))
    committee.collect(engine, exam=taught, teachers=names, models=models, by=owner("ann"))
    with db.writing(engine) as session:
        curated = live_set.load_curated(session, queries.exam(session, taught).id)
        _finetuned(session, snapshots.freeze(session, curated, by=owner("ann")))
    exam.run(engine, Scripted(2), student="small-tuned", question_set=questions, split="dev", by=owner("ann"))
    derivation.catch_up_all(engine)


def train(engine: sa.Engine) -> str:
    """Sit the exam that is taught from; returns its uid."""
    return exam.run(engine, Scripted(9), student="small", question_set=SET, split="train", by=owner("ann")).exam


def _finetuned(session: db.Session, snapshot: t.Snapshot) -> None:
    parent = session.exec(sa.select(t.Student).where(t.Student.name == "small")).scalar_one()
    settings = Hyperparameters(epochs=STEPS, batch=snapshot.pairs).as_dict()
    tuned = t.Student(name="small-tuned", base=parent.base, parent_id=parent.id, round=1, adapter="finetunes/x/adapter")
    session.add(tuned)
    session.flush()
    row = t.Finetune(
        parent_id=queries.identity(parent),
        snapshot_id=queries.identity(snapshot),
        student_id=tuned.id,
        alpha=settings.pop("alpha"),
        seed=settings.pop("seed"),
        hyperparameters=settings,
        created_at=snapshot.created_at + timedelta(seconds=1),
    )
    session.add(row)
    session.flush()
    session.add_all(
        t.FinetuneStep(
            finetune_id=queries.identity(row),
            step=step,
            loss_feedback=2 / step,
            loss_rationale=1.5 / step,
            learning_rate=5e-4,
            tokens_per_s=400,
            seconds=2,
        )
        for step in range(1, STEPS + 1)
    )
