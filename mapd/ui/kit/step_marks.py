"""A text's false steps, and what a feedback criticises, as marks in its text and in the student's answer.

mark_steps(align(answer, feedback), "criticised here")    -> [Mark(8, 27, "criticised here", "criticised")]
"""

from mapd.alignment import Alignment, align
from mapd.checks import list_equations
from mapd.curation.curated import Mistake
from mapd.domain import Text
from mapd.ui.kit.text import Mark, one_line


def mark_false_steps(text: Text) -> list[Mark]:
    """Return the marks of a text's own false equations."""
    return [Mark(e.start, e.end, "false step") for e in list_equations(text.kind, text.text) if not e.true]


def mark_criticisms(alignment: Alignment) -> list[Mark]:
    """Return the marks of a feedback: what it criticises, there or not."""
    looks = {True: ("isn’t in the answer", "absent"), False: ("criticises a step", "criticised")}
    return [Mark(part.start, part.end, *looks[part.step is None]) for part in alignment.parts]


def mark_steps(alignment: Alignment, label: str) -> list[Mark]:
    """Return an answer's marks: the steps that a feedback criticises, and the first false one that it passes over."""
    marks = [Mark(start, end, label, "criticised") for start, end in alignment.steps]
    return marks if alignment.skipped is None else [*marks, Mark(*alignment.skipped, "first false equation")]


def mark_by_all(mistake: Mistake) -> list[Mark]:
    """Return the marks of the steps that any feedback on a mistake criticises, each with whose it is."""
    alignments = [(x, align(mistake.attempt.text, x.text.text)) for x in mistake.feedback]
    return [m for x, a in alignments for m in mark_steps(a, f"criticised by {one_line(x.text.by, 60)}")]
