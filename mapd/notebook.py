"""The loop from Python, as a notebook wants it: `mapd.open("data/pilot")` gives the project (docs/python.md).

    project = mapd.open("data/pilot")
    exam = project.run_exam("smollm2", "sums", "train")         -> "5e…", the exam's uid
    project.curated(exam, policy="strict")                      -> a DataFrame, one row a rationale

An act (a verb) returns the name of what it made; what was made is read as a DataFrame (a noun) under that name. Each is
the stage's own function, or the work that its command starts: the same act again does only what is missing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa
from pydantic import ValidationError
from sqlmodel import Session

from mapd import results, served_students, students, teachers
from mapd.curation import fitted_policies, live_set, saved_policies, selection, snapshots
from mapd.curation.curated import Curated, Mistake, Narrowing
from mapd.curation.decided_texts import DecidedText
from mapd.curation.labels import LabelFile
from mapd.curation.pairs import read_texts
from mapd.errors import BadInput, NotFound
from mapd.exchange import label_files
from mapd.jobs import kinds
from mapd.jobs.finetune_work import FinetuneWork
from mapd.jobs.work import Work, WorkContext
from mapd.people import machine_user, owner
from mapd.probability import GOLD, PEOPLE
from mapd.questions import formats, generated, imports, mapping, sets, sources
from mapd.questions.options import AnswerKey
from mapd.questions.rows import QuestionRow, parse_shares
from mapd.settings import Settings
from mapd.store import db, exam_material, finetunes, queries
from mapd.store.snapshots import lines_of, read_line
from mapd.store.tables import FinetuneStep


class Project:
    """One project: its database, its folder, and who acts. Errors are `mapd.errors.MapdError`, in one line."""

    def __init__(self, path: str | PathLike[str] | None = None, *, person: str | None = None) -> None:
        """Open a project's folder, which is made where it isn't there; without one, what MAPD_HOME says.

        A named folder holds its own database; MAPD_DATABASE_URL counts where none is named. `person`: whose name the
        acts are kept under; by default the machine's user.

        Raises: BadInput, Busy, Damaged, as every start does.
        """
        settings = Settings() if path is None else Settings(home=Path(path), database_url=None)
        self.engine: sa.Engine = db.open_store(settings)
        self.home = settings.home.resolve()
        self.person = owner(machine_user() if person is None else person)

    def __repr__(self) -> str:
        return f"mapd.open({str(self.home)!r})"

    # --- Questions, students, teachers --------------------------------------------------------------------------------

    def add_questions(
        self,
        name: str,
        *files: str | Path,
        hub: str | None = None,
        fields: str = "",
        answers: str | None = None,
        split: str | None = None,
        shares: str | None = None,
        seed: int = 0,
    ) -> str:
        """Add files, or a set of the hub, as one set; return its name. `fields`: as `--map` has them.

        Raises: BadInput where a field is long and not read, a row can't be used, or the name is another set's.
        """
        tables = [table for file in files for table in sources.read_path(Path(file), formats.headings)]
        tables += [] if hub is None else sources.read_hub(hub)
        if not tables:
            raise BadInput("there is nothing to add; name a file or a folder, or a set on the hub with hub='ORG/NAME'")
        if split is None and shares is None:
            tables = sources.split_by_names(tables)
        instructions = imports.Instructions(
            mapping=mapping.parse(fields) if fields else mapping.FieldMapping(),
            answers=None if answers is None else _read_answer_key(answers),
            split=split,
            shares=None if shares is None else parse_shares(shares),
            seed=seed,
        )
        question_import = imports.read(tables, instructions)
        question_import.refuse_unread()
        question_import.refuse_bad()
        sums = sources.list_files(tables)
        return self._add_rows(name, question_import.rows, source=sources.describe(tables), simulated=False, files=sums)

    def generate_questions(self, name: str, *, train: int = 36, dev: int = 70, test: int = 0, seed: int = 0) -> str:
        """Draw questions of the demo's three families, so many of each; return the set's name. Raises: BadInput."""
        questions = generated.draw(generated.FAMILIES, {"train": train, "dev": dev, "test": test}, seed)
        return self._add_rows(name, sets.make_rows(questions), source=f"generated, seed {seed}", simulated=True)

    def _add_rows(
        self,
        name: str,
        rows: Sequence[QuestionRow],
        *,
        source: str,
        simulated: bool,
        files: Sequence[tuple[str, str]] = (),
    ) -> str:
        with db.writing(self.engine) as session:
            return sets.add(session, name, rows, source=source, simulated=simulated, by=self.person, files=files).name

    def questions(self, name: str, split: str | None = None) -> pd.DataFrame:
        """Return a set's questions, one row each. Raises: NotFound."""
        with db.reading(self.engine) as session:
            return _frame(map(asdict, sets.load_rows(session, sets.get(session, name), split)))

    def add_student(
        self, name: str, *, path: str | Path | None = None, hub: str | None = None, shots: int = 0, **served: Any
    ) -> str:
        """Add a student: of a folder, of the hub, behind a server, or (none of them) the packaged SmolLM2.

        `served`: the settings of `mapd.served_students.add`, `tokenizer` as a folder or ORG/NAME. Returns its name.

        Raises: BadInput.
        """
        if served:
            source = served.pop("tokenizer", None)
            tokenizer = None if source is None else served_students.examine_tokenizer(source)
            with db.writing(self.engine) as session:
                return served_students.add(
                    session, name, **served, shots=shots, tokenizer=tokenizer, by=self.person
                ).name
        base = students.examine_base(path=None if path is None else Path(path), hub=hub)
        with db.writing(self.engine) as session:
            return students.add(session, name, base=base, shots=shots, by=self.person).name

    def add_teacher(self, name: str, *, kind: str, model: str, **settings: Any) -> str:
        """Add a teacher, with the settings of `mapd.teachers.add`; return its name. Raises: BadInput."""
        with db.writing(self.engine) as session:
            return teachers.add(session, name, kind=kind, model=model, by=self.person, **settings).name

    # --- Exams --------------------------------------------------------------------------------------------------------

    def run_exam(self, student: str, questions: str, split: str = "train", **options: Any) -> str:
        """Ask the student what has no answer yet; return the exam's uid. `options`: those of `kinds.ExamWork`.

        Raises: NotFound, BadInput.
        """
        outcome = self._run(kinds.ExamWork, student=student, questions=questions, split=split, **options)
        return str(outcome["exam"])

    def exams(self) -> pd.DataFrame:
        """Return the project's exams, one row each."""
        with db.reading(self.engine) as session:
            return _frame(asdict(info) for info in queries.exams(session))

    def attempts(self, exam: str) -> pd.DataFrame:
        """Return an exam's responses, one row each, beside their questions. Raises: NotFound."""
        with db.reading(self.engine) as session:
            info = queries.exam(session, exam)
            questions = exam_material.questions(session, info.id)
            rows = [(questions[a.question_id], a) for a in exam_material.attempts(session, info.id)]
        return _frame(
            {
                "attempt": a.uid,
                "question": q.text,
                "split": info.split,
                "family": q.family,
                "gold": q.gold,
                "text": a.text,
                "answer": a.answer,
                "outcome": a.outcome,
            }
            for q, a in rows
        )

    # --- Committee and curation ---------------------------------------------------------------------------------------

    def collect(self, exam: str, teachers: Sequence[str], **options: Any) -> dict[str, Any]:
        """Have the committee explain the exam's mistakes and review each other; return what `mapd collect` counts.

        `options`: those of `kinds.CollectWork`, such as `budget=2.5`, in US dollars. Raises: NotFound, BadInput.
        """
        return self._run(kinds.CollectWork, exam=exam, teachers=tuple(teachers), **options)

    def reviews(self, exam: str) -> pd.DataFrame:
        """Return every review of the exam's texts: reviewer, author, score. Raises: NotFound."""
        with db.reading(self.engine) as session:
            texts = self._load(session, exam).mistakes
        return _frame(
            {"text": x.text.uid, "kind": x.text.kind, "author": x.text.teacher, **asdict(vote)}
            for mistake in texts
            for x in mistake.texts
            for vote in x.text.votes
        )

    def curated(self, exam: str, policy: str | None = None, threshold: float | None = None) -> pd.DataFrame:
        """Return the exam's rationales with their verdicts, one row each; nothing is changed. Raises: NotFound."""
        with db.reading(self.engine) as session:
            curated = self._load(session, exam, policy, threshold)
        return _frame(_rationale(mistake, x) for mistake in curated.mistakes for x in mistake.rationales)

    def fit_policy(
        self,
        exam: str | Sequence[str],
        name: str,
        labels: str | Path = GOLD,
        *,
        gold_input: bool = True,
        threshold: float = fitted_policies.THRESHOLD,
        feedback: bool = True,
    ) -> str:
        """Fit a policy on the exam's texts, and save it; return its name. `labels`: "gold", "people", or a file.

        `feedback`: whether feedback gets a fit of its own, where people or the file label enough of it.
        `project.fit(name)` has the figures.

        Raises: NotFound; BadInput where the labels are too few, of one kind, or can't be read.
        """
        is_kind = labels in (GOLD, PEOPLE)
        source: str | LabelFile = str(labels) if is_kind else label_files.read(sources.load_file(Path(labels)))
        with db.reading(self.engine) as session:
            exams = [queries.exam(session, ref) for ref in ([exam] if isinstance(exam, str) else exam)]
            options = {"uses_gold": gold_input, "with_feedback": feedback}
            plan = fitted_policies.plan_fit(
                session, name, exams, source, by=self.person, threshold=threshold, **options
            )
        # Nobody waits for the database meanwhile.
        policy = fitted_policies.fit_policy(plan).policy
        with db.writing(self.engine) as session:
            return saved_policies.save_policy(session, policy, by=self.person).name

    def fit(self, policy: str, version: int | None = None, kind: str = "rationale") -> pd.DataFrame:
        """Return precision and recall of a fitted policy at each probability, cross-fitted.

        `kind`: "rationale" or "feedback", of which it is. Its `attrs` have the rest: "labels", "n", "brier", "notes".
        Raises: NotFound; BadInput where it isn't fitted, or not for feedback.
        """
        with db.reading(self.engine) as session:
            of_version = saved_policies.find_policy(session, policy)
            if version is not None:
                of_version = saved_policies.find_version(session, policy, version)
        if of_version.fit is None:
            raise BadInput(f"policy {policy} is on a mean: nothing was fitted; `project.fit_policy` fits one")
        of_kind = {"rationale": of_version.fit, "feedback": of_version.fit.feedback}.get(kind)
        if of_kind is None:
            raise BadInput(f"policy {policy} has no fit for {kind}: fit it on people’s judgements or a file of labels")
        record = of_kind.record
        frame = _frame(asdict(point) for point in record.at)
        frame.attrs |= {"labels": record.labels, "n": record.n, "brier": record.brier}
        frame.attrs["notes"] = fitted_policies.describe_fit(of_version.fit)
        return frame

    def freeze(
        self,
        exam: str | Sequence[str],
        policy: str | None = None,
        threshold: float | None = None,
        *,
        seed: int = 0,
        teachers: Sequence[str] = (),
        tasks: Sequence[str] = (),
        families: Sequence[str] = (),
        texts: Sequence[str] = ("both",),
        **draw: Any,
    ) -> str:
        """Freeze the curated set of one exam or of several; return the snapshot's sha256.

        `teachers`, `tasks`, `families`: what it is narrowed to. `texts`: what a pair may have: "both", "rationale",
        "feedback". `draw`: `everything` or `limit` of `snapshots.freeze`.

        Raises: NotFound; BadInput where no pair can be made, or the exams have different policies and none is named.
        """
        kinds = read_texts([texts] if isinstance(texts, str) else texts)
        narrowing = Narrowing(tuple(teachers), tuple(tasks), tuple(families))
        with db.writing(self.engine) as session:
            exams = [queries.exam(session, ref) for ref in ([exam] if isinstance(exam, str) else exam)]
            sets = selection.load_sets(session, exams, policy, threshold, narrowing)
            snapshot = snapshots.freeze(session, *sets, by=self.person, seed=seed, texts=kinds, **draw)
            snapshots.write(snapshot, self.home)
            return snapshot.sha256

    def pairs(self, snapshot: str) -> pd.DataFrame:
        """Return a snapshot's pairs, one row each, nested fields as "rationale.text"; a text that a pair lacks is NaN.

        Raises: NotFound.
        """
        with db.reading(self.engine) as session:
            lines = queries.snapshot(session, snapshot).lines
        return pd.json_normalize([read_line(line) for line in lines_of(lines)])

    def _load(self, session: Session, exam: str, policy: str | None = None, threshold: float | None = None) -> Curated:
        info = queries.exam(session, exam)
        rules = (
            saved_policies.exam_policy(session, info) if policy is None else saved_policies.find_policy(session, policy)
        )
        return live_set.load_curated(session, info.id, rules if threshold is None else rules.at(threshold))

    # --- Finetunes and results ----------------------------------------------------------------------------------------

    def finetune(self, snapshot: str, **options: Any) -> str:
        """Teach the snapshot's student; return the new student's name. `options`: those of `FinetuneWork`.

        Raises: NotFound, BadInput.
        """
        return str(self._run(FinetuneWork, snapshot=snapshot, **options)["name"])

    def losses(self, student: str) -> pd.DataFrame:
        """Return the steps of a student's finetune, one row each. Raises: NotFound where nobody taught it."""
        with db.reading(self.engine) as session:
            training = next((row for row in finetunes.finetunes(session) if row.student == student), None)
            if training is None:
                raise NotFound(f"no finetune made a student named {student}; `project.finetune` makes one")
            rows = [step.model_dump() for step in finetunes.steps(session, training.id)]
        return pd.DataFrame(rows, columns=[name for name in FinetuneStep.model_fields if name != "finetune_id"])

    def compare(self, before: str, after: str) -> pd.DataFrame:
        """Return two exams on the same questions, compared: one row a family, and one of all.

        Raises: NotFound; BadInput where the questions differ.
        """
        with db.reading(self.engine) as session:
            comparison = results.compare(results.load(session, before), results.load(session, after))
        frame = _frame(
            {
                "family": name,
                "n": family.before.n,
                "before": family.before.accuracy,
                "before_low": family.before.low,
                "before_high": family.before.high,
                "after": family.after.accuracy,
                "after_low": family.after.low,
                "after_high": family.after.high,
                "mcnemar_p": family.mcnemar_p,
            }
            for name, family in (*comparison.by_family.items(), ("all", comparison.overall))
        )
        # What the comparison can't show is said beside it.
        frame.attrs["caveats"] = results.list_caveats(comparison)
        return frame

    def _run(self, kind: type[Work], **parameters: Any) -> dict[str, Any]:
        try:
            work = kind(**parameters)
        except ValidationError as error:
            first = error.errors()[0]
            raise BadInput(f"{kind.kind}: {'.'.join(map(str, first['loc']))} can't be used: {first['msg']}") from error
        with db.reading(self.engine) as session:
            work.size(session)  # says what it refuses, before the work begins
        return work.run(WorkContext(self.engine, self.home, self.person))


def _frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(list(rows))


def _read_answer_key(value: str) -> AnswerKey:
    if value not in list(AnswerKey):
        raise BadInput(f"answers is one of {', '.join(AnswerKey)}, not {value}")
    return AnswerKey(value)


def _rationale(mistake: Mistake, x: DecidedText) -> dict[str, Any]:
    return {
        "rationale": x.text.uid,
        "mistake": mistake.attempt.uid,
        "question": mistake.question.text,
        "teacher": x.text.teacher,
        "verdict": x.verdict.value,
        "committee": x.committee.verdict.value,
        "mean": None if x.committee.mean is None else float(x.committee.mean),
        # Of a fitted policy alone.
        "p": None if x.committee.probability is None else float(x.committee.probability),
        "votes": [vote.score for vote in x.text.votes],
        "answer": mistake.show(x.answer),
        "gold": mistake.shown_gold,
        "matches_gold": x.states.matches_gold.value,
        "equations_true": x.states.equations_true.value,
        "shows_work": x.states.shows_work.value,
        "text": x.text.text,
    }
