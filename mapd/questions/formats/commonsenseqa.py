"""CommonsenseQA: five options; its own files nest them in the question.

    {"answerKey": "A", "id": "075e483d21c29a511267ef62bedc0461", "question": {"question_concept": "punishing",
     "choices": [{"label": "A", "text": "ignore"}, …], "stem": "The sanctions against the school were a …"}}

On the hub: {"id", "question", "question_concept", "choices": {"label": [...], "text": [...]}, "answerKey"}. The test
split has no key. The concept that a question was written from is left out: nearly every question has one of its own.
"""

from mapd.answers.grading import Task
from mapd.questions.formats.format import FLAT, NESTED, Format, shape

COMMONSENSEQA = Format(
    "commonsenseqa",
    Task.CHOICE,
    (
        shape(NESTED, fields="question.stem question.choices question.question_concept"),
        shape(FLAT, fields="question choices question_concept answerKey"),
    ),
    left_out=("question.question_concept", "question_concept"),
)
