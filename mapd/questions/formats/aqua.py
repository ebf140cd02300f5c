"""AQuA-RAT: algebra with five options and a written rationale.

    {"question": "A grocery sells a bag of ice for $1.25 …?", "options": ["A)125", "B)150", "C)225", "D)250", "E)275"],
     "rationale": "Profit per bag = 1.25 * 0.20 = 0.25\\nTotal profit = … = 125\\nAnswer is A.", "correct": "A"}

The files are JSON Lines, though they are named .json.
"""

from mapd.answers.grading import Task
from mapd.questions.formats.format import Format, shape

AQUA = Format(
    "aqua",
    Task.CHOICE,
    (
        shape(
            "question=question,options=options,answer=correct,note=rationale,id=id",
            fields="question options rationale correct",
        ),
    ),
)
