"""OpenBookQA: four options; its "additional" files name the fact that a question rests on.

    {"id": "7-980", "question": {"stem": "The sun is responsible for", "choices": [{"text": "puppies learning new
     tricks", "label": "A"}, …]}, "fact1": "the sun is the source of energy for physical cycles on Earth",
     "humanScore": "1.00", "clarity": "2.00", "turkIdAnonymized": "b356d338b7", "answerKey": "D"}

On the hub: {"id", "question_stem", "choices": {"text": [...], "label": [...]}, "answerKey"}. Without the fact its own
files have ARC's fields, and the ids alone tell the two apart.
"""

import re

from mapd.answers.grading import Task
from mapd.questions.formats.format import NESTED, Format, Rows, shape
from mapd.questions.values import as_text

_ID = re.compile(r"[0-9]+-[0-9]+")
_NATIVE = f"{NESTED},note=fact1"


def _has_its_ids(rows: Rows) -> bool:
    return sum(bool(_ID.fullmatch(as_text(row.get("id")) or "")) for row in rows) > len(rows) / 2


OPENBOOKQA = Format(
    "openbookqa",
    Task.CHOICE,
    (
        shape(_NATIVE, fields="question.stem question.choices", when=_has_its_ids),
        shape(_NATIVE, fields="question.stem question.choices fact1"),
        shape(
            "question=question_stem,options=choices,answer=answerKey,id=id,note=fact1", fields="question_stem choices"
        ),
    ),
    left_out=("humanScore", "clarity", "turkIdAnonymized"),
)
