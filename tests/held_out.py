"""Questions that are put into a dev or a test split, so that what is taught leaks."""

from sqlmodel import Session

from mapd.curation import live_set
from mapd.store import queries
from mapd.store import tables as t


def hold_out(session: Session, *texts: str, split: str = "dev", gold: str = "13") -> None:
    """Add a set "others" of these questions: q0, q1 …"""
    row = t.QuestionSet(name="others", source="x", sha256="f" * 64)
    session.add(row)
    session.flush()
    for number, text in enumerate(texts):
        question = {"source_id": f"q{number}", "position": number, "split": split, "task": "numeric"}
        session.add(t.Question(set_id=row.id, text=text, gold=gold, **question))
    session.flush()


def hold_first_out(session: Session, split: str) -> str:
    """Hold the first exam's first mistake out, spelled otherwise; its text."""
    mistake = live_set.load_curated(session, queries.exams(session)[0].id).mistakes[0]
    hold_out(session, f"{mistake.question.text} !", split=split, gold=mistake.gold)
    return mistake.question.text
