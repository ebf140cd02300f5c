"""The work that fits a policy, as its parameters.

FitWork(exam="5e…", name="fair", labels="gold", uses_gold=False).run(WorkContext(engine, home, by))
-> {"exam": "5e…", "policy": "fair", "version": 1, "labels": "gold", "n": 1066, "brier": 0.032, "notes": ["it was …"]}

A file of labels lies under home/labels, named by its sha256: the parameters name it.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from sqlmodel import Session

from mapd.curation import saved_policies, selection
from mapd.curation.fitted_policies import THRESHOLD, FittedPolicy, fit_policy, plan_fit
from mapd.curation.labels import LabelFile
from mapd.errors import BadInput, NotFound, Stopped
from mapd.exchange import label_files
from mapd.jobs import JobProgress
from mapd.jobs.work import Work, WorkContext, followed_by_index
from mapd.people import Person
from mapd.policies import Policy
from mapd.probability import FILE, GOLD, LABEL_KINDS, PEOPLE
from mapd.questions.file_table import QuestionFile
from mapd.store import db, queries, queue_index


class FitWork(Work):
    """A policy, fitted on what is known to be right and wrong of an exam's rationales, or of several exams'."""

    kind: ClassVar[str] = "fit"
    unit: ClassVar[str] = "rationales"
    awaits: ClassVar[str] = "the step in work is finished; a policy is saved whole or not at all"
    exam: str
    more_exams: tuple[str, ...] = ()
    name: str
    # What says which are right: one of LABEL_KINDS; of a file its name and its sha256.
    labels: str
    file: str | None = None
    file_sha256: str | None = None
    uses_gold: bool = True
    with_feedback: bool = True  # a fit of its own for feedback, where enough of it is labelled
    threshold: float = THRESHOLD

    @property
    def title(self) -> str:
        """Return the policy's name, and what it is fitted on."""
        source = {GOLD: "the gold check", PEOPLE: "people's judgements"}.get(self.labels) or self.file
        return f"Fit of policy {self.name} on {source}"

    def size(self, session: Session) -> int:
        """Return how many rationales the exams have."""
        saved_policies.check_name(session, self.name, is_fitted=True)
        if self.labels not in LABEL_KINDS or (self.labels == FILE) is not bool(self.file_sha256):
            raise BadInput(f"labels are {', '.join(LABEL_KINDS)}, and a file's name comes with it: not {self.labels}")
        exams = [queries.exam(session, exam) for exam in (self.exam, *self.more_exams)]
        selection.check_exams(exams)
        return sum(queue_index.count_rationales(session, exam.id) for exam in exams)

    def run(self, run: WorkContext) -> dict[str, Any]:
        """Fit the policy and save it."""
        with followed_by_index(run) as followed:
            fitted, policy = self._fit(followed)
        record = fitted.fit.record
        with db.reading(run.engine) as session:
            exam = queries.exam(session, self.exam).uid
        result = {"exam": exam, "policy": policy.name, "version": policy.version, "labels": record.labels}
        figures = {"n": record.n, "brier": round(record.brier, 6), "brier_of_share": round(record.brier_of_share, 6)}
        return result | figures | {"no_feedback": fitted.no_feedback or None, "notes": list(fitted.notes)}

    def _fit(self, run: WorkContext) -> tuple[FittedPolicy, Policy]:
        source = self.labels if self.file_sha256 is None else read_labels(run.home, self.file or "", self.file_sha256)
        with db.reading(run.engine) as session:
            exams = [queries.exam(session, exam) for exam in (self.exam, *self.more_exams)]
            run.tell(JobProgress("reading the rationales", 0, self.size(session)))
            options: dict[str, Any] = {"uses_gold": self.uses_gold, "with_feedback": self.with_feedback}
            plan = plan_fit(session, self.name, exams, source, by=run.by, threshold=self.threshold, **options)
        number = len(plan.candidates)
        if run.stopping():
            raise Stopped(0, number)
        run.tell(JobProgress("fitting", 0, number, f"{len(plan.labels.is_right):,} of them are labelled"))
        fitted = fit_policy(plan)
        if run.stopping():
            raise Stopped(0, number)
        with db.writing(run.engine) as session:
            policy = _save(session, fitted.policy, run.by)
        run.tell(JobProgress("fitting", number, number))
        return fitted, policy


def _save(session: Session, policy: Policy, by: Person) -> Policy:
    """Save the policy's next version, unless the latest is this very one: a job may be killed behind its last write."""
    try:
        latest = saved_policies.find_policy(session, policy.name)
    except NotFound:
        return saved_policies.save_policy(session, policy, by=by)
    is_there = (latest.fit, latest.threshold) == (policy.fit, policy.threshold)
    return latest if is_there else saved_policies.save_policy(session, policy, by=by)


def name_labels(content: bytes) -> str:
    """Return the name that a file of labels is kept under: its sha256."""
    return hashlib.sha256(content).hexdigest()


def keep_labels(home: Path, content: bytes) -> None:
    """Keep a file of labels for the job that reads it. Raises: BadInput where it can't be written."""
    folder, name = home / "labels", name_labels(content)
    temporary = folder / f".{name}.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        # The file appears whole or not at all.
        temporary.replace(folder / name)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise BadInput(f"the labels can't be kept under {folder} ({error.strerror}); free or unlock it") from error


def read_labels(home: Path, name: str, sha256: str) -> LabelFile:
    """Read a file of labels that was kept. Raises: BadInput where it isn't there any more, or can't be read."""
    path = home / "labels" / Path(sha256).name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{name} isn't under {path.parent} ({error.strerror}); start the fit again with it") from error
    if name_labels(content) != sha256:
        raise BadInput(f"{name} was changed under {path}; start the fit again with it")
    return label_files.read(QuestionFile(name, content))
