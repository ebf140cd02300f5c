"""A question for the playground: picked from a set, or typed.

sealed = find_sealed_words(session)
pick(session, "5e…", sealed)            -> PlaygroundQuestion("Ann has 3 pens …", Task.NUMERIC, "7", …)
read_typed("2 + 2?", sealed, gold="4")  -> PlaygroundQuestion("2 + 2?", Task.NUMERIC, "4")

What stands in a test split isn't asked here, picked or typed: the split is sealed, and an exam opens it. The letters
and digits of its words are compared, whatever stands between them: "20 + 22?" and "20 − 22" are the same question here.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from sqlmodel import Session

from mapd import prompts
from mapd.answers.choice import MOST_OPTIONS
from mapd.answers.grading import Task
from mapd.characters import find_unstorable
from mapd.errors import BadInput
from mapd.questions import golds, search
from mapd.questions.options import letter_options, show_answer
from mapd.questions.wordings import list_words
from mapd.store import exam_material, judgement_log

LONGEST = 20_000  # characters of a typed question
_SIGNS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class PlaygroundQuestion:
    """A question to be asked. Without a gold answer nothing is graded.

    `place`: where it was picked; `split_tasks`: all that are asked there, the longest of which an exam leaves room for.
    """

    text: str
    task: Task
    gold: str | None = None
    context: str | None = None
    options: tuple[str, ...] = ()
    uid: str | None = None
    place: str | None = None
    split_tasks: tuple[Task, ...] = ()

    def show(self, answer: str) -> str:
        """Return an answer to it as people read it: of a choice "D. moss"."""
        return show_answer(answer, self.task, self.options)

    def as_json(self) -> dict[str, Any]:
        """Return its fields for another process."""
        return asdict(self)

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """Return the question of such fields."""
        split_tasks = tuple(map(Task, fields["split_tasks"]))
        options = tuple(fields["options"])
        return cls(**{**fields, "task": Task(fields["task"]), "options": options, "split_tasks": split_tasks})


def find_sealed_words(session: Session) -> frozenset[str]:
    """Return the letters and digits of the test splits' questions, each with and without its context and options."""
    words = set()
    for context, text, options in exam_material.list_test_questions(session):
        start, stem = _letters_and_digits(context or ""), _letters_and_digits(text)
        ends = {_letters_and_digits(" ".join(choices)) for choices in ((), options, letter_options(options))}
        words |= {f"{start}{stem}{end}" for start in {"", start} for end in ends}
    return frozenset(words - {""})


def _letters_and_digits(text: str) -> str:
    return _SIGNS.sub("", " ".join(list_words(text)))


def pick(session: Session, ref: str | int, sealed: Collection[str]) -> PlaygroundQuestion:
    """Return a question of a set, by uid or id, with the gold answer that people corrected.

    `sealed`: what `find_sealed_words` gives. Raises: NotFound; BadInput where it stands in a test split.
    """
    row = search.open_question(session, ref)
    gold = judgement_log.corrected_gold(session, row)
    note = "" if gold == row.gold else ", its gold corrected by people"
    question = PlaygroundQuestion(
        row.text,
        Task(row.task),
        gold.strip() or None,
        row.context,
        tuple(row.options),
        row.uid,
        f"{search.find_set_name(session, row)}, {row.split}, number {row.source_id}{note}",
        tuple(exam_material.list_tasks(session, row.set_id, row.split)),
    )
    # As a whole: a stem such as "Which is true?" may stand there with another context, or other options.
    _refuse_sealed([prompts.question_block(row.text, row.context, row.options)], sealed)
    return question


def read_typed(
    text: str,
    sealed: Collection[str],
    *,
    task: str | None = None,
    gold: str | None = None,
    options: Sequence[str] = (),
) -> PlaygroundQuestion:
    """Return a typed question. Without a task it is a choice where it has options, else what the gold is: a number.

    `sealed`: what `find_sealed_words` gives.

    Raises: BadInput where nothing can be asked, the gold is no answer of that task, or it stands in a test split.
    """
    text, choices = text.strip(), tuple(option.strip() for option in options if option.strip())
    if not 0 < len(text) <= LONGEST:
        raise BadInput(f"a question has 1 to {LONGEST:,} characters, not {len(text):,}; type one, or pick one")
    if bad := next(filter(None, map(find_unstorable, (text, *choices, gold or ""))), None):
        raise BadInput(f"the question holds what is no text: {bad}; leave it out")
    kind = Task(task) if task else _guess_task(gold, choices)
    if (kind is Task.CHOICE) != bool(choices):
        cure = "name its options" if kind is Task.CHOICE else "leave the options out, or make it a choice"
        raise BadInput(f"a {kind} question {'has' if kind is Task.CHOICE else 'has no'} options: {cure}")
    if choices and not 2 <= len(choices) <= MOST_OPTIONS:
        raise BadInput(f"a choice has 2 to {MOST_OPTIONS} options, not {len(choices)}")
    answer = golds.read_correction(gold, kind, choices) if gold and gold.strip() else None
    # The text alone, too: options may be left out, or stand in another order.
    _refuse_sealed([text, prompts.question_block(text, None, choices)], sealed)
    return PlaygroundQuestion(text, kind, answer, options=choices)


def _guess_task(gold: str | None, options: Sequence[str]) -> Task:
    if options:
        return Task.CHOICE
    if not gold or not gold.strip():
        return Task.NUMERIC
    return golds.guess_task([gold]) or Task.TEXT


def _refuse_sealed(texts: Sequence[str], sealed: Collection[str]) -> None:
    # Whatever set else it stands in, and whoever types it.
    if any(_letters_and_digits(text) in sealed for text in texts):
        raise BadInput(f"the letters and digits of this question stand in a test split: {search.SEALED}")
