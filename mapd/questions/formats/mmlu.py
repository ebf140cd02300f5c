"""MMLU: four options, 57 subjects. Its own files are CSV without a heading, one a subject (anatomy_test.csv):

    "A lesion causing compression of the facial nerve …",paralysis of the facial muscles.,"paralysis … and loss",…,…,A

On the hub: {"question", "subject": "anatomy", "choices": ["…", …], "answer": 0}, counted from 0.
"""

from collections.abc import Sequence

from mapd.answers.grading import Task
from mapd.questions.formats.format import Format, shape
from mapd.questions.options import AnswerKey

COLUMNS = ("question", "A", "B", "C", "D", "answer")

MMLU = Format(
    "mmlu",
    Task.CHOICE,
    (
        shape(
            "question=question,options=choices,answer=answer,family=subject,id=id",
            fields="question choices subject",
            answers=AnswerKey.INDEX0,
        ),
        shape("question=question,options=A+B+C+D,answer=answer,family=@file", fields="question A B C D"),
        shape("question=question,options=A+B+C+D,answer=answer,family=subject", fields="question A B C D subject"),
        shape("question=input,options=A+B+C+D,answer=target,family=@file", fields="input A B C D target"),
    ),
)


def headings(first: Sequence[str]) -> Sequence[str] | None:
    """Return the columns' names where a CSV's first row is a question of MMLU's own files, which have no heading."""
    return COLUMNS if len(first) == len(COLUMNS) and first[-1].strip() in ("A", "B", "C", "D") else None
