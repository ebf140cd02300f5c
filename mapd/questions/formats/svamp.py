"""SVAMP: short arithmetic stories whose question stands apart from its story.

    {"ID": "chal-1", "Body": "Each pack of dvds costs 76 dollars. …", "Question": "How much do you have to pay …?",
     "Equation": "( 76.0 - 25.0 )", "Answer": 51.0, "Type": "Subtraction"}

A copy on the hub has both joined once more, in `question_concat`.
"""

from mapd.answers.grading import Task
from mapd.questions.formats.format import Format, shape, shares_of

SVAMP = Format(
    "svamp",
    Task.NUMERIC,
    (shape("question=Body+Question,answer=Answer,id=ID,family=Type,note=Equation", fields="Body Question"),),
    shares=shares_of(700, 0, 300),
    left_out=("question_concat",),
)
