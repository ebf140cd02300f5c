"""ARC (easy and challenge): three to five options, labelled A-D or 1-4.

    {"id": "Mercury_SC_415702", "answerKey": "A", "question": {"stem": "George wants to warm his hands …?",
     "choices": [{"text": "dry palms", "label": "A"}, {"text": "wet palms", "label": "B"}, …]}}

On the hub: {"id", "question", "choices": {"text": [...], "label": ["1", "2", "3", "4"]}, "answerKey": "3"}.
"""

from mapd.answers.grading import Task
from mapd.questions.formats.format import FLAT, NESTED, Format, shape

ARC = Format(
    "arc",
    Task.CHOICE,
    (shape(NESTED, fields="question.stem question.choices"), shape(FLAT, fields="question choices answerKey")),
)
