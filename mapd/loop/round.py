"""Rounds of a student: it sits its train exam, is taught on what it still gets wrong, and is compared on dev.

    run(engine, home, RoundPlan("smollm2-9c1e04", exam="5e…", rounds=2), by=owner("ann"))
    -> RoundsSummary(turns=(Turn("smollm2-9c1e04", exam="7a…", before="b1…", snapshot="3fa2…", pairs=14,
                     new_student="smollm2-9c1e04-f31c77", after="c4…"), …), rounds=[StudentRound(…), …], stopped=None)

    student -- train exam, asked like the one before --> mistakes -- committee --> policy --> snapshot --> new student
            -- dev exam --> before                                                    new student -- dev exam --> after

Each is what it is in the stage's own command; killed and started again with the same plan only what is missing is done.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import sqlalchemy as sa
from sqlmodel import Session

from mapd import committee, exam, rounds, students, teacher_models, teachers
from mapd.curation import pairs, saved_policies, selection, snapshots
from mapd.curation.curated import Curated
from mapd.curation.pairs import DrawSettings
from mapd.curation.trimming import read_trimming
from mapd.domain import ExamInfo
from mapd.errors import BadInput
from mapd.loop import round_plan
from mapd.loop.round_plan import RoundPlan
from mapd.loop.stages import Asking, StageRun, Watch
from mapd.people import Person, Right, require
from mapd.rounds import StudentRound
from mapd.store import committees, db, queries
from mapd.store import tables as t

STAGES = ("exam", "exam before", "committee", "curation", "finetune", "exam after")


@dataclass(frozen=True, slots=True)
class Turn:
    """One round: who sat which exams, and who came of it. None where it was stopped before that."""

    student: str
    exam: str
    before: str
    snapshot: str | None = None
    pairs: int = 0
    new_student: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True)
class RoundsSummary:
    """The turns, and the line of students on dev. `stopped`: why they ended early; `is_broken`: not by the rule."""

    turns: tuple[Turn, ...]
    rounds: Sequence[StudentRound]
    stopped: str | None = None
    is_broken: bool = False


def run(
    engine: sa.Engine,
    home: Path,
    plan: RoundPlan,
    *,
    by: Person,
    watch: Watch = lambda _: None,
    stopping: Callable[[], bool] = lambda: False,
) -> RoundsSummary:
    """Do the rounds, one after the other, until the rule ends them.

    They end early, too, where a budget, a teacher or a call that gave no text leaves the committee's work undone, and
    where there is nothing to teach. Started again they go on there.

    Raises: Forbidden; BadInput, NotFound, Stopped, as the stages do.
    """
    require(by, Right.RUN_JOBS)
    with db.reading(engine) as session:
        round_plan.check_plan(session, plan)
    turns: list[Turn] = []
    line: Sequence[StudentRound] = []
    for number in range(1, plan.rounds + 1):
        turn_run = _RoundRun(engine, home, by, watch, stopping, plan=plan)
        turn_run.prefix = f"round {number} of {plan.rounds}: " if plan.rounds > 1 else ""
        turn, stopped = turn_run.do([turn.exam for turn in turns])
        turns.append(turn)
        with db.reading(engine) as session:
            line = rounds.load(session, turn.after or turn.before)
        if stopped is not None:
            return RoundsSummary(tuple(turns), line, stopped, is_broken=True)
        reason = rounds.find_stop(line, plan.stop)
        if reason is not None and number < plan.rounds:
            return RoundsSummary(tuple(turns), line, f"ended after {number} of {plan.rounds} rounds: {reason}")
        plan = replace(plan, student=turn.new_student or plan.student, exam=turn.exam)
    return RoundsSummary(tuple(turns), line)


@dataclass(slots=True)
class _RoundRun(StageRun):
    """One round under way."""

    plan: RoundPlan = field(kw_only=True)
    prefix: str = ""  # of a stage's name

    def do(self, earlier_exams: Sequence[str]) -> tuple[Turn, str | None]:
        """Do the round; return it, and why it ended early, if it did. `earlier_exams`: those of rounds before it."""
        plan = self.plan
        with db.reading(self.engine) as session:
            info = queries.exam(session, plan.exam)
            student = students.get(session, plan.student)
            dev = round_plan.find_dev(session, student, info, plan.dev)
            hyperparameters = round_plan.find_hyperparameters(session, student.name, plan.settings)
        with self.stage(f"{self.prefix}exam"):
            train = self.sit_train(info)
        with self.stage(f"{self.prefix}exam before"):
            before = self.sit(plan.student, dev.question_set, "dev", dev.like)
        turn = Turn(plan.student, train.uid, before)
        with self.stage(f"{self.prefix}committee"):
            if (stopped := self.collect(train, earlier_exams)) is not None:
                return turn, stopped
        with self.stage(f"{self.prefix}curation"):
            sets, settings = self.curate_round(train)
            if (emptiness := self.find_emptiness(sets, settings)) is not None:
                return turn, emptiness
            snapshot, pair_count = self.freeze_sets(sets, settings)
        with self.stage(f"{self.prefix}finetune"):
            new_student = self.finetune(plan.student, snapshot, hyperparameters)
        with self.stage(f"{self.prefix}exam after"):
            after = self.sit(new_student, dev.question_set, "dev", self._load(before))
        return replace(turn, snapshot=snapshot, pairs=pair_count, new_student=new_student, after=after), None

    def _load(self, ref: str) -> ExamInfo:
        with db.reading(self.engine) as session:
            return queries.exam(session, ref)

    def sit(self, student: str, question_set: str, split: str, like: ExamInfo) -> str:
        """Hold the exam of a student, asked like another one, unless that is its own and whole; return its uid."""
        with db.reading(self.engine) as session:
            is_own = (like.student, like.question_set, like.split) == (student, question_set, split)
            if is_own and like.id not in queries.unfinished(session):
                return like.uid
            # Of an import nobody knows how it was asked: as by default, then.
            asking = Asking.like(queries.exam_row(session, like.id)) or Asking()
        return self.examine(student, question_set, split, asking)

    def sit_train(self, like: ExamInfo) -> ExamInfo:
        """Hold the exam that is taught from; return it. It begins with the policy of the one that it is asked like."""
        uid = self.sit(self.plan.student, like.question_set, "train", like)
        with db.writing(self.engine) as session:
            info = queries.exam(session, uid)
            # Once its committee was asked, what people choose for this exam counts.
            if info.id != like.id and not committees.members(session, info.id):
                if (info.policy, info.threshold) != (like.policy, like.threshold):
                    saved_policies.set_policy(session, info.id, like.policy, like.threshold, by=self.by)
                if info.wrong_in != like.wrong_in:
                    exam.set_wrong_in(session, info.uid, like.wrong_in, by=self.by)
        return self._load(uid)

    def collect(self, train: ExamInfo, earlier_exams: Sequence[str]) -> str | None:
        """Ask the committee what is missing; return in words why some of that is still missing, if it is."""
        plan = self.plan
        with db.reading(self.engine) as session:
            settings = round_plan.choose_committee(session, plan, train)
            rows = [teachers.get(session, name) for name in settings.teachers]
            models = {row.name: teacher_models.open_model(self.engine, row) for row in rows}
            policy = saved_policies.exam_policy(session, train) if settings.adaptive else None
            spent = sum(committee.count_spent(session, uid) for uid in earlier_exams if uid != train.uid)
        budget = None if plan.budget is None else max(0.0, plan.budget - spent)
        collected = committee.collect(
            self.engine,
            exam=train.uid,
            teachers=settings.teachers,
            models=models,
            by=self.by,
            samples=settings.samples,
            cut_off=settings.cut_off,
            adaptive=policy,
            concurrency=settings.concurrency,
            budget=budget,
            unknown_price=plan.unknown_price,
            progress=lambda p: self.tell(p.completed, p.total, p.in_words, p.seconds_left, p.in_flight),
            stopping=self.stopping,
            home=self.home,
        )
        if end := committee.describe_end(collected, budget):
            return end
        if collected.failed and not plan.skip_failed:
            words = collected.reasons[0].reason if collected.reasons else "no reason given"
            return (
                f"{committee.calls_in_words(collected.failed)} gave no text ({words}); start again, only these are "
                "asked, or go on without them, with --skip-failed"
            )
        return None

    def curate_round(self, train: ExamInfo) -> tuple[Sequence[Curated], DrawSettings]:
        """Return the curated sets that the round teaches, an exam each, and how their pairs are drawn."""
        with db.reading(self.engine) as session:
            exams = self._list_exams(session, train) if self.plan.pairs == "all" else [train]
            sets = selection.load_sets(session, exams, train.policy, train.threshold)
            return sets, _draw_like(session, students.get(session, self.plan.student))

    def find_emptiness(self, sets: Sequence[Curated], settings: DrawSettings) -> str | None:
        """Return in words why the sets give no pair; None where they give one."""
        with db.reading(self.engine) as session:
            pair_draw = snapshots.draw_pairs(session, sets, settings.without_leaks).pair_draw
        return None if pair_draw.pairs else snapshots.describe_emptiness(sets, settings.texts, pair_draw)

    def freeze_sets(self, sets: Sequence[Curated], settings: DrawSettings) -> tuple[str, int]:
        """Freeze the round's snapshot; return its sha256 and its number of pairs."""
        with db.writing(self.engine) as session:
            row = snapshots.freeze(
                session,
                *sets,
                by=self.by,
                seed=settings.seed,
                everything=settings.everything,
                texts=settings.texts,
                trimming=settings.without_leaks.trimming,
            )
            return row.sha256, row.pairs

    def _list_exams(self, session: Session, train: ExamInfo) -> list[ExamInfo]:
        """Return the exams that the line's students were taught on, and this one. Raises: BadInput: one is gone."""
        line = rounds.list_line(session, queries.identity(students.get(session, self.plan.student)))
        exams: dict[int, ExamInfo] = {}
        for row in line:
            taught = round_plan.list_taught(session, row)
            if row.snapshot_sha256 is not None and not taught:
                raise BadInput(
                    f"student {row.name} was taught on snapshot {row.snapshot_sha256[:12]}, which isn't in this "
                    "project: take the new pairs alone, with --pairs new"
                )
            exams |= {info.id: info for info in taught}
        return list((exams | {train.id: train}).values())


def _draw_like(session: Session, student: t.Student) -> DrawSettings:
    """Return how the pairs of the snapshot before were drawn, without its limit; by default as usual."""
    row = queries.find_taught_snapshot(session, student)
    if row is None:
        return DrawSettings()
    drawn_by = row.manifest["draw"]
    texts = pairs.read_texts(drawn_by["texts"]) if "texts" in drawn_by else DrawSettings().texts
    every = drawn_by["pairs"] != "one a mistake"
    return DrawSettings(drawn_by["seed"], every, None, texts, read_trimming(drawn_by))
