"""What a format is: how its rows are recognised, and which of their fields is what. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mapd.answers.grading import Task
from mapd.questions import mapping
from mapd.questions.mapping import MISSING, FieldMapping
from mapd.questions.options import AnswerKey
from mapd.questions.rows import Shares

Rows = Sequence[dict[str, Any]]
# As the benchmarks of AI2 nest a question's options in it, and as the hub has them.
NESTED = "question=question.stem,options=question.choices,answer=answerKey,id=id"
FLAT = "question=question,options=choices,answer=answerKey,id=id"


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """One way in which a benchmark is published: its own release, or a copy on the hub."""

    mapping: FieldMapping
    # Those that it is recognised by, and what must hold of their values, too.
    fields: tuple[str, ...]
    when: Callable[[Rows], bool] | None = None
    # What its keys are where they could be read in two ways.
    answers: AnswerKey | None = None
    # Its answers are worked solutions, which must mark their answer.
    solved: bool = False

    def fits(self, rows: Rows, *, by_fields_alone: bool = False) -> bool:
        """Return whether most of the rows have its fields, and values that are its own."""
        most = len(rows) / 2
        has_fields = all(sum(mapping.find(row, path) is not MISSING for row in rows) > most for path in self.fields)
        return has_fields and (by_fields_alone or self.when is None or self.when(rows))

    def is_within(self, shape: "Shape") -> bool:
        """Return whether the other shape says more of a row than this one."""
        if set(self.fields) == set(shape.fields):
            return self.when is None and shape.when is not None
        return set(self.fields) < set(shape.fields)


def shape(
    mapping_text: str,
    fields: str,
    *,
    when: Callable[[Rows], bool] | None = None,
    answers: AnswerKey | None = None,
    solved: bool = False,
) -> Shape:
    """Return a shape from its mapping as `--map` writes it, and the fields that it is known by, between blanks."""
    return Shape(mapping.parse(mapping_text), tuple(fields.split()), when, answers, solved)


@dataclass(frozen=True, slots=True)
class Format:
    """A benchmark's shapes, the task of its questions, and how one file of all of them is split."""

    name: str
    # None where the answers tell it.
    task: Task | None
    shapes: tuple[Shape, ...]
    shares: Shares | None = None
    # Fields that are left out on purpose.
    left_out: tuple[str, ...] = ()
    # Each question has a task of its own.
    is_mixed: bool = False


def shares_of(train: int, dev: int, test: int) -> Shares:
    """Return the shares that give splits of these sizes."""
    total = train + dev + test
    return train / total, dev / total, test / total
