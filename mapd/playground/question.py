"""A question for the playground: picked from a set, or typed.

pick(session, "5e…")                                   -> PlaygroundQuestion("Ann has 3 pens …", Task.NUMERIC, "7", …)
read_typed(session, "2 + 2?", gold="4")                -> PlaygroundQuestion("2 + 2?", Task.NUMERIC, "4")

What stands in a test split isn't asked here, picked or typed: the split is sealed, and an exam opens it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from sqlmodel import Session

from mapd.answers.choice import MOST_OPTIONS
from mapd.answers.grading import Task
from mapd.characters import find_unstorable
from mapd.errors import BadInput
from mapd.questions import golds, search
from mapd.questions.options import show_answer
from mapd.questions.rows import question_key
from mapd.store import exam_material

LONGEST = 20_000  # characters of a typed question


@dataclass(frozen=True, slots=True)
class PlaygroundQuestion:
    """A question to be asked. Without a gold answer nothing is graded; `place`: where it was picked."""

    text: str
    task: Task
    gold: str | None = None
    context: str | None = None
    options: tuple[str, ...] = ()
    uid: str | None = None
    place: str | None = None

    def show(self, answer: str) -> str:
        """Return an answer to it as people read it: of a choice "D. moss"."""
        return show_answer(answer, self.task, self.options)

    def as_json(self) -> dict[str, Any]:
        """Return its fields for another process."""
        return asdict(self)

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """Return the question of such fields."""
        return cls(**{**fields, "task": Task(fields["task"]), "options": tuple(fields["options"])})


def pick(session: Session, ref: str | int) -> PlaygroundQuestion:
    """Return a question of a set, by uid or id. Raises: NotFound; BadInput where it stands in a test split."""
    row = search.open_question(session, ref)
    question = PlaygroundQuestion(
        row.text,
        Task(row.task),
        row.gold.strip() or None,
        row.context,
        tuple(row.options),
        row.uid,
        f"{search.find_set_name(session, row)}, {row.split}, number {row.source_id}",
    )
    _refuse_sealed(session, question)
    return question


def read_typed(
    session: Session, text: str, *, task: str | None = None, gold: str | None = None, options: Sequence[str] = ()
) -> PlaygroundQuestion:
    """Return a typed question. Without a task it is a choice where it has options, else what the gold is: a number.

    Raises: BadInput where nothing can be asked, the gold is no answer of that task, or it stands in a test split.
    """
    text, choices = text.strip(), tuple(option.strip() for option in options if option.strip())
    if not 0 < len(text) <= LONGEST:
        raise BadInput(f"a question has 1 to {LONGEST:,} characters, not {len(text):,}; type one, or pick one")
    if bad := find_unstorable(text):
        raise BadInput(f"the question holds what is no text: {bad}; leave it out")
    kind = Task(task) if task else _guess_task(gold, choices)
    if (kind is Task.CHOICE) != bool(choices):
        cure = "name its options" if kind is Task.CHOICE else "leave the options out, or make it a choice"
        raise BadInput(f"a {kind} question {'has' if kind is Task.CHOICE else 'has no'} options: {cure}")
    if choices and not 2 <= len(choices) <= MOST_OPTIONS:
        raise BadInput(f"a choice has 2 to {MOST_OPTIONS} options, not {len(choices)}")
    answer = golds.read_correction(gold, kind, choices) if gold and gold.strip() else None
    question = PlaygroundQuestion(text, kind, answer, options=choices)
    _refuse_sealed(session, question)
    return question


def _guess_task(gold: str | None, options: Sequence[str]) -> Task:
    if options:
        return Task.CHOICE
    if not gold or not gold.strip():
        return Task.NUMERIC
    return golds.guess_task([gold]) or Task.TEXT


def _refuse_sealed(session: Session, question: PlaygroundQuestion) -> None:
    # Whatever set else it stands in, and whoever types it.
    if question_key(question) in map(question_key, exam_material.list_test_questions(session)):
        raise BadInput(f"this question stands in a test split: {search.SEALED}")
