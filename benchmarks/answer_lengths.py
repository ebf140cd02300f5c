"""How many tokens a student's answers take, so that a default length can be chosen: of finished exams of this project.

    MAPD_HOME=/tmp/lengths mapd questions add svamp FILE --train 1 …
    MAPD_HOME=/tmp/lengths mapd exam run --student smollm2 --questions svamp --split dev --max-tokens 512
    MAPD_HOME=/tmp/lengths python -m benchmarks.answer_lengths

For each exam and task: how many answers there are, how many ended by themselves within so many tokens, how many never
did, and of those that were cut off how many had their answer line. The last line is JSON.
"""

import json
from collections import defaultdict

from sqlmodel import col, select

from mapd.answers.places import has_answer_line
from mapd.models.base import Finish
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t

LIMITS = (32, 64, 128, 256, 512)


def main() -> None:
    """Print a line an exam and task, and all of them as JSON."""
    by_kind: dict[tuple[str, str], list[t.Attempt]] = defaultdict(list)
    with db.reading(db.open_store(Settings())) as session:
        query = select(t.Attempt, t.Question.task, t.Exam.name).join(t.Question).join(t.Exam)
        for attempt, task, exam in session.exec(query.where(col(t.Attempt.tokens_out).is_not(None))):
            by_kind[exam, task].append(attempt)
        rows = []
        for (exam, task), attempts in by_kind.items():
            lengths = [a.tokens_out or 0 for a in attempts if a.finish != Finish.CUT_OFF]
            cut = [a for a in attempts if a.finish == Finish.CUT_OFF]
            row = {"exam": exam, "task": task, "answers": len(attempts), "cut_off": len(cut)}
            row |= {"with_answer_line": sum(has_answer_line(a.text) for a in cut)}
            row |= {f"within_{limit}": sum(length <= limit for length in lengths) for limit in LIMITS}
            print("  ".join(f"{name} {value}" for name, value in row.items()))
            rows.append(row)
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
