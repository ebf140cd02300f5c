"""Explanations and scores from elsewhere into an exam, so that people can curate them here.

    content = explanation_files.parse(session, tables, exam)
    plan = explanations.match(session, content, exam)       -> what is new, and what is there already
    explanations.store(session, plan, by=owner("ann"))      -> ExplanationImport(new=1161, known=0, reviews=2322, …)

Their teachers are of kind "imported", and stand in the exam's committee from then on. A text that a teacher wrote on
the same question is there already; a score that it hadn't is added to it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.answers.grading import Outcome
from mapd.domain import ExamInfo
from mapd.errors import BadInput, Stale
from mapd.exchange import imported_teachers
from mapd.exchange.explanation_files import ExplanationRow, ExplanationsContent
from mapd.exchange.imported_teachers import UNKNOWN_PROMPT
from mapd.people import Person, Right, require
from mapd.questions.imports import BadRow, refuse_rows
from mapd.questions.values import short
from mapd.score_forms import vote
from mapd.store import audit_log, committees, queries
from mapd.store import tables as t

BLOCK = 500


@dataclass(slots=True)
class PlannedText:
    """A text of the file: what it adds. `present`: the explanation that is there; `scores`: those that are new."""

    row: ExplanationRow
    present: t.Explanation | None
    scores: dict[str, int]


@dataclass(slots=True)
class ExplanationPlan:
    """What a file comes to in an exam."""

    exam: ExamInfo
    texts: list[PlannedText] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    # The name under which each teacher stands here, by the name in the file.
    teachers: dict[str, str] = field(default_factory=dict)
    on_correct: int = 0

    @property
    def new(self) -> list[PlannedText]:
        """Return the texts that aren't there."""
        return [text for text in self.texts if text.present is None]

    @property
    def reviews(self) -> int:
        """Return how many scores are new."""
        return sum(len(text.scores) for text in self.texts)

    @property
    def kinds(self) -> dict[str, int]:
        """Return how many texts of each kind are new."""
        return dict(Counter(text.row.kind for text in self.new))

    @property
    def authors(self) -> dict[str, int]:
        """Return how many new texts each teacher wrote."""
        return dict(Counter(self.teachers[text.row.teacher] for text in self.new))

    def refuse_bad(self) -> None:
        """Refuse a file with rows that can't be matched or read. Raises: BadRows."""
        refuse_rows(self.bad, are_others=bool(self.texts))


@dataclass(frozen=True, slots=True)
class ExplanationImport:
    """What an import did. `no_vote`: scores outside 1 to 5; `on_correct`: texts on what is no mistake."""

    exam: str
    new: int
    known: int
    rationales: int
    feedback: int
    reviews: int
    no_vote: int
    on_correct: int
    teachers: tuple[str, ...]


# --- What a file comes to ---------------------------------------------------------------------------------------------


def match(session: Session, content: ExplanationsContent, exam: ExamInfo) -> ExplanationPlan:
    """Find which texts and scores are there already. Nothing is written."""
    plan = ExplanationPlan(exam)
    rows = [row for row in content.rows if not row.faults]
    people = _find_teachers(session, plan, rows)
    present, votes = _load_present(session, rows)
    texts: dict[tuple[Any, ...], PlannedText] = {}
    for row in rows:
        # The search for teachers may have found a fault since.
        if row.faults:
            continue
        if (text := texts.get(row.key)) is None:
            author = people[row.teacher]
            text = PlannedText(row, present.get(_key_of(row, author)) if author is not None else None, {})
        _add_scores(text, row, people, votes)
        if not row.faults:
            texts[row.key] = text
    plan.texts = list(texts.values())
    plan.bad = [row.as_bad() for row in content.rows if row.faults] + list(content.unreadable)
    mistaken = _find_mistaken(session, exam)
    plan.on_correct = sum(_is_on_correct(text.row, mistaken) for text in plan.new)
    return plan


def _find_teachers(session: Session, plan: ExplanationPlan, rows: Sequence[ExplanationRow]) -> dict[str, int | None]:
    """Return the ids of those who wrote or reviewed, by name in the file; None where they aren't there yet."""
    people: dict[str, int | None] = {}
    for row in rows:
        for name in (row.teacher, *row.scores):
            if name in people:
                continue
            try:
                plan.teachers[name], teacher = imported_teachers.find(session, name)
                people[name] = teacher.id if teacher else None
            except BadInput as error:
                row.faults.append(("teacher", str(error)))
        # Two names in the file may be one teacher here.
        author = plan.teachers.get(row.teacher)
        reviewers = [name for name in row.scores if name != row.teacher and author is not None]
        if own := next((name for name in reviewers if plan.teachers.get(name) == author), None):
            fault = (
                f"{short(own)} and {short(row.teacher)} are one teacher here, {author}: nobody reviews their own text"
            )
            row.faults.append((f"score of {short(own)}", fault))
    return people


