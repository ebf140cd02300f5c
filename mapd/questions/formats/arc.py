"""ARC (easy and challenge): three to five options, labelled A-D or 1-4.

    {"id": "Mercury_SC_415702", "answerKey": "A", "question": {"stem": "George wants to warm his hands …?",
     "choices": [{"text": "dry palms", "label": "A"}, {"text": "wet palms", "label": "B"}, …]}}

On the hub: {"id", "question", "choices": {"text": [...], "label": ["1", "2", "3", "4"]}, "answerKey": "3"}.
"""

from mapd.answers.grading import Task
from mapd.questions.formats.format import Format, shape

ARC = Format(
    "arc",
    Task.CHOICE,
    (
        shape(
            "question=question.stem,options=question.choices,answer=answerKey,id=id",
            fields="question.stem question.choices",
        ),
        shape("question=question,options=choices,answer=answerKey,id=id", fields="question choices answerKey"),
    ),
)
