"""MATH: competition problems whose solution boxes the answer. Its own release is one file a problem.

    {"problem": "What is the smallest positive perfect cube …?", "level": "Level 2", "type": "Algebra",
     "solution": "The sum of three consecutive integers … The answer is $\\boxed{27}$."}

MATH-500 has the answer beside it: {"problem", "solution", "answer": "27", "subject", "level": 2, "unique_id"}. A number
is asked for as a number, anything else as text. The level is left out: type and level would make 35 small families.
"""

from mapd.questions.formats.format import Format, shape

MATH = Format(
    "math",
    None,
    (
        shape("question=problem,answer=solution,family=type", fields="problem solution", solved=True),
        shape(
            "question=problem,answer=answer,note=solution,family=subject,id=unique_id", fields="problem solution answer"
        ),
        shape("question=problem,answer=answer,note=solution,family=type,id=id", fields="problem solution answer type"),
    ),
    left_out=("level",),
    is_mixed=True,
)
