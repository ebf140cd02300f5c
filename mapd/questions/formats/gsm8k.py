"""GSM8K: grade-school mathematics with worked solutions, as OpenAI published it and as it is on the hub.

    {"question": "Natalia sold clips to 48 of her friends in April …",
     "answer": "Natalia sold 48/2 = <<48/2=24>>24 clips in May. …\\n#### 72"}

What stands before the mark is kept beside the gold answer.
"""

from mapd.answers.grading import Task
from mapd.questions import mapping
from mapd.questions.formats.format import Format, Rows, shape, shares_of
from mapd.questions.values import as_text


def _is_solved(rows: Rows) -> bool:
    """Return whether most answers are worked solutions that end in GSM8K's mark."""
    return sum("####" in (as_text(mapping.find(row, "answer")) or "") for row in rows) > len(rows) / 2


GSM8K = Format(
    "gsm8k",
    Task.NUMERIC,
    (shape("question=question,answer=answer,id=id", fields="question answer", when=_is_solved, solved=True),),
    shares=shares_of(7473, 0, 1319),
)
