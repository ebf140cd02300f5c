"""A CSV for people, a text a row, to be sorted and filtered in a spreadsheet: no cell is run as a formula.

pair,kind,number,question,gold,student's answer,text,teacher,mean,scores,decided by,why,…
17,rationale,145,"There are 87 oranges …",145,0.92,"290 bananas …",gemini,5.0,"gpt 5, mistral 5",committee,…
"""

from pathlib import Path
from typing import Any

from mapd import prompts
from mapd.exchange import spreadsheets
from mapd.exchange.training.format import TrainingFormat, TrainingSource
from mapd.exchange.training.rows import TaughtRow

COLUMNS = (
    *("pair", "kind", "number", "question", "gold", "student's response", "student's answer", "text", "teacher"),
    *("simulated", "repair", "mean", "scores", "decided by", "why", "uid"),
)


def as_row(row: TaughtRow) -> dict[str, Any]:
    """Return a row as the table has it."""
    question, text = row.pair.question, row.text
    # "–" is no vote.
    votes = (f"{vote.reviewer} {'–' if vote.score is None else vote.score}" for vote in text.committee.votes)
    return {
        "pair": row.name,
        "kind": row.kind,
        "number": question.source_id,
        "question": prompts.question_block(question.text, question.context, question.options),
        "gold": question.gold,
        "student's response": row.pair.attempt.text,
        "student's answer": row.pair.attempt.answer,
        "text": text.text,
        "teacher": text.teacher,
        "simulated": "yes" if text.simulated else "no",
        "repair": "no" if text.repairs is None else "yes",
        "mean": text.mean,
        "scores": ", ".join(votes),
        "decided by": ", ".join(text.decided_by) or "committee",
        "why": text.why,
        "uid": text.uid,
    }


def write(path: Path, source: TrainingSource) -> int:
    """Write the snapshot; return the number of rows."""
    return spreadsheets.write_table(path, COLUMNS, map(as_row, source.rows()))


CSV = TrainingFormat("csv", "a table for people, a text a row; no cell is a formula", ".csv", write)