Key = tuple[str, int | None, int | None, int, str]
# By text and reviewer, as ids: what was read.
Votes = dict[tuple[int, int], str | None]


def _key_of(row: ExplanationRow, author: int) -> Key:
    assert row.question is not None
    return row.kind, row.question.id, row.attempt.id if row.attempt else None, author, row.text


def _load_present(session: Session, rows: Sequence[ExplanationRow]) -> tuple[dict[Key, t.Explanation], Votes]:
    """Return the imported texts on these questions, and the votes on them."""
    present: dict[Key, t.Explanation] = {}
    votes: Votes = {}
    question_ids = sorted({row.question.id or 0 for row in rows if row.question is not None})
    for block in (question_ids[start : start + BLOCK] for start in range(0, len(question_ids), BLOCK)):
        # Only imported texts are compared: a text that was written here has a prompt, and is another one.
        x, imported = t.Explanation, t.Explanation.prompt_sha256 == UNKNOWN_PROMPT
        for text in session.exec(select(x).where(col(x.question_id).in_(block), imported)):
            present.setdefault((text.kind, text.question_id, text.attempt_id, text.author_id, text.text), text)
        query = select(t.Review.explanation_id, t.Review.reviewer_id, t.Review.raw_score)
        query = query.join(x, col(t.Review.explanation_id) == x.id).where(col(x.question_id).in_(block), imported)
        votes |= {(text_id, reviewer): raw for text_id, reviewer, raw in session.exec(query)}
    return present, votes


def _add_scores(text: PlannedText, row: ExplanationRow, people: dict[str, int | None], votes: Votes) -> None:
    """Add a row's scores to the text's; note those that are at odds with what is there."""
    for reviewer, score in row.scores.items():
        place = (text.present.id or 0, people[reviewer] or 0) if text.present else None
        known_score = votes.get(place) if place else None
        if known_score is None and reviewer in text.scores:
            known_score = str(text.scores[reviewer])
        if known_score is not None and known_score != str(score):
            row.faults.append((f"score of {reviewer}", f"{reviewer} gave this text {known_score} already, not {score}"))
    if not row.faults:
        known_reviewers = {name for name in row.scores if text.present and (text.present.id, people[name]) in votes}
        text.scores |= {name: score for name, score in row.scores.items() if name not in known_reviewers}


def _find_mistaken(session: Session, exam: ExamInfo) -> set[int]:
    """Return the questions with at least one answer that isn't correct."""
    query = select(t.Attempt.question_id).where(t.Attempt.exam_id == exam.id, t.Attempt.outcome != Outcome.CORRECT)
    return set(session.exec(query.distinct()))


def _is_on_correct(row: ExplanationRow, mistaken: set[int]) -> bool:
    if row.attempt is not None:
        return row.attempt.outcome == Outcome.CORRECT
    return row.question is not None and row.question.id not in mistaken


# --- Writing ----------------------------------------------------------------------------------------------------------


def store(
    session: Session,
    plan: ExplanationPlan,
    *,
    by: Person,
    file: str = "",
    sha256: str = "",
    progress: Callable[[int, int], None] = lambda *_: None,
) -> ExplanationImport:
    """Write what is new: texts, scores, and who wrote them; the same file again adds nothing.

    `file`, `sha256`: the file's name and hash, for the audit.

    Raises: Forbidden; BadInput where the file has no explanation for the exam; Stale where another was faster.
    """
    person = require(by, Right.IMPORT)
    if not plan.texts:
        raise BadInput("the file has no explanation of any question of the exam; nothing was imported")
    new, reviews = plan.new, plan.reviews
    if new or reviews:
        try:
            _Writing(session, plan).write(progress)
        except sa.exc.IntegrityError as error:
            raise Stale("somebody imported the same explanations at the same moment; nothing was changed") from error
        detail = {"format": "explanations", "file": file, "sha256": sha256, "rows": len(new), "reviews": reviews}
        audit_log.audit(session, person, "import explanations", f"exam {plan.exam.uid}", **detail)
        session.flush()
    scores = [score for text in plan.texts for score in text.scores.values()]
    return ExplanationImport(
        exam=plan.exam.uid,
        new=len(new),
        known=len(plan.texts) - len(new),
        rationales=plan.kinds.get("rationale", 0),
        feedback=plan.kinds.get("feedback", 0),
        reviews=reviews,
        no_vote=sum(vote(score).score is None for score in scores),
        on_correct=plan.on_correct,
        teachers=tuple(plan.teachers.values()),
    )


