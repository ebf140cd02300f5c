"""Small files in the authors' shape, with texts of our own, for tests.

Each third question gets one wrong rationale that its reviewers let pass, so that every queue and verdict has an item.
"""

import json
from pathlib import Path
from typing import Any

TEACHERS = ("gpt", "gemini", "mistral")


def row(number: int) -> dict[str, Any]:
    """One mistake with everything: question, answer, feedback, rationales with two scores each."""
    a, b = 10 + number, 3 + number % 5
    gold, wrong = a + b, a - b
    good = (
        f"There are {a} pens at first and {b} more come in.\n\n{a} + {b} = {gold}\n\nTherefore, there are {gold} pens."
    )
    false_step = f"We add the pens: {a} + {b} = {gold + 1}. So there are {gold + 1} pens."
    scores = [(5, 5), (5, 1), (4, 3)]
    rationales = {
        "gpt": good,
        "gemini": f"{gold} pens" if number % 2 else good,
        "mistral": false_step if number % 3 == 0 else good,
    }
    feedback = {
        teacher: f"The student subtracted. {teacher} says: add, {a} + {b} = {gold}. The correct answer is {gold}."
        for teacher in TEACHERS
    }
    given = {f"{t}_rationale": [rationales[t], *scores[(number + i) % 3]] for i, t in enumerate(TEACHERS)}
    return {
        "id": number * 2,
        "question": f"Ann has {a} pens and gets {b} more. How many pens has she now?",
        "gold_answer": str(gold),
        "student_wrong_pred": f"Answer:\n\n{a} - {b} = {wrong}",
        "student_wrong_final_answer": str(wrong) if number % 4 else "ABSOLUTE_WRONG_FINAL_ANS",
        **{f"{teacher}_feedback": text for teacher, text in feedback.items()},
        **given,
        "correct_rationale": [text for text, *votes in given.values() if sum(votes) / len(votes) > 3],
    }


BASE = ("id", "question", "gold_answer", "student_wrong_pred", "student_wrong_final_answer")


def write(folder: Path, rows: list[dict[str, Any]], stem: str = "Tiny-1b_pens") -> tuple[Path, Path]:
    """The rows as a feedback file and a rationale file."""
    paths = []
    for kind, key in (("feedback", "_feedback"), ("rationale", "_rationale")):
        kept = [{k: v for k, v in r.items() if k in BASE or k.endswith(key)} for r in rows]
        path = folder / f"{stem}_{kind}_round0.json"
        path.write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")
        paths.append(path)
    return paths[0], paths[1]


def files(folder: Path, count: int = 12, start: int = 0) -> tuple[Path, Path]:
    """A feedback file and a rationale file of `count` mistakes; those of another `start` are another exam's."""
    return write(folder, [row(number) for number in range(start, start + count)])


AUTHORS = Path(__file__).parents[2] / "shared" / "data" / "authors"  # beside a developer's checkout, never in it