class _Writing:
    def __init__(self, session: Session, plan: ExplanationPlan) -> None:
        self.session, self.plan = session, plan
        imported_teachers.ensure_prompt(session)
        self.people = {name: imported_teachers.ensure(session, name) for name in plan.teachers}
        self.teacher_uids = dict(
            session.exec(select(t.Teacher.id, t.Teacher.uid).where(col(t.Teacher.id).in_(self.people.values()))).all()
        )
        self.samples: Counter[tuple[int, int | None, int]] = Counter()

    def write(self, progress: Callable[[int, int], None]) -> None:
        """Insert texts and scores, and name who wrote them for the exam's committee."""
        texts = self.plan.texts
        for start in range(0, len(texts), BLOCK):
            block = texts[start : start + BLOCK]
            # Texts of one teacher have the same prompt, and only their sample numbers tell them apart.
            self._count_samples(block)
            ids = self._insert_texts([text for text in block if text.present is None])
            reviews = [review for text in block for review in self._reviews(text, ids)]
            if reviews:
                self.session.execute(sa.insert(t.Review), reviews)
            progress(start + len(block), len(texts))
        committees.name_members(self.session, self.plan.exam.id, list(self.people.values()))

    def _count_samples(self, block: Sequence[PlannedText]) -> None:
        """Note how many texts each teacher has on these questions: the next has the next number."""
        x = t.Explanation
        question_ids = {text.row.question.id for text in block if text.row.question is not None}
        query = (
            select(x.question_id, x.attempt_id, x.author_id, sa.func.max(x.sample))
            .where(col(x.question_id).in_(question_ids), x.prompt_sha256 == UNKNOWN_PROMPT)
            .group_by(col(x.question_id), col(x.attempt_id), col(x.author_id))
        )
        for question_id, attempt_id, author_id, sample in self.session.exec(query):
            self.samples[question_id, attempt_id, author_id] = sample + 1

    def _insert_texts(self, texts: Sequence[PlannedText]) -> dict[str, int]:
        if not texts:
            return {}
        values = [self._text(text.row) for text in texts]
        self.session.execute(sa.insert(t.Explanation), values)
        # An insert of many rows doesn't tell their ids.
        uids = [value["uid"] for value in values]
        query = sa.select(col(t.Explanation.uid), col(t.Explanation.id)).where(col(t.Explanation.uid).in_(uids))
        return dict(self.session.execute(query).all())

    def _uid(self, row: ExplanationRow) -> str:
        assert row.question is not None
        attempt = row.attempt.uid if row.attempt else ""
        author = self.teacher_uids[self.people[row.teacher]]
        # The uid comes from the content, so that a text is the same one in every project that imports it.
        return uuid5(NAMESPACE_URL, f"imported {row.kind} {row.question.uid} {attempt} {author} {row.text}").hex

    def _text(self, row: ExplanationRow) -> dict[str, Any]:
        assert row.question is not None
        place = (queries.identity(row.question), row.attempt.id if row.attempt else None, self.people[row.teacher])
        sample = self.samples[place]
        self.samples[place] += 1
        return {
            "uid": self._uid(row),
            "kind": row.kind,
            "question_id": place[0],
            "attempt_id": place[1],
            "author_id": place[2],
            "prompt_sha256": UNKNOWN_PROMPT,
            "sample": sample,
            "text": row.text,
            "thought": row.thought,
        }

    def _reviews(self, text: PlannedText, ids: dict[str, int]) -> list[dict[str, Any]]:
        uid = text.present.uid if text.present else self._uid(text.row)
        text_id = queries.identity(text.present) if text.present else ids[uid]
        reviews = []
        for name, score in text.scores.items():
            ballot, reviewer = vote(score), self.people[name]
            reviews.append(
                {
                    "uid": uuid5(NAMESPACE_URL, f"imported review {uid} {self.teacher_uids[reviewer]}").hex,
                    "explanation_id": text_id,
                    "reviewer_id": reviewer,
                    "prompt_sha256": UNKNOWN_PROMPT,
                    "sample": 0,
                    "score": ballot.score,
                    "raw_score": ballot.raw,
                    "status": ballot.status,
                    "saw_gold": True,
                    "text": "",
                }
            )
        return reviews
